use super::panels::Panels;
use lancelet_common::error::{try_with_capacity, try_zeroed, KernelError, Result};
use lancelet_common::simd::{dot, squared_l2};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Metric {
    L2,
    Dot,
}

impl Metric {
    pub fn from_code(code: u8) -> Result<Metric> {
        match code {
            0 => Ok(Metric::L2),
            2 => Ok(Metric::Dot),
            _ => Err(KernelError::Invalid("k-means takes the metrics l2 and dot")),
        }
    }

    /// The distance of one pair.
    pub fn distance(self, row: &[f32], centroid: &[f32]) -> f32 {
        match self {
            Metric::L2 => squared_l2(row, centroid),
            Metric::Dot => 1.0 - dot(row, centroid),
        }
    }
}

/// Centroids prepared for search: l2 compares ‖c‖²/2 − x·c, one product a pair.
pub struct Centroids {
    metric: Metric,
    dimension: usize,
    values: Vec<f32>,
    panels: Panels,
}

impl Centroids {
    /// Centroids as they are, which must lie around zero: the difference compared would cancel elsewhere.
    pub fn new(metric: Metric, values: Vec<f32>, dimension: usize) -> Result<Centroids> {
        if dimension == 0 || values.is_empty() || !values.len().is_multiple_of(dimension) {
            return Err(KernelError::Invalid(
                "centroids must be k × dimension values, k at least 1",
            ));
        }
        let mut centroids = Centroids {
            metric,
            dimension,
            values,
            panels: Panels::new(dimension),
        };
        centroids.refresh()?;
        Ok(centroids)
    }

    /// Centroids moved to lie around zero, and what was subtracted; rows are moved likewise when they are compared.
    pub fn centred(
        metric: Metric,
        values: &[f32],
        dimension: usize,
    ) -> Result<(Centroids, Option<Vec<f32>>)> {
        let mut copy = try_with_capacity(values.len())?;
        copy.extend_from_slice(values);
        if metric == Metric::Dot || dimension == 0 || values.is_empty() {
            return Ok((Centroids::new(metric, copy, dimension)?, None));
        }
        let mut origin = try_zeroed::<f32>(dimension)?;
        let share = 1.0 / (values.len() / dimension) as f32;
        for centroid in values.chunks_exact(dimension) {
            for (sum, value) in origin.iter_mut().zip(centroid) {
                *sum += value * share;
            }
        }
        for centroid in copy.chunks_exact_mut(dimension) {
            for (value, shift) in centroid.iter_mut().zip(&origin) {
                *value -= shift;
            }
        }
        Ok((Centroids::new(metric, copy, dimension)?, Some(origin)))
    }

    pub fn metric(&self) -> Metric {
        self.metric
    }

    pub fn k(&self) -> usize {
        self.values.len() / self.dimension
    }

    pub fn dimension(&self) -> usize {
        self.dimension
    }

    pub fn values(&self) -> &[f32] {
        &self.values
    }

    /// Changes the centroids in place; call `refresh` before the next search.
    pub fn values_mut(&mut self) -> &mut [f32] {
        &mut self.values
    }

    pub fn row(&self, index: usize) -> &[f32] {
        &self.values[index * self.dimension..(index + 1) * self.dimension]
    }

    pub fn panels(&self) -> &Panels {
        &self.panels
    }

    /// What a search subtracts the product from.
    pub fn offset(&self, index: usize) -> f32 {
        match self.metric {
            Metric::L2 => 0.5 * dot(self.row(index), self.row(index)),
            Metric::Dot => 0.0,
        }
    }

    /// Readies changed centroids for the next search.
    pub fn refresh(&mut self) -> Result<()> {
        let mut panels = core::mem::replace(&mut self.panels, Panels::new(self.dimension));
        panels.fill(self.k(), |i| (self.row(i), self.offset(i)))?;
        self.panels = panels;
        Ok(())
    }

    /// The dot metric compares directions: its centroids have length 1. Call `refresh` before the next search.
    pub fn normalise(&mut self) {
        if self.metric != Metric::Dot {
            return;
        }
        for centroid in self.values.chunks_exact_mut(self.dimension) {
            let norm = dot(centroid, centroid).sqrt();
            if norm > 0.0 && norm.is_finite() {
                for value in centroid {
                    *value /= norm;
                }
            }
        }
    }

    /// Readies centroids that rows were taken for, as they are.
    pub fn settle(&mut self) -> Result<()> {
        self.normalise();
        self.refresh()
    }
}
