use super::metric::RowQuery;
use lancelet_common::error::{try_with_capacity, KernelError, Result};
use lancelet_common::simd::{dot, squared_l2_codes};

/// Rows of 8-bit scalar codes, compared in code space: Σ(Δcode)² × `scale`.
pub struct CodeL2Query {
    codes: Vec<u16>,
    scale: f32,
}

impl CodeL2Query {
    pub fn new(codes: &[u8], scale: f32) -> Result<CodeL2Query> {
        if codes.is_empty() {
            return Err(KernelError::Invalid("a vector without dimensions"));
        }
        let mut wide = try_with_capacity(codes.len())?;
        wide.extend(codes.iter().map(|&code| u16::from(code)));
        Ok(CodeL2Query { codes: wide, scale })
    }
}

impl RowQuery for CodeL2Query {
    type Value = u8;

    fn width(&self) -> usize {
        self.codes.len()
    }

    #[inline(always)]
    fn distance(&mut self, row: &[u8]) -> f32 {
        squared_l2_codes(&self.codes, row) as f32 * self.scale
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
        self.offset - self.scale * dot(self.values, row)
    }
}
