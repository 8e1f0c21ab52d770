//! Kernels that only builds of indexes need: training, assignment, sorting.

pub use lancelet_common::memory::{allocate_bytes, free_bytes};
