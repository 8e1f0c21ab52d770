//! The compact form of a page's encoding tree that crosses the boundary: u32 words in prefix order, byte strings in a
//! side table. Written by src/format/read/decode-program.ts; the opcodes must stay equal.

use super::compression::Scheme;
use super::fsst::SymbolTable;
use lancelet_common::error::{KernelError, Result};

/// Encodings nest a handful of levels; anything deeper is a forged file.
const MAX_DEPTH: usize = 12;

/// Fields of one packed struct; a column of a table has no more.
const MAX_FIELDS: usize = 4096;

/// One node of the tree.
pub enum Encoding {
    Flat {
        bits: usize,
    },
    Variable {
        offsets: Box<Encoding>,
    },
    Constant {
        value: Vec<u8>,
    },
    OutOfLineBitpacking {
        word_bits: usize,
        width: usize,
    },
    InlineBitpacking {
        word_bits: usize,
    },
    Fsst {
        table: Box<SymbolTable>,
        values: Box<Encoding>,
    },
    Rle {
        values: Box<Encoding>,
        lengths: Box<Encoding>,
    },
    ByteStreamSplit {
        bits: usize,
    },
    General {
        scheme: Scheme,
        values: Box<Encoding>,
    },
    FixedSizeList {
        items: usize,
        has_validity: bool,
        values: Box<Encoding>,
    },
    PackedStruct {
        values: Box<Encoding>,
    },
    VariablePackedStruct {
        fields: Vec<PackedField>,
    },
}

/// One field of a packed struct with fields of variable width.
pub struct PackedField {
    pub values: Encoding,
    /// Fixed width: bytes of the field. Variable width: 0.
    pub bytes: usize,
    /// Variable width: bytes of the length before it, 4 or 8. Fixed width: 0.
    pub length_bytes: usize,
}

impl Encoding {
    /// Width of one decoded value where the encoding says so.
    pub fn fixed_bits(&self) -> Option<usize> {
        match self {
            Encoding::Flat { bits } | Encoding::ByteStreamSplit { bits } => Some(*bits),
            Encoding::Constant { value } => Some(value.len() * 8),
            Encoding::OutOfLineBitpacking { word_bits, .. }
            | Encoding::InlineBitpacking { word_bits } => Some(*word_bits),
            Encoding::Rle { values, .. } | Encoding::General { values, .. } => values.fixed_bits(),
            Encoding::FixedSizeList { items, values, .. } => {
                values.fixed_bits()?.checked_mul(*items)
            }
            Encoding::PackedStruct { values } => values.fixed_bits(),
            Encoding::Variable { .. }
            | Encoding::Fsst { .. }
            | Encoding::VariablePackedStruct { .. } => None,
        }
    }
}

/// Reads words and byte strings in order.
pub struct ProgramReader<'a> {
    words: &'a [u32],
    table: &'a [u8],
    at: usize,
}

impl<'a> ProgramReader<'a> {
    pub fn new(words: &'a [u32], table: &'a [u8]) -> Self {
        Self {
            words,
            table,
            at: 0,
        }
    }

    pub fn word(&mut self) -> Result<usize> {
        let word = self
            .words
            .get(self.at)
            .ok_or(KernelError::Invalid("a decode program ends early"))?;
        self.at += 1;
        Ok(*word as usize)
    }

    fn bytes(&mut self) -> Result<&'a [u8]> {
        let start = self.word()?;
        let length = self.word()?;
        start
            .checked_add(length)
            .and_then(|end| self.table.get(start..end))
            .ok_or(KernelError::Invalid(
                "a decode program points beyond its table",
            ))
    }

    /// `0`, or `1` and an encoding.
    pub fn optional(&mut self) -> Result<Option<Encoding>> {
        if self.word()? == 0 {
            Ok(None)
        } else {
            self.encoding(0).map(Some)
        }
    }

    fn boxed(&mut self, depth: usize) -> Result<Box<Encoding>> {
        self.encoding(depth + 1).map(Box::new)
    }

    fn encoding(&mut self, depth: usize) -> Result<Encoding> {
        if depth > MAX_DEPTH {
            return Err(KernelError::Corrupt("encodings nest too deep"));
        }
        Ok(match self.word()? {
            1 => Encoding::Flat { bits: self.word()? },
            2 => Encoding::Variable {
                offsets: self.boxed(depth)?,
            },
            3 => Encoding::Constant {
                value: self.bytes()?.to_vec(),
            },
            4 => Encoding::OutOfLineBitpacking {
                word_bits: self.word()?,
                width: self.word()?,
            },
            5 => Encoding::InlineBitpacking {
                word_bits: self.word()?,
            },
            6 => {
                let table = Box::new(SymbolTable::parse(self.bytes()?)?);
                Encoding::Fsst {
                    table,
                    values: self.boxed(depth)?,
                }
            }
            8 => Encoding::Rle {
                values: self.boxed(depth)?,
                lengths: self.boxed(depth)?,
            },
            9 => Encoding::ByteStreamSplit { bits: self.word()? },
            10 => {
                let scheme = match self.word()? {
                    1 => Scheme::Lz4,
                    2 => Scheme::Zstd,
                    _ => return Err(KernelError::Unsupported("this buffer compression scheme")),
                };
                Encoding::General {
                    scheme,
                    values: self.boxed(depth)?,
                }
            }
            11 => Encoding::FixedSizeList {
                items: self.word()?,
                has_validity: self.word()? != 0,
                values: self.boxed(depth)?,
            },
            12 => Encoding::PackedStruct {
                values: self.boxed(depth)?,
            },
            13 => {
                let count = self.word()?;
                if count > MAX_FIELDS {
                    return Err(KernelError::Corrupt("a packed struct of too many fields"));
                }
                let mut fields = Vec::with_capacity(count);
                for _ in 0..count {
                    let (bytes, length_bytes) = (self.word()?, self.word()?);
                    if !matches!(length_bytes, 0 | 4 | 8) || (bytes == 0) == (length_bytes == 0) {
                        return Err(KernelError::Corrupt(
                            "a field of a packed struct has an impossible width",
                        ));
                    }
                    fields.push(PackedField {
                        values: self.encoding(depth + 1)?,
                        bytes,
                        length_bytes,
                    });
                }
                Encoding::VariablePackedStruct { fields }
            }
            _ => return Err(KernelError::Unsupported("this encoding")),
        })
    }
}
