//! Four f32 lanes: WASM SIMD where there is any, an array elsewhere. The two give the same bits, but for sums of products
//! in a module with relaxed SIMD: its host may round them once instead of twice. What is stored is made without it.

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

        /// `self` + `a` × `b`.
        #[cfg(not(target_feature = "relaxed-simd"))]
        #[inline(always)]
        pub fn plus_product(self, a: Self, b: Self) -> Self {
            self.plus(a.times(b))
        }

        /// `self` + `a` × `b`.
        #[cfg(target_feature = "relaxed-simd")]
        #[inline(always)]
        pub fn plus_product(self, a: Self, b: Self) -> Self {
            Self(f32x4_relaxed_madd(a.0, b.0, self.0))
        }

        /// `self` − `a` × `b`.
        #[cfg(not(target_feature = "relaxed-simd"))]
        #[inline(always)]
        pub fn minus_product(self, a: Self, b: Self) -> Self {
            self.minus(a.times(b))
        }

        /// `self` − `a` × `b`.
        #[cfg(target_feature = "relaxed-simd")]
        #[inline(always)]
        pub fn minus_product(self, a: Self, b: Self) -> Self {
            Self(f32x4_relaxed_nmadd(a.0, b.0, self.0))
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

        /// `self` + `a` × `b`.
        #[inline(always)]
        pub fn plus_product(self, a: Self, b: Self) -> Self {
            self.plus(a.times(b))
        }

        /// `self` − `a` × `b`.
        #[inline(always)]
        pub fn minus_product(self, a: Self, b: Self) -> Self {
            self.minus(a.times(b))
        }

        #[inline(always)]
        pub fn sum(self) -> f32 {
            (self.0[0] + self.0[2]) + (self.0[1] + self.0[3])
        }
    }
}

pub use imp::F32x4;
