use super::panels::Panels;
use lancelet_common::error::{try_with_capacity, Result};
use std::ops::Range;

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
