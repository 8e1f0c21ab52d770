//! 4-lane arithmetic that gives the same bits on every host, and the products built from it.

mod bytes;
mod doubles;
mod halves;
mod lanes;
mod products;
mod sources;
#[cfg(target_arch = "wasm32")]
mod table;

pub use bytes::{hamming, squared_l2_codes};
pub use doubles::{dot_and_norm_doubles, dot_doubles, squared_l2_doubles};
pub use halves::{widen_half, widen_halves};
pub use lanes::F32x4;
pub use products::{dot, dot_and_norm, dot_with_bytes, squared_l2};
pub use sources::{FiniteHalf, Source, BEYOND_HALVES};
#[cfg(target_arch = "wasm32")]
pub use table::look_up_nibbles;
