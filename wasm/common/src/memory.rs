//! Buffers that the host owns inside the module's memory, and checked views of them.

use crate::error::{KernelError, Result};
use core::alloc::Layout;
use wasm_bindgen::prelude::wasm_bindgen;

/// Enough for every SIMD load and every primitive type.
const ALIGNMENT: usize = 16;

fn layout(byte_length: usize) -> Option<Layout> {
    Layout::from_size_align(byte_length.max(ALIGNMENT), ALIGNMENT).ok()
}

/// Allocates `byte_length` zeroed bytes, 16-byte aligned. Returns 0 when memory cannot grow.
#[wasm_bindgen(js_name = allocateBytes)]
pub fn allocate_bytes(byte_length: usize) -> usize {
    let Some(layout) = layout(byte_length) else {
        return 0;
    };
    let before = count_memory();
    // SAFETY: the layout's size is never zero.
    let pointer = unsafe { std::alloc::alloc_zeroed(layout) as usize };
    let after = count_memory();
    if after > before {
        reserve((after / GROWTH_SHARE).clamp(LEAST_GROWTH, MOST_GROWTH));
    }
    pointer
}

/// Of the memory there is, what it grows by beyond what is asked for: each time it grows, the host collects its garbage,
/// so that many small steps cost more than what is then put there. Pages that nothing touches take no room.
const GROWTH_SHARE: usize = 8;
const LEAST_GROWTH: usize = 1 << 20;
const MOST_GROWTH: usize = 1 << 24;

/// Bytes of the module's memory.
#[cfg(target_arch = "wasm32")]
fn count_memory() -> usize {
    core::arch::wasm32::memory_size(0) << 16
}

#[cfg(not(target_arch = "wasm32"))]
fn count_memory() -> usize {
    0
}

/// Makes room for later: what is given back stays the allocator's, at the end of its memory.
fn reserve(byte_length: usize) {
    if let Some(layout) = layout(byte_length) {
        // SAFETY: the layout's size is never zero, and what was given is given back with it. Null: there is no more.
        unsafe {
            let pointer = std::alloc::alloc(layout);
            if !pointer.is_null() {
                std::alloc::dealloc(core::hint::black_box(pointer), layout);
            }
        }
    }
}

/// Returns what [`allocate_bytes`] gave, with the same length. A zero pointer is ignored.
#[wasm_bindgen(js_name = freeBytes)]
pub fn free_bytes(pointer: usize, byte_length: usize) {
    if pointer == 0 {
        return;
    }
    if let Some(layout) = layout(byte_length) {
        // SAFETY: the typed face pairs each pointer with its length and frees once.
        unsafe { std::alloc::dealloc(pointer as *mut u8, layout) }
    }
}

/// Plain old data that any bytes are a valid value of.
pub trait Pod: Copy {}
impl Pod for u8 {}
impl Pod for i8 {}
impl Pod for u16 {}
impl Pod for i16 {}
impl Pod for u32 {}
impl Pod for i32 {}
impl Pod for u64 {}
impl Pod for i64 {}
impl Pod for f32 {}
impl Pod for f64 {}

/// Values of `num_rows` rows of `width` each, or an error where a `usize` cannot count them.
pub fn count_values(num_rows: usize, width: usize) -> Result<usize> {
    num_rows
        .checked_mul(width)
        .ok_or(KernelError::Invalid("more values than memory holds"))
}

fn check<T>(pointer: usize, len: usize) -> Result<()> {
    // A slice may not be longer, wherever it ends.
    let bytes = len
        .checked_mul(core::mem::size_of::<T>())
        .filter(|&bytes| bytes <= isize::MAX as usize)
        .ok_or(KernelError::Invalid("a buffer longer than memory"))?;
    let end = pointer
        .checked_add(bytes)
        .ok_or(KernelError::Invalid("a buffer beyond the end of memory"))?;
    if pointer == 0 || !pointer.is_multiple_of(core::mem::align_of::<T>()) {
        return Err(KernelError::Invalid("a null or misaligned buffer"));
    }
    #[cfg(target_arch = "wasm32")]
    if end > core::arch::wasm32::memory_size(0) << 16 {
        return Err(KernelError::Invalid("a buffer beyond the end of memory"));
    }
    let _ = end;
    Ok(())
}

/// A read-only view of `len` values at `pointer`, checked for bounds and alignment.
///
/// # Safety
/// The memory must be a live host buffer that nothing writes while the view is used.
pub unsafe fn view<'a, T: Pod>(pointer: usize, len: usize) -> Result<&'a [T]> {
    if len == 0 {
        return Ok(&[]);
    }
    check::<T>(pointer, len)?;
    Ok(core::slice::from_raw_parts(pointer as *const T, len))
}

/// A writable view of `len` values at `pointer`, checked for bounds and alignment.
///
/// # Safety
/// The memory must be a live host buffer that no other view overlaps while this one is used.
pub unsafe fn view_mut<'a, T: Pod>(pointer: usize, len: usize) -> Result<&'a mut [T]> {
    if len == 0 {
        return Ok(&mut []);
    }
    check::<T>(pointer, len)?;
    Ok(core::slice::from_raw_parts_mut(pointer as *mut T, len))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn views_that_no_slice_may_be_are_refused() {
        let values = [1u32, 2, 3];
        let pointer = values.as_ptr() as usize;
        // SAFETY: what lies outside `values` is refused.
        unsafe {
            assert_eq!(view::<u32>(pointer, 3), Ok(&values[..]));
            assert!(view::<u8>(0, 0).is_ok_and(<[u8]>::is_empty));
            assert!(view::<u32>(0, 1).is_err());
            assert!(view::<u32>(pointer + 1, 1).is_err());
            assert!(view::<u32>(pointer, usize::MAX / 2).is_err());
            assert!(view::<u32>(pointer, usize::MAX / 8 + 1).is_err());
            assert!(view::<u8>(usize::MAX, 2).is_err());
        }
        assert!(count_values(usize::MAX, 2).is_err());
        assert_eq!(count_values(0, usize::MAX), Ok(0));
    }
}
