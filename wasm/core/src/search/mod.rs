//! The best k rows of a scan.

mod flat;
mod heap;

pub use flat::{scan_rows, Range};
pub use heap::BestK;

use crate::distance::{Metric, PreparedQuery};
use lancelet_common::error::{KernelError, Result};
use lancelet_common::memory::{view, view_mut};
use wasm_bindgen::prelude::wasm_bindgen;

/// Best-k over any number of scans, ascending by distance, then by row id.
#[wasm_bindgen]
pub struct TopK {
    best: BestK,
}

#[wasm_bindgen]
impl TopK {
    #[wasm_bindgen(constructor)]
    pub fn new(k: u32) -> TopK {
        TopK {
            best: BestK::new(k as usize),
        }
    }

    /// Scans `num_rows` vectors in host buffers. `mask` 0 = every row; otherwise one bit a row, LSB first.
    /// Distances count in [lower, upper); NaN bounds count as absent.
    #[allow(clippy::too_many_arguments)]
    #[wasm_bindgen(js_name = scanFlat)]
    pub fn scan_flat(
        &mut self,
        metric: u8,
        query: usize,
        vectors: usize,
        row_ids: usize,
        num_rows: usize,
        dimension: usize,
        mask: usize,
        lower: f64,
        upper: f64,
    ) -> Result<()> {
        let values = num_rows
            .checked_mul(dimension)
            .ok_or(KernelError::Invalid("more values than memory holds"))?;
        // SAFETY: the typed face passes live buffers that it does not touch during the call.
        let (query, vectors, row_ids, mask) = unsafe {
            (
                view::<f32>(query, dimension)?,
                view::<f32>(vectors, values)?,
                view::<u64>(row_ids, num_rows)?,
                match mask {
                    0 => None,
                    _ => Some(view::<u8>(mask, num_rows.div_ceil(8))?),
                },
            )
        };
        let query = PreparedQuery::new(Metric::from_code(metric)?, query)?;
        scan_rows(
            &mut self.best,
            &query,
            vectors,
            row_ids,
            mask,
            Range::new(lower, upper),
        )
    }

    /// The k-th best distance; infinite while there are fewer.
    pub fn threshold(&self) -> f32 {
        self.best.threshold()
    }

    /// Rows held now, at most k.
    pub fn count(&self) -> usize {
        self.best.len()
    }

    /// Writes the rows held, best first, into host buffers of `count` values, and forgets them.
    #[wasm_bindgen(js_name = finishInto)]
    pub fn finish_into(&mut self, row_ids: usize, distances: usize) -> Result<()> {
        let count = self.best.len();
        // SAFETY: the typed face passes two buffers of its own.
        let (row_ids, distances) = unsafe {
            (
                view_mut::<u64>(row_ids, count)?,
                view_mut::<f32>(distances, count)?,
            )
        };
        for (i, (distance, row_id)) in self.best.take_sorted().into_iter().enumerate() {
            row_ids[i] = row_id;
            distances[i] = distance;
        }
        Ok(())
    }
}
