use super::metric::{Metric, RowQuery};
use lancelet_common::error::{KernelError, Result};
use lancelet_common::simd::{dot_and_norm_doubles, dot_doubles, hamming, squared_l2_doubles};

/// Rows of 64-bit floats; the distance is rounded once, at the end.
pub struct DoubleQuery<'a> {
    metric: Metric,
    values: &'a [f64],
    norm: f64,
}

impl<'a> DoubleQuery<'a> {
    pub fn new(metric: Metric, values: &'a [f64]) -> Result<DoubleQuery<'a>> {
        if values.is_empty() || metric == Metric::Hamming {
            return Err(KernelError::Invalid(
                "64-bit floats need a dimension, and l2, cosine or dot",
            ));
        }
        Ok(DoubleQuery {
            metric,
            values,
            norm: dot_doubles(values, values).sqrt(),
        })
    }
}

impl RowQuery for DoubleQuery<'_> {
    type Value = f64;

    fn width(&self) -> usize {
        self.values.len()
    }

    #[inline(always)]
    fn distance(&mut self, row: &[f64]) -> f32 {
        let distance = match self.metric {
            Metric::L2 => squared_l2_doubles(self.values, row),
            Metric::Dot => 1.0 - dot_doubles(self.values, row),
            Metric::Cosine | Metric::Hamming => {
                let (dot, norm) = dot_and_norm_doubles(self.values, row);
                1.0 - dot / self.norm / norm.sqrt()
            }
        };
        distance as f32
    }
}

/// Rows of bits, eight a byte.
pub struct BitQuery<'a> {
    values: &'a [u8],
}

impl<'a> BitQuery<'a> {
    pub fn new(metric: Metric, values: &'a [u8]) -> Result<BitQuery<'a>> {
        if values.is_empty() || metric != Metric::Hamming {
            return Err(KernelError::Invalid(
                "bytes need a dimension, and the metric hamming",
            ));
        }
        Ok(BitQuery { values })
    }
}

impl RowQuery for BitQuery<'_> {
    type Value = u8;

    fn width(&self) -> usize {
        self.values.len()
    }

    #[inline(always)]
    fn distance(&mut self, row: &[u8]) -> f32 {
        hamming(self.values, row) as f32
    }
}
