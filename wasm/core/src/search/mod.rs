//! The best k rows of a scan.

mod flat;
mod heap;
mod product;
mod streams;

pub use flat::{scan_rows, Range};
pub use heap::BestK;

use crate::distance::{
    count_values, with_query, CodeDotQuery, CodeL2Query, Metric, RowQuery, WithQuery,
};
use lancelet_common::error::{KernelError, Result};
use lancelet_common::memory::{view, view_mut};
use wasm_bindgen::prelude::wasm_bindgen;

/// Rows in host buffers. `mask` 0 = every row.
struct Rows {
    vectors: usize,
    row_ids: usize,
    num_rows: usize,
    mask: usize,
}

struct Scan<'a> {
    best: &'a mut BestK,
    rows: Rows,
    range: Range,
}

impl WithQuery for Scan<'_> {
    fn run<Q: RowQuery>(self, mut query: Q) -> Result<()> {
        let Rows {
            vectors,
            row_ids,
            num_rows,
            mask,
        } = self.rows;
        let values = count_values(num_rows, query.width())?;
        // SAFETY: the typed face passes live buffers that it does not touch during the call.
        let (vectors, row_ids, mask) = unsafe {
            (
                view::<Q::Value>(vectors, values)?,
                view::<u64>(row_ids, num_rows)?,
                match mask {
                    0 => None,
                    _ => Some(view::<u8>(mask, num_rows.div_ceil(8))?),
                },
            )
        };
        streams::scan_streams(self.best, &mut query, vectors, row_ids, mask, self.range)
    }
}

/// Best-k over any number of scans, ascending by distance, then by row id.
#[wasm_bindgen]
pub struct TopK {
    pub(crate) best: BestK,
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
        element: u8,
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
        let range = Range::new(lower, upper);
        let rows = Rows {
            vectors,
            row_ids,
            num_rows,
            mask,
        };
        let best = &mut self.best;
        // SAFETY: the typed face passes live buffers that it does not touch during the call.
        unsafe {
            with_query(
                element,
                metric,
                query,
                dimension,
                Scan { best, rows, range },
            )
        }
    }

    /// As `scanFlat`, over 8-bit scalar codes. l2: `query` is `dimension` codes, the distance Σ(Δcode)² × `scale`;
    /// dot: `dimension` f32, the distance `offset` − `scale` × Σ code·q.
    #[allow(clippy::too_many_arguments)]
    #[wasm_bindgen(js_name = scanScalarCodes)]
    pub fn scan_scalar_codes(
        &mut self,
        metric: u8,
        query: usize,
        scale: f32,
        offset: f32,
        codes: usize,
        row_ids: usize,
        num_rows: usize,
        dimension: usize,
        mask: usize,
        lower: f64,
        upper: f64,
    ) -> Result<()> {
        let rows = Rows {
            vectors: codes,
            row_ids,
            num_rows,
            mask,
        };
        let scan = Scan {
            best: &mut self.best,
            rows,
            range: Range::new(lower, upper),
        };
        // SAFETY: the typed face passes live buffers that it does not touch during the call.
        unsafe {
            match Metric::from_code(metric)? {
                Metric::L2 => scan.run(CodeL2Query::new(view(query, dimension)?, scale)?),
                Metric::Dot => scan.run(CodeDotQuery::new(view(query, dimension)?, scale, offset)?),
                _ => Err(KernelError::Invalid("scalar codes take l2 and dot")),
            }
        }
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
