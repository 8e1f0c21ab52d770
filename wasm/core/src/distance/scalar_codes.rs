use super::metric::RowQuery;
use lancelet_common::error::{KernelError, Result};
use lancelet_common::simd::{dot_with_bytes, squared_l2_bytes};

/// Rows of 8-bit scalar codes, compared in code space: Σ(Δcode)² × `scale`.
pub struct CodeL2Query<'a> {
    codes: &'a [u8],
    scale: f32,
}

impl<'a> CodeL2Query<'a> {
    pub fn new(codes: &'a [u8], scale: f32) -> Result<CodeL2Query<'a>> {
        if codes.is_empty() {
            return Err(KernelError::Invalid("a vector without dimensions"));
        }
        Ok(CodeL2Query { codes, scale })
    }
}

impl RowQuery for CodeL2Query<'_> {
    type Value = u8;

    fn width(&self) -> usize {
        self.codes.len()
    }

    #[inline(always)]
    fn distance(&mut self, row: &[u8]) -> f32 {
        squared_l2_bytes(self.codes, row) as f32 * self.scale
    }
}

/// Rows of 8-bit scalar codes under dot: `offset` − `scale` × Σ code·q.
pub struct CodeDotQuery<'a> {
    values: &'a [f32],
    scale: f32,
    offset: f32,
}

impl<'a> CodeDotQuery<'a> {
    pub fn new(values: &'a [f32], scale: f32, offset: f32) -> Result<CodeDotQuery<'a>> {
        if values.is_empty() {
            return Err(KernelError::Invalid("a vector without dimensions"));
        }
        Ok(CodeDotQuery {
            values,
            scale,
            offset,
        })
    }
}

impl RowQuery for CodeDotQuery<'_> {
    type Value = u8;

    fn width(&self) -> usize {
        self.values.len()
    }

    #[inline(always)]
    fn distance(&mut self, row: &[u8]) -> f32 {
        self.offset - self.scale * dot_with_bytes(self.values, row)
    }
}
