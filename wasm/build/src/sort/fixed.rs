use super::is_null;
use super::radix::{sort_by_key, Keyed};
use lancelet_common::error::{try_with_capacity, KernelError, Result};

/// Physical type of a fixed-width column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Signed(usize),
    Unsigned(usize),
    Float(usize),
    /// One bit a value, LSB first.
    Bool,
}

impl Kind {
    /// Low bits: log2 of the width in bytes; high bits: signed, unsigned, float, bool.
    pub fn from_code(code: u8) -> Result<Kind> {
        let width = 1usize << (code & 3);
        match (code >> 2, width) {
            (0, _) => Ok(Kind::Signed(width)),
            (1, _) => Ok(Kind::Unsigned(width)),
            (2, 4 | 8) => Ok(Kind::Float(width)),
            (3, 1) => Ok(Kind::Bool),
            _ => Err(KernelError::Invalid("an unknown type of values")),
        }
    }

    /// Bytes that `length` values take.
    pub fn byte_length(self, length: usize) -> Option<usize> {
        match self {
            Kind::Signed(width) | Kind::Unsigned(width) | Kind::Float(width) => {
                length.checked_mul(width)
            }
            Kind::Bool => Some(length.div_ceil(8)),
        }
    }
}

/// Reads a little-endian value of up to 8 bytes.
#[inline(always)]
fn read(values: &[u8], row: usize, width: usize) -> u64 {
    let mut bytes = [0u8; 8];
    bytes[..width].copy_from_slice(&values[row * width..row * width + width]);
    u64::from_le_bytes(bytes)
}

/// An unsigned number whose order is the value's order.
#[inline(always)]
fn key(kind: Kind, values: &[u8], row: usize) -> u64 {
    match kind {
        Kind::Unsigned(width) => read(values, row, width),
        Kind::Signed(width) => read(values, row, width) ^ (1 << (width * 8 - 1)),
        // IEEE total order: negative numbers with every bit flipped, positive ones above them.
        Kind::Float(width) => {
            let bits = read(values, row, width);
            let sign = 1u64 << (width * 8 - 1);
            if bits & sign == 0 {
                bits | sign
            } else {
                bits ^ (sign | (sign - 1))
            }
        }
        Kind::Bool => u64::from(values[row / 8] >> (row % 8) & 1),
    }
}

/// Writes the stable order of the values to `output`, one entry a row, nulls first in their own order.
pub fn sort_fixed(
    kind: Kind,
    values: &[u8],
    validity: Option<&[u8]>,
    output: &mut [u32],
) -> Result<()> {
    let mut keyed = try_with_capacity::<Keyed>(output.len())?;
    let mut nulls = 0;
    for row in 0..output.len() {
        if is_null(validity, row) {
            output[nulls] = row as u32;
            nulls += 1;
        } else {
            keyed.push(Keyed {
                key: key(kind, values, row),
                row: row as u32,
            });
        }
    }
    sort_by_key(&mut keyed)?;
    for (slot, entry) in output[nulls..].iter_mut().zip(&keyed) {
        *slot = entry.row;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_follow_total_order_with_nulls_first() {
        let values = [
            f64::NAN,
            0.0,
            -0.0,
            f64::NEG_INFINITY,
            -f64::NAN,
            1.5,
            -1.5,
            f64::INFINITY,
        ];
        let bytes: Vec<u8> = values.iter().flat_map(|v| v.to_le_bytes()).collect();
        let mut output = [0; 8];
        sort_fixed(Kind::Float(8), &bytes, Some(&[0b1101_1111]), &mut output).unwrap();
        let mut expected: Vec<u32> = (0..8).filter(|i| *i != 5).collect();
        expected.sort_by(|a, b| values[*a as usize].total_cmp(&values[*b as usize]));
        assert_eq!(output[0], 5);
        assert_eq!(output[1..], expected[..]);
    }
}
