//! Pages of values of any length: text as symbols, long values compressed one by one, dictionaries. The long passes over
//! the bytes advance in steps, so that a host can do other things in between.

use super::block;
use super::choose::{PageContext, Request, DICTIONARY_SHARE, FULL_ZIP_BYTES};
use super::chunk::{ChunkSource, VariableSource};
use super::compression::{compress, Scheme};
use super::constant;
use super::dictionary;
use super::fixed::{measure_fixed, to_indices};
use super::fsst::{self, SymbolTable};
use super::full_zip::zip_variable;
use super::general::GeneralSource;
use super::page::EncodedPage;
use super::program::Encoding;
use super::values::VariableValues;
use lancelet_common::error::Result;

/// Below, a table of symbols costs more than it saves.
const FSST_LEAST_BYTES: usize = 32 * 1024;
const FSST_LEAST_LENGTH: usize = 5;
/// Longer values are worth a general compression each.
const GENERAL_LEAST_LENGTH: usize = 32 * 1024;
const GENERAL_SAMPLE_BYTES: usize = 256 * 1024;
/// Two values of this size fit the smallest chunk a 16-bit word can say.
const MAX_MINI_BLOCK_LENGTH: usize = 4096;

/// What comes next.
enum Stage {
    Start,
    Code(Box<SymbolTable>),
    Choose,
    Compress(Scheme),
    Done,
}

/// Values on their way into a page.
pub struct VariablePage {
    values: VariableValues,
    max_length: usize,
    stage: Stage,
    /// The values as symbols, as far as they are.
    coded: VariableValues,
    table: Option<Vec<u8>>,
    /// The values compressed, as far as they are.
    compressed: VariableValues,
    scheme: Option<Scheme>,
}

fn empty(offset_bits: usize) -> VariableValues {
    VariableValues {
        offset_bits,
        ends: vec![0],
        data: Vec::new(),
    }
}

/// Values from `from` on that together reach `budget` bytes: where they end.
fn step_end(values: &VariableValues, from: usize, budget: usize) -> usize {
    let reach = values.ends[from] as usize + budget;
    let end = values.ends.partition_point(|end| (*end as usize) <= reach);
    end.clamp(from + 1, values.count())
}

impl VariablePage {
    pub fn new(values: VariableValues) -> Self {
        let offset_bits = values.offset_bits;
        Self {
            max_length: values.max_length(),
            values,
            stage: Stage::Start,
            coded: empty(offset_bits),
            table: None,
            compressed: empty(offset_bits),
            scheme: None,
        }
    }

    /// Works through about `budget` bytes. Returns whether the page is ready to be encoded.
    pub fn advance(&mut self, context: &PageContext, budget: usize) -> bool {
        match &self.stage {
            Stage::Start => {
                self.stage = if self.wants_symbols(context) {
                    Stage::Code(Box::new(fsst::train(&self.values)))
                } else {
                    Stage::Choose
                };
            }
            Stage::Code(table) => {
                let from = self.coded.count();
                let to = step_end(&self.values, from, budget);
                fsst::compress(&self.values, from..to, table, &mut self.coded);
                if to == self.values.count() {
                    let table = fsst::serialize(table);
                    let saves = self.coded.data.len() + table.len() < self.values.data.len();
                    self.table = saves.then_some(table);
                    self.stage = Stage::Choose;
                }
            }
            Stage::Choose => {
                self.stage = match self.choose_general(context) {
                    Some(scheme) => Stage::Compress(scheme),
                    None => Stage::Done,
                };
            }
            Stage::Compress(scheme) => {
                let scheme = *scheme;
                let from = self.compressed.count();
                // It takes several times as long a byte.
                let to = step_end(&self.values, from, budget / 4);
                for index in from..to {
                    compress(scheme, self.values.value(index), &mut self.compressed.data);
                    self.compressed.ends.push(self.compressed.data.len() as u32);
                }
                if to == self.values.count() {
                    self.scheme = Some(scheme);
                    self.stage = Stage::Done;
                }
            }
            Stage::Done => {}
        }
        matches!(self.stage, Stage::Done)
    }

    fn wants_symbols(&self, context: &PageContext) -> bool {
        match context.choice.request {
            Request::Default => {
                context.choice.is_text
                    && self.max_length >= FSST_LEAST_LENGTH
                    && self.values.plain_bytes() >= FSST_LEAST_BYTES
            }
            Request::Fsst => !self.values.data.is_empty(),
            _ => false,
        }
    }

    fn is_zipped(&self, context: &PageContext) -> bool {
        let is_wide = self.max_length >= FULL_ZIP_BYTES;
        context.choice.full_zip.unwrap_or(is_wide) || self.max_length >= MAX_MINI_BLOCK_LENGTH
    }

    /// The symbols of the values, where they save.
    fn symbols(&self) -> Option<(&VariableValues, &[u8])> {
        self.table.as_ref().map(|table| (&self.coded, &table[..]))
    }

    /// Whether to compress each value by itself: a sample says.
    fn choose_general(&self, context: &PageContext) -> Option<Scheme> {
        if !self.is_zipped(context) || self.values.plain_bytes() < FSST_LEAST_BYTES {
            return None;
        }
        let scheme = match context.choice.request {
            Request::General(scheme) => scheme,
            Request::Default if self.max_length > GENERAL_LEAST_LENGTH => Scheme::Zstd,
            _ => return None,
        };
        let others = self.symbols().map_or(&self.values, |(coded, _)| coded);
        let step = (self.values.data.len() / GENERAL_SAMPLE_BYTES).max(1);
        let mut compressed = Vec::new();
        let (mut other_bytes, mut general_bytes) = (0, 0);
        for index in (0..self.values.count()).step_by(step) {
            compressed.clear();
            compress(scheme, self.values.value(index), &mut compressed);
            general_bytes += compressed.len();
            other_bytes += others.value(index).len();
        }
        (general_bytes < other_bytes).then_some(scheme)
    }

    /// Encodes the page, once [`VariablePage::advance`] says it is ready.
    pub fn encode(&self, context: &PageContext) -> Result<EncodedPage> {
        let value = if context.allows_constants() {
            constant::find_variable(&self.values, &context.nulls)
        } else {
            None
        };
        context.with_constant(value, || self.encode_varied(context))
    }

    fn encode_varied(&self, context: &PageContext) -> Result<EncodedPage> {
        if let Some(page) = self.encode_dictionary(context)? {
            return Ok(page);
        }
        if !self.is_zipped(context) {
            if let Some(page) = self.encode_chunks(context)? {
                return Ok(page);
            }
        }
        let (values, encoding) = match (self.scheme, self.symbols()) {
            (Some(scheme), _) => {
                let values = Box::new(Encoding::Variable(self.values.offset_bits));
                (&self.compressed, Encoding::General { scheme, values })
            }
            _ => {
                let source = self.source();
                (source.values, source.encoding())
            }
        };
        let page = zip_variable(values, &context.levels)?;
        let offset_bits = Some(self.values.offset_bits);
        Ok(EncodedPage::of_full_zip(page, &encoding, offset_bits, 0))
    }

    fn source(&self) -> VariableSource<'_> {
        match self.symbols() {
            Some((values, table)) => VariableSource {
                values,
                table: Some(table),
            },
            None => VariableSource {
                values: &self.values,
                table: None,
            },
        }
    }

    fn encode_dictionary(&self, context: &PageContext) -> Result<Option<EncodedPage>> {
        if context.choice.request != Request::Default {
            return Ok(None);
        }
        let Some(found) = dictionary::encode_variable(&self.values, &context.nulls) else {
            return Ok(None);
        };
        let (bytes, encoding) = block::encode_variable(&found.items, context.dictionary_scheme());
        let indices = to_indices(&found.indices);
        let size = measure_fixed(&indices) + bytes.len();
        let other = self
            .symbols()
            .map_or(self.values.plain_bytes(), |(coded, table)| {
                coded.plain_bytes() + table.len()
            });
        if size as f64 >= other as f64 * DICTIONARY_SHARE {
            return Ok(None);
        }
        let block = (bytes, encoding, found.items.count());
        context.encode_indexed(&indices, block).map(Some)
    }

    fn encode_chunks(&self, context: &PageContext) -> Result<Option<EncodedPage>> {
        let source = self.source();
        let count = self.values.count();
        let plain = context.mini_block(&source, count, None)?;
        let Request::General(scheme) = context.choice.request else {
            return Ok(plain);
        };
        let wrapped = GeneralSource {
            inner: &source,
            scheme,
        };
        let wrapped = context.mini_block(&wrapped, count, None)?;
        Ok(match (wrapped, plain) {
            (Some(wrapped), Some(plain)) if wrapped.byte_length() >= plain.byte_length() => {
                Some(plain)
            }
            (wrapped, plain) => wrapped.or(plain),
        })
    }
}
