//! Rows of fixed-size lists in mini-blocks.

use super::chunk::{choose_fixed_count, ChunkSource};
use super::program::Encoding;
use super::values::{copy_bits, ListValues};

/// Rows of fixed-size lists: a validity buffer per layer that has one, then the values.
pub struct ListSource<'a>(pub &'a ListValues);

impl ChunkSource for ListSource<'_> {
    fn encoding(&self) -> Encoding {
        describe_lists(self.0)
    }

    fn num_buffers(&self) -> usize {
        1 + self
            .0
            .layers
            .iter()
            .filter(|layer| layer.validity.is_some())
            .count()
    }

    fn choose_count(&self, _from: usize, remaining: usize) -> usize {
        let mut elements = 1;
        let mut validity_bytes = 0;
        for layer in &self.0.layers {
            elements *= layer.dimension;
            if layer.validity.is_some() {
                validity_bytes += elements.div_ceil(8);
            }
        }
        let bits = self.0.row_bits();
        let count = if bits.is_multiple_of(8) {
            choose_fixed_count(bits / 8 + validity_bytes, 1)
        } else {
            choose_fixed_count(bits + validity_bytes * 8, 8)
        };
        count.min(remaining)
    }

    fn write(&self, from: usize, count: usize, buffers: &mut [Vec<u8>]) {
        let mut buffer = 0;
        let mut elements = 1;
        for layer in &self.0.layers {
            elements *= layer.dimension;
            if let Some(validity) = &layer.validity {
                pack_validity(
                    &validity[from * elements..(from + count) * elements],
                    &mut buffers[buffer],
                );
                buffer += 1;
            }
        }
        let bits = self.0.row_bits();
        copy_bits(
            &self.0.data,
            from * bits,
            count * bits,
            &mut buffers[buffer],
        );
    }
}

/// The encoding of rows, outermost layer first.
pub fn describe_lists(values: &ListValues) -> Encoding {
    values
        .layers
        .iter()
        .rev()
        .fold(Encoding::Flat(values.bits), |inner, layer| {
            Encoding::FixedSizeList {
                items: layer.dimension,
                has_validity: layer.validity.is_some(),
                values: Box::new(inner),
            }
        })
}

/// One bit a byte (0 = clear), LSB first.
pub fn pack_validity(bytes: &[u8], out: &mut Vec<u8>) {
    out.extend(bytes.chunks(8).map(|group| {
        group.iter().enumerate().fold(0u8, |packed, (bit, byte)| {
            packed | u8::from(*byte != 0) << bit
        })
    }));
}
