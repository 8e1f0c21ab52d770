//! 4-bit codes in blocks of 16 rows, byte by byte, so that one shuffle looks up a sub-vector of all of them (André,
//! Kermarrec and Le Scouarnec 2015).

use super::codebook::{Codebook, ProductQuery};
use lancelet_common::error::{try_zeroed, Result};

/// Rows of a block.
pub const BLOCK_ROWS: usize = 16;

/// Rearranges whole blocks of rows, in place: within one, byte j of row i goes to j × 16 + i. Rows after the last whole
/// block stay as they are.
pub fn arrange_blocks(codes: &mut [u8], row_bytes: usize) -> Result<()> {
    let mut copy = try_zeroed::<u8>(row_bytes * BLOCK_ROWS)?;
    if copy.is_empty() {
        return Ok(());
    }
    for block in codes.chunks_exact_mut(copy.len()) {
        copy.copy_from_slice(block);
        for (row, bytes) in copy.chunks_exact(row_bytes).enumerate() {
            for (j, byte) in bytes.iter().enumerate() {
                block[j * BLOCK_ROWS + row] = *byte;
            }
        }
    }
    Ok(())
}

/// A table in whole numbers: of every row, `base + step × (the sum of its terms)` is no larger than its distance, but
/// for rounding, which `slack` bounds.
pub struct ByteTable {
    /// `num_sub_vectors × 16`.
    terms: Vec<u8>,
    base: f64,
    step: f64,
    slack: f64,
}

impl ByteTable {
    /// `None` where a term is no finite number: then nothing can be left out.
    pub fn new(codebook: &Codebook) -> Result<Option<ByteTable>> {
        let table = codebook.terms();
        let mut terms = try_zeroed::<u8>(table.len())?;
        let (mut base, mut widest, mut total) = (f64::from(codebook.query().offset()), 0f64, 0f64);
        let mut largest = 0f64;
        for sub in table.chunks_exact(16) {
            let (low, high) = bounds(sub);
            base += low;
            widest = widest.max(high - low);
            total += high - low;
            largest += low.abs().max(high.abs());
        }
        if !largest.is_finite() {
            return Ok(None);
        }
        // A term fits a byte, and the sum of a row 16 bits.
        let step = (widest / 255.0).max(total / f64::from(u16::MAX));
        // Rounding of 32-bit sums, as many as there are sub-vectors.
        let num_sub_vectors = (table.len() / 16) as f64;
        let slack = (num_sub_vectors + 8.0) * f64::from(f32::EPSILON) * (largest + 1.0);
        if step > 0.0 {
            for (to, sub) in terms.chunks_exact_mut(16).zip(table.chunks_exact(16)) {
                let (low, _) = bounds(sub);
                for (to, value) in to.iter_mut().zip(sub) {
                    // Cut off, not rounded: a sum never exceeds what it stands for.
                    *to = ((f64::from(*value) - low) / step) as u8;
                }
            }
        }
        Ok(Some(ByteTable {
            terms,
            base,
            step,
            slack,
        }))
    }

    /// The largest sum of a row that may lie within `distance`; −1 where none does.
    pub fn cutoff(&self, distance: f64) -> i32 {
        let room = distance - self.base + self.slack;
        if room < 0.0 {
            return -1;
        }
        // One more than needed: the quotient is rounded. Zero or infinite ones are within the bounds of 16 bits.
        let steps = if self.step > 0.0 {
            room / self.step + 1.0
        } else {
            f64::INFINITY
        };
        steps.min(f64::from(u16::MAX)) as i32
    }

    /// Which rows of a block have a sum of at most `cutoff`: one bit each.
    #[inline(always)]
    pub fn find_within(&self, block: &[u8], cutoff: i32) -> u32 {
        debug_assert_eq!(block.len(), self.terms.len() / 2);
        if cutoff < 0 {
            return 0;
        }
        // SAFETY: a block has half as many bytes as there are terms.
        unsafe { imp::find_within(&self.terms, block, cutoff as u16) }
    }
}

fn bounds(sub: &[f32]) -> (f64, f64) {
    let mut bounds = (f64::INFINITY, f64::NEG_INFINITY);
    for &value in sub {
        if value.is_nan() {
            return (f64::NAN, f64::NAN);
        }
        bounds = (
            bounds.0.min(f64::from(value)),
            bounds.1.max(f64::from(value)),
        );
    }
    bounds
}

/// The distance to row `row` of a block.
#[inline(always)]
pub fn sum_in_block(query: &ProductQuery, block: &[u8], row: usize) -> f32 {
    debug_assert!(row < BLOCK_ROWS);
    // SAFETY: a block holds 16 bytes for every byte of a row.
    query.sum(|i| unsafe { *block.get_unchecked(i * BLOCK_ROWS + row) })
}

#[cfg(target_arch = "wasm32")]
mod imp {
    use core::arch::wasm32::*;

    /// # Safety
    /// `terms` holds 32 bytes for 16 of the block.
    #[inline(always)]
    pub unsafe fn find_within(terms: &[u8], block: &[u8], cutoff: u16) -> u32 {
        let low_bits = u8x16_splat(15);
        // Sums of all 16-bit pairs, whose low bytes carry into the high ones, and of the high bytes alone.
        let (mut pairs, mut highs) = (u16x8_splat(0), u16x8_splat(0));
        let mut terms = terms.as_ptr() as *const v128;
        let mut at = block.as_ptr() as *const v128;
        let end = block.as_ptr().add(block.len()) as *const v128;
        while at < end {
            let codes = v128_load(at);
            let low = i8x16_swizzle(v128_load(terms), v128_and(codes, low_bits));
            let high = i8x16_swizzle(v128_load(terms.add(1)), u8x16_shr(codes, 4));
            pairs = i16x8_add(pairs, i16x8_add(low, high));
            highs = i16x8_add(highs, i16x8_add(u16x8_shr(low, 8), u16x8_shr(high, 8)));
            at = at.add(1);
            terms = terms.add(2);
        }
        let evens = i16x8_sub(pairs, i16x8_shl(highs, 8));
        let limit = u16x8_splat(cutoff);
        let (evens, odds) = (u16x8_le(evens, limit), u16x8_le(highs, limit));
        // Back into the order of the rows, a byte each.
        let evens = v128_and(evens, u16x8_splat(0x00ff));
        let odds = v128_and(odds, u16x8_splat(0xff00));
        u32::from(u8x16_bitmask(v128_or(evens, odds)))
    }
}

#[cfg(not(target_arch = "wasm32"))]
mod imp {
    /// # Safety
    /// None needed here.
    pub unsafe fn find_within(terms: &[u8], block: &[u8], cutoff: u16) -> u32 {
        let mut found = 0;
        for row in 0..super::BLOCK_ROWS {
            let mut sum = 0u16;
            for (bytes, terms) in block.chunks_exact(16).zip(terms.chunks_exact(32)) {
                let code = bytes[row] as usize;
                sum += u16::from(terms[code & 15]) + u16::from(terms[16 + (code >> 4)]);
            }
            found |= u32::from(sum <= cutoff) << row;
        }
        found
    }
}
