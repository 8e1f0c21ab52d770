//! Which encoding a page gets: native's rules (format page section 2.3), and where two would do, the smaller one.

use super::block;
use super::chunk::{ByteStreamSplitSource, ChunkSource};
use super::compression::Scheme;
use super::constant;
use super::dictionary;
use super::fixed::{choose_fixed, measure_entropy, measure_fixed, to_indices};
use super::full_zip::{zip_fixed, FixedRows, ListRows, RowWriter};
use super::general::GeneralSource;
use super::levels::Levels;
use super::lists::{describe_lists, ListSource};
use super::mini_block::{encode_mini_block, Grammar};
use super::page::EncodedPage;
use super::program::Encoding;
use super::values::{FixedValues, Items, ListValues};
use lancelet_common::error::{KernelError, Result};

/// Wider values are zipped.
pub const FULL_ZIP_BYTES: usize = 256;
/// A dictionary costs another read, so it must save more than a little.
pub const DICTIONARY_SHARE: f64 = 0.95;

/// What the user asked for in a field's metadata.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Request {
    Default,
    Plain,
    Fsst,
    General(Scheme),
}

/// Byte stream split beside a general compression.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Splitting {
    Auto,
    Always,
    Never,
}

/// How a page is to be encoded.
pub struct Choice {
    /// Files 2.2: constants, levels as runs, compressed dictionaries, large chunks.
    pub is_modern: bool,
    /// Text may be coded by symbols; other bytes are not.
    pub is_text: bool,
    /// The bytes of each value are laid out already: nothing is made of them.
    pub is_opaque: bool,
    pub request: Request,
    pub splitting: Splitting,
    /// `Some(true)`: zipped, `Some(false)`: mini-blocks, whatever the width.
    pub full_zip: Option<bool>,
}

/// A page's structure beside its values.
pub struct PageContext {
    pub choice: Choice,
    pub levels: Levels,
    /// A byte a value, 1 = null; empty when all are valid.
    pub nulls: Vec<u8>,
}

/// Its bytes, how they are encoded, how many items.
pub type DictionaryBlock = (Vec<u8>, Encoding, usize);

impl PageContext {
    pub fn mini_block(
        &self,
        source: &dyn ChunkSource,
        count: usize,
        dictionary: Option<DictionaryBlock>,
    ) -> Result<Option<EncodedPage>> {
        let is_modern = self.choice.is_modern;
        let grammar = Grammar {
            large_chunks: is_modern,
            level_runs: is_modern,
        };
        let page = encode_mini_block(source, &self.levels, count, grammar)?;
        Ok(page.map(|page| EncodedPage::of_mini_block(page, &source.encoding(), dictionary)))
    }

    fn has_levels(&self) -> bool {
        !self.levels.repetition.is_empty() || !self.levels.definition.is_empty()
    }

    /// A constant page, unless its plain levels make it larger than the page it would replace.
    pub fn with_constant(
        &self,
        value: Option<constant::ConstantValue>,
        encode: impl FnOnce() -> Result<EncodedPage>,
    ) -> Result<EncodedPage> {
        let Some(value) = value else {
            return encode();
        };
        let page = EncodedPage::of_constant(value, &self.levels);
        if !self.has_levels() {
            return Ok(page);
        }
        let other = encode()?;
        Ok(if page.byte_length() <= other.byte_length() {
            page
        } else {
            other
        })
    }

    pub fn allows_constants(&self) -> bool {
        self.choice.is_modern && !self.choice.is_opaque
    }

    /// The scheme dictionaries are compressed with.
    pub fn dictionary_scheme(&self) -> Option<Scheme> {
        self.choice.is_modern.then_some(Scheme::Lz4)
    }

    pub fn encode_fixed(&self, values: &FixedValues) -> Result<EncodedPage> {
        let value = if self.allows_constants() {
            constant::find_fixed(values, &self.nulls)
        } else {
            None
        };
        self.with_constant(value, || self.encode_varied_fixed(values))
    }

    fn encode_varied_fixed(&self, values: &FixedValues) -> Result<EncodedPage> {
        let is_wide = values.byte_width() >= FULL_ZIP_BYTES;
        if values.bits > 1 && self.choice.full_zip.unwrap_or(is_wide) {
            return self.zip_fixed(values);
        }
        let plain_bytes = measure_fixed(values);
        let may_have_dictionary = values.bits == 128 || values.bits == 64 && self.choice.is_modern;
        if may_have_dictionary && self.choice.request == Request::Default {
            if let Some(found) = dictionary::encode_fixed(values, &self.nulls) {
                let (bytes, encoding) = block::encode_fixed(&found.items, self.dictionary_scheme());
                let indices = to_indices(&found.indices);
                let size = measure_fixed(&indices) + bytes.len();
                if (size as f64) < plain_bytes as f64 * DICTIONARY_SHARE {
                    let block = (bytes, encoding, found.items.count);
                    return self.encode_indexed(&indices, block);
                }
            }
        }
        match self.mini_block_fixed(values, None)? {
            Some(page) => Ok(page),
            None => self.zip_fixed(values),
        }
    }

    fn mini_block_fixed(
        &self,
        values: &FixedValues,
        dictionary: Option<DictionaryBlock>,
    ) -> Result<Option<EncodedPage>> {
        let inner: Box<dyn ChunkSource + '_> = choose_fixed(values, self.choice.request);
        let Request::General(scheme) = self.choice.request else {
            return self.mini_block(&*inner, values.count, dictionary);
        };
        let split = ByteStreamSplitSource(values);
        let inner: &dyn ChunkSource = if self.splits(values) { &split } else { &*inner };
        let wrapped = self.mini_block(
            &GeneralSource { inner, scheme },
            values.count,
            dictionary.clone(),
        )?;
        let plain = self.mini_block(
            &*choose_fixed(values, Request::Default),
            values.count,
            dictionary,
        )?;
        Ok(match (wrapped, plain) {
            (Some(wrapped), Some(plain)) if wrapped.byte_length() >= plain.byte_length() => {
                Some(plain)
            }
            (wrapped, plain) => wrapped.or(plain),
        })
    }

    fn splits(&self, values: &FixedValues) -> bool {
        matches!(values.bits, 32 | 64)
            && match self.choice.splitting {
                Splitting::Always => true,
                Splitting::Never => false,
                Splitting::Auto => measure_entropy(values) < 4.0,
            }
    }

    /// Numbers into a dictionary.
    pub fn encode_indexed(
        &self,
        indices: &FixedValues,
        dictionary: DictionaryBlock,
    ) -> Result<EncodedPage> {
        let source = choose_fixed(indices, Request::Default);
        self.mini_block(&*source, indices.count, Some(dictionary))?
            .ok_or(KernelError::Unsupported(
                "a row with this many null or empty lists in a dictionary column",
            ))
    }

    /// A column that came with its dictionary.
    pub fn encode_dictionary(&self, indices: &FixedValues, items: &Items) -> Result<EncodedPage> {
        let (bytes, encoding) = match items {
            Items::Fixed(items) => block::encode_fixed(items, self.dictionary_scheme()),
            Items::Variable(items) => block::encode_variable(items, self.dictionary_scheme()),
        };
        self.encode_indexed(indices, (bytes, encoding, items.count()))
    }

    fn zip_fixed(&self, values: &FixedValues) -> Result<EncodedPage> {
        if values.bits == 1 {
            let bytes: Vec<u8> = (0..values.count)
                .map(|index| values.data[index / 8] >> (index % 8) & 1)
                .collect();
            let rows = FixedRows {
                data: &bytes,
                byte_width: 1,
            };
            let page = zip_fixed(&rows, &self.levels, values.count)?;
            return Ok(EncodedPage::of_full_zip(page, &Encoding::Flat(8), None, 8));
        }
        let rows = FixedRows {
            data: &values.data,
            byte_width: values.byte_width(),
        };
        let page = zip_fixed(&rows, &self.levels, values.count)?;
        Ok(EncodedPage::of_full_zip(
            page,
            &Encoding::Flat(values.bits),
            None,
            values.bits,
        ))
    }

    pub fn encode_lists(&self, values: &ListValues) -> Result<EncodedPage> {
        let bits = values.row_bits();
        let is_wide = values.bits / 8 * values.elements() >= FULL_ZIP_BYTES;
        // Native cannot read zipped bits that have their validity beside them.
        let is_readable =
            values.bits > 1 || values.layers.iter().all(|layer| layer.validity.is_none());
        let zips = self.choice.full_zip.unwrap_or(is_wide) && is_readable;
        if !zips || !bits.is_multiple_of(8) {
            let page = self.mini_block(&ListSource(values), values.count, None)?;
            if let Some(page) = page {
                return Ok(page);
            }
        }
        if !bits.is_multiple_of(8) {
            return Err(KernelError::Unsupported("lists of bits this wide"));
        }
        let rows = ListRows(values);
        let page = zip_fixed(&rows, &self.levels, values.count)?;
        Ok(EncodedPage::of_full_zip(
            page,
            &describe_lists(values),
            None,
            rows.byte_width() * 8,
        ))
    }
}
