//! Roaring bitmaps in the portable 32-bit format of the RoaringFormatSpec. Written here rather than taken from the
//! `roaring` crate, which adds 46 KB and lets 400 KB of run containers expand to 512 MB; that crate is the oracle of
//! the tests.

mod decode;
mod encode;

pub use decode::decode;
pub use encode::encode;

use lancelet_common::error::{KernelError, Result};
use lancelet_common::memory::view;
use wasm_bindgen::prelude::wasm_bindgen;

pub(crate) const COOKIE_WITH_RUNS: u32 = 12347;
pub(crate) const COOKIE_WITHOUT_RUNS: u32 = 12346;
/// Larger containers are bitmaps.
pub(crate) const ARRAY_MAX: usize = 4096;
/// With runs, smaller bitmaps carry no offsets.
pub(crate) const OFFSETS_MIN: usize = 4;
pub(crate) const BITMAP_BYTES: usize = 8192;

/// The values of a serialised bitmap, ascending. Every value must be below `limit`.
#[wasm_bindgen(js_name = decodeRoaring)]
pub fn decode_roaring(bytes: usize, byte_length: usize, limit: f64) -> Result<Vec<u32>> {
    if !(0.0..=4_294_967_296.0).contains(&limit) {
        return Err(KernelError::Invalid("a limit outside 0 to 2^32"));
    }
    // SAFETY: the typed face passes a live buffer that it does not touch during the call.
    decode(unsafe { view::<u8>(bytes, byte_length)? }, limit as u64)
}

/// Serialises ascending, distinct values.
#[wasm_bindgen(js_name = encodeRoaring)]
pub fn encode_roaring(values: usize, count: usize) -> Result<Vec<u8>> {
    // SAFETY: as above.
    encode(unsafe { view::<u32>(values, count)? })
}
