//! The inner loops, in 128-bit lanes where there are any. Both forms give the same bits.

use super::tables::COLUMNS_A_BYTE;
use super::BLOCK_ROWS;

#[cfg(target_arch = "wasm32")]
mod imp {
    use super::*;
    use core::arch::wasm32::*;
    use lancelet_common::simd::look_up_nibbles;

    /// Entries of a column's two tables for 16 codes, added.
    #[inline(always)]
    unsafe fn look_up(codes: *const u8, low: v128, high: v128) -> v128 {
        let codes = v128_load(codes as *const v128);
        let nibbles = u8x16_splat(15);
        u8x16_add(
            look_up_nibbles(low, v128_and(codes, nibbles)),
            look_up_nibbles(high, u8x16_shr(codes, 4)),
        )
    }

    /// Sixteen sums: of every byte with its neighbour above as 16 bits, and of the neighbours alone.
    #[derive(Clone, Copy)]
    struct Sums(v128, v128);

    impl Sums {
        #[inline(always)]
        fn add(&mut self, bytes: v128) {
            self.0 = u16x8_add(self.0, bytes);
            self.1 = u16x8_add(self.1, u16x8_shr(bytes, 8));
        }

        #[inline(always)]
        unsafe fn store(&self, sums: *mut u16) {
            let odd = self.1;
            let even = u16x8_sub(self.0, u16x8_shl(odd, 8));
            let first = u16x8_shuffle::<0, 8, 1, 9, 2, 10, 3, 11>(even, odd);
            let second = u16x8_shuffle::<4, 12, 5, 13, 6, 14, 7, 15>(even, odd);
            v128_store(sums as *mut v128, first);
            v128_store(sums.add(8) as *mut v128, second);
        }
    }

    /// # Safety
    /// 32 codes, `stride` from one column to the next, and 32 table bytes for each of `columns`.
    pub unsafe fn add_lookups(
        codes: *const u8,
        stride: usize,
        tables: *const u8,
        columns: usize,
    ) -> [u16; BLOCK_ROWS] {
        let zero = u8x16_splat(0);
        let mut first = Sums(zero, zero);
        let mut second = Sums(zero, zero);
        let column = |index: usize| {
            let table = tables.add(index * 32) as *const v128;
            let (low, high) = (v128_load(table), v128_load(table.add(1)));
            let codes = codes.add(index * stride);
            (look_up(codes, low, high), look_up(codes.add(16), low, high))
        };
        let mut index = 0;
        while index + COLUMNS_A_BYTE <= columns {
            let (a, b) = (column(index), column(index + 1));
            first.add(u8x16_add(a.0, b.0));
            second.add(u8x16_add(a.1, b.1));
            index += COLUMNS_A_BYTE;
        }
        if index < columns {
            let (a, b) = column(index);
            first.add(a);
            second.add(b);
        }
        let mut sums = [0; BLOCK_ROWS];
        first.store(sums.as_mut_ptr());
        second.store(sums.as_mut_ptr().add(16));
        sums
    }

    pub fn mask_not_above(values: &[f32; BLOCK_ROWS], limit: f32) -> u32 {
        let limit = f32x4_splat(limit);
        let mut mask = 0;
        for (four, values) in values.chunks_exact(4).enumerate() {
            // SAFETY: four values. NaN is not above anything.
            let above = f32x4_gt(unsafe { v128_load(values.as_ptr() as *const v128) }, limit);
            mask |= u32::from(i32x4_bitmask(v128_not(above))) << (4 * four);
        }
        mask
    }

    /// Masks of lanes by the four bits of a nibble.
    static MASKS: [[u32; 4]; 16] = super::masks();

    /// # Safety
    /// `columns` codes, `stride` apart, and 8 values for each.
    #[inline(never)]
    pub unsafe fn sum_signed(
        codes: *const u8,
        stride: usize,
        values: *const f32,
        columns: usize,
    ) -> f32 {
        let mut chains = [f32x4_splat(0.0); 4];
        let term = |code: u8, at: usize| {
            let mask = v128_load(MASKS.as_ptr().add(usize::from(code)) as *const v128);
            v128_and(v128_load(values.add(at) as *const v128), mask)
        };
        let mut add = |column: usize, chain: usize| {
            let code = *codes.add(column * stride);
            chains[chain] = f32x4_add(chains[chain], term(code & 15, 8 * column));
            chains[chain + 1] = f32x4_add(chains[chain + 1], term(code >> 4, 8 * column + 4));
        };
        let mut column = 0;
        while column + 2 <= columns {
            add(column, 0);
            add(column + 1, 2);
            column += 2;
        }
        if column < columns {
            add(column, 0);
        }
        let sums = f32x4_add(
            f32x4_add(chains[0], chains[1]),
            f32x4_add(chains[2], chains[3]),
        );
        (f32x4_extract_lane::<0>(sums) + f32x4_extract_lane::<2>(sums))
            + (f32x4_extract_lane::<1>(sums) + f32x4_extract_lane::<3>(sums))
    }
}

#[cfg(not(target_arch = "wasm32"))]
mod imp {
    use super::*;

    /// # Safety
    /// 32 codes, `stride` from one column to the next, and 32 table bytes for each of `columns`.
    pub unsafe fn add_lookups(
        codes: *const u8,
        stride: usize,
        tables: *const u8,
        columns: usize,
    ) -> [u16; BLOCK_ROWS] {
        let mut sums = [0u16; BLOCK_ROWS];
        for first in (0..columns).step_by(COLUMNS_A_BYTE) {
            for (row, sum) in sums.iter_mut().enumerate() {
                let mut byte = 0u8;
                for column in first..columns.min(first + COLUMNS_A_BYTE) {
                    let code = usize::from(*codes.add(column * stride + row));
                    let table = tables.add(column * 32);
                    byte = byte
                        .wrapping_add(*table.add(code & 15))
                        .wrapping_add(*table.add(16 + (code >> 4)));
                }
                *sum = sum.wrapping_add(u16::from(byte));
            }
        }
        sums
    }

    pub fn mask_not_above(values: &[f32; BLOCK_ROWS], limit: f32) -> u32 {
        let bit = |(row, &value): (usize, &f32)| u32::from(value.is_nan() || value <= limit) << row;
        values.iter().enumerate().map(bit).sum()
    }

    /// # Safety
    /// `columns` codes, `stride` apart, and 8 values for each.
    pub unsafe fn sum_signed(
        codes: *const u8,
        stride: usize,
        values: *const f32,
        columns: usize,
    ) -> f32 {
        let masks = super::masks();
        let mut chains = [[0f32; 4]; 4];
        for column in 0..columns {
            let code = *codes.add(column * stride);
            for (half, nibble) in [code & 15, code >> 4].into_iter().enumerate() {
                // The last of an odd number of columns goes where the first goes.
                let chain = 2 * (column % 2) + half;
                for lane in 0..4 {
                    let value = *values.add(8 * column + 4 * half + lane);
                    let mask = masks[usize::from(nibble)][lane];
                    chains[chain][lane] += f32::from_bits(value.to_bits() & mask);
                }
            }
        }
        let sums: [f32; 4] = core::array::from_fn(|lane| {
            (chains[0][lane] + chains[1][lane]) + (chains[2][lane] + chains[3][lane])
        });
        (sums[0] + sums[2]) + (sums[1] + sums[3])
    }
}

const fn masks() -> [[u32; 4]; 16] {
    let mut masks = [[0; 4]; 16];
    let mut entry = 0;
    while entry < 64 {
        if (entry / 4) >> (entry % 4) & 1 == 1 {
            masks[entry / 4][entry % 4] = u32::MAX;
        }
        entry += 1;
    }
    masks
}

/// Columns that can be read 32 bytes wide: all but the last few of narrow ones; a multiple of [`COLUMNS_A_BYTE`] unless
/// they are all.
pub fn count_whole_columns(num_bytes: usize, stride: usize, table_bytes: usize) -> usize {
    let columns = table_bytes / 32;
    if num_bytes < BLOCK_ROWS || stride == 0 {
        return 0;
    }
    let readable = (num_bytes - BLOCK_ROWS) / stride + 1;
    if readable >= columns {
        columns
    } else {
        readable - readable % COLUMNS_A_BYTE
    }
}

/// Sums of table entries for 32 codes a column, `stride` bytes from one column to the next, over
/// [`count_whole_columns`].
pub fn add_lookups(codes: &[u8], stride: usize, tables: &[u8]) -> [u16; BLOCK_ROWS] {
    let columns = count_whole_columns(codes.len(), stride, tables.len());
    // SAFETY: both hold that many columns.
    unsafe { imp::add_lookups(codes.as_ptr(), stride, tables.as_ptr(), columns) }
}

/// Bit i, least significant first: value i is at most `limit`, or NaN.
pub fn mask_not_above(values: &[f32; BLOCK_ROWS], limit: f32) -> u32 {
    imp::mask_not_above(values, limit)
}

/// The sum of the values whose sign bit is set: codes of row `row` of a block of `stride` rows.
pub fn sum_signed(codes: &[u8], row: usize, stride: usize, values: &[f32]) -> f32 {
    let columns = codes.len() / stride;
    if row >= stride || values.len() < 8 * columns {
        return f32::NAN;
    }
    // SAFETY: checked above.
    unsafe { imp::sum_signed(codes.as_ptr().add(row), stride, values.as_ptr(), columns) }
}
