//! General buffer compression: LZ4 block with a u32 size, zstd with or without a u64 size.

use super::bits::{read_u32, read_u64};
use lancelet_common::error::{try_zeroed, KernelError, Result};
use std::io::Read;

/// Refuse to expand a single buffer beyond this, whatever its header says.
const MAX_DECOMPRESSED: usize = 1 << 28;
const ZSTD_MAGIC: usize = 0xFD2F_B528;

/// Scheme numbers of the format.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Scheme {
    Lz4,
    Zstd,
}

/// Expands one buffer.
pub fn decompress(scheme: Scheme, data: &[u8]) -> Result<Vec<u8>> {
    match scheme {
        Scheme::Lz4 => decompress_lz4(data),
        Scheme::Zstd => decompress_zstd(data),
    }
}

fn decompress_lz4(data: &[u8]) -> Result<Vec<u8>> {
    let size = read_u32(data, 0)?;
    let block = &data[4..];
    // One LZ4 token byte stands for at most 255 bytes.
    if size > MAX_DECOMPRESSED || size > block.len().saturating_mul(255).saturating_add(64) {
        return Err(KernelError::Corrupt(
            "an LZ4 buffer declares an impossible size",
        ));
    }
    let mut out = try_zeroed::<u8>(size)?;
    let written = lz4_flex::block::decompress_into(block, &mut out)
        .map_err(|_| KernelError::Corrupt("an LZ4 buffer does not decode"))?;
    out.truncate(written);
    Ok(out)
}

fn decompress_zstd(data: &[u8]) -> Result<Vec<u8>> {
    if data.is_empty() {
        return Ok(Vec::new());
    }
    // A frame starts with the magic number and a clear reserved bit; otherwise the first eight bytes are the size.
    let bare = data.len() < 8 || (read_u32(data, 0)? == ZSTD_MAGIC && data[4] & 0x10 == 0);
    let (expected, mut frame) = if bare {
        (None, data)
    } else {
        (Some(read_u64(data, 0)?), &data[8..])
    };
    let limit = expected.unwrap_or(MAX_DECOMPRESSED);
    if limit > MAX_DECOMPRESSED {
        return Err(KernelError::Corrupt(
            "a zstd buffer declares an impossible size",
        ));
    }
    if expected == Some(0) && frame.is_empty() {
        return Ok(Vec::new());
    }
    let mut decoder = ruzstd::decoding::StreamingDecoder::new(&mut frame)
        .map_err(|_| KernelError::Corrupt("a zstd frame header does not decode"))?;
    let mut out = Vec::new();
    let mut block = try_zeroed::<u8>(1 << 16)?;
    loop {
        let count = decoder
            .read(&mut block)
            .map_err(|_| KernelError::Corrupt("a zstd frame does not decode"))?;
        if count == 0 {
            break;
        }
        if out.len() + count > limit {
            return Err(KernelError::Corrupt("a zstd frame is longer than declared"));
        }
        out.try_reserve(count)
            .map_err(|_| KernelError::OutOfMemory)?;
        out.extend_from_slice(&block[..count]);
    }
    if expected.is_some_and(|size| size != out.len()) {
        return Err(KernelError::Corrupt(
            "a zstd frame is shorter than declared",
        ));
    }
    Ok(out)
}
