use lancelet_common::error::{KernelError, Result};
use lancelet_common::memory::Pod;
use lancelet_common::simd::{dot, dot_and_norm, squared_l2, Source};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Metric {
    L2,
    Cosine,
    Dot,
    /// Bits that differ; of bytes only.
    Hamming,
}

impl Metric {
    pub fn from_code(code: u8) -> Result<Metric> {
        match code {
            0 => Ok(Metric::L2),
            1 => Ok(Metric::Cosine),
            2 => Ok(Metric::Dot),
            3 => Ok(Metric::Hamming),
            _ => Err(KernelError::Invalid("an unknown metric")),
        }
    }
}

/// A query as rows of one kind are compared with it.
pub trait RowQuery {
    /// What a row holds `width` of.
    type Value: Pod;

    fn width(&self) -> usize;

    /// The distance to `row`, of the query's width.
    fn distance(&mut self, row: &[Self::Value]) -> f32;
}

/// A query of 32-bit floats, and what of it is computed once.
pub struct PreparedQuery<'a> {
    metric: Metric,
    values: &'a [f32],
    norm: f32,
    /// Whether the squared length is one that 32 bits hold in full.
    is_ordinary: bool,
}

impl<'a> PreparedQuery<'a> {
    pub fn new(metric: Metric, values: &'a [f32]) -> Result<PreparedQuery<'a>> {
        if values.is_empty() {
            return Err(KernelError::Invalid("a vector without dimensions"));
        }
        if metric == Metric::Hamming {
            return Err(KernelError::Invalid("hamming compares bytes, not floats"));
        }
        let squared = dot(values, values);
        Ok(PreparedQuery {
            metric,
            values,
            norm: squared.sqrt(),
            is_ordinary: is_ordinary(squared),
        })
    }

    pub fn metric(&self) -> Metric {
        self.metric
    }

    pub fn values(&self) -> &[f32] {
        self.values
    }

    /// The distance to `row`, of the query's dimension.
    #[inline(always)]
    pub fn compare<S: Source>(&self, row: &[S]) -> f32 {
        match self.metric {
            Metric::L2 => squared_l2(self.values, row),
            Metric::Dot => 1.0 - dot(self.values, row),
            Metric::Cosine | Metric::Hamming => {
                let (dot, norm) = dot_and_norm(self.values, row);
                self.join_cosine(dot, norm)
                    .unwrap_or_else(|| cosine_in_doubles(self.values, row))
            }
        }
    }

    /// The cosine distance; `None` where the squared norm of the row, or the query's, lost bits.
    #[inline(always)]
    pub fn join_cosine(&self, dot: f32, norm: f32) -> Option<f32> {
        (self.is_ordinary && is_ordinary(norm)).then(|| 1.0 - dot / self.norm / norm.sqrt())
    }
}

impl RowQuery for PreparedQuery<'_> {
    type Value = f32;

    fn width(&self) -> usize {
        self.values.len()
    }

    #[inline(always)]
    fn distance(&mut self, row: &[f32]) -> f32 {
        self.compare(row)
    }
}

/// Neither overflowed nor, near the smallest normal number, without some of its bits.
#[inline(always)]
fn is_ordinary(squared: f32) -> bool {
    (1e-30..=f32::MAX).contains(&squared)
}

/// For vectors whose squared length does not fit 32 bits. NaN where either has no direction.
#[cold]
fn cosine_in_doubles<S: Source>(query: &[f32], row: &[S]) -> f32 {
    let (mut dot, mut query_norm, mut row_norm) = (0.0f64, 0.0f64, 0.0f64);
    for (&q, &value) in query.iter().zip(row) {
        let (q, value) = (f64::from(q), f64::from(value.widen()));
        dot += q * value;
        query_norm += q * q;
        row_norm += value * value;
    }
    (1.0 - dot / query_norm.sqrt() / row_norm.sqrt()) as f32
}

/// Distances to every row of `vectors`; `output` holds one per row.
pub fn distances_of<Q: RowQuery>(query: &mut Q, vectors: &[Q::Value], output: &mut [f32]) {
    let width = query.width();
    for (value, row) in output.iter_mut().zip(vectors.chunks_exact(width)) {
        *value = query.distance(row);
    }
}
