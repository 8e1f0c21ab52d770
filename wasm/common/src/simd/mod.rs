//! 4-lane arithmetic that gives the same bits on every host, and the products built from it.

mod bytes;
mod doubles;
mod halves;
mod lanes;
mod products;

pub use bytes::{dot_with_bytes, hamming, squared_l2_bytes};
pub use doubles::{dot_and_norm_doubles, dot_doubles, squared_l2_doubles};
pub use halves::{widen_half, widen_halves};
pub use lanes::F32x4;
pub use products::{dot, dot_and_norm, squared_l2};
