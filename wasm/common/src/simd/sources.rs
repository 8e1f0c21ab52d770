//! What rows hold, read as lanes of 32-bit floats.

use super::lanes::F32x4;

/// A value of a row that is compared in 32-bit floats.
pub trait Source: Copy {
    /// What loading wants at hand.
    type Constants: Copy;

    /// Made once a row.
    fn prepare() -> Self::Constants;

    /// # Safety
    /// Four values must be readable at `pointer`; any alignment.
    unsafe fn load(pointer: *const Self, constants: Self::Constants) -> F32x4;

    /// # Safety
    /// Sixteen values must be readable at `pointer`; any alignment.
    #[inline(always)]
    unsafe fn load_four(pointer: *const Self, constants: Self::Constants) -> [F32x4; 4] {
        core::array::from_fn(|i| Self::load(pointer.add(4 * i), constants))
    }

    fn widen(self) -> f32;
}

impl Source for f32 {
    type Constants = ();

    fn prepare() {}

    #[inline(always)]
    unsafe fn load(pointer: *const f32, (): ()) -> F32x4 {
        F32x4::load(pointer)
    }

    #[inline(always)]
    fn widen(self) -> f32 {
        self
    }
}

/// A 16-bit float by its bits, of which infinity and NaN are taken for the numbers that would follow the largest:
/// 65,536 and more. That saves half of the work; who compares such rows looks at the result.
#[derive(Clone, Copy)]
#[repr(transparent)]
pub struct FiniteHalf(pub u16);

/// What infinity is taken for; NaN for more.
pub const BEYOND_HALVES: f32 = 65_536.0;

impl FiniteHalf {
    /// Halves by their bits.
    pub fn view(halves: &[u16]) -> &[FiniteHalf] {
        // SAFETY: of one layout, and borrowed for as long.
        unsafe { core::slice::from_raw_parts(halves.as_ptr() as *const FiniteHalf, halves.len()) }
    }
}

/// The exponents of halves and floats differ by 112 in bias; the product also brings subnormals to their place.
const SCALE: f32 = f32::from_bits(0x7780_0000);
/// Of a half whose sign was spread over the upper bits and that was then moved to where a float has its own: the sign,
/// the five bits of the exponent, and the mantissa.
const KEPT: u32 = 0x8fff_e000;

impl Source for FiniteHalf {
    type Constants = (F32x4, F32x4);

    #[inline(always)]
    fn prepare() -> (F32x4, F32x4) {
        // Kept from the optimiser, which would make them anew at every use: a tenth slower.
        core::hint::black_box((F32x4::splat(f32::from_bits(KEPT)), F32x4::splat(SCALE)))
    }

    #[cfg(target_arch = "wasm32")]
    #[inline(always)]
    unsafe fn load(pointer: *const FiniteHalf, (kept, scale): (F32x4, F32x4)) -> F32x4 {
        use core::arch::wasm32::*;
        let spread = i32x4_load_extend_i16x4(pointer as *const i16);
        let kept = v128_and(i32x4_shl(spread, 13), kept.0);
        F32x4(f32x4_mul(kept, scale.0))
    }

    #[cfg(not(target_arch = "wasm32"))]
    #[inline(always)]
    unsafe fn load(pointer: *const FiniteHalf, _: (F32x4, F32x4)) -> F32x4 {
        F32x4(core::array::from_fn(|i| {
            pointer.add(i).read_unaligned().widen()
        }))
    }

    #[inline(always)]
    fn widen(self) -> f32 {
        let spread = self.0 as i16 as i32 as u32;
        f32::from_bits((spread << 13) & KEPT) * SCALE
    }
}

impl Source for u8 {
    type Constants = ();

    fn prepare() {}

    #[cfg(target_arch = "wasm32")]
    #[inline(always)]
    unsafe fn load(pointer: *const u8, (): ()) -> F32x4 {
        use core::arch::wasm32::*;
        let bytes = v128_load32_zero(pointer as *const u32);
        let lanes = u32x4_extend_low_u16x8(u16x8_extend_low_u8x16(bytes));
        F32x4(f32x4_convert_i32x4(lanes))
    }

    #[cfg(target_arch = "wasm32")]
    #[inline(always)]
    unsafe fn load_four(pointer: *const u8, (): ()) -> [F32x4; 4] {
        use core::arch::wasm32::*;
        let low = u16x8_load_extend_u8x8(pointer);
        let high = u16x8_load_extend_u8x8(pointer.add(8));
        [
            u32x4_extend_low_u16x8(low),
            u32x4_extend_high_u16x8(low),
            u32x4_extend_low_u16x8(high),
            u32x4_extend_high_u16x8(high),
        ]
        .map(|lanes| F32x4(f32x4_convert_i32x4(lanes)))
    }

    #[cfg(not(target_arch = "wasm32"))]
    #[inline(always)]
    unsafe fn load(pointer: *const u8, (): ()) -> F32x4 {
        F32x4(core::array::from_fn(|i| f32::from(*pointer.add(i))))
    }

    #[inline(always)]
    fn widen(self) -> f32 {
        f32::from(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simd::widen_half;

    #[test]
    fn every_half_is_the_float_it_stands_for() {
        for bits in 0..=u16::MAX {
            let found = FiniteHalf(bits).widen();
            if bits & 0x7c00 == 0x7c00 {
                assert!(found.abs() >= BEYOND_HALVES && found.is_finite());
            } else {
                assert_eq!(found.to_bits(), widen_half(bits).to_bits());
            }
        }
    }
}
