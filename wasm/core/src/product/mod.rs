//! Product codes (Jégou, Douze and Schmid 2011): a distance is a sum of table entries, one a code.

mod blocks;
mod codebook;

pub use blocks::{ByteTable, BLOCK_ROWS};
pub use codebook::{Codebook, ProductQuery, Terms};

use crate::distance::{count_values, Metric};
use lancelet_common::error::{KernelError, Result};
use lancelet_common::memory::view;
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
        if num_sub_vectors == 0 || !dimension.is_multiple_of(num_sub_vectors) || bits > 8 {
            return Err(KernelError::Invalid(
                "the dimension must be a multiple of the number of sub-vectors",
            ));
        }
        let values = count_values(dimension, 1 << bits)?;
        // SAFETY: the typed face passes a live buffer that it does not touch during the call.
        let centroids = unsafe { view::<f32>(codebook, values)? };
        Ok(ProductCodebook {
            codebook: Codebook::new(terms, num_sub_vectors, bits, centroids)?,
            bytes: None,
        })
    }

    /// Makes the table of a query of `dimension` f32 in a host buffer: for l2 of its residual to a partition's centroid.
    pub fn prepare(&mut self, query: usize) -> Result<()> {
        // SAFETY: as above.
        let query = unsafe { view::<f32>(query, self.codebook.dimension())? };
        // What fails below leaves none of the query before.
        self.bytes = None;
        self.codebook.prepare(query)?;
        self.bytes = if self.codebook.is_paired() {
            ByteTable::new(&self.codebook)?
        } else {
            None
        };
        Ok(())
    }
}
