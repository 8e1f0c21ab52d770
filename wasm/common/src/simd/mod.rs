//! 4-lane arithmetic that gives the same bits on every host, and the products built from it.

mod lanes;
mod products;

pub use lanes::F32x4;
pub use products::{dot, dot_and_norm_rows, dot_rows, l2_rows, squared_l2};
