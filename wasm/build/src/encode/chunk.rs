//! How values are cut into the chunks of a mini-block page, one source per encoding.

use super::bitpack::{inline_bytes, measure_blocks, write_inline, BLOCK};
use super::program::Encoding;
use super::run_length::{count_runs, write_runs};
use super::values::{copy_bits, FixedValues, VariableValues};

/// Native's bounds (format page section 3): a chunk is read as a whole, so small ones make cheap takes.
pub const MAX_CHUNK_VALUES: usize = 4096;
const MAX_CHUNK_BYTES: usize = 8 * 1024 - 6;
const TARGET_VARIABLE_BYTES: usize = 4 * 1024;

/// Values that can be written chunk by chunk.
pub trait ChunkSource {
    fn encoding(&self) -> Encoding;

    fn num_buffers(&self) -> usize {
        1
    }

    /// How many values the chunk from `from` should hold: a power of two of at least 2, or all that remain.
    fn choose_count(&self, from: usize, remaining: usize) -> usize;

    /// Appends to each buffer of the chunk. `count` may be a smaller power of two than chosen.
    fn write(&self, from: usize, count: usize, buffers: &mut [Vec<u8>]);
}

/// The largest power of two of words below the bounds; a word is `values` values in `bytes` bytes.
pub fn choose_fixed_count(bytes: usize, values: usize) -> usize {
    let (mut count, mut size) = if values == 1 {
        (2, 2 * bytes)
    } else {
        (values, 2 * bytes)
    };
    while 2 * size < MAX_CHUNK_BYTES && 2 * count <= MAX_CHUNK_VALUES {
        count *= 2;
        size *= 2;
    }
    count
}

/// Plain values.
pub struct FlatSource<'a>(pub &'a FixedValues);

impl ChunkSource for FlatSource<'_> {
    fn encoding(&self) -> Encoding {
        Encoding::Flat(self.0.bits)
    }

    fn choose_count(&self, _from: usize, remaining: usize) -> usize {
        let count = match self.0.bits {
            1 => choose_fixed_count(1, 8),
            _ => choose_fixed_count(self.0.byte_width(), 1),
        };
        count.min(remaining)
    }

    fn write(&self, from: usize, count: usize, buffers: &mut [Vec<u8>]) {
        match self.0.bits {
            1 => copy_bits(&self.0.data, from, count, &mut buffers[0]),
            _ => buffers[0].extend_from_slice(self.0.slice(from, count)),
        }
    }
}

/// Blocks of 1024 packed values, each of its own width.
pub struct BitpackSource<'a>(pub &'a FixedValues);

impl BitpackSource<'_> {
    pub fn total_bytes(values: &FixedValues) -> usize {
        measure_blocks(&values.data, values.bits)
            .into_iter()
            .map(|width| inline_bytes(values.bits, width))
            .sum()
    }
}

impl ChunkSource for BitpackSource<'_> {
    fn encoding(&self) -> Encoding {
        Encoding::InlineBitpacking(self.0.bits)
    }

    fn choose_count(&self, _from: usize, remaining: usize) -> usize {
        remaining.min(BLOCK)
    }

    fn write(&self, from: usize, count: usize, buffers: &mut [Vec<u8>]) {
        write_inline(self.0.slice(from, count), self.0.bits, &mut buffers[0]);
    }
}

/// Runs of equal values.
pub struct RunLengthSource<'a>(pub &'a FixedValues);

impl RunLengthSource<'_> {
    pub fn total_bytes(values: &FixedValues) -> usize {
        let width = values.byte_width();
        values
            .data
            .chunks(MAX_CHUNK_VALUES * width)
            .map(|chunk| count_runs(chunk, width) * (width + 1))
            .sum()
    }

    fn fits(&self, from: usize, count: usize) -> bool {
        let width = self.0.byte_width();
        count_runs(self.0.slice(from, count), width) * (width + 1) <= MAX_CHUNK_BYTES
    }
}

impl ChunkSource for RunLengthSource<'_> {
    fn encoding(&self) -> Encoding {
        Encoding::RunLength(self.0.bits)
    }

    fn num_buffers(&self) -> usize {
        2
    }

    fn choose_count(&self, from: usize, remaining: usize) -> usize {
        if remaining <= MAX_CHUNK_VALUES && self.fits(from, remaining) {
            return remaining;
        }
        let mut count = 1 << remaining.min(MAX_CHUNK_VALUES).ilog2();
        while count > 2 && !self.fits(from, count) {
            count /= 2;
        }
        count
    }

    fn write(&self, from: usize, count: usize, buffers: &mut [Vec<u8>]) {
        let (values, lengths) = buffers.split_at_mut(1);
        let width = self.0.byte_width();
        write_runs(
            self.0.slice(from, count),
            width,
            &mut values[0],
            &mut lengths[0],
        );
    }
}

/// The bytes of each value by position, so that a general compression sees them side by side.
pub struct ByteStreamSplitSource<'a>(pub &'a FixedValues);

impl ChunkSource for ByteStreamSplitSource<'_> {
    fn encoding(&self) -> Encoding {
        Encoding::ByteStreamSplit(self.0.bits)
    }

    fn choose_count(&self, _from: usize, remaining: usize) -> usize {
        remaining.min(choose_fixed_count(self.0.byte_width(), 1))
    }

    fn write(&self, from: usize, count: usize, buffers: &mut [Vec<u8>]) {
        let width = self.0.byte_width();
        let values = self.0.slice(from, count);
        for position in 0..width {
            buffers[0].extend(values.iter().skip(position).step_by(width));
        }
    }
}

/// Offsets from the start of the chunk's buffer, then the bytes. Coded strings bring the encoding around them.
pub struct VariableSource<'a> {
    pub values: &'a VariableValues,
    /// FSST's table, where the bytes are its codes.
    pub table: Option<&'a [u8]>,
}

impl VariableSource<'_> {
    fn measure(&self, from: usize, count: usize) -> usize {
        let VariableValues {
            ends, offset_bits, ..
        } = self.values;
        (count + 1) * offset_bits / 8 + (ends[from + count] - ends[from]) as usize
    }
}

impl ChunkSource for VariableSource<'_> {
    fn encoding(&self) -> Encoding {
        let plain = Encoding::Variable(self.values.offset_bits);
        match self.table {
            None => plain,
            Some(table) => Encoding::Fsst {
                table: table.to_vec(),
                values: Box::new(plain),
            },
        }
    }

    fn choose_count(&self, from: usize, remaining: usize) -> usize {
        if remaining <= 2
            || remaining <= MAX_CHUNK_VALUES
                && self.measure(from, remaining) <= TARGET_VARIABLE_BYTES
        {
            return remaining;
        }
        let mut count = 2;
        while count * 2 <= remaining.min(MAX_CHUNK_VALUES)
            && self.measure(from, count * 2) <= TARGET_VARIABLE_BYTES
        {
            count *= 2;
        }
        count
    }

    fn write(&self, from: usize, count: usize, buffers: &mut [Vec<u8>]) {
        let VariableValues {
            ends,
            data,
            offset_bits,
        } = self.values;
        let out = &mut buffers[0];
        let offset_bytes = offset_bits / 8;
        let header = (count + 1) * offset_bytes;
        let (start, end) = (ends[from], ends[from + count]);
        for position in &ends[from..=from + count] {
            let offset = u64::from(position - start) + header as u64;
            out.extend_from_slice(&offset.to_le_bytes()[..offset_bytes]);
        }
        out.extend_from_slice(&data[start as usize..end as usize]);
        out.resize(out.len().next_multiple_of(offset_bytes), 0);
    }
}
