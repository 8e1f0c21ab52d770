//! Sums over vectors of bytes, in whole numbers: exact, whatever their order.

/// Bytes that one turn of the loops takes.
const STEP: usize = 16;
/// Turns after which 32-bit lanes are emptied: a turn adds at most 4 × 255² to one.
const TURNS: usize = 8192;

#[cfg(target_arch = "wasm32")]
mod imp {
    use core::arch::wasm32::*;

    #[inline(always)]
    unsafe fn load(bytes: &[u8]) -> v128 {
        v128_load(bytes.as_ptr() as *const v128)
    }

    #[inline(always)]
    fn sum(lanes: v128) -> u64 {
        u64::from(u32x4_extract_lane::<0>(lanes))
            + u64::from(u32x4_extract_lane::<1>(lanes))
            + u64::from(u32x4_extract_lane::<2>(lanes))
            + u64::from(u32x4_extract_lane::<3>(lanes))
    }

    /// # Safety
    /// Both are of one length, a multiple of 16 of at most `TURNS` turns.
    #[inline(always)]
    pub unsafe fn squared_l2(a: &[u8], b: &[u8]) -> u64 {
        let mut lanes = u32x4_splat(0);
        for (a, b) in a.chunks_exact(16).zip(b.chunks_exact(16)) {
            let (a, b) = (load(a), load(b));
            let low = i16x8_sub(u16x8_extend_low_u8x16(a), u16x8_extend_low_u8x16(b));
            let high = i16x8_sub(u16x8_extend_high_u8x16(a), u16x8_extend_high_u8x16(b));
            lanes = i32x4_add(lanes, i32x4_dot_i16x8(low, low));
            lanes = i32x4_add(lanes, i32x4_dot_i16x8(high, high));
        }
        sum(lanes)
    }

    /// # Safety
    /// As `squared_l2`.
    #[inline(always)]
    pub unsafe fn hamming(a: &[u8], b: &[u8]) -> u64 {
        let mut lanes = u32x4_splat(0);
        for (a, b) in a.chunks_exact(16).zip(b.chunks_exact(16)) {
            let counts = u8x16_popcnt(v128_xor(load(a), load(b)));
            let pairs = u16x8_extadd_pairwise_u8x16(counts);
            lanes = i32x4_add(lanes, u32x4_extadd_pairwise_u16x8(pairs));
        }
        sum(lanes)
    }

    /// Four codes as f32.
    ///
    /// # Safety
    /// Four bytes are readable.
    #[inline(always)]
    pub unsafe fn widen(codes: *const u8) -> [f32; 4] {
        let bytes = v128_load32_zero(codes as *const u32);
        let lanes = f32x4_convert_u32x4(u32x4_extend_low_u16x8(u16x8_extend_low_u8x16(bytes)));
        core::mem::transmute(lanes)
    }
}

#[cfg(not(target_arch = "wasm32"))]
mod imp {
    /// # Safety
    /// None needed here.
    pub unsafe fn squared_l2(a: &[u8], b: &[u8]) -> u64 {
        super::squared_l2_tail(a, b)
    }

    /// # Safety
    /// None needed here.
    pub unsafe fn hamming(a: &[u8], b: &[u8]) -> u64 {
        super::hamming_tail(a, b)
    }

    /// # Safety
    /// Four bytes are readable.
    pub unsafe fn widen(codes: *const u8) -> [f32; 4] {
        core::array::from_fn(|i| f32::from(*codes.add(i)))
    }
}

fn squared_l2_tail(a: &[u8], b: &[u8]) -> u64 {
    let square = |(&a, &b): (&u8, &u8)| u64::from(u32::from(a.abs_diff(b)).pow(2));
    a.iter().zip(b).map(square).sum()
}

fn hamming_tail(a: &[u8], b: &[u8]) -> u64 {
    let count = |(&a, &b): (&u8, &u8)| u64::from((a ^ b).count_ones());
    a.iter().zip(b).map(count).sum()
}

#[inline(always)]
fn sum_blocks(
    a: &[u8],
    b: &[u8],
    block: impl Fn(&[u8], &[u8]) -> u64,
    tail: impl Fn(&[u8], &[u8]) -> u64,
) -> u64 {
    let length = a.len().min(b.len());
    let whole = length - length % STEP;
    let mut sum = tail(&a[whole..length], &b[whole..length]);
    for (a, b) in a[..whole]
        .chunks(STEP * TURNS)
        .zip(b[..whole].chunks(STEP * TURNS))
    {
        sum += block(a, b);
    }
    sum
}

/// Squared euclidean distance over the shorter length of the two.
#[inline]
pub fn squared_l2_bytes(a: &[u8], b: &[u8]) -> u64 {
    // SAFETY: blocks are cut to whole steps, no longer than `TURNS`.
    sum_blocks(
        a,
        b,
        |a, b| unsafe { imp::squared_l2(a, b) },
        squared_l2_tail,
    )
}

/// Bits that differ, over the shorter length of the two.
#[inline]
pub fn hamming(a: &[u8], b: &[u8]) -> u64 {
    // SAFETY: as above.
    sum_blocks(a, b, |a, b| unsafe { imp::hamming(a, b) }, hamming_tail)
}

/// Dot product of floats with bytes, over the shorter length of the two.
#[inline]
pub fn dot_with_bytes(values: &[f32], codes: &[u8]) -> f32 {
    let length = values.len().min(codes.len());
    let (values, codes) = (&values[..length], &codes[..length]);
    let mut sums = [[0f32; 4]; 4];
    let whole = length - length % STEP;
    for (values, codes) in values[..whole]
        .chunks_exact(STEP)
        .zip(codes[..whole].chunks_exact(STEP))
    {
        for (chain, sum) in sums.iter_mut().enumerate() {
            // SAFETY: each chunk holds 16 codes.
            let wide = unsafe { imp::widen(codes.as_ptr().add(4 * chain)) };
            for lane in 0..4 {
                sum[lane] += values[4 * chain + lane] * wide[lane];
            }
        }
    }
    let mut tail = 0.0;
    for (value, &code) in values[whole..].iter().zip(&codes[whole..]) {
        tail += value * f32::from(code);
    }
    let lanes: [f32; 4] =
        core::array::from_fn(|i| (sums[0][i] + sums[1][i]) + (sums[2][i] + sums[3][i]));
    (lanes[0] + lanes[2]) + (lanes[1] + lanes[3]) + tail
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_length_adds_every_term_once() {
        for length in (0..70).chain([STEP * TURNS - 1, STEP * TURNS + 17, 3 * STEP * TURNS]) {
            let (zeros, full) = (vec![0u8; length], vec![255u8; length]);
            let ones = vec![1f32; length.min(4000)];
            assert_eq!(squared_l2_bytes(&zeros, &full), length as u64 * 65025);
            assert_eq!(hamming(&zeros, &full), length as u64 * 8);
            assert_eq!(dot_with_bytes(&ones, &full), ones.len() as f32 * 255.0);
        }
    }
}
