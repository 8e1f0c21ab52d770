//! One compressed buffer outside of any page: the body of an Arrow deletion file.

use super::compression::{decompress, Scheme};
use lancelet_common::error::Result;
use wasm_bindgen::prelude::wasm_bindgen;

/// Expands a `u64 size, zstd frame` buffer to exactly that size.
#[wasm_bindgen(js_name = decompressZstd)]
pub fn decompress_zstd_buffer(data: &[u8]) -> Result<Vec<u8>> {
    decompress(Scheme::Zstd, data)
}
