//! 4-lane arithmetic that gives the same bits on every host, and the products built from it.

mod lanes;
mod products;

pub use lanes::F32x4;
pub use products::{dot, dot_and_norm, squared_l2};
