//! Kernels every reader needs: page decoders, distances, search, bitmaps.

mod decode;

pub use lancelet_common::memory::{allocate_bytes, free_bytes};
