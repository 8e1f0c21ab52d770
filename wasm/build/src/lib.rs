//! Kernels that only writers need: page encoders; and of indexes: training, assignment, sorting.

pub mod encode;
pub mod graph;
pub mod kmeans;
pub mod product;
pub mod rabit;
pub mod sort;

pub use lancelet_common::memory::{allocate_bytes, free_bytes};
