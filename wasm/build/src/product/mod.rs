//! Product quantization (Jégou, Douze and Schmid 2011): training a codebook, and coding vectors by it.

mod cluster;
mod encode;
mod subspace;
mod train;

use encode::Encoder;
use train::{Options, Training};

use crate::kmeans::Limits;
use lancelet_common::error::Result;
use lancelet_common::memory::{count_values, view, view_mut};
use lancelet_common::product::Shape;
use wasm_bindgen::prelude::wasm_bindgen;

/// One training, advanced by `step` until `done`. The host writes the vectors at `vectorsPointer` before the first step.
#[wasm_bindgen]
pub struct CodebookTraining {
    training: Training,
}

#[wasm_bindgen]
impl CodebookTraining {
    #[allow(clippy::too_many_arguments)]
    #[wasm_bindgen(constructor)]
    pub fn new(
        num_rows: usize,
        dimension: usize,
        num_sub_vectors: usize,
        bits: u8,
        seed: f64,
        max_iterations: u32,
        tolerance: f64,
    ) -> Result<CodebookTraining> {
        let options = Options {
            shape: Shape::new(dimension, num_sub_vectors, bits)?,
            seed: seed.to_bits(),
            limits: Limits {
                max_iterations,
                tolerance,
            },
        };
        Ok(CodebookTraining {
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

    /// Sub-vectors that are trained.
    #[wasm_bindgen(getter)]
    pub fn trained(&self) -> usize {
        self.training.trained()
    }

    /// Writes `num_sub_vectors × 2^bits × (dimension / num_sub_vectors)` f32 to a host buffer.
    #[wasm_bindgen(js_name = codebookInto)]
    pub fn codebook_into(&self, output: usize) -> Result<()> {
        let codebook = self.training.codebook();
        // SAFETY: the typed face passes a buffer of its own.
        unsafe { view_mut::<f32>(output, codebook.len())? }.copy_from_slice(codebook);
        Ok(())
    }
}

/// A codebook prepared for encoding.
#[wasm_bindgen]
pub struct ProductEncoder {
    encoder: Encoder,
}

#[wasm_bindgen]
impl ProductEncoder {
    /// `codebook`: as `codebookInto` writes it.
    #[wasm_bindgen(constructor)]
    pub fn new(
        dimension: usize,
        num_sub_vectors: usize,
        bits: u8,
        codebook: usize,
    ) -> Result<ProductEncoder> {
        let shape = Shape::new(dimension, num_sub_vectors, bits)?;
        // SAFETY: the typed face passes a live buffer that it does not touch during the call.
        let codebook = unsafe { view::<f32>(codebook, shape.codebook_values())? };
        Ok(ProductEncoder {
            encoder: Encoder::new(shape, codebook)?,
        })
    }

    /// Codes of `num_rows` vectors, in host buffers.
    pub fn encode(&self, vectors: usize, num_rows: usize, codes: usize) -> Result<()> {
        let shape = self.encoder.shape();
        // SAFETY: the typed face passes live buffers that it does not touch during the call; the output is its own.
        let (vectors, codes) = unsafe {
            (
                view::<f32>(vectors, count_values(num_rows, shape.dimension())?)?,
                view_mut::<u8>(codes, count_values(num_rows, shape.row_bytes())?)?,
            )
        };
        self.encoder.encode(vectors, codes);
        Ok(())
    }
}
