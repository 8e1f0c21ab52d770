//! Product quantization (Jégou, Douze and Schmid 2011): training a codebook, and coding vectors by it.

mod encode;
mod subspace;
mod train;

pub use encode::Encoder;
pub use train::{Options, Training};

use lancelet_common::error::{KernelError, Result};
use lancelet_common::memory::{view, view_mut};
use wasm_bindgen::prelude::wasm_bindgen;

/// How a vector is cut up, and what a code holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    pub num_sub_vectors: usize,
    /// Values of a sub-vector.
    pub width: usize,
    /// Centroids of each.
    pub k: usize,
}

impl Shape {
    pub fn new(dimension: usize, num_sub_vectors: usize, bits: u8) -> Result<Shape> {
        if num_sub_vectors == 0 || dimension == 0 || !dimension.is_multiple_of(num_sub_vectors) {
            return Err(KernelError::Invalid(
                "the dimension must be a multiple of the number of sub-vectors",
            ));
        }
        if !(bits == 8 || bits == 4 && num_sub_vectors.is_multiple_of(2)) {
            return Err(KernelError::Invalid(
                "codes have 8 bits, or 4 and an even number of sub-vectors",
            ));
        }
        let k = 1usize << bits;
        if dimension.checked_mul(k * 4).is_none() {
            return Err(KernelError::Invalid("more values than memory holds"));
        }
        Ok(Shape {
            num_sub_vectors,
            width: dimension / num_sub_vectors,
            k,
        })
    }

    pub fn dimension(&self) -> usize {
        self.num_sub_vectors * self.width
    }

    pub fn row_bytes(&self) -> usize {
        if self.k == 256 {
            self.num_sub_vectors
        } else {
            self.num_sub_vectors / 2
        }
    }

    /// The byte of a row that holds a sub-vector's code, and the bit the code begins at.
    fn place(&self, sub: usize) -> (usize, usize) {
        if self.k == 256 {
            (sub, 0)
        } else {
            (sub / 2, sub % 2 * 4)
        }
    }
}

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
            max_iterations,
            tolerance,
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
    shape: Shape,
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
        let codebook = unsafe { view::<f32>(codebook, dimension * shape.k)? };
        Ok(ProductEncoder {
            shape,
            encoder: Encoder::new(shape, codebook)?,
        })
    }

    /// Codes of `num_rows` vectors, in host buffers.
    pub fn encode(&self, vectors: usize, num_rows: usize, codes: usize) -> Result<()> {
        let values = num_rows
            .checked_mul(self.shape.dimension())
            .ok_or(KernelError::Invalid("more values than memory holds"))?;
        // SAFETY: the typed face passes live buffers that it does not touch during the call; the output is its own.
        let (vectors, codes) = unsafe {
            (
                view::<f32>(vectors, values)?,
                view_mut::<u8>(codes, num_rows * self.shape.row_bytes())?,
            )
        };
        self.encoder.encode(vectors, codes);
        Ok(())
    }
}
