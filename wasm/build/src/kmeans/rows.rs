use super::panels::Panels;
use lancelet_common::error::{try_with_capacity, KernelError, Result};
use lancelet_common::memory::count_values;
use std::ops::Range;

/// Values of the rows and of the centroids of a training, at least one of each.
pub fn count_inputs(num_rows: usize, width: usize, k: usize) -> Result<(usize, usize)> {
    if k == 0 || width == 0 || num_rows == 0 {
        return Err(KernelError::Invalid(
            "k, the dimension and the rows must be at least 1",
        ));
    }
    // Rows and clusters have numbers of 32 bits, of which the last one stands for none.
    if num_rows.max(k) >= u32::MAX as usize {
        return Err(KernelError::Invalid("more values than memory holds"));
    }
    Ok((count_values(num_rows, width)?, count_values(k, width)?))
}

/// Some rows of a sample, by number.
#[derive(Clone, Copy)]
pub struct Rows<'a> {
    pub vectors: &'a [f32],
    pub dimension: usize,
    pub numbers: &'a [u32],
}

impl<'a> Rows<'a> {
    pub fn len(&self) -> usize {
        self.numbers.len()
    }

    pub fn row(&self, position: usize) -> &'a [f32] {
        let start = self.numbers[position] as usize * self.dimension;
        &self.vectors[start..start + self.dimension]
    }

    /// The nearest centroid of the rows at some positions, and its score.
    pub fn search(
        &self,
        positions: Range<usize>,
        panels: &Panels,
        (best, scores): (&mut [u32], &mut [f32]),
    ) -> Result<()> {
        let mut tile = try_with_capacity::<&[f32]>(positions.len())?;
        tile.extend(positions.map(|position| self.row(position)));
        panels.search(&tile, &mut best[..tile.len()], &mut scores[..tile.len()]);
        Ok(())
    }
}

/// Whether no value is NaN or infinity.
pub fn is_finite(row: &[f32]) -> bool {
    // Without a branch a value, so that SIMD takes it.
    row.iter()
        .fold(true, |finite, value| finite & value.is_finite())
}
