//! Fixed-size lists in a mini-block chunk.

use super::program::Encoding;
use super::values::Values;
use lancelet_common::error::{KernelError, Result};

/// One validity buffer per level that has one, outermost first, then the items.
pub fn decode_lists(
    encoding: &Encoding,
    buffers: &[&[u8]],
    count: usize,
    out: &mut Values,
) -> Result<()> {
    let mut remaining = buffers.iter();
    let mut validity: Vec<Option<&[u8]>> = Vec::new();
    let mut node = encoding;
    let mut items = 1usize;
    while let Encoding::FixedSizeList {
        items: size,
        has_validity,
        values,
    } = node
    {
        items = items
            .checked_mul(*size)
            .ok_or(KernelError::Corrupt("a fixed-size list is too wide"))?;
        validity.push(if *has_validity {
            Some(
                remaining
                    .next()
                    .copied()
                    .ok_or(KernelError::Corrupt("a chunk lacks a buffer"))?,
            )
        } else {
            None
        });
        node = values;
    }
    if let Encoding::Constant { .. } = node {
        // Where every list within is null, their own levels are left out.
        validity.resize(validity.len().max(out.item_validity.len()), None);
    }
    if validity.len() != out.item_validity.len() {
        return Err(KernelError::Corrupt(
            "fixed-size lists nest differently than the column's type",
        ));
    }
    match node {
        Encoding::Flat { bits } => {
            if out.variable || items.checked_mul(*bits) != Some(out.bits) {
                return Err(KernelError::Corrupt(
                    "values of another width than the column's type",
                ));
            }
            let data = remaining
                .next()
                .copied()
                .ok_or(KernelError::Corrupt("a chunk lacks a buffer"))?;
            out.append_fixed(data, 0, count)?;
        }
        Encoding::Constant { .. } => out.append_zeros(count)?,
        _ => {
            return Err(KernelError::Unsupported(
                "this encoding inside a fixed-size list",
            ))
        }
    }
    for (level, bytes) in validity.into_iter().enumerate() {
        out.append_item_validity(level, bytes.map(|bytes| (bytes, 0)), count)?;
    }
    Ok(())
}
