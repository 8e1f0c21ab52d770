//! What every kernel module shares: errors, memory handed to the host, and 4-lane arithmetic.

pub mod error;
pub mod graph;
pub mod memory;
pub mod product;
pub mod rabit;
pub mod simd;
