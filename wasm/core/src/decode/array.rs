//! What array encodings of files 2.0 need beyond copying (format page section 2.4): packed bits, symbols, compression.

use super::bitpack::{unpack_out_of_line, BLOCK};
use super::bits::{bytes_for, slice};
use super::compression::{decompress, Scheme};
use super::fsst::SymbolTable;
use lancelet_common::error::{try_with_capacity, try_zeroed, KernelError, Result};
use wasm_bindgen::prelude::wasm_bindgen;

/// Values of `width` bits one after the other, LSB first, widened to words; `signed` extends their top bit.
#[wasm_bindgen(js_name = unpackBits)]
pub fn unpack_bits(
    data: &[u8],
    word_bits: usize,
    width: usize,
    first_bit: usize,
    count: usize,
    signed: bool,
) -> Result<Vec<u8>> {
    if !matches!(word_bits, 8 | 16 | 32 | 64) || width == 0 || width > word_bits {
        return Err(KernelError::Corrupt(
            "a packed width is wider than its word",
        ));
    }
    let needed = count
        .checked_mul(width)
        .and_then(|bits| bits.checked_add(first_bit))
        .ok_or(KernelError::Corrupt("a buffer size overflows"))?;
    slice(data, 0, needed.div_ceil(8))?;
    let word_bytes = word_bits / 8;
    let mut out = try_with_capacity(bytes_for(count, word_bits)?)?;
    for index in 0..count {
        let at = first_bit + index * width;
        let mut raw = [0u8; 16];
        let rest = &data[at / 8..];
        let length = rest.len().min(9);
        raw[..length].copy_from_slice(&rest[..length]);
        let mut value = u128::from_le_bytes(raw) >> (at % 8);
        value &= (1u128 << width) - 1;
        if signed && value >> (width - 1) & 1 == 1 {
            value |= u128::MAX << width;
        }
        out.extend_from_slice(&value.to_le_bytes()[..word_bytes]);
    }
    Ok(out)
}

/// `count` values from value `first` on, out of blocks of 1024; the last block is padded.
#[wasm_bindgen(js_name = unpackBitBlocks)]
pub fn unpack_bit_blocks(
    data: &[u8],
    word_bits: usize,
    width: usize,
    first: usize,
    count: usize,
) -> Result<Vec<u8>> {
    if width == 0 {
        return Err(KernelError::Corrupt("packed values of no bits"));
    }
    let end = first
        .checked_add(count)
        .ok_or(KernelError::Corrupt("a buffer size overflows"))?;
    let padded = end
        .div_ceil(BLOCK)
        .checked_mul(BLOCK)
        .ok_or(KernelError::Corrupt("a buffer size overflows"))?;
    let bytes = slice(data, 0, bytes_for(padded, width)?)?;
    let mut values = Vec::new();
    unpack_out_of_line(bytes, word_bits, width, padded, &mut values)?;
    let word_bytes = word_bits / 8;
    values.truncate(end * word_bytes);
    values.drain(..first * word_bytes);
    Ok(values)
}

/// Expands values that lie end to end; `lengths` becomes the length of each after it.
#[wasm_bindgen(js_name = expandSymbols)]
pub fn expand_symbols(table: &[u8], data: &[u8], lengths: &mut [u32]) -> Result<Vec<u8>> {
    let table = SymbolTable::parse(table)?;
    let mut out = Vec::new();
    let mut at = 0usize;
    for length in lengths.iter_mut() {
        let codes = slice(data, at, *length as usize)?;
        at += codes.len();
        let before = out.len();
        table.expand(codes, &mut out)?;
        *length = (out.len() - before) as u32;
    }
    Ok(out)
}

/// Expands one buffer. `scheme`: 1 LZ4, 2 zstd.
#[wasm_bindgen(js_name = decompressBuffer)]
pub fn decompress_buffer(scheme: u32, data: &[u8]) -> Result<Vec<u8>> {
    match scheme {
        1 => decompress(Scheme::Lz4, data),
        2 => decompress(Scheme::Zstd, data),
        _ => Err(KernelError::Unsupported("this buffer compression scheme")),
    }
}

/// Copies `width` bytes at `offset` of every row of `stride` bytes: one field of a packed struct.
#[wasm_bindgen(js_name = takeField)]
pub fn take_field(data: &[u8], stride: usize, offset: usize, width: usize) -> Result<Vec<u8>> {
    if stride == 0
        || !data.len().is_multiple_of(stride)
        || offset.checked_add(width).is_none_or(|end| end > stride)
    {
        return Err(KernelError::Corrupt("rows of a packed struct are cut off"));
    }
    let mut out = try_zeroed::<u8>(data.len() / stride * width)?;
    if width > 0 {
        for (row, target) in data.chunks_exact(stride).zip(out.chunks_exact_mut(width)) {
            target.copy_from_slice(&row[offset..offset + width]);
        }
    }
    Ok(out)
}
