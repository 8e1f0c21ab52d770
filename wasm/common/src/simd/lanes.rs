//! Four f32 lanes: WASM SIMD where there is any, an array elsewhere. Never fused, never relaxed, so that the two give
//! the same bits.

#[cfg(target_arch = "wasm32")]
mod imp {
    use core::arch::wasm32::*;

    #[derive(Clone, Copy)]
    pub struct F32x4(pub(crate) v128);

    impl F32x4 {
        #[inline(always)]
        pub fn zero() -> Self {
            Self(f32x4_splat(0.0))
        }

        #[inline(always)]
        pub fn splat(value: f32) -> Self {
            Self(f32x4_splat(value))
        }

        /// # Safety
        /// Four f32 must be readable at `pointer`; any alignment.
        #[inline(always)]
        pub unsafe fn load(pointer: *const f32) -> Self {
            Self(v128_load(pointer as *const v128))
        }

        /// # Safety
        /// Four f32 must be writable at `pointer`; any alignment.
        #[inline(always)]
        pub unsafe fn store(self, pointer: *mut f32) {
            v128_store(pointer as *mut v128, self.0)
        }

        #[inline(always)]
        pub fn plus(self, other: Self) -> Self {
            Self(f32x4_add(self.0, other.0))
        }

        #[inline(always)]
        pub fn minus(self, other: Self) -> Self {
            Self(f32x4_sub(self.0, other.0))
        }

        #[inline(always)]
        pub fn times(self, other: Self) -> Self {
            Self(f32x4_mul(self.0, other.0))
        }

        #[inline(always)]
        pub fn sum(self) -> f32 {
            (f32x4_extract_lane::<0>(self.0) + f32x4_extract_lane::<2>(self.0))
                + (f32x4_extract_lane::<1>(self.0) + f32x4_extract_lane::<3>(self.0))
        }
    }
}

#[cfg(not(target_arch = "wasm32"))]
mod imp {
    #[derive(Clone, Copy)]
    pub struct F32x4(pub(crate) [f32; 4]);

    impl F32x4 {
        #[inline(always)]
        pub fn zero() -> Self {
            Self([0.0; 4])
        }

        #[inline(always)]
        pub fn splat(value: f32) -> Self {
            Self([value; 4])
        }

        /// # Safety
        /// Four f32 must be readable at `pointer`; any alignment.
        #[inline(always)]
        pub unsafe fn load(pointer: *const f32) -> Self {
            Self(core::ptr::read_unaligned(pointer as *const [f32; 4]))
        }

        /// # Safety
        /// Four f32 must be writable at `pointer`; any alignment.
        #[inline(always)]
        pub unsafe fn store(self, pointer: *mut f32) {
            core::ptr::write_unaligned(pointer as *mut [f32; 4], self.0)
        }

        #[inline(always)]
        pub fn plus(self, other: Self) -> Self {
            Self(core::array::from_fn(|i| self.0[i] + other.0[i]))
        }

        #[inline(always)]
        pub fn minus(self, other: Self) -> Self {
            Self(core::array::from_fn(|i| self.0[i] - other.0[i]))
        }

        #[inline(always)]
        pub fn times(self, other: Self) -> Self {
            Self(core::array::from_fn(|i| self.0[i] * other.0[i]))
        }

        #[inline(always)]
        pub fn sum(self) -> f32 {
            (self.0[0] + self.0[2]) + (self.0[1] + self.0[3])
        }
    }
}

pub use imp::F32x4;
