//! Block decoding: one self-contained buffer (levels, dictionaries, run children) with a known number of values.

use super::bitpack::{unpack_inline, unpack_out_of_line};
use super::bits::{bytes_for, read_u32, read_u64, slice};
use super::compression::decompress;
use super::program::Encoding;
use super::rle::expand_block;
use super::values::Values;
use lancelet_common::error::{try_with_capacity, KernelError, Result};

/// A constant stream has no bytes that bound its length, so this does.
const MAX_CONSTANT_VALUES: usize = 1 << 24;

/// Decodes `count` fixed-width values to little-endian bytes.
pub fn decode_fixed(encoding: &Encoding, data: &[u8], count: usize) -> Result<Vec<u8>> {
    let mut out = Vec::new();
    match encoding {
        Encoding::Flat { bits } => {
            out.extend_from_slice(slice(data, 0, bytes_for(count, *bits)?)?);
        }
        Encoding::InlineBitpacking { word_bits } => {
            unpack_inline(data, *word_bits, count, &mut out)?
        }
        Encoding::OutOfLineBitpacking { word_bits, width } => {
            unpack_out_of_line(data, *word_bits, *width, count, &mut out)?
        }
        Encoding::Rle { values, lengths } => expand_block(values, lengths, data, count, &mut out)?,
        Encoding::General { scheme, values } => {
            return decode_fixed(values, &decompress(*scheme, data)?, count)
        }
        Encoding::Constant { value } => {
            if count > MAX_CONSTANT_VALUES || value.len() > 16 {
                return Err(KernelError::Corrupt("a constant stream is too long"));
            }
            out = try_with_capacity(count * value.len())?;
            for _ in 0..count {
                out.extend_from_slice(value);
            }
        }
        _ => {
            return Err(KernelError::Unsupported(
                "this encoding of a fixed-width block",
            ))
        }
    }
    Ok(out)
}

/// Decodes a child of a run-length encoding whose count is not known beforehand: only plain values allow that.
pub fn decode_counted(encoding: &Encoding, data: &[u8], width: usize) -> Result<Option<Vec<u8>>> {
    match encoding {
        Encoding::Flat { .. } => Ok(Some(data.to_vec())),
        Encoding::General { scheme, values } => match **values {
            Encoding::Flat { bits } if bits == width * 8 => decompress(*scheme, data).map(Some),
            _ => Ok(None),
        },
        _ => Ok(None),
    }
}

/// Decodes `count` u16 levels.
pub fn decode_levels(
    encoding: &Encoding,
    data: &[u8],
    count: usize,
    out: &mut Vec<u16>,
) -> Result<()> {
    if encoding.fixed_bits() != Some(16) {
        return Err(KernelError::Corrupt("levels are not 16 bits wide"));
    }
    let bytes = decode_fixed(encoding, data, count)?;
    if bytes.len() != count * 2 {
        return Err(KernelError::Corrupt("a level stream has the wrong length"));
    }
    out.try_reserve(count)
        .map_err(|_| KernelError::OutOfMemory)?;
    out.extend(
        bytes
            .chunks_exact(2)
            .map(|raw| u16::from_le_bytes([raw[0], raw[1]])),
    );
    Ok(())
}

/// Number of levels where the stream itself tells it: run lengths may count past 65535 (old writers).
pub fn count_levels(encoding: &Encoding, data: &[u8]) -> Result<Option<usize>> {
    let Encoding::Rle { values, lengths } = encoding else {
        return Ok(None);
    };
    if !matches!(**values, Encoding::Flat { bits: 16 })
        || !matches!(**lengths, Encoding::Flat { bits: 8 })
    {
        return Ok(None);
    }
    let values_len = read_u64(data, 0)?;
    let start = values_len
        .checked_add(8)
        .ok_or(KernelError::Corrupt("a run-length block overflows"))?;
    let runs = data
        .get(start..)
        .ok_or(KernelError::Corrupt("a run-length block ends early"))?;
    Ok(Some(runs.iter().map(|run| *run as usize).sum()))
}

/// Decodes the values of a dictionary, or of an out-of-line constant.
pub fn decode_values(
    encoding: &Encoding,
    data: &[u8],
    count: usize,
    out: &mut Values,
) -> Result<()> {
    match encoding {
        Encoding::Variable { .. } => decode_variable(data, count, out),
        Encoding::Fsst { table, values } => {
            let mut coded = Values::new_variable();
            decode_values(values, data, count, &mut coded)?;
            for index in 0..count {
                let codes =
                    &coded.data[coded.offsets[index] as usize..coded.offsets[index + 1] as usize];
                out.reserve(codes.len() * 8)?;
                table.expand(codes, &mut out.data)?;
                out.close_value()?;
            }
            Ok(())
        }
        Encoding::General { scheme, values } => {
            decode_values(values, &decompress(*scheme, data)?, count, out)
        }
        Encoding::FixedSizeList { .. } => {
            if out.variable {
                return Err(KernelError::Corrupt(
                    "fixed-width values in a variable-width column",
                ));
            }
            super::per_value::append_fixed_rows(encoding, data, count, out)
        }
        _ => {
            if out.variable || !out.fields.is_empty() || encoding.fixed_bits() != Some(out.bits) {
                return Err(KernelError::Corrupt("dictionary values of the wrong width"));
            }
            let bytes = decode_fixed(encoding, data, count)?;
            out.append_fixed(&bytes, 0, count)
        }
    }
}

/// `u32 32, u32 start, (n+1) u32 offsets, bytes` or the same in u64; offsets count from the first byte of the values.
fn decode_variable(data: &[u8], count: usize, out: &mut Values) -> Result<()> {
    if !out.variable {
        return Err(KernelError::Corrupt(
            "variable-width values in a fixed-width column",
        ));
    }
    let width = match read_u32(data, 0)? {
        32 => 4,
        64 => 8,
        _ => {
            return Err(KernelError::Corrupt(
                "a variable-width block has a bad offset size",
            ))
        }
    };
    let header = 2 * width;
    let start = if width == 4 {
        read_u32(data, 4)?
    } else {
        read_u64(data, 8)?
    };
    let offset_bytes = count
        .checked_add(1)
        .and_then(|n| n.checked_mul(width))
        .ok_or(KernelError::Corrupt("a buffer size overflows"))?;
    let offsets = slice(data, header, offset_bytes)?;
    let bytes = data
        .get(start..)
        .ok_or(KernelError::Corrupt("a variable-width block ends early"))?;
    append_variable(offsets, width, 0, bytes, count, out)
}

/// Appends `count` values given little-endian offsets that start at `base`.
pub fn append_variable(
    offsets: &[u8],
    width: usize,
    base: usize,
    bytes: &[u8],
    count: usize,
    out: &mut Values,
) -> Result<()> {
    if !out.variable {
        return Err(KernelError::Corrupt(
            "variable-width values in a fixed-width column",
        ));
    }
    let offset = |index: usize| -> Result<usize> {
        let raw = if width == 4 {
            read_u32(offsets, index * 4)?
        } else {
            read_u64(offsets, index * 8)?
        };
        raw.checked_sub(base)
            .ok_or(KernelError::Corrupt("a value offset is before its buffer"))
    };
    let first = offset(0)?;
    let last = offset(count)?;
    let all = last
        .checked_sub(first)
        .and_then(|length| slice(bytes, first, length).ok())
        .ok_or(KernelError::Corrupt(
            "value offsets are beyond their buffer",
        ))?;
    out.reserve(all.len())?;
    out.offsets
        .try_reserve(count)
        .map_err(|_| KernelError::OutOfMemory)?;
    let shift = out.data.len();
    let mut previous = first;
    for index in 1..=count {
        let next = offset(index)?;
        if next < previous || next > last {
            return Err(KernelError::Corrupt("value offsets decrease"));
        }
        out.offsets.push((shift + next - first) as u32);
        previous = next;
    }
    out.data.extend_from_slice(all);
    out.len += count;
    Ok(())
}
