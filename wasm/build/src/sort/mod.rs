//! Stable orders of a column's values: nulls first, floats in IEEE total order, bytes in byte order.

mod bytes;
mod fixed;
mod radix;

pub use bytes::sort_strings;
pub use fixed::{sort_fixed, Kind};

use lancelet_common::error::{KernelError, Result};
use lancelet_common::memory::{view, view_mut};
use wasm_bindgen::prelude::wasm_bindgen;

/// LSB-first validity bits; 0 = no value is null.
unsafe fn validity<'a>(pointer: usize, length: usize) -> Result<Option<&'a [u8]>> {
    match pointer {
        0 => Ok(None),
        _ => Ok(Some(view::<u8>(pointer, length.div_ceil(8))?)),
    }
}

#[inline(always)]
pub(crate) fn is_null(validity: Option<&[u8]>, row: usize) -> bool {
    validity.is_some_and(|bits| bits[row / 8] >> (row % 8) & 1 == 0)
}

/// Writes the stable order of `length` fixed-width values to `output`.
#[wasm_bindgen(js_name = sortFixed)]
pub fn sort_fixed_in(
    kind: u8,
    values: usize,
    valid: usize,
    length: usize,
    output: usize,
) -> Result<()> {
    let kind = Kind::from_code(kind)?;
    let byte_length = kind
        .byte_length(length)
        .ok_or(KernelError::Invalid("more values than memory holds"))?;
    // SAFETY: the typed face passes live buffers that it does not touch during the call; the output is its own.
    let (values, valid, output) = unsafe {
        (
            view::<u8>(values, byte_length)?,
            validity(valid, length)?,
            view_mut::<u32>(output, length)?,
        )
    };
    sort_fixed(kind, values, valid, output)
}

/// Writes the stable order of `length` byte strings to `output`. `offsets` are `length + 1` i32 into `data`.
#[wasm_bindgen(js_name = sortBytes)]
pub fn sort_bytes_in(
    offsets: usize,
    data: usize,
    data_length: usize,
    valid: usize,
    length: usize,
    output: usize,
) -> Result<()> {
    // SAFETY: as above.
    let (offsets, data, valid, output) = unsafe {
        (
            view::<i32>(offsets, length.saturating_add(1))?,
            view::<u8>(data, data_length)?,
            validity(valid, length)?,
            view_mut::<u32>(output, length)?,
        )
    };
    sort_strings(offsets, data, valid, output)
}
