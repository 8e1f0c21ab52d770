//! One mini-block chunk: header, level streams, value buffers (format page section 2.2).

use super::bitpack::unpack_inline;
use super::bits::{bytes_for, read_u16, read_u32, slice};
use super::block::{append_variable, count_levels, decode_fixed, decode_levels};
use super::compression::decompress;
use super::fixed_lists::decode_lists;
use super::program::Encoding;
use super::rle::expand_runs;
use super::values::Values;
use lancelet_common::error::{try_zeroed, KernelError, Result};
use std::borrow::Cow;

/// More levels than this in one chunk were never written, even by writers whose count wrapped.
const MAX_LEVELS: usize = 1 << 20;
/// A chunk's buffers: values, run lengths, validity per list level. More is a forged header.
const MAX_BUFFERS: usize = 16;

/// How the chunks of one page are laid out.
pub struct ChunkFormat {
    pub rep: Option<Encoding>,
    pub def: Option<Encoding>,
    pub values: Encoding,
    pub num_buffers: usize,
    pub large: bool,
}

fn pad8(at: usize) -> usize {
    at.div_ceil(8) * 8
}

/// Decodes one chunk of `count` values; appends levels and values.
pub fn decode_chunk(
    format: &ChunkFormat,
    chunk: &[u8],
    count: usize,
    rep: &mut Vec<u16>,
    def: &mut Vec<u16>,
    out: &mut Values,
) -> Result<usize> {
    if format.num_buffers > MAX_BUFFERS {
        return Err(KernelError::Corrupt("a chunk has too many buffers"));
    }
    let declared = read_u16(chunk, 0)?;
    let mut at = 2;
    let mut lengths = [0usize; 2];
    for (slot, stream) in [&format.rep, &format.def].into_iter().enumerate() {
        if stream.is_some() {
            lengths[slot] = read_u16(chunk, at)?;
            at += 2;
        }
    }
    let mut sizes = [0usize; MAX_BUFFERS];
    for size in sizes.iter_mut().take(format.num_buffers) {
        if format.large {
            *size = read_u32(chunk, at)?;
            at += 4;
        } else {
            *size = read_u16(chunk, at)?;
            at += 2;
        }
    }
    at = pad8(at);
    let mut streams: [&[u8]; 2] = [&[], &[]];
    for (slot, stream) in [&format.rep, &format.def].into_iter().enumerate() {
        if stream.is_some() {
            streams[slot] = slice(chunk, at, lengths[slot])?;
            at = pad8(at + lengths[slot]);
        }
    }
    let levels = match (&format.rep, &format.def) {
        (None, None) => count,
        _ => resolve_level_count(format, streams, declared)?,
    };
    if let Some(encoding) = &format.rep {
        decode_levels(encoding, streams[0], levels, rep)?;
    }
    if let Some(encoding) = &format.def {
        decode_levels(encoding, streams[1], levels, def)?;
    }
    let mut buffers: [&[u8]; MAX_BUFFERS] = [&[]; MAX_BUFFERS];
    for index in 0..format.num_buffers {
        buffers[index] = slice(chunk, at, sizes[index])?;
        at = pad8(at + sizes[index]);
    }
    let before = out.len;
    decode_buffers(&format.values, &buffers[..format.num_buffers], count, out)?;
    if out.len - before != count {
        return Err(KernelError::Corrupt(
            "a chunk holds another number of values than declared",
        ));
    }
    Ok(levels)
}

/// The header counts levels modulo 65536; a run-length stream knows the full number.
fn resolve_level_count(
    format: &ChunkFormat,
    streams: [&[u8]; 2],
    declared: usize,
) -> Result<usize> {
    let mut levels = declared;
    for (stream, data) in [&format.rep, &format.def].into_iter().zip(streams) {
        let Some(encoding) = stream else { continue };
        if let Some(counted) = count_levels(encoding, data)? {
            if counted % 65536 != declared || counted < levels || counted > MAX_LEVELS {
                return Err(KernelError::Corrupt(
                    "a level stream disagrees with its chunk",
                ));
            }
            levels = counted;
        }
    }
    Ok(levels)
}

/// Decodes the value buffers of a chunk.
fn decode_buffers(
    encoding: &Encoding,
    buffers: &[&[u8]],
    count: usize,
    out: &mut Values,
) -> Result<()> {
    let first = |index: usize| -> Result<&[u8]> {
        buffers
            .get(index)
            .copied()
            .ok_or(KernelError::Corrupt("a chunk lacks a buffer"))
    };
    match encoding {
        Encoding::Flat { bits } => {
            check_width(out, *bits)?;
            out.append_fixed(first(0)?, 0, count)?;
            append_all_valid(out, count)
        }
        Encoding::InlineBitpacking { word_bits } => {
            check_width(out, *word_bits)?;
            out.reserve(8192)?;
            unpack_inline(first(0)?, *word_bits, count, &mut out.data)?;
            out.len += count;
            Ok(())
        }
        Encoding::Rle { values, lengths } => {
            check_width(out, values.fixed_bits().unwrap_or(0))?;
            out.reserve(bytes_for(count, out.bits)?)?;
            expand_runs(
                values,
                lengths,
                first(0)?,
                first(1)?,
                count,
                true,
                &mut out.data,
            )?;
            out.len += count;
            Ok(())
        }
        Encoding::ByteStreamSplit { bits } => {
            check_width(out, *bits)?;
            let width = *bits / 8;
            let planes = slice(first(0)?, 0, bytes_for(count, *bits)?)?;
            let mut joined = try_zeroed::<u8>(planes.len())?;
            for (plane, bytes) in planes.chunks_exact(count.max(1)).enumerate() {
                for (index, byte) in bytes.iter().enumerate() {
                    joined[index * width + plane] = *byte;
                }
            }
            out.append_fixed(&joined, 0, count)
        }
        Encoding::Variable { offsets } => decode_variable_chunk(offsets, buffers, count, out),
        Encoding::Fsst { table, values } => {
            let mut coded = Values::new_variable();
            decode_buffers(values, buffers, count, &mut coded)?;
            for pair in coded.offsets.windows(2) {
                table.expand(
                    &coded.data[pair[0] as usize..pair[1] as usize],
                    &mut out.data,
                )?;
                out.close_value()?;
            }
            Ok(())
        }
        Encoding::General { scheme, values } => {
            let expanded = decompress(*scheme, first(0)?)?;
            let mut inner: Vec<&[u8]> = Vec::with_capacity(buffers.len());
            inner.push(&expanded);
            inner.extend_from_slice(&buffers[1..]);
            decode_buffers(values, &inner, count, out)
        }
        Encoding::FixedSizeList { .. } => decode_lists(encoding, buffers, count, out),
        Encoding::PackedStruct { values } if matches!(**values, Encoding::Flat { .. }) => {
            check_fields(out)?;
            out.append_rows(first(0)?, count)
        }
        Encoding::Constant { .. }
        | Encoding::OutOfLineBitpacking { .. }
        | Encoding::PackedStruct { .. }
        | Encoding::VariablePackedStruct { .. } => Err(KernelError::Unsupported(
            "this encoding of a mini-block chunk",
        )),
    }
}

/// A packed struct must be read as one.
pub fn check_fields(out: &Values) -> Result<()> {
    if out.fields.is_empty() {
        return Err(KernelError::Corrupt(
            "rows of a packed struct in a column of values",
        ));
    }
    Ok(())
}

fn check_width(out: &Values, bits: usize) -> Result<()> {
    if out.variable || !out.fields.is_empty() || out.bits != bits || bits == 0 {
        return Err(KernelError::Corrupt(
            "values of another width than the column's type",
        ));
    }
    Ok(())
}

/// Fixed-size lists whose page stores no item validity.
pub fn append_all_valid(out: &mut Values, count: usize) -> Result<()> {
    for level in 0..out.item_validity.len() {
        out.append_item_validity(level, None, count)?;
    }
    Ok(())
}

fn decode_variable_chunk(
    offsets: &Encoding,
    buffers: &[&[u8]],
    count: usize,
    out: &mut Values,
) -> Result<()> {
    let width = match offsets.fixed_bits() {
        Some(32) => 4,
        Some(64) => 8,
        _ => return Err(KernelError::Unsupported("offsets of this width")),
    };
    if matches!(offsets, Encoding::Flat { .. }) {
        let [buffer] = buffers else {
            return Err(KernelError::Corrupt(
                "a chunk has the wrong number of buffers",
            ));
        };
        // Offsets count from the start of the chunk's buffer, header included.
        return append_variable(buffer, width, 0, buffer, count, out);
    }
    let (payload, bytes): (Cow<[u8]>, &[u8]) = match buffers {
        [payload, bytes] => (Cow::Borrowed(payload), bytes),
        [bytes] => (Cow::Borrowed(&[]), bytes),
        _ => {
            return Err(KernelError::Corrupt(
                "a chunk has the wrong number of buffers",
            ))
        }
    };
    let decoded = decode_fixed(offsets, &payload, count + 1)?;
    append_variable(&decoded, width, 0, bytes, count, out)
}
