//! What the values of a leaf column look like, and how a program tells it.

use super::program::ProgramReader;
use lancelet_common::error::{KernelError, Result};

/// Lists and structs around a value, and dimensions of a fixed-size list.
pub const MAX_LAYERS: usize = 64;
const MAX_FIELDS: usize = 4096;

/// What a leaf column's values look like, from its logical type.
#[derive(Clone)]
pub struct Shape {
    pub variable: bool,
    /// Bits of the innermost item; 0 for the null type and for variable width.
    pub item_bits: usize,
    /// Sizes of the fixed-size lists around it, outermost first.
    pub dimensions: Vec<usize>,
    /// Packed structs: what lies side by side in each row. Empty for everything else.
    pub fields: Vec<Shape>,
}

impl Shape {
    /// Innermost items in one value.
    pub fn items(&self) -> Result<usize> {
        self.dimensions
            .iter()
            .try_fold(1usize, |product, size| product.checked_mul(*size))
            .ok_or(KernelError::Corrupt("a fixed-size list is too wide"))
    }

    pub fn value_bits(&self) -> Result<usize> {
        self.items()?
            .checked_mul(self.item_bits)
            .ok_or(KernelError::Corrupt("a fixed-size list is too wide"))
    }
}

/// Reads the shape words: variable, bits of an item, dimensions.
pub fn read_shape(words: &mut ProgramReader) -> Result<Shape> {
    let kind = words.word()?;
    if kind == 2 {
        return read_packed_shape(words);
    }
    let variable = kind != 0;
    let item_bits = words.word()?;
    let count = words.word()?;
    if count > MAX_LAYERS {
        return Err(KernelError::Invalid("too many dimensions"));
    }
    let mut dimensions = Vec::with_capacity(count);
    for _ in 0..count {
        dimensions.push(words.word()?);
    }
    let shape = Shape {
        variable,
        item_bits,
        dimensions,
        fields: Vec::new(),
    };
    shape.value_bits()?;
    Ok(shape)
}

/// The shapes of a packed struct's fields; none of them is a packed struct itself.
fn read_packed_shape(words: &mut ProgramReader) -> Result<Shape> {
    let count = words.word()?;
    if count > MAX_FIELDS {
        return Err(KernelError::Invalid("too many fields"));
    }
    let mut fields = Vec::with_capacity(count);
    for _ in 0..count {
        let field = read_shape(words)?;
        if !field.fields.is_empty() {
            return Err(KernelError::Invalid("a packed struct in a packed struct"));
        }
        fields.push(field);
    }
    Ok(Shape {
        variable: false,
        item_bits: 0,
        dimensions: Vec::new(),
        fields,
    })
}
