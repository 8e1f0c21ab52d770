//! Partition training and assignment: Lloyd's k-means (Lloyd 1982) with k-means++ seeds (Arthur and Vassilvitskii 2007)
//! for few clusters, for many a tree of them, whose leaves then move among their neighbours. All in bounded steps.

mod assign;
mod bits;
mod centroids;
mod lloyd;
mod members;
mod nearby;
mod pairs;
mod panels;
mod progress;
mod random;
mod rows;
mod sample;
mod seeds;
mod split;
mod training;
mod tree;
mod work;

pub use random::Random;

use assign::assign_rows;
use bits::{assign_bits, BitOptions, BitTraining};
use centroids::Metric;
use progress::Limits;
use training::{Options, Training};

use lancelet_common::error::{KernelError, Result};
use lancelet_common::memory::{view, view_mut};
use wasm_bindgen::prelude::wasm_bindgen;

/// One training, advanced by `step` until `done`. The host writes the vectors at `vectorsPointer` before the first step.
#[wasm_bindgen]
pub struct KMeans {
    training: Training,
}

#[wasm_bindgen]
impl KMeans {
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
            training: Training::new(num_rows, options)?,
        })
    }

    #[wasm_bindgen(js_name = vectorsPointer)]
    pub fn vectors_pointer(&mut self) -> usize {
        self.training.vectors_mut().as_mut_ptr() as usize
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

    /// Writes `k × dimension` f32 to a host buffer.
    #[wasm_bindgen(js_name = centroidsInto)]
    pub fn centroids_into(&self, output: usize) -> Result<()> {
        // SAFETY: the typed face passes a buffer of its own.
        self.training
            .write_centroids(unsafe { view_mut::<f32>(output, self.training.centroid_values())? });
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
    let too_large = KernelError::Invalid("more values than memory holds");
    let values = num_rows.checked_mul(dimension).ok_or(too_large)?;
    let centroid_values = k.checked_mul(dimension).ok_or(too_large)?;
    // SAFETY: the typed face passes live buffers that it does not touch during the call; the outputs are its own.
    let (vectors, centroids, partitions, distances) = unsafe {
        (
            view::<f32>(vectors, values)?,
            view::<f32>(centroids, centroid_values)?,
            view_mut::<u32>(partitions, num_rows)?,
            view_mut::<f32>(distances, num_rows)?,
        )
    };
    let metric = Metric::from_code(metric)?;
    assign_rows(
        metric,
        centroids,
        vectors,
        dimension,
        (partitions, distances),
    )
}

/// A training over rows of bits, advanced by `step` until `done`. The host writes the rows at `rowsPointer` first.
#[wasm_bindgen]
pub struct BitKMeans {
    training: BitTraining,
}

#[wasm_bindgen]
impl BitKMeans {
    #[wasm_bindgen(constructor)]
    pub fn new(
        num_rows: usize,
        width: usize,
        k: usize,
        seed: f64,
        max_iterations: u32,
        tolerance: f64,
    ) -> Result<BitKMeans> {
        let options = BitOptions {
            k,
            width,
            seed: seed.to_bits(),
            limits: Limits {
                max_iterations,
                tolerance,
            },
        };
        Ok(BitKMeans {
            training: BitTraining::new(num_rows, options)?,
        })
    }

    #[wasm_bindgen(js_name = rowsPointer)]
    pub fn rows_pointer(&mut self) -> usize {
        self.training.rows_mut().as_mut_ptr() as usize
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

    /// Writes `k × width` bytes to a host buffer.
    #[wasm_bindgen(js_name = centroidsInto)]
    pub fn centroids_into(&self, output: usize) -> Result<()> {
        let centroids = self.training.centroids();
        // SAFETY: the typed face passes a buffer of its own.
        unsafe { view_mut::<u8>(output, centroids.len())? }.copy_from_slice(centroids);
        Ok(())
    }
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
    let too_large = KernelError::Invalid("more values than memory holds");
    let bytes = num_rows.checked_mul(width).ok_or(too_large)?;
    let centroid_bytes = k.checked_mul(width).ok_or(too_large)?;
    if width == 0 || k == 0 {
        return Err(KernelError::Invalid("bits need a width and a centroid"));
    }
    // SAFETY: the typed face passes live buffers that it does not touch during the call; the output is its own.
    let (rows, centroids, partitions) = unsafe {
        (
            view::<u8>(rows, bytes)?,
            view::<u8>(centroids, centroid_bytes)?,
            view_mut::<u32>(partitions, num_rows)?,
        )
    };
    assign_bits(rows, centroids, width, partitions);
    Ok(())
}
