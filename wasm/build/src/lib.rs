//! Kernels that only builds of indexes need: training, assignment, sorting.

pub mod kmeans;
pub mod sort;

pub use lancelet_common::memory::{allocate_bytes, free_bytes};
