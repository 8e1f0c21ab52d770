use super::metric::{Metric, PreparedQuery, RowQuery};
use lancelet_common::error::{try_zeroed, Result};
use lancelet_common::simd::{
    dot, dot_and_norm, squared_l2, widen_halves, FiniteHalf, BEYOND_HALVES,
};

/// Rows of 16-bit floats, widened as they are compared. A row that may hold infinity or NaN is widened whole and
/// compared again.
pub struct HalfQuery<'a> {
    inner: PreparedQuery<'a>,
    row: Vec<f32>,
    /// A row with a value beyond the halves has at least this squared l2 distance.
    far: f32,
}

/// Room for the rounding of sums.
const SLACK: f32 = 0.99;

impl<'a> HalfQuery<'a> {
    pub fn new(metric: Metric, values: &'a [f32]) -> Result<HalfQuery<'a>> {
        let largest = values
            .iter()
            .fold(0f32, |most, value| most.max(value.abs()));
        let apart = (BEYOND_HALVES - largest).max(0.0);
        Ok(HalfQuery {
            inner: PreparedQuery::new(metric, values)?,
            row: try_zeroed(values.len())?,
            far: apart * apart * SLACK,
        })
    }

    #[cold]
    fn compare_widened(&mut self, row: &[u16]) -> f32 {
        widen_halves(row, &mut self.row);
        self.inner.compare(&self.row)
    }
}

/// Whether a value is infinity or NaN. For the dot product, in which such values may cancel.
#[inline(always)]
fn holds_special(row: &[u16]) -> bool {
    const MAGNITUDE: u16 = 0x7fff;
    row.iter().fold(0, |most, &bits| most.max(bits & MAGNITUDE)) >= 0x7c00
}

impl RowQuery for HalfQuery<'_> {
    type Value = u16;

    fn width(&self) -> usize {
        self.row.len()
    }

    #[inline(always)]
    fn distance(&mut self, row: &[u16]) -> f32 {
        let halves = FiniteHalf::view(row);
        let values = self.inner.values();
        // Comparisons are false for NaN, which then is found out by the slow way.
        match self.inner.metric() {
            Metric::L2 => {
                let distance = squared_l2(values, halves);
                if distance < self.far {
                    return distance;
                }
            }
            Metric::Dot => {
                if !holds_special(row) {
                    return 1.0 - dot(values, halves);
                }
            }
            Metric::Cosine | Metric::Hamming => {
                let (dot, norm) = dot_and_norm(values, halves);
                if norm < BEYOND_HALVES * BEYOND_HALVES * SLACK {
                    if let Some(distance) = self.inner.join_cosine(dot, norm) {
                        return distance;
                    }
                }
            }
        }
        self.compare_widened(row)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every kind of half among ordinary ones: subnormal, infinite, NaN, the largest.
    fn row(dimension: usize, special: u16, at: usize) -> Vec<u16> {
        (0..dimension)
            .map(|i| match i {
                i if i == at => special,
                i => 0x3000 + (i as u16 * 97) % 0x0c00 + if i % 3 == 0 { 0x8000 } else { 0 },
            })
            .collect()
    }

    #[test]
    fn equals_the_comparison_of_widened_rows_to_the_bit() {
        for dimension in [1, 3, 4, 5, 15, 16, 17, 33, 64] {
            let query: Vec<f32> = (0..dimension).map(|i| (i as f32 * 0.37).sin()).collect();
            let large: Vec<f32> = query.iter().map(|value| value * 1e6).collect();
            for values in [&query, &large] {
                for metric in [Metric::L2, Metric::Dot, Metric::Cosine] {
                    let plain = PreparedQuery::new(metric, values).unwrap();
                    let mut halves = HalfQuery::new(metric, values).unwrap();
                    for special in [
                        0x3c00, 0x0001, 0x8203, 0x7bff, 0x7c00, 0xfc00, 0x7e00, 0xfc01,
                    ] {
                        let row = row(dimension, special, dimension / 2);
                        let mut wide = vec![0.0; dimension];
                        widen_halves(&row, &mut wide);
                        let (found, expected) = (halves.distance(&row), plain.compare(&wide));
                        assert!(
                            found.to_bits() == expected.to_bits()
                                || (found.is_nan() && expected.is_nan()),
                            "{metric:?} {dimension} {special:x}: {found} {expected}"
                        );
                    }
                }
            }
        }
    }
}
