//! Distances as Lance reports them: squared l2, 1 − cosine similarity, 1 − dot product, bits that differ.

mod elements;
mod halves;
mod metric;
mod scalar_codes;

pub use elements::{BitQuery, DoubleQuery};
pub use halves::HalfQuery;
pub use metric::{distances_of, Metric, PreparedQuery, RowQuery};
pub use scalar_codes::{CodeDotQuery, CodeL2Query};

use lancelet_common::error::{KernelError, Result};
use lancelet_common::memory::{view, view_mut};
use wasm_bindgen::prelude::wasm_bindgen;

/// What a vector's values are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Element {
    F16,
    F32,
    F64,
    U8,
}

impl Element {
    pub fn from_code(code: u8) -> Result<Element> {
        match code {
            0 => Ok(Element::F32),
            1 => Ok(Element::F16),
            2 => Ok(Element::F64),
            3 => Ok(Element::U8),
            _ => Err(KernelError::Invalid("an unknown element type")),
        }
    }
}

/// Does something with a query over rows of any element type.
pub trait WithQuery {
    fn run<Q: RowQuery>(self, query: Q) -> Result<()>;
}

/// Reads a query of `dimension` values of its element's query type: f64 for f64, u8 for u8, else f32.
///
/// # Safety
/// `query` must be a live host buffer that nothing writes during the call.
pub unsafe fn with_query(
    element: u8,
    metric: u8,
    query: usize,
    dimension: usize,
    body: impl WithQuery,
) -> Result<()> {
    let metric = Metric::from_code(metric)?;
    match Element::from_code(element)? {
        Element::F32 => body.run(PreparedQuery::new(metric, view(query, dimension)?)?),
        Element::F16 => body.run(HalfQuery::new(metric, view(query, dimension)?)?),
        Element::F64 => body.run(DoubleQuery::new(metric, view(query, dimension)?)?),
        Element::U8 => body.run(BitQuery::new(metric, view(query, dimension)?)?),
    }
}

struct Distances {
    vectors: usize,
    num_rows: usize,
    output: usize,
}

impl WithQuery for Distances {
    fn run<Q: RowQuery>(self, mut query: Q) -> Result<()> {
        let values = count_values(self.num_rows, query.width())?;
        // SAFETY: the typed face passes live buffers that it does not touch during the call; the output is its own.
        let (vectors, output) = unsafe {
            (
                view::<Q::Value>(self.vectors, values)?,
                view_mut::<f32>(self.output, self.num_rows)?,
            )
        };
        distances_of(&mut query, vectors, output);
        Ok(())
    }
}

/// Values of `num_rows` rows.
pub fn count_values(num_rows: usize, width: usize) -> Result<usize> {
    num_rows
        .checked_mul(width)
        .ok_or(KernelError::Invalid("more values than memory holds"))
}

/// Distances of one query to `num_rows` vectors, in host buffers.
#[wasm_bindgen(js_name = computeDistances)]
pub fn compute_distances(
    element: u8,
    metric: u8,
    query: usize,
    vectors: usize,
    num_rows: usize,
    dimension: usize,
    output: usize,
) -> Result<()> {
    let body = Distances {
        vectors,
        num_rows,
        output,
    };
    // SAFETY: as above.
    unsafe { with_query(element, metric, query, dimension, body) }
}
