//! Products of 8-bit codes in whole numbers, for up to [`super::space::MAX_CODES`] of them.

/// Codes as the 16-bit numbers that products take.
pub fn widen(codes: &[u8], wide: &mut [i16]) {
    for (wide, &code) in wide.iter_mut().zip(codes) {
        *wide = i16::from(code);
    }
}

pub fn sum_squares(codes: &[u8]) -> u32 {
    codes.iter().map(|&code| u32::from(code).pow(2)).sum()
}

pub fn sum_codes(codes: &[u8]) -> u32 {
    codes.iter().map(|&code| u32::from(code)).sum()
}

#[cfg(target_arch = "wasm32")]
mod imp {
    use core::arch::wasm32::*;

    #[inline(always)]
    fn sum(lanes: v128) -> u32 {
        u32x4_extract_lane::<0>(lanes)
            + u32x4_extract_lane::<1>(lanes)
            + u32x4_extract_lane::<2>(lanes)
            + u32x4_extract_lane::<3>(lanes)
    }

    /// # Safety
    /// `length` values are readable at both; it is a multiple of 16.
    #[inline(always)]
    pub unsafe fn dot_widened(wide: *const i16, codes: *const u8, length: usize) -> u32 {
        let (mut even, mut odd) = (u32x4_splat(0), u32x4_splat(0));
        let mut i = 0;
        while i < length {
            let row = v128_load(codes.add(i) as *const v128);
            let low = v128_load(wide.add(i) as *const v128);
            let high = v128_load(wide.add(i + 8) as *const v128);
            even = i32x4_add(even, i32x4_dot_i16x8(low, u16x8_extend_low_u8x16(row)));
            odd = i32x4_add(odd, i32x4_dot_i16x8(high, u16x8_extend_high_u8x16(row)));
            i += 16;
        }
        sum(i32x4_add(even, odd))
    }

    /// # Safety
    /// As `dot_widened`.
    #[inline(always)]
    pub unsafe fn dot_codes(a: *const u8, b: *const u8, length: usize) -> u32 {
        let (mut even, mut odd) = (u32x4_splat(0), u32x4_splat(0));
        let mut i = 0;
        while i < length {
            let a = v128_load(a.add(i) as *const v128);
            let b = v128_load(b.add(i) as *const v128);
            even = i32x4_add(
                even,
                i32x4_dot_i16x8(u16x8_extend_low_u8x16(a), u16x8_extend_low_u8x16(b)),
            );
            odd = i32x4_add(
                odd,
                i32x4_dot_i16x8(u16x8_extend_high_u8x16(a), u16x8_extend_high_u8x16(b)),
            );
            i += 16;
        }
        sum(i32x4_add(even, odd))
    }
}

#[cfg(not(target_arch = "wasm32"))]
mod imp {
    /// # Safety
    /// `length` values are readable at both.
    pub unsafe fn dot_widened(wide: *const i16, codes: *const u8, length: usize) -> u32 {
        let wide = core::slice::from_raw_parts(wide, length);
        let codes = core::slice::from_raw_parts(codes, length);
        super::dot_widened_tail(wide, codes)
    }

    /// # Safety
    /// As `dot_widened`.
    pub unsafe fn dot_codes(a: *const u8, b: *const u8, length: usize) -> u32 {
        let a = core::slice::from_raw_parts(a, length);
        let b = core::slice::from_raw_parts(b, length);
        super::dot_codes_tail(a, b)
    }
}

#[inline(always)]
fn dot_widened_tail(wide: &[i16], codes: &[u8]) -> u32 {
    wide.iter()
        .zip(codes)
        .map(|(&wide, &code)| wide as u32 * u32::from(code))
        .sum()
}

#[inline(always)]
fn dot_codes_tail(a: &[u8], b: &[u8]) -> u32 {
    a.iter()
        .zip(b)
        .map(|(&a, &b)| u32::from(a) * u32::from(b))
        .sum()
}

/// Σ a·b over the shorter length of the two; `wide` holds codes.
#[inline(always)]
pub fn dot_widened(wide: &[i16], codes: &[u8]) -> u32 {
    let length = wide.len().min(codes.len());
    let whole = length & !15;
    let tail = dot_widened_tail(&wide[whole..length], &codes[whole..length]);
    // SAFETY: both hold `whole` values.
    tail + unsafe { imp::dot_widened(wide.as_ptr(), codes.as_ptr(), whole) }
}

/// Σ a·b over the shorter length of the two.
#[inline(always)]
pub fn dot_codes(a: &[u8], b: &[u8]) -> u32 {
    let length = a.len().min(b.len());
    let whole = length & !15;
    let tail = dot_codes_tail(&a[whole..length], &b[whole..length]);
    // SAFETY: both hold `whole` values.
    tail + unsafe { imp::dot_codes(a.as_ptr(), b.as_ptr(), whole) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_length_adds_every_term_once() {
        for length in (0..70).chain([32_768]) {
            let codes = vec![255u8; length];
            let mut wide = vec![0; length];
            widen(&codes, &mut wide);
            let expected = length as u32 * 65_025;
            assert_eq!(dot_codes(&codes, &codes), expected);
            assert_eq!(dot_widened(&wide, &codes), expected);
            assert_eq!(sum_squares(&codes), expected);
            assert_eq!(sum_codes(&codes), length as u32 * 255);
        }
    }
}
