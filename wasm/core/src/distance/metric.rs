use lancelet_common::error::{KernelError, Result};
use lancelet_common::simd::{dot, dot_and_norm, squared_l2};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Metric {
    L2,
    Cosine,
    Dot,
}

impl Metric {
    pub fn from_code(code: u8) -> Result<Metric> {
        match code {
            0 => Ok(Metric::L2),
            1 => Ok(Metric::Cosine),
            2 => Ok(Metric::Dot),
            _ => Err(KernelError::Invalid("an unknown metric")),
        }
    }
}

/// A query and what of it is computed once.
pub struct PreparedQuery<'a> {
    metric: Metric,
    values: &'a [f32],
    norm: f32,
}

impl<'a> PreparedQuery<'a> {
    pub fn new(metric: Metric, values: &'a [f32]) -> Result<PreparedQuery<'a>> {
        if values.is_empty() {
            return Err(KernelError::Invalid("a vector without dimensions"));
        }
        let norm = dot(values, values).sqrt();
        Ok(PreparedQuery {
            metric,
            values,
            norm,
        })
    }

    pub fn dimension(&self) -> usize {
        self.values.len()
    }

    /// The distance to `row`, of the query's dimension.
    #[inline(always)]
    pub fn distance(&self, row: &[f32]) -> f32 {
        match self.metric {
            Metric::L2 => squared_l2(self.values, row),
            Metric::Dot => 1.0 - dot(self.values, row),
            Metric::Cosine => {
                let (dot, norm) = dot_and_norm(self.values, row);
                1.0 - dot / self.norm / norm.sqrt()
            }
        }
    }
}

/// Distances to every row of `vectors`; `output` holds one per row.
pub fn distances_of(query: &PreparedQuery, vectors: &[f32], output: &mut [f32]) {
    for (value, row) in output
        .iter_mut()
        .zip(vectors.chunks_exact(query.dimension()))
    {
        *value = query.distance(row);
    }
}
