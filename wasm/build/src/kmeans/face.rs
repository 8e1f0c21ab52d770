use super::assign::assign_rows;
use super::bits::{assign_bits, BitOptions, BitTraining};
use super::centroids::Metric;
use super::progress::{Clustering, Limits};
use super::training::{Options, Training};
use lancelet_common::error::{KernelError, Result};
use lancelet_common::memory::{count_values, view, view_mut};
use wasm_bindgen::prelude::wasm_bindgen;

/// One training, advanced by `step` until `done`. The host writes the rows at `inputPointer` before the first step.
#[wasm_bindgen]
pub struct KMeans {
    training: Box<dyn Clustering>,
}

#[wasm_bindgen]
impl KMeans {
    /// Of vectors of f32.
    #[allow(clippy::too_many_arguments)]
    #[wasm_bindgen(constructor)]
    pub fn new(
        metric: u8,
        num_rows: usize,
        dimension: usize,
        k: usize,
        seed: f64,
        max_iterations: u32,
        tolerance: f64,
    ) -> Result<KMeans> {
        let options = Options {
            metric: Metric::from_code(metric)?,
            k,
            dimension,
            seed: seed.to_bits(),
            limits: Limits {
                max_iterations,
                tolerance,
            },
        };
        Ok(KMeans {
            training: Box::new(Training::new(num_rows, options)?),
        })
    }

    /// Of rows of bits, `width` bytes each, under hamming.
    #[wasm_bindgen(js_name = ofBits)]
    pub fn of_bits(
        num_rows: usize,
        width: usize,
        k: usize,
        seed: f64,
        max_iterations: u32,
        tolerance: f64,
    ) -> Result<KMeans> {
        let options = BitOptions {
            k,
            width,
            seed: seed.to_bits(),
            limits: Limits {
                max_iterations,
                tolerance,
            },
        };
        Ok(KMeans {
            training: Box::new(BitTraining::new(num_rows, options)?),
        })
    }

    #[wasm_bindgen(js_name = inputPointer)]
    pub fn input_pointer(&mut self) -> usize {
        self.training.input() as usize
    }

    /// A bounded piece of work.
    pub fn step(&mut self) -> Result<()> {
        self.training.step()
    }

    #[wasm_bindgen(getter)]
    pub fn done(&self) -> bool {
        self.training.done()
    }

    /// Summed distance in the last whole iteration; infinite before.
    #[wasm_bindgen(getter)]
    pub fn loss(&self) -> f64 {
        self.training.progress().loss
    }

    /// Rows that moved in the last whole iteration.
    #[wasm_bindgen(getter)]
    pub fn changed(&self) -> u32 {
        self.training.progress().changed
    }

    /// Whole iterations so far.
    #[wasm_bindgen(getter)]
    pub fn iteration(&self) -> u32 {
        self.training.progress().iteration
    }

    /// Writes the k centroids, values as the rows have them, to a host buffer.
    #[wasm_bindgen(js_name = centroidsInto)]
    pub fn centroids_into(&self, output: usize) -> Result<()> {
        // SAFETY: the typed face passes a buffer of its own.
        let output = unsafe { view_mut(output, self.training.centroid_bytes())? };
        self.training.write_centroids(output);
        Ok(())
    }
}

/// Nearest centroid and distance of every row, in host buffers. Rows that hold NaN or infinity get `UNASSIGNED`, NaN.
#[allow(clippy::too_many_arguments)]
#[wasm_bindgen(js_name = assignPartitions)]
pub fn assign_partitions(
    metric: u8,
    vectors: usize,
    num_rows: usize,
    dimension: usize,
    centroids: usize,
    k: usize,
    partitions: usize,
    distances: usize,
) -> Result<()> {
    // SAFETY: the typed face passes live buffers that it does not touch during the call; the outputs are its own.
    let (vectors, centroids, partitions, distances) = unsafe {
        (
            view::<f32>(vectors, count_values(num_rows, dimension)?)?,
            view::<f32>(centroids, count_values(k, dimension)?)?,
            view_mut::<u32>(partitions, num_rows)?,
            view_mut::<f32>(distances, num_rows)?,
        )
    };
    assign_rows(
        Metric::from_code(metric)?,
        centroids,
        vectors,
        dimension,
        (partitions, distances),
    )
}

/// The centroid in the fewest bits apart from every row, in host buffers.
#[wasm_bindgen(js_name = assignBits)]
pub fn assign_bit_rows(
    rows: usize,
    num_rows: usize,
    width: usize,
    centroids: usize,
    k: usize,
    partitions: usize,
) -> Result<()> {
    if width == 0 || k == 0 {
        return Err(KernelError::Invalid("bits need a width and a centroid"));
    }
    // SAFETY: the typed face passes live buffers that it does not touch during the call; the output is its own.
    let (rows, centroids, partitions) = unsafe {
        (
            view::<u8>(rows, count_values(num_rows, width)?)?,
            view::<u8>(centroids, count_values(k, width)?)?,
            view_mut::<u32>(partitions, num_rows)?,
        )
    };
    assign_bits(rows, centroids, width, partitions);
    Ok(())
}
