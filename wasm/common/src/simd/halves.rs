//! 16-bit floats as 32-bit ones. Every half is a float, so nothing is rounded.

/// One half, by its bits.
#[inline(always)]
pub fn widen_half(bits: u16) -> f32 {
    let sign = u32::from(bits & 0x8000) << 16;
    let magnitude = u32::from(bits & 0x7fff) << 13;
    // The exponents differ by 112 in bias; the product also brings subnormals to their place.
    let scaled = (f32::from_bits(magnitude) * f32::from_bits(0x7780_0000)).to_bits();
    let special = if magnitude >= 0x0f80_0000 {
        0x7f80_0000
    } else {
        0
    };
    f32::from_bits(sign | scaled | special)
}

/// Writes each half as a float, over the shorter length of the two.
#[cfg(target_arch = "wasm32")]
pub fn widen_halves(halves: &[u16], floats: &mut [f32]) {
    use core::arch::wasm32::*;
    let length = halves.len().min(floats.len());
    let whole = length - length % 4;
    let scale = f32x4_splat(f32::from_bits(0x7780_0000));
    for i in (0..whole).step_by(4) {
        // SAFETY: four values are left in both from `i` on.
        unsafe {
            let bits =
                u32x4_extend_low_u16x8(v128_load64_zero(halves.as_ptr().add(i) as *const u64));
            let sign = u32x4_shl(v128_and(bits, u32x4_splat(0x8000)), 16);
            let magnitude = u32x4_shl(v128_and(bits, u32x4_splat(0x7fff)), 13);
            let special = v128_and(
                u32x4_ge(magnitude, u32x4_splat(0x0f80_0000)),
                u32x4_splat(0x7f80_0000),
            );
            let float = v128_or(v128_or(f32x4_mul(magnitude, scale), sign), special);
            v128_store(floats.as_mut_ptr().add(i) as *mut v128, float);
        }
    }
    for i in whole..length {
        floats[i] = widen_half(halves[i]);
    }
}

/// Writes each half as a float, over the shorter length of the two.
#[cfg(not(target_arch = "wasm32"))]
pub fn widen_halves(halves: &[u16], floats: &mut [f32]) {
    for (float, &half) in floats.iter_mut().zip(halves) {
        *float = widen_half(half);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_halves() {
        for (bits, float) in [
            (0x0000, 0.0),
            (0x0001, 2f32.powi(-24)),
            (0x03ff, 1023.0 * 2f32.powi(-24)),
            (0x0400, 2f32.powi(-14)),
            (0x3c00, 1.0),
            (0xc000, -2.0),
            (0x7bff, 65504.0),
            (0x7c00, f32::INFINITY),
            (0xfc00, f32::NEG_INFINITY),
        ] {
            assert_eq!(widen_half(bits), float);
        }
        assert!(widen_half(0x7e00).is_nan());
    }
}
