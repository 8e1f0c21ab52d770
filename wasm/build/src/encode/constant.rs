//! Pages where every valid value is the same one.

use super::values::{FixedValues, VariableValues};

/// Wider values stand in a buffer of their own (format page section 2.2).
const MAX_INLINE_BYTES: usize = 32;

/// The one value of a page.
pub struct ConstantValue {
    pub inline: Option<Vec<u8>>,
    pub buffer: Option<Vec<u8>>,
}

fn find_constant<'a>(
    count: usize,
    nulls: &[u8],
    value: impl Fn(usize) -> &'a [u8],
) -> Option<&'a [u8]> {
    let mut valid = (0..count).filter(|index| nulls.get(*index).is_none_or(|null| *null == 0));
    let first = value(valid.next()?);
    valid.all(|index| value(index) == first).then_some(first)
}

/// An Arrow array of one value: number of buffers, their sizes, their bytes.
fn write_array(buffers: &[&[u8]]) -> Vec<u8> {
    let mut out = (buffers.len() as u32).to_le_bytes().to_vec();
    for buffer in buffers {
        out.extend_from_slice(&(buffer.len() as u32).to_le_bytes());
    }
    for buffer in buffers {
        out.extend_from_slice(buffer);
    }
    out
}

/// The value all valid fixed-width values have.
pub fn find_fixed(values: &FixedValues, nulls: &[u8]) -> Option<ConstantValue> {
    let value = if values.bits == 1 {
        const BITS: [&[u8]; 2] = [&[0], &[1]];
        find_constant(values.count, nulls, |index| {
            BITS[usize::from(values.data[index / 8] >> (index % 8) & 1)]
        })?
    } else {
        find_constant(values.count, nulls, |index| values.slice(index, 1))?
    };
    Some(if value.len() <= MAX_INLINE_BYTES {
        ConstantValue {
            inline: Some(value.to_vec()),
            buffer: None,
        }
    } else {
        ConstantValue {
            inline: None,
            buffer: Some(write_array(&[value])),
        }
    })
}

/// The string all valid strings are.
pub fn find_variable(values: &VariableValues, nulls: &[u8]) -> Option<ConstantValue> {
    let value = find_constant(values.count(), nulls, |index| values.value(index))?;
    let offset_bytes = values.offset_bits / 8;
    let mut offsets = vec![0; offset_bytes];
    offsets.extend_from_slice(&(value.len() as u64).to_le_bytes()[..offset_bytes]);
    Some(ConstantValue {
        inline: None,
        buffer: Some(write_array(&[&offsets, value])),
    })
}
