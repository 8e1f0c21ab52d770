//! Product codes (Jégou, Douze and Schmid 2011): a distance is a sum of table entries, one a code.

mod blocks;
mod codebook;

pub use blocks::{ByteTable, BLOCK_ROWS};
pub use codebook::{Codebook, ProductQuery, Terms};

use crate::distance::Metric;
use lancelet_common::error::{KernelError, Result};
use lancelet_common::memory::view;
use lancelet_common::product::Shape;
use wasm_bindgen::prelude::wasm_bindgen;

/// A codebook, and the query it was prepared for last.
#[wasm_bindgen]
pub struct ProductCodebook {
    codebook: Codebook,
    /// Of 4-bit codes whose terms are all finite.
    bytes: Option<ByteTable>,
}

impl ProductCodebook {
    pub fn codebook(&self) -> &Codebook {
        &self.codebook
    }

    pub fn bytes(&self) -> Option<&ByteTable> {
        self.bytes.as_ref()
    }
}

#[wasm_bindgen]
impl ProductCodebook {
    /// Copies `num_sub_vectors × 2^bits × (dimension / num_sub_vectors)` f32 from a host buffer.
    #[wasm_bindgen(constructor)]
    pub fn new(
        metric: u8,
        dimension: usize,
        num_sub_vectors: usize,
        bits: u8,
        codebook: usize,
    ) -> Result<ProductCodebook> {
        let terms = match Metric::from_code(metric)? {
            Metric::L2 => Terms::L2,
            Metric::Dot => Terms::Dot,
            _ => return Err(KernelError::Invalid("product codes take l2 and dot")),
        };
        let shape = Shape::new(dimension, num_sub_vectors, bits)?;
        // SAFETY: the typed face passes a live buffer that it does not touch during the call.
        let centroids = unsafe { view::<f32>(codebook, shape.codebook_values())? };
        Ok(ProductCodebook {
            codebook: Codebook::new(terms, shape, centroids)?,
            bytes: None,
        })
    }

    /// Makes the table of a query of `dimension` f32 in a host buffer: for l2 of its residual to a partition's centroid.
    pub fn prepare(&mut self, query: usize) -> Result<()> {
        let shape = self.codebook.shape();
        // SAFETY: as above.
        let query = unsafe { view::<f32>(query, shape.dimension())? };
        // Of the query before: where this one fails, none is left to leave rows out by.
        self.bytes = None;
        self.codebook.prepare(query)?;
        if shape.is_paired() {
            self.bytes = ByteTable::new(&self.codebook)?;
        }
        Ok(())
    }
}
