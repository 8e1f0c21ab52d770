//! Sums over two vectors of 64-bit floats, in chains of two lanes each.

#[cfg(target_arch = "wasm32")]
mod imp {
    use core::arch::wasm32::*;

    #[derive(Clone, Copy)]
    pub struct F64x2(v128);

    impl F64x2 {
        #[inline(always)]
        pub fn zero() -> Self {
            Self(f64x2_splat(0.0))
        }

        /// # Safety
        /// Two f64 must be readable at `pointer`; any alignment.
        #[inline(always)]
        pub unsafe fn load(pointer: *const f64) -> Self {
            Self(v128_load(pointer as *const v128))
        }

        #[inline(always)]
        pub fn plus(self, other: Self) -> Self {
            Self(f64x2_add(self.0, other.0))
        }

        #[inline(always)]
        pub fn minus(self, other: Self) -> Self {
            Self(f64x2_sub(self.0, other.0))
        }

        /// `self` + `a` × `b`.
        #[cfg(not(target_feature = "relaxed-simd"))]
        #[inline(always)]
        pub fn plus_product(self, a: Self, b: Self) -> Self {
            Self(f64x2_add(self.0, f64x2_mul(a.0, b.0)))
        }

        /// `self` + `a` × `b`.
        #[cfg(target_feature = "relaxed-simd")]
        #[inline(always)]
        pub fn plus_product(self, a: Self, b: Self) -> Self {
            Self(f64x2_relaxed_madd(a.0, b.0, self.0))
        }

        #[inline(always)]
        pub fn sum(self) -> f64 {
            f64x2_extract_lane::<0>(self.0) + f64x2_extract_lane::<1>(self.0)
        }
    }
}

#[cfg(not(target_arch = "wasm32"))]
mod imp {
    #[derive(Clone, Copy)]
    pub struct F64x2([f64; 2]);

    impl F64x2 {
        pub fn zero() -> Self {
            Self([0.0; 2])
        }

        /// # Safety
        /// Two f64 must be readable at `pointer`; any alignment.
        pub unsafe fn load(pointer: *const f64) -> Self {
            Self(core::ptr::read_unaligned(pointer as *const [f64; 2]))
        }

        pub fn plus(self, other: Self) -> Self {
            Self(core::array::from_fn(|i| self.0[i] + other.0[i]))
        }

        pub fn minus(self, other: Self) -> Self {
            Self(core::array::from_fn(|i| self.0[i] - other.0[i]))
        }

        /// `self` + `a` × `b`.
        pub fn plus_product(self, a: Self, b: Self) -> Self {
            Self(core::array::from_fn(|i| self.0[i] + a.0[i] * b.0[i]))
        }

        pub fn sum(self) -> f64 {
            self.0[0] + self.0[1]
        }
    }
}

use imp::F64x2;

const CHAINS: usize = 4;
const STEP: usize = 2 * CHAINS;

/// Adds up `N` terms a value: `lanes` gives the factors of those of two values, `single` those of one.
#[inline(always)]
fn sum_terms<const N: usize>(
    a: &[f64],
    b: &[f64],
    lanes: impl Fn(F64x2, F64x2) -> [(F64x2, F64x2); N],
    single: impl Fn(f64, f64) -> [f64; N],
) -> [f64; N] {
    let length = a.len().min(b.len());
    let whole = length - length % STEP;
    let mut sums = [[F64x2::zero(); N]; CHAINS];
    for i in (0..whole).step_by(STEP) {
        for (chain, sums) in sums.iter_mut().enumerate() {
            let at = i + 2 * chain;
            // SAFETY: every load ends at or before `whole`.
            let factors = unsafe {
                lanes(
                    F64x2::load(a.as_ptr().add(at)),
                    F64x2::load(b.as_ptr().add(at)),
                )
            };
            for (sum, (a, b)) in sums.iter_mut().zip(factors) {
                *sum = sum.plus_product(a, b);
            }
        }
    }
    let mut tails = [0f64; N];
    for (&a, &b) in a[whole..length].iter().zip(&b[whole..length]) {
        for (tail, term) in tails.iter_mut().zip(single(a, b)) {
            *tail += term;
        }
    }
    core::array::from_fn(|n| {
        let [a, b, c, d] = sums.map(|sums| sums[n]);
        a.plus(b).plus(c.plus(d)).sum() + tails[n]
    })
}

/// Dot product over the shorter length of the two.
#[inline]
pub fn dot_doubles(a: &[f64], b: &[f64]) -> f64 {
    sum_terms(a, b, |a, b| [(a, b)], |a, b| [a * b])[0]
}

/// Squared euclidean distance over the shorter length of the two.
#[inline]
pub fn squared_l2_doubles(a: &[f64], b: &[f64]) -> f64 {
    let lanes = |a: F64x2, b| {
        let difference = a.minus(b);
        [(difference, difference)]
    };
    sum_terms(a, b, lanes, |a, b| [(a - b) * (a - b)])[0]
}

/// Dot product of a query with a row, and the squared norm of the row, in one pass.
#[inline]
pub fn dot_and_norm_doubles(query: &[f64], row: &[f64]) -> (f64, f64) {
    let lanes = |q: F64x2, value: F64x2| [(q, value), (value, value)];
    let [dot, norm] = sum_terms(query, row, lanes, |q, value| [q * value, value * value]);
    (dot, norm)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_length_adds_every_term_once() {
        for length in 0..40u32 {
            let ones = vec![1.0; length as usize];
            let halves = vec![0.5; length as usize];
            assert_eq!(dot_doubles(&ones, &halves), f64::from(length) * 0.5);
            assert_eq!(squared_l2_doubles(&ones, &halves), f64::from(length) * 0.25);
            let expected = (f64::from(length) * 0.5, f64::from(length) * 0.25);
            assert_eq!(dot_and_norm_doubles(&ones, &halves), expected);
        }
    }
}
