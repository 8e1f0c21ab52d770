//! One encoded page: its buffers, and the words that describe it.

use super::constant::ConstantValue;
use super::full_zip::FullZipPage;
use super::levels::{choose_codec, level_bytes, write_levels, Levels};
use super::mini_block::MiniBlockPage;
use super::program::{Encoding, Program};
use lancelet_common::error::{KernelError, Result};
use wasm_bindgen::prelude::wasm_bindgen;

const MINI_BLOCK: usize = 1;
const FULL_ZIP: usize = 2;
const CONSTANT: usize = 3;

/// A page as the host takes it.
#[wasm_bindgen]
pub struct EncodedPage {
    buffers: Vec<Vec<u8>>,
    program: Program,
}

#[wasm_bindgen]
impl EncodedPage {
    #[wasm_bindgen(js_name = numBuffers)]
    pub fn num_buffers(&self) -> usize {
        self.buffers.len()
    }

    /// Moves a buffer out.
    #[wasm_bindgen(js_name = takeBuffer)]
    pub fn take_buffer(&mut self, index: usize) -> Result<Vec<u8>> {
        let buffer = self
            .buffers
            .get_mut(index)
            .ok_or(KernelError::Invalid("no such buffer"))?;
        Ok(core::mem::take(buffer))
    }

    /// The description, as src/format/write/compress/describe-page.ts reads it.
    pub fn words(&self) -> Vec<u32> {
        self.program.words.clone()
    }

    /// The byte strings the description points into.
    pub fn table(&self) -> Vec<u8> {
        self.program.table.clone()
    }
}

impl EncodedPage {
    /// All bytes, those of the description as well.
    pub fn byte_length(&self) -> usize {
        self.buffers.iter().map(Vec::len).sum::<usize>() + self.program.table.len()
    }

    /// Layout, number of value buffers, levels, values, dictionary, its items.
    pub fn of_mini_block(
        page: MiniBlockPage,
        values: &Encoding,
        dictionary: Option<(Vec<u8>, Encoding, usize)>,
    ) -> Self {
        let mut program = Program::default();
        program.push(MINI_BLOCK);
        program.push(page.num_buffers);
        program.optional(page.repetition.as_ref());
        program.optional(page.definition.as_ref());
        program.encoding(values);
        program.optional(dictionary.as_ref().map(|(_, encoding, _)| encoding));
        program.push(dictionary.as_ref().map_or(0, |(_, _, items)| *items));
        let mut buffers = vec![page.words, page.data];
        buffers.extend(dictionary.map(|(bytes, _, _)| bytes));
        buffers.extend(page.repetition_index);
        Self { buffers, program }
    }

    /// Layout, level widths, 1 and bits of an offset or 0 and bits of a value, levels, values.
    pub fn of_full_zip(
        page: FullZipPage,
        values: &Encoding,
        offset_bits: Option<usize>,
        value_bits: usize,
    ) -> Self {
        let mut program = Program::default();
        program.push(FULL_ZIP);
        program.push(page.bits_repetition as usize);
        program.push(page.bits_definition as usize);
        program.push(offset_bits.is_some() as usize);
        program.push(offset_bits.unwrap_or(value_bits));
        program.push(page.num_levels);
        program.encoding(values);
        let mut buffers = vec![page.data];
        buffers.extend(page.row_index);
        Self { buffers, program }
    }

    /// Layout, 1 and the value or 0, no level encodings. Levels beside a value are plain.
    pub fn of_constant(value: ConstantValue, levels: &Levels) -> Self {
        let mut program = Program::default();
        program.push(CONSTANT);
        program.push(value.inline.is_some() as usize);
        if let Some(inline) = &value.inline {
            program.bytes(inline);
        }
        for _ in 0..4 {
            program.push(0);
        }
        let mut buffers: Vec<Vec<u8>> = value.buffer.into_iter().collect();
        if !levels.repetition.is_empty() || !levels.definition.is_empty() {
            buffers.push(level_bytes(&levels.repetition));
            buffers.push(level_bytes(&levels.definition));
        }
        Self { buffers, program }
    }

    /// As a constant page without a value: encodings of the levels, then how many there are.
    pub fn of_nulls(levels: &Levels) -> Self {
        let mut program = Program::default();
        program.push(CONSTANT);
        program.push(0);
        let mut buffers = Vec::new();
        for stream in [&levels.repetition, &levels.definition] {
            let bytes = level_bytes(stream);
            let mut out = Vec::new();
            if stream.is_empty() {
                program.optional(None);
            } else {
                let codec = choose_codec(&bytes, &[stream.len()], Some(usize::MAX));
                write_levels(&codec, &bytes, &mut out);
                program.optional(Some(&codec));
            }
            buffers.push(out);
        }
        program.push(levels.repetition.len());
        program.push(levels.definition.len());
        Self { buffers, program }
    }
}
