//! Sums over vectors of bytes, in whole numbers: exact, whatever their order.

/// Bytes that one turn of the loops takes.
const STEP: usize = 32;
/// Turns after which 32-bit sums are emptied: a turn adds at most 32 × 255².
const TURNS: usize = 2048;

/// Bytes whose differing bits lanes of bytes can count: 31 turns of at most 8 each.
const BIT_BYTES: usize = 31 * STEP;

#[cfg(target_arch = "wasm32")]
mod imp {
    use core::arch::wasm32::*;

    #[inline(always)]
    fn sum(lanes: v128) -> u64 {
        u64::from(
            u32x4_extract_lane::<0>(lanes)
                + u32x4_extract_lane::<1>(lanes)
                + u32x4_extract_lane::<2>(lanes)
                + u32x4_extract_lane::<3>(lanes),
        )
    }

    /// # Safety
    /// Both are of one length, a multiple of 32 of at most `TURNS` turns.
    #[inline(always)]
    pub unsafe fn squared_l2(wide: &[u16], codes: &[u8]) -> u64 {
        let mut sums = [u32x4_splat(0); 4];
        let (from, to) = (wide.as_ptr(), codes.as_ptr());
        // One counter for both: a fifth faster than slices that are cut side by side.
        let mut i = 0;
        while i < codes.len() {
            for (quarter, sum) in sums.iter_mut().enumerate() {
                let at = i + 8 * quarter;
                let code = u16x8_load_extend_u8x8(to.add(at));
                let difference = i16x8_sub(v128_load(from.add(at) as *const v128), code);
                *sum = i32x4_add(*sum, i32x4_dot_i16x8(difference, difference));
            }
            i += super::STEP;
        }
        let [a, b, c, d] = sums;
        sum(i32x4_add(i32x4_add(a, b), i32x4_add(c, d)))
    }

    /// # Safety
    /// `length` bytes are readable at both: a multiple of 32, of at most `BIT_BYTES`.
    #[inline(always)]
    pub unsafe fn hamming(a: *const u8, b: *const u8, length: usize) -> u64 {
        let mut counts = [u8x16_splat(0); 2];
        let mut i = 0;
        while i < length {
            for (half, counts) in counts.iter_mut().enumerate() {
                let at = i + 16 * half;
                let (a, b) = (a.add(at) as *const v128, b.add(at) as *const v128);
                *counts = u8x16_add(*counts, u8x16_popcnt(v128_xor(v128_load(a), v128_load(b))));
            }
            i += super::STEP;
        }
        let pairs = u16x8_add(
            u16x8_extadd_pairwise_u8x16(counts[0]),
            u16x8_extadd_pairwise_u8x16(counts[1]),
        );
        sum(u32x4_extadd_pairwise_u16x8(pairs))
    }
}

#[cfg(not(target_arch = "wasm32"))]
mod imp {
    /// # Safety
    /// None needed here.
    pub unsafe fn squared_l2(wide: &[u16], codes: &[u8]) -> u64 {
        super::squared_l2_tail(wide, codes)
    }

    /// # Safety
    /// `length` bytes are readable at both.
    pub unsafe fn hamming(a: *const u8, b: *const u8, length: usize) -> u64 {
        let (a, b) = (
            core::slice::from_raw_parts(a, length),
            core::slice::from_raw_parts(b, length),
        );
        super::hamming_tail(a, b)
    }
}

fn squared_l2_tail(wide: &[u16], codes: &[u8]) -> u64 {
    let square = |(&a, &b): (&u16, &u8)| u64::from(u32::from(a.abs_diff(u16::from(b))).pow(2));
    wide.iter().zip(codes).map(square).sum()
}

fn hamming_tail(a: &[u8], b: &[u8]) -> u64 {
    let (heads, a) = a.as_chunks::<8>();
    let (others, b) = b.as_chunks::<8>();
    let word = |(&a, &b)| u64::from((u64::from_ne_bytes(a) ^ u64::from_ne_bytes(b)).count_ones());
    let byte = |(&a, &b): (&u8, &u8)| u64::from((a ^ b).count_ones());
    heads.iter().zip(others).map(word).sum::<u64>() + a.iter().zip(b).map(byte).sum::<u64>()
}

/// Squared euclidean distance of codes of 8 bits over the shorter length of the two; those of `wide`, at most 255 each,
/// are spread out since they are compared many times.
#[inline]
pub fn squared_l2_codes(wide: &[u16], codes: &[u8]) -> u64 {
    let length = wide.len().min(codes.len());
    let whole = length - length % STEP;
    let mut sum = squared_l2_tail(&wide[whole..length], &codes[whole..length]);
    for (wide, codes) in wide[..whole]
        .chunks(STEP * TURNS)
        .zip(codes[..whole].chunks(STEP * TURNS))
    {
        // SAFETY: blocks are cut to whole steps, no longer than `TURNS`.
        sum += unsafe { imp::squared_l2(wide, codes) };
    }
    sum
}

/// Bits that differ, over the shorter length of the two.
#[inline]
pub fn hamming(a: &[u8], b: &[u8]) -> u64 {
    let length = a.len().min(b.len());
    let whole = length - length % STEP;
    let mut sum = hamming_tail(&a[whole..length], &b[whole..length]);
    let mut start = 0;
    while start < whole {
        let block = (whole - start).min(BIT_BYTES);
        // SAFETY: blocks are cut to whole steps, no longer than `BIT_BYTES`, and end at or before `whole`.
        sum += unsafe { imp::hamming(a.as_ptr().add(start), b.as_ptr().add(start), block) };
        start += block;
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_length_adds_every_term_once() {
        for length in (0..70).chain([STEP * TURNS - 1, STEP * TURNS + 17, 3 * STEP * TURNS]) {
            let (zeros, full) = (vec![0u8; length], vec![255u8; length]);
            assert_eq!(
                squared_l2_codes(&vec![0; length], &full),
                length as u64 * 65025
            );
            assert_eq!(
                squared_l2_codes(&vec![255; length], &zeros),
                length as u64 * 65025
            );
            assert_eq!(hamming(&zeros, &full), length as u64 * 8);
        }
    }
}
