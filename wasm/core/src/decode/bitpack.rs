//! FastLanes bit unpacking: 1024 values interleaved over 1024/T lanes of T-bit words (format page section 2.2).

use super::bits::{bytes_for, slice};
use lancelet_common::error::{KernelError, Result};

/// Values per packed block.
pub const BLOCK: usize = 1024;
/// Order of the eight-row groups inside a block.
const ORDER: [usize; 8] = [0, 4, 2, 6, 1, 5, 3, 7];

macro_rules! unpacker {
    ($name:ident, $word:ty) => {
        fn $name(packed: &[u8], width: usize, out: &mut [u8]) {
            const T: usize = <$word>::BITS as usize;
            const SIZE: usize = T / 8;
            const LANES: usize = BLOCK / T;
            let mut words: [$word; BLOCK] = [0; BLOCK];
            for (word, raw) in words.iter_mut().zip(packed.chunks_exact(SIZE)) {
                let mut bytes = [0u8; SIZE];
                bytes.copy_from_slice(raw);
                *word = <$word>::from_le_bytes(bytes);
            }
            let mask: $word = if width == T {
                <$word>::MAX
            } else {
                ((1 as $word) << width) - 1
            };
            for row in 0..T {
                let bit = row * width;
                let (first, shift) = (bit / T, bit % T);
                let base = ORDER[row / 8] * 16 + (row % 8) * 128;
                let target = &mut out[base * SIZE..(base + LANES) * SIZE];
                let low = &words[first * LANES..(first + 1) * LANES];
                if shift + width > T {
                    let high = &words[(first + 1) * LANES..(first + 2) * LANES];
                    for lane in 0..LANES {
                        let value = ((low[lane] >> shift) | (high[lane] << (T - shift))) & mask;
                        target[lane * SIZE..(lane + 1) * SIZE]
                            .copy_from_slice(&value.to_le_bytes());
                    }
                } else {
                    for lane in 0..LANES {
                        let value = (low[lane] >> shift) & mask;
                        target[lane * SIZE..(lane + 1) * SIZE]
                            .copy_from_slice(&value.to_le_bytes());
                    }
                }
            }
        }
    };
}

unpacker!(unpack_8, u8);
unpacker!(unpack_16, u16);
unpacker!(unpack_32, u32);
unpacker!(unpack_64, u64);

/// Unpacks one block of 1024 values of `width` bits into `word_bits`-bit little-endian words.
fn unpack_block(packed: &[u8], word_bits: usize, width: usize, out: &mut [u8]) -> Result<()> {
    if width > word_bits {
        return Err(KernelError::Corrupt(
            "a packed width is wider than its word",
        ));
    }
    if width == 0 {
        out.fill(0);
        return Ok(());
    }
    if packed.len() != BLOCK / 8 * width || out.len() != BLOCK / 8 * word_bits {
        return Err(KernelError::Corrupt("a packed block has the wrong size"));
    }
    match word_bits {
        8 => unpack_8(packed, width, out),
        16 => unpack_16(packed, width, out),
        32 => unpack_32(packed, width, out),
        64 => unpack_64(packed, width, out),
        _ => return Err(KernelError::Unsupported("bit packing of this word size")),
    }
    Ok(())
}

/// One word with the width, then one block; at most 1024 values. Appends to `out`.
pub fn unpack_inline(data: &[u8], word_bits: usize, count: usize, out: &mut Vec<u8>) -> Result<()> {
    if count == 0 {
        return Ok(());
    }
    if !matches!(word_bits, 8 | 16 | 32 | 64) {
        return Err(KernelError::Unsupported("bit packing of this word size"));
    }
    if count > BLOCK {
        return Err(KernelError::Corrupt(
            "more than 1024 values in a packed block",
        ));
    }
    let header = slice(data, 0, word_bits / 8)?;
    let width = header[0] as usize;
    if width > word_bits || header[1..].iter().any(|byte| *byte != 0) {
        return Err(KernelError::Corrupt(
            "a packed width is wider than its word",
        ));
    }
    let packed = slice(data, word_bits / 8, BLOCK / 8 * width)?;
    let start = out.len();
    out.resize(start + BLOCK / 8 * word_bits, 0);
    unpack_block(packed, word_bits, width, &mut out[start..])?;
    out.truncate(start + count * word_bits / 8);
    Ok(())
}

/// Blocks of 1024 values; the last one padded, or raw words. Of width 0 (native packs levels that are all 0 so) they hold
/// nothing. Appends to `out`.
pub fn unpack_out_of_line(
    data: &[u8],
    word_bits: usize,
    width: usize,
    count: usize,
    out: &mut Vec<u8>,
) -> Result<()> {
    if !matches!(word_bits, 8 | 16 | 32 | 64) || width > word_bits {
        return Err(KernelError::Corrupt(
            "a packed width is wider than its word",
        ));
    }
    let block_bytes = BLOCK / 8 * width;
    let whole = count / BLOCK;
    let tail = count % BLOCK;
    let body = bytes_for(whole * BLOCK, width)?;
    let raw_tail = tail * word_bits / 8;
    let tail_is_raw = data.len() == body + raw_tail;
    if !tail_is_raw && data.len() != body + block_bytes {
        return Err(KernelError::Corrupt("a packed buffer has the wrong size"));
    }
    let word_block = BLOCK / 8 * word_bits;
    out.try_reserve(bytes_for(count, word_bits)? + word_block)
        .map_err(|_| KernelError::OutOfMemory)?;
    let blocks = if tail_is_raw { whole } else { whole + 1 };
    for block in 0..blocks {
        let start = out.len();
        out.resize(start + word_block, 0);
        unpack_block(
            slice(data, block * block_bytes, block_bytes)?,
            word_bits,
            width,
            &mut out[start..],
        )?;
        if block == whole {
            out.truncate(start + raw_tail);
        }
    }
    if tail_is_raw {
        out.extend_from_slice(slice(data, body, raw_tail)?);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_no_bits_are_zeroes() {
        for count in [0, 1, 1023, 1024, 2050] {
            let mut out = vec![7];
            unpack_out_of_line(&[], 16, 0, count, &mut out).unwrap();
            assert_eq!(out.len(), 1 + 2 * count);
            assert!(out[1..].iter().all(|&byte| byte == 0));
        }
        assert!(unpack_out_of_line(&[0; 3], 16, 0, 9, &mut vec![]).is_err());
        assert!(unpack_out_of_line(&[], 16, 17, 9, &mut vec![]).is_err());
    }
}
