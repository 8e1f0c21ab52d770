use lancelet_common::error::{KernelError, Result};
use lancelet_common::simd::{dot, dot_and_norm_rows, dot_rows, l2_rows};

/// Rows per step of a scan: their sums fill the SIMD registers beside the query.
pub const ROWS_AT_ONCE: usize = 4;

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

    /// Distances to the `R` vectors that start at `rows`.
    ///
    /// # Safety
    /// `dimension` f32 must be readable at each pointer.
    #[inline(always)]
    pub unsafe fn distances<const R: usize>(&self, rows: [*const f32; R]) -> [f32; R] {
        let (query, dimension) = (self.values.as_ptr(), self.values.len());
        match self.metric {
            Metric::L2 => l2_rows(query, rows, dimension),
            Metric::Dot => dot_rows(query, rows, dimension).map(|dot| 1.0 - dot),
            Metric::Cosine => dot_and_norm_rows(query, rows, dimension)
                .map(|(dot, norm)| 1.0 - dot / self.norm / norm.sqrt()),
        }
    }
}

/// Distances to every row of `vectors`; `output` holds one per row.
pub fn distances_of(query: &PreparedQuery, vectors: &[f32], output: &mut [f32]) {
    let dimension = query.dimension();
    let whole = output.len() / ROWS_AT_ONCE * ROWS_AT_ONCE;
    debug_assert_eq!(vectors.len(), output.len() * dimension);
    let row = |i: usize| vectors[i * dimension..].as_ptr();
    for i in (0..whole).step_by(ROWS_AT_ONCE) {
        // SAFETY: rows i to i + 3 lie inside `vectors`.
        let found = unsafe { query.distances([row(i), row(i + 1), row(i + 2), row(i + 3)]) };
        output[i..i + ROWS_AT_ONCE].copy_from_slice(&found);
    }
    for (i, value) in output.iter_mut().enumerate().skip(whole) {
        // SAFETY: row i lies inside `vectors`.
        *value = unsafe { query.distances([row(i)])[0] };
    }
}
