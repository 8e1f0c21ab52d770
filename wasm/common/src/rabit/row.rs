use super::ex_codes::EX_BLOCK;
use crate::error::{KernelError, Result};

/// What a row holds, one after another: sign codes, add factor, scale factor, error factor where there are any; and
/// where a value has more than one bit its other bits, and their add and scale factor.
#[derive(Clone, Copy, Debug)]
pub struct RowLayout {
    pub dimension: usize,
    /// Bits of a value beyond its sign.
    pub ex_bits: usize,
    pub has_errors: bool,
}

impl RowLayout {
    /// A dimension that is a multiple of 8, and 1 to 9 bits a value.
    pub fn new(dimension: usize, num_bits: usize, has_errors: bool) -> Result<RowLayout> {
        if dimension == 0 || !dimension.is_multiple_of(8) || dimension > 1 << 20 {
            return Err(KernelError::Invalid(
                "RaBitQ needs a dimension that is a multiple of 8",
            ));
        }
        if !(1..=9).contains(&num_bits) {
            return Err(KernelError::Invalid("RaBitQ has 1 to 9 bits a value"));
        }
        Ok(RowLayout {
            dimension,
            ex_bits: num_bits - 1,
            has_errors,
        })
    }

    pub fn code_bytes(&self) -> usize {
        self.dimension / 8
    }

    pub fn ex_bytes(&self) -> usize {
        self.dimension.div_ceil(EX_BLOCK) * 8 * self.ex_bits
    }

    /// Factors beside the sign codes.
    pub fn num_factors(&self) -> usize {
        2 + usize::from(self.has_errors)
    }

    /// Factors beside the other bits.
    pub fn num_ex_factors(&self) -> usize {
        if self.ex_bits > 0 {
            2
        } else {
            0
        }
    }

    pub fn row_bytes(&self) -> usize {
        self.code_bytes() + 4 * (self.num_factors() + self.num_ex_factors()) + self.ex_bytes()
    }

    /// Bytes of `num_rows` rows.
    pub fn rows_bytes(&self, num_rows: usize) -> Result<usize> {
        num_rows
            .checked_mul(self.row_bytes())
            .ok_or(KernelError::Invalid("more rows than memory holds"))
    }
}
