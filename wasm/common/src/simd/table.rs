//! Bytes looked up in a register.

use core::arch::wasm32::*;

/// The entry of a table of 16 bytes for each of 16 numbers, all below 16. Relaxed SIMD defines those as plain SIMD does,
/// and spares the host the check for larger ones.
#[inline(always)]
pub fn look_up_nibbles(table: v128, nibbles: v128) -> v128 {
    #[cfg(not(target_feature = "relaxed-simd"))]
    return u8x16_swizzle(table, nibbles);
    #[cfg(target_feature = "relaxed-simd")]
    u8x16_relaxed_swizzle(table, nibbles)
}
