//! General buffer compression: LZ4 block with a u32 size, zstd with or without a u64 size.

use super::bits::{read_u32, read_u64};
use lancelet_common::error::{try_zeroed, KernelError, Result};
use ruzstd::decoding::{FrameDecoder, StreamingDecoder};
use std::cell::RefCell;
use std::io::Read;

/// Refuse to expand a single buffer beyond this, whatever its header says.
const MAX_DECOMPRESSED: usize = 1 << 28;
const ZSTD_MAGIC: usize = 0xFD2F_B528;
/// A four-byte run block stands for at most 128 KiB.
const MAX_ZSTD_RATIO: usize = 1 << 15;
/// Up to here room is made for what a header declares.
const TRUSTED_ZSTD_RATIO: usize = 1 << 8;
/// The decoder makes room for a frame's window before it reads a block: writers keep to this for contents of any size,
const SMALL_WINDOW: u64 = 1 << 23;
/// and beyond only as far as the contents reach.
const MAX_WINDOW: u64 = 1 << 26;

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

thread_local! {
    /// One decoder for all frames: its tables are larger than most values.
    static ZSTD: RefCell<FrameDecoder> = RefCell::new(FrameDecoder::new());
}

fn decompress_zstd(data: &[u8]) -> Result<Vec<u8>> {
    if data.is_empty() {
        return Ok(Vec::new());
    }
    // A frame starts with the magic number and a clear reserved bit; otherwise the first eight bytes are the size.
    let bare = data.len() < 8 || (read_u32(data, 0)? == ZSTD_MAGIC && data[4] & 0x10 == 0);
    if bare {
        // Old writers stored frames without their size.
        return decompress_stream(data, SMALL_WINDOW, MAX_DECOMPRESSED);
    }
    let size = read_u64(data, 0)?;
    let frame = &data[8..];
    if size > MAX_DECOMPRESSED || size > frame.len().saturating_mul(MAX_ZSTD_RATIO) {
        return Err(KernelError::Corrupt(
            "a zstd buffer declares an impossible size",
        ));
    }
    let window = (size as u64)
        .next_power_of_two()
        .clamp(SMALL_WINDOW, MAX_WINDOW);
    // Few buffers shrink that far, so a size that claims it is believed as far as it is decoded.
    if size / TRUSTED_ZSTD_RATIO > frame.len() {
        let out = decompress_stream(frame, window, size)?;
        return if out.len() == size {
            Ok(out)
        } else {
            Err(KernelError::Corrupt(
                "a zstd frame is shorter than declared",
            ))
        };
    }
    let mut out = try_zeroed::<u8>(size)?;
    let written = ZSTD.with_borrow_mut(|decoder| {
        decoder.set_max_window_size(window);
        decoder.decode_all(frame, &mut out)
    });
    match written {
        Ok(written) if written == size => Ok(out),
        Ok(_) => Err(KernelError::Corrupt(
            "a zstd frame is shorter than declared",
        )),
        Err(_) => Err(KernelError::Corrupt("a zstd frame does not decode")),
    }
}

/// Expands a frame piece by piece: room is made for what was decoded, up to `limit` bytes.
fn decompress_stream(mut frame: &[u8], window: u64, limit: usize) -> Result<Vec<u8>> {
    let mut decoder = FrameDecoder::new();
    decoder.set_max_window_size(window);
    let mut decoder = StreamingDecoder::new_with_decoder(&mut frame, decoder)
        .map_err(|_| KernelError::Corrupt("a zstd frame header does not decode"))?;
    let mut out = Vec::new();
    let mut block = try_zeroed::<u8>(1 << 16)?;
    loop {
        let count = decoder
            .read(&mut block)
            .map_err(|_| KernelError::Corrupt("a zstd frame does not decode"))?;
        if count == 0 {
            return Ok(out);
        }
        if out.len() + count > limit {
            return Err(KernelError::Corrupt("a zstd frame is too long"));
        }
        out.try_reserve(count)
            .map_err(|_| KernelError::OutOfMemory)?;
        out.extend_from_slice(&block[..count]);
    }
}
