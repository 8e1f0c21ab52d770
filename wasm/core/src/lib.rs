//! Kernels every reader needs: page decoders, distances, search, bitmaps.

pub mod bitmap;
pub mod decode;
pub mod distance;
pub mod graph;
pub mod product;
pub mod rabit;
pub mod search;

pub use lancelet_common::memory::{allocate_bytes, free_bytes};
