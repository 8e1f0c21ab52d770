//! Run-length decoding, as a mini-block (two buffers) or as a block (one buffer with the size of the values first).

use super::bits::{bytes_for, read_u64, slice};
use super::block::{decode_counted, decode_fixed};
use super::program::Encoding;
use lancelet_common::error::{KernelError, Result};

/// `u64 bytes of values, values, lengths`.
pub fn expand_block(
    values: &Encoding,
    lengths: &Encoding,
    data: &[u8],
    count: usize,
    out: &mut Vec<u8>,
) -> Result<()> {
    if count == 0 {
        return Ok(());
    }
    let values_len = read_u64(data, 0)?;
    let raw_values = slice(data, 8, values_len)?;
    let raw_lengths = &data[8 + values_len..];
    expand_runs(values, lengths, raw_values, raw_lengths, count, false, out)
}

/// Expands runs to exactly `count` values. `clamp` cuts the last run short: some writers overshoot.
pub fn expand_runs(
    values: &Encoding,
    lengths: &Encoding,
    raw_values: &[u8],
    raw_lengths: &[u8],
    count: usize,
    clamp: bool,
    out: &mut Vec<u8>,
) -> Result<()> {
    if count == 0 {
        return Ok(());
    }
    let (Some(value_bits), Some(length_bits)) = (values.fixed_bits(), lengths.fixed_bits()) else {
        return Err(KernelError::Corrupt("runs of variable-width values"));
    };
    if !matches!(value_bits, 8 | 16 | 32 | 64) || !matches!(length_bits, 8 | 16 | 32) {
        return Err(KernelError::Unsupported("runs of this width"));
    }
    let (value_size, length_size) = (value_bits / 8, length_bits / 8);
    let (run_values, run_lengths) = decode_children(
        values,
        lengths,
        raw_values,
        raw_lengths,
        value_size,
        length_size,
    )?;
    let runs = run_values.len() / value_size;
    if runs * value_size != run_values.len() || run_lengths.len() != runs * length_size {
        return Err(KernelError::Corrupt(
            "runs and their lengths do not pair up",
        ));
    }
    let total = bytes_for(count, value_bits)?;
    out.try_reserve(total)
        .map_err(|_| KernelError::OutOfMemory)?;
    let end = out.len() + total;
    for (value, raw) in run_values
        .chunks_exact(value_size)
        .zip(run_lengths.chunks_exact(length_size))
    {
        let mut word = [0u8; 4];
        word[..length_size].copy_from_slice(raw);
        let length = u32::from_le_bytes(word) as usize;
        let room = (end - out.len()) / value_size;
        if length == 0 || (length > room && !clamp) {
            return Err(KernelError::Corrupt("runs are longer than their chunk"));
        }
        repeat(value, length.min(room), out);
    }
    if out.len() != end {
        return Err(KernelError::Corrupt("runs are shorter than their chunk"));
    }
    Ok(())
}

/// Appends `value` `count` times, doubling so that long runs are memory moves.
fn repeat(value: &[u8], count: usize, out: &mut Vec<u8>) {
    if count == 0 {
        return;
    }
    let start = out.len();
    let total = value.len() * count;
    out.extend_from_slice(value);
    while out.len() - start < total {
        let have = out.len() - start;
        out.extend_from_within(start..start + have.min(total - have));
    }
}

fn decode_children(
    values: &Encoding,
    lengths: &Encoding,
    raw_values: &[u8],
    raw_lengths: &[u8],
    value_size: usize,
    length_size: usize,
) -> Result<(Vec<u8>, Vec<u8>)> {
    let plain_values = decode_counted(values, raw_values, value_size)?;
    let plain_lengths = decode_counted(lengths, raw_lengths, length_size)?;
    Ok(match (plain_values, plain_lengths) {
        (Some(values), Some(lengths)) => (values, lengths),
        (Some(run_values), None) => {
            let runs = run_values.len() / value_size;
            (run_values, decode_fixed(lengths, raw_lengths, runs)?)
        }
        (None, Some(run_lengths)) => {
            let runs = run_lengths.len() / length_size;
            (decode_fixed(values, raw_values, runs)?, run_lengths)
        }
        (None, None) => {
            return Err(KernelError::Corrupt(
                "the number of runs is nowhere to be found",
            ))
        }
    })
}
