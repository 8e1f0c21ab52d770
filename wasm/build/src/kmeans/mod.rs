//! Partition training and assignment. Lloyd's k-means (Lloyd 1982) with k-means++ seeds (Arthur and Vassilvitskii 2007)
//! drawn on a subsample, in bounded steps.

mod assign;
mod lloyd;
mod random;
mod seeds;
mod split;

pub use assign::{assign_rows, Centroids, Metric, UNASSIGNED};
pub use lloyd::{Lloyd, Options};

use lancelet_common::error::{KernelError, Result};
use lancelet_common::memory::{view, view_mut};
use wasm_bindgen::prelude::wasm_bindgen;

/// One training, advanced by `step` until `done`. The host writes the vectors at `vectorsPointer` before the first step.
#[wasm_bindgen]
pub struct KMeans {
    lloyd: Lloyd,
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
            max_iterations,
            tolerance,
        };
        Ok(KMeans {
            lloyd: Lloyd::new(num_rows, options)?,
        })
    }

    #[wasm_bindgen(js_name = vectorsPointer)]
    pub fn vectors_pointer(&mut self) -> usize {
        self.lloyd.vectors_mut().as_mut_ptr() as usize
    }

    /// A bounded piece of work.
    pub fn step(&mut self) -> Result<()> {
        self.lloyd.step()
    }

    #[wasm_bindgen(getter)]
    pub fn done(&self) -> bool {
        self.lloyd.done()
    }

    /// Summed distance in the last whole iteration; infinite before.
    #[wasm_bindgen(getter)]
    pub fn loss(&self) -> f64 {
        self.lloyd.loss()
    }

    /// Rows that moved in the last whole iteration.
    #[wasm_bindgen(getter)]
    pub fn changed(&self) -> u32 {
        self.lloyd.changed()
    }

    /// Whole iterations so far.
    #[wasm_bindgen(getter)]
    pub fn iteration(&self) -> u32 {
        self.lloyd.iteration()
    }

    /// Writes `k × dimension` f32 to a host buffer.
    #[wasm_bindgen(js_name = centroidsInto)]
    pub fn centroids_into(&self, output: usize) -> Result<()> {
        // SAFETY: the typed face passes a buffer of its own.
        self.lloyd
            .write_centroids(unsafe { view_mut::<f32>(output, self.lloyd.centroid_values())? });
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
    let centroids = Centroids::centred(Metric::from_code(metric)?, centroids, dimension)?;
    assign_rows(&centroids, vectors, partitions, distances)
}
