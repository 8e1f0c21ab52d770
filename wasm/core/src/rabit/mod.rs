//! Distances to RaBitQ codes: lookup tables of four signs for a bound on 32 rows at once, the exact formula for the rows
//! that can still be among the best.

mod block;
mod compare;
mod estimate;
mod lanes;
mod query;
mod scan;
mod tables;
#[cfg(test)]
mod tests;

use block::{arrange_rows, BLOCK_ROWS};
use estimate::{Estimate, Mode};
use query::{prepare_query, query_bytes, Query};
use scan::{scan_blocks, Rows};

use crate::search::{Range, TopK};
use lancelet_common::error::{KernelError, Result};
use lancelet_common::memory::{view, view_mut};
use lancelet_common::rabit::{Rotation, RowLayout};
use wasm_bindgen::prelude::wasm_bindgen;

/// Rotates a query of `dimension` f32, and writes it with its tables into `output` of `rabitQueryBytes` bytes.
#[wasm_bindgen(js_name = prepareRabitQuery)]
pub fn prepare_rabit_query(
    is_dense: bool,
    rotation: usize,
    dimension: usize,
    query: usize,
    output: usize,
) -> Result<()> {
    RowLayout::new(dimension, 1, true)?;
    // SAFETY: the typed face passes live buffers that it does not touch during the call; the output is its own.
    let (rotation, query, output) = unsafe {
        let rotation = if is_dense {
            let values = dimension
                .checked_mul(dimension)
                .ok_or(KernelError::Invalid("more values than memory holds"))?;
            Rotation::dense(view(rotation, values)?, dimension)?
        } else {
            Rotation::fast(view(rotation, Rotation::sign_bytes(dimension))?, dimension)?
        };
        (
            rotation,
            view::<f32>(query, dimension)?,
            view_mut::<u8>(output, query_bytes(dimension))?,
        )
    };
    prepare_query(&rotation, query, output)
}

/// Bytes of a prepared query.
#[wasm_bindgen(js_name = rabitQueryBytes)]
pub fn rabit_query_bytes(dimension: usize) -> Result<usize> {
    RowLayout::new(dimension, 1, true)?;
    Ok(query_bytes(dimension))
}

/// Rearranges rows of a whole partition into blocks, in place.
#[wasm_bindgen(js_name = arrangeRabitRows)]
pub fn arrange_rabit_rows(
    dimension: usize,
    num_bits: usize,
    has_errors: bool,
    values: usize,
    num_rows: usize,
) -> Result<()> {
    let layout = RowLayout::new(dimension, num_bits, has_errors)?;
    // SAFETY: as above.
    let values = unsafe { view_mut::<u8>(values, layout.rows_bytes(num_rows)?)? };
    arrange_rows(&layout, values)
}

#[wasm_bindgen]
impl TopK {
    /// Scans rows as `arrangeRabitRows` left them: a whole partition, or a part of it that starts on a block and ends
    /// on one or with the partition. `query` as `prepareRabitQuery` wrote it; `numbers` 5 f32 as `Estimate` has them;
    /// `mode` 0 accurate, 1 normal, 2 fast. `mask`, `lower` and `upper` as in `scanFlat`.
    #[allow(clippy::too_many_arguments)]
    #[wasm_bindgen(js_name = scanRabit)]
    pub fn scan_rabit(
        &mut self,
        num_bits: usize,
        has_errors: bool,
        mode: u8,
        query: usize,
        numbers: usize,
        values: usize,
        row_ids: usize,
        num_rows: usize,
        dimension: usize,
        mask: usize,
        lower: f64,
        upper: f64,
    ) -> Result<()> {
        let layout = RowLayout::new(dimension, num_bits, has_errors)?;
        // SAFETY: the typed face passes live buffers that it does not touch during the call.
        let (query, numbers, rows) = unsafe {
            (
                Query::view(view::<u8>(query, query_bytes(dimension))?, dimension)?,
                view::<f32>(numbers, 5)?,
                Rows {
                    values: view::<u8>(values, layout.rows_bytes(num_rows)?)?,
                    row_ids: view::<u64>(row_ids, num_rows)?,
                    mask: match mask {
                        0 => None,
                        _ => Some(view::<u8>(mask, num_rows.div_ceil(8))?),
                    },
                },
            )
        };
        let estimate = Estimate::new(numbers, Mode::from_code(mode)?);
        scan_blocks(
            &mut self.best,
            &layout,
            &query,
            &estimate,
            &rows,
            Range::new(lower, upper),
        )
    }
}
