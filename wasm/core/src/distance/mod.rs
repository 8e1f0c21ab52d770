//! Distances as Lance reports them: squared l2, 1 − cosine similarity, 1 − dot product.

mod metric;

pub use metric::{distances_of, Metric, PreparedQuery};

use lancelet_common::error::{KernelError, Result};
use lancelet_common::memory::{view, view_mut};
use wasm_bindgen::prelude::wasm_bindgen;

/// Distances of one query to `num_rows` vectors, in host buffers.
#[wasm_bindgen(js_name = computeDistances)]
pub fn compute_distances(
    metric: u8,
    query: usize,
    vectors: usize,
    num_rows: usize,
    dimension: usize,
    output: usize,
) -> Result<()> {
    let values = num_rows
        .checked_mul(dimension)
        .ok_or(KernelError::Invalid("more values than memory holds"))?;
    // SAFETY: the typed face passes live buffers that it does not touch during the call; the output is its own.
    let (query, vectors, output) = unsafe {
        (
            view::<f32>(query, dimension)?,
            view::<f32>(vectors, values)?,
            view_mut::<f32>(output, num_rows)?,
        )
    };
    let query = PreparedQuery::new(Metric::from_code(metric)?, query)?;
    distances_of(&query, vectors, output);
    Ok(())
}
