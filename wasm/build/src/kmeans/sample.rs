use super::centroids::Metric;
use super::rows::is_finite;
use super::work::{SCALAR_COST, WORK_PER_STEP};
use lancelet_common::error::{try_zeroed, Result};

/// Rows that the origin is the mean of.
const ORIGIN_ROWS: usize = 1024;

/// A sample as it is made ready: rows that are not finite are dropped, for l2 the rest is moved around zero.
pub struct Sample {
    pub vectors: Vec<f32>,
    pub dimension: usize,
    /// Rows kept so far, at the front of `vectors`.
    pub num_rows: usize,
    /// Subtracted from every vector.
    pub origin: Vec<f32>,
    next: usize,
}

impl Sample {
    /// Room for `num_rows` vectors, which the host fills.
    pub fn new(values: usize, dimension: usize) -> Result<Sample> {
        Ok(Sample {
            vectors: try_zeroed(values)?,
            dimension,
            num_rows: 0,
            origin: try_zeroed(dimension)?,
            next: 0,
        })
    }

    /// Of what the host gave.
    fn total(&self) -> usize {
        self.vectors.len() / self.dimension
    }

    /// A bounded piece of work. Returns whether all rows are ready.
    pub fn prepare(&mut self, metric: Metric) -> bool {
        let dimension = self.dimension;
        if self.next == 0 && metric == Metric::L2 {
            self.find_origin();
        }
        let end = self
            .total()
            .min(self.next + (WORK_PER_STEP / SCALAR_COST / dimension).max(1));
        for row in self.next..end {
            let from = row * dimension..(row + 1) * dimension;
            let to = self.num_rows * dimension;
            self.vectors.copy_within(from, to);
            let moved = &mut self.vectors[to..to + dimension];
            for (value, shift) in moved.iter_mut().zip(&self.origin) {
                *value -= shift;
            }
            // After the move, which may overflow. A row that is left out is overwritten by the next one.
            if is_finite(moved) {
                self.num_rows += 1;
            }
        }
        self.next = end;
        end == self.total()
    }

    fn find_origin(&mut self) {
        let dimension = self.dimension;
        let mut used = 0.0;
        for row in (0..self.total()).step_by(self.total().div_ceil(ORIGIN_ROWS)) {
            let values = &self.vectors[row * dimension..(row + 1) * dimension];
            if is_finite(values) {
                used += 1.0;
                // A running mean: a sum could overflow.
                for (mean, value) in self.origin.iter_mut().zip(values) {
                    *mean += (value - *mean) / used;
                }
            }
        }
        if !is_finite(&self.origin) {
            // Values near both ends of f32: they lie around zero as they are.
            self.origin.fill(0.0);
        }
    }
}
