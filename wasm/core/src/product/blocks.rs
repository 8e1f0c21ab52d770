//! 4-bit codes, 16 rows at once: turned so that a register holds one byte of each, one shuffle then looks up a sub-vector
//! of all of them (André, Kermarrec and Le Scouarnec 2015).

use super::codebook::Codebook;
use lancelet_common::error::{try_zeroed, Result};

/// Rows of a block.
pub const BLOCK_ROWS: usize = 16;

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

    /// Which rows of a block, one after another, have a sum of at most `cutoff`: one bit each.
    #[inline(always)]
    pub fn find_within(&self, block: &[u8], cutoff: i32) -> u32 {
        debug_assert_eq!(block.len(), self.terms.len() / 32 * BLOCK_ROWS);
        if cutoff < 0 {
            return 0;
        }
        // SAFETY: a row has one byte for 32 terms.
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

#[cfg(target_arch = "wasm32")]
mod imp {
    use super::BLOCK_ROWS;
    use core::arch::wasm32::*;
    use lancelet_common::simd::look_up_nibbles;

    /// Sums of 16 rows: `pairs` adds up 16-bit pairs, whose low bytes carry into the high ones, `highs` the high bytes
    /// alone.
    struct Sums {
        pairs: v128,
        highs: v128,
    }

    impl Sums {
        /// # Safety
        /// 32 bytes are readable at `terms`.
        #[inline(always)]
        unsafe fn add(&mut self, codes: v128, terms: *const v128) {
            let low = look_up_nibbles(v128_load(terms), v128_and(codes, u8x16_splat(15)));
            let high = look_up_nibbles(v128_load(terms.add(1)), u8x16_shr(codes, 4));
            self.pairs = i16x8_add(self.pairs, i16x8_add(low, high));
            let highs = i16x8_add(u16x8_shr(low, 8), u16x8_shr(high, 8));
            self.highs = i16x8_add(self.highs, highs);
        }

        #[inline(always)]
        fn find_within(&self, cutoff: u16) -> u32 {
            let limit = u16x8_splat(cutoff);
            let evens = i16x8_sub(self.pairs, i16x8_shl(self.highs, 8));
            // Back into the order of the rows, a byte each.
            let evens = v128_and(u16x8_le(evens, limit), u16x8_splat(0x00ff));
            let odds = v128_and(u16x8_le(self.highs, limit), u16x8_splat(0xff00));
            u32::from(u8x16_bitmask(v128_or(evens, odds)))
        }
    }

    #[inline(always)]
    fn low(a: v128, b: v128) -> v128 {
        u8x16_shuffle::<0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23>(a, b)
    }

    #[inline(always)]
    fn high(a: v128, b: v128) -> v128 {
        u8x16_shuffle::<8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31>(a, b)
    }

    /// A perfect shuffle, written out: of a loop over an array the registers would go through memory.
    #[inline(always)]
    fn shuffle(r: [v128; 16]) -> [v128; 16] {
        [
            low(r[0], r[8]),
            high(r[0], r[8]),
            low(r[1], r[9]),
            high(r[1], r[9]),
            low(r[2], r[10]),
            high(r[2], r[10]),
            low(r[3], r[11]),
            high(r[3], r[11]),
            low(r[4], r[12]),
            high(r[4], r[12]),
            low(r[5], r[13]),
            high(r[5], r[13]),
            low(r[6], r[14]),
            high(r[6], r[14]),
            low(r[7], r[15]),
            high(r[7], r[15]),
        ]
    }

    /// Byte i of vector j to byte j of vector i.
    #[inline(always)]
    fn turn(rows: [v128; 16]) -> [v128; 16] {
        shuffle(shuffle(shuffle(shuffle(rows))))
    }

    /// # Safety
    /// The block is 16 rows of a byte for 32 terms.
    #[inline(always)]
    pub unsafe fn find_within(terms: &[u8], block: &[u8], cutoff: u16) -> u32 {
        let row_bytes = block.len() / BLOCK_ROWS;
        let terms = terms.as_ptr() as *const v128;
        let mut sums = Sums {
            pairs: u16x8_splat(0),
            highs: u16x8_splat(0),
        };
        let mut column = 0;
        while column + 16 <= row_bytes {
            let rows = block.as_ptr().add(column);
            let turned = turn(core::array::from_fn(|r| {
                v128_load(rows.add(r * row_bytes) as *const v128)
            }));
            for (i, codes) in turned.into_iter().enumerate() {
                sums.add(codes, terms.add(2 * (column + i)));
            }
            column += 16;
        }
        while column < row_bytes {
            let mut codes = [0u8; BLOCK_ROWS];
            for (r, code) in codes.iter_mut().enumerate() {
                *code = *block.get_unchecked(r * row_bytes + column);
            }
            sums.add(
                v128_load(codes.as_ptr() as *const v128),
                terms.add(2 * column),
            );
            column += 1;
        }
        sums.find_within(cutoff)
    }
}

#[cfg(not(target_arch = "wasm32"))]
mod imp {
    /// # Safety
    /// None needed here.
    pub unsafe fn find_within(terms: &[u8], block: &[u8], cutoff: u16) -> u32 {
        let mut found = 0;
        let row_bytes = block.len() / super::BLOCK_ROWS;
        for (row, bytes) in block.chunks_exact(row_bytes).enumerate() {
            let mut sum = 0u16;
            for (&code, terms) in bytes.iter().zip(terms.chunks_exact(32)) {
                let code = code as usize;
                sum += u16::from(terms[code & 15]) + u16::from(terms[16 + (code >> 4)]);
            }
            found |= u32::from(sum <= cutoff) << row;
        }
        found
    }
}
