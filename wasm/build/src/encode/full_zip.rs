//! Full-zip pages: control word, then the value, row after row (format page section 2.2). For values so wide that a take
//! should read exactly them.

use super::levels::Levels;
use super::lists::pack_validity;
use super::values::{ListValues, VariableValues};
use lancelet_common::error::{KernelError, Result};

/// A page, ready to be described.
pub struct FullZipPage {
    pub bits_repetition: u32,
    pub bits_definition: u32,
    pub num_levels: usize,
    pub data: Vec<u8>,
    pub row_index: Option<Vec<u8>>,
}

/// Values of one width, each written whole.
pub trait RowWriter {
    /// Of every value.
    fn byte_width(&self) -> usize;

    /// Appends value `index`.
    fn write(&self, index: usize, out: &mut Vec<u8>);
}

/// Fixed-width values.
pub struct FixedRows<'a> {
    pub data: &'a [u8],
    pub byte_width: usize,
}

impl RowWriter for FixedRows<'_> {
    fn byte_width(&self) -> usize {
        self.byte_width
    }

    fn write(&self, index: usize, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.data[index * self.byte_width..(index + 1) * self.byte_width]);
    }
}

/// Fixed-size lists: the validity of each layer in whole bytes, then the values.
pub struct ListRows<'a>(pub &'a ListValues);

impl RowWriter for ListRows<'_> {
    fn byte_width(&self) -> usize {
        let mut elements = 1;
        let mut bytes = 0;
        for layer in &self.0.layers {
            elements *= layer.dimension;
            if layer.validity.is_some() {
                bytes += elements.div_ceil(8);
            }
        }
        bytes + self.0.row_bits() / 8
    }

    fn write(&self, index: usize, out: &mut Vec<u8>) {
        let mut elements = 1;
        for layer in &self.0.layers {
            elements *= layer.dimension;
            if let Some(validity) = &layer.validity {
                pack_validity(&validity[index * elements..(index + 1) * elements], out);
            }
        }
        let bytes = self.0.row_bits() / 8;
        out.extend_from_slice(&self.0.data[index * bytes..(index + 1) * bytes]);
    }
}

fn bit_length(levels: &[u16]) -> u32 {
    16 - levels.iter().copied().max().unwrap_or(0).leading_zeros()
}

/// Zips fixed-width values. Every value is written, a null one too; null and empty lists have a control word alone.
pub fn zip_fixed(rows: &dyn RowWriter, levels: &Levels, num_values: usize) -> Result<FullZipPage> {
    zip(
        levels,
        (num_values, num_values * rows.byte_width()),
        !levels.repetition.is_empty(),
        |index, _, out| rows.write(index, out),
    )
}

/// Zips values of any length: a valid one is its length and its bytes, a null has its control word alone.
pub fn zip_variable(values: &VariableValues, levels: &Levels) -> Result<FullZipPage> {
    let length_bytes = values.offset_bits / 8;
    let size = (
        values.count(),
        values.data.len() + values.count() * length_bytes,
    );
    zip(levels, size, true, |index, definition, out| {
        if definition == 0 {
            let value = values.value(index);
            out.extend_from_slice(&(value.len() as u64).to_le_bytes()[..length_bytes]);
            out.extend_from_slice(value);
        }
    })
}

/// `value_bytes`: of all values, at most. To double a page would take twice its bytes.
fn zip(
    levels: &Levels,
    (num_values, value_bytes): (usize, usize),
    has_index: bool,
    mut write: impl FnMut(usize, u16, &mut Vec<u8>),
) -> Result<FullZipPage> {
    let bits_repetition = bit_length(&levels.repetition);
    // Levels that are all 0 keep their bit: readers count on levels where the layers speak of nulls.
    let bits_definition =
        bit_length(&levels.definition).max(u32::from(!levels.definition.is_empty()));
    let control_bytes = match bits_repetition + bits_definition {
        0 => 0,
        1..=8 => 1,
        9..=16 => 2,
        _ => 4,
    };
    let num_levels = levels.count(num_values);
    let mut data = Vec::with_capacity(num_levels * control_bytes + value_bytes);
    let mut starts = Vec::new();
    let mut value = 0;
    for level in 0..num_levels {
        if has_index && levels.starts_row(level) {
            starts.push(data.len());
        }
        let repetition = levels.repetition.get(level).copied().unwrap_or(0);
        let definition = levels.definition.get(level).copied().unwrap_or(0);
        let control = u32::from(repetition) << bits_definition | u32::from(definition);
        data.extend_from_slice(&control.to_le_bytes()[..control_bytes]);
        if levels.is_visible(level) {
            if value == num_values {
                return Err(KernelError::Invalid("levels of another number of values"));
            }
            write(value, definition, &mut data);
            value += 1;
        }
    }
    starts.push(data.len());
    Ok(FullZipPage {
        bits_repetition,
        bits_definition,
        num_levels,
        row_index: has_index.then(|| pack_starts(&starts)),
        data,
    })
}

/// Row starts and the end, as narrow as the end allows: the reader takes the width from the size.
fn pack_starts(starts: &[usize]) -> Vec<u8> {
    let end = starts.last().copied().unwrap_or(0) as u64;
    let width = match end {
        0..=0xff => 1,
        0x100..=0xffff => 2,
        0x1_0000..=0xffff_ffff => 4,
        _ => 8,
    };
    starts
        .iter()
        .flat_map(|start| (*start as u64).to_le_bytes().into_iter().take(width))
        .collect()
}
