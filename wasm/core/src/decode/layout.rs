//! The three layouts of a page, as its program tells them.

use super::mini_block::ChunkFormat;
use super::per_value::ItemFormat;
use super::program::{Encoding, ProgramReader};
use lancelet_common::error::{KernelError, Result};

/// The three layouts.
pub enum Layout {
    MiniBlock {
        format: ChunkFormat,
        dictionary: Option<Encoding>,
        num_items: usize,
    },
    FullZip {
        format: ItemFormat,
    },
    Constant {
        rep: Option<Encoding>,
        def: Option<Encoding>,
        num_rep: usize,
        num_def: usize,
    },
}

/// Reads the layout words: which of the three, then its own.
pub fn read_layout(words: &mut ProgramReader) -> Result<Layout> {
    Ok(match words.word()? {
        1 => {
            let num_buffers = words.word()?;
            let large = words.word()? != 0;
            let rep = words.optional()?;
            let def = words.optional()?;
            let values = words
                .optional()?
                .ok_or(KernelError::Corrupt("a page without a value encoding"))?;
            let dictionary = words.optional()?;
            let num_items = words.word()?;
            Layout::MiniBlock {
                format: ChunkFormat {
                    rep,
                    def,
                    values,
                    num_buffers,
                    large,
                },
                dictionary,
                num_items,
            }
        }
        2 => {
            let format = ItemFormat {
                bits_rep: words.word()?,
                bits_def: words.word()?,
                value_bytes: words.word()?,
                length_bytes: words.word()?,
                values: words
                    .optional()?
                    .ok_or(KernelError::Corrupt("a page without a value encoding"))?,
            };
            if format.bits_rep > 16
                || format.bits_def > 16
                || !matches!(format.length_bytes, 0 | 4 | 8)
            {
                return Err(KernelError::Corrupt(
                    "a full-zip page with impossible widths",
                ));
            }
            Layout::FullZip { format }
        }
        3 => Layout::Constant {
            rep: words.optional()?,
            def: words.optional()?,
            num_rep: words.word()?,
            num_def: words.word()?,
        },
        _ => return Err(KernelError::Unsupported("this page layout")),
    })
}
