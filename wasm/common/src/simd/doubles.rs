//! Sums over two vectors of 64-bit floats, in chains that two-lane SIMD takes.

const LANES: usize = 8;

#[inline(always)]
fn sum_terms<const N: usize>(
    a: &[f64],
    b: &[f64],
    term: impl Fn(f64, f64) -> [f64; N],
) -> [f64; N] {
    let length = a.len().min(b.len());
    let whole = length - length % LANES;
    let mut sums = [[0f64; LANES]; N];
    for (a, b) in a[..whole]
        .chunks_exact(LANES)
        .zip(b[..whole].chunks_exact(LANES))
    {
        for lane in 0..LANES {
            let terms = term(a[lane], b[lane]);
            for n in 0..N {
                sums[n][lane] += terms[n];
            }
        }
    }
    let mut tails = [0f64; N];
    for (&a, &b) in a[whole..length].iter().zip(&b[whole..length]) {
        let terms = term(a, b);
        for n in 0..N {
            tails[n] += terms[n];
        }
    }
    core::array::from_fn(|n| sums[n].iter().sum::<f64>() + tails[n])
}

/// Dot product over the shorter length of the two.
#[inline]
pub fn dot_doubles(a: &[f64], b: &[f64]) -> f64 {
    sum_terms(a, b, |a, b| [a * b])[0]
}

/// Squared euclidean distance over the shorter length of the two.
#[inline]
pub fn squared_l2_doubles(a: &[f64], b: &[f64]) -> f64 {
    sum_terms(a, b, |a, b| [(a - b) * (a - b)])[0]
}

/// Dot product of a query with a row, and the squared norm of the row, in one pass.
#[inline]
pub fn dot_and_norm_doubles(query: &[f64], row: &[f64]) -> (f64, f64) {
    let [dot, norm] = sum_terms(query, row, |q, value| [q * value, value * value]);
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
