//! RaBitQ codes of vectors (Gao and Long 2024; with more bits Gao et al. 2024, and the factors of Lance's `raw_query`
//! estimator). The same bytes on every host.

mod encode;
mod factors;
mod rescale;
#[cfg(test)]
mod tests;

use encode::{Encoder, Scratch};

use lancelet_common::error::Result;
use lancelet_common::memory::{count_values, view, view_mut};
use lancelet_common::rabit::{Rotation, RowLayout};
use wasm_bindgen::prelude::wasm_bindgen;

/// Rotates `num_rows` vectors of f32 into `output`.
#[wasm_bindgen(js_name = rotateVectors)]
pub fn rotate_vectors(
    is_dense: bool,
    rotation: usize,
    dimension: usize,
    vectors: usize,
    num_rows: usize,
    output: usize,
) -> Result<()> {
    let values = count_values(num_rows, dimension)?;
    RowLayout::new(dimension, 1, true)?;
    // SAFETY: the typed face passes live buffers that it does not touch during the call; the output is its own.
    let (rotation, vectors, output) = unsafe {
        (
            Rotation::view(is_dense, rotation, dimension)?,
            view::<f32>(vectors, values)?,
            view_mut::<f32>(output, values)?,
        )
    };
    for (vector, output) in vectors
        .chunks_exact(dimension)
        .zip(output.chunks_exact_mut(dimension))
    {
        rotation.apply(vector, output);
    }
    Ok(())
}

/// Codes `num_rows` vectors of f32, each against the centroid of its partition, as rows of `RowLayout` with error
/// factors. `rotated` holds the centroids as `rotateVectors` gives them.
#[allow(clippy::too_many_arguments)]
#[wasm_bindgen(js_name = encodeRabit)]
pub fn encode_rabit(
    is_dot: bool,
    is_dense: bool,
    rotation: usize,
    dimension: usize,
    num_bits: usize,
    vectors: usize,
    num_rows: usize,
    partitions: usize,
    centroids: usize,
    rotated: usize,
    num_partitions: usize,
    output: usize,
) -> Result<()> {
    let layout = RowLayout::new(dimension, num_bits, true)?;
    let (values, places) = (
        count_values(num_rows, dimension)?,
        count_values(num_partitions, dimension)?,
    );
    // SAFETY: as above.
    let (encoder, vectors, partitions, output) = unsafe {
        (
            Encoder {
                is_dot,
                layout,
                rotation: Rotation::view(is_dense, rotation, dimension)?,
                centroids: view(centroids, places)?,
                rotated: view(rotated, places)?,
            },
            view::<f32>(vectors, values)?,
            view::<u32>(partitions, num_rows)?,
            view_mut::<u8>(output, layout.rows_bytes(num_rows)?)?,
        )
    };
    let mut scratch = Scratch::new(dimension)?;
    for ((vector, &partition), row) in vectors
        .chunks_exact(dimension)
        .zip(partitions)
        .zip(output.chunks_exact_mut(layout.row_bytes()))
    {
        encoder.encode_row(vector, partition as usize, &mut scratch, row)?;
    }
    Ok(())
}
