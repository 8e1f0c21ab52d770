//! The description of an encoded page that crosses the boundary: u32 words in prefix order, byte strings in a side
//! table. Read by src/format/write/compress/describe-page.ts; the opcodes are those the decoders use.

use super::compression::Scheme;

/// How values were encoded.
#[derive(Clone, Debug, PartialEq)]
pub enum Encoding {
    Flat(usize),
    Variable(usize),
    OutOfLineBitpacking {
        word_bits: usize,
        width: usize,
    },
    InlineBitpacking(usize),
    Fsst {
        table: Vec<u8>,
        values: Box<Encoding>,
    },
    RunLength(usize),
    ByteStreamSplit(usize),
    General {
        scheme: Scheme,
        values: Box<Encoding>,
    },
    FixedSizeList {
        items: usize,
        has_validity: bool,
        values: Box<Encoding>,
    },
}

/// Collects words and byte strings.
#[derive(Default)]
pub struct Program {
    pub words: Vec<u32>,
    pub table: Vec<u8>,
}

impl Program {
    pub fn push(&mut self, word: usize) {
        self.words.push(word as u32);
    }

    /// Where the bytes lie in the table.
    pub fn bytes(&mut self, bytes: &[u8]) {
        self.push(self.table.len());
        self.push(bytes.len());
        self.table.extend_from_slice(bytes);
    }

    /// `0`, or `1` and an encoding.
    pub fn optional(&mut self, encoding: Option<&Encoding>) {
        self.push(encoding.is_some() as usize);
        if let Some(encoding) = encoding {
            self.encoding(encoding);
        }
    }

    pub fn encoding(&mut self, encoding: &Encoding) {
        match encoding {
            Encoding::Flat(bits) => {
                self.push(1);
                self.push(*bits);
            }
            Encoding::Variable(offset_bits) => {
                self.push(2);
                self.push(*offset_bits);
            }
            Encoding::OutOfLineBitpacking { word_bits, width } => {
                self.push(4);
                self.push(*word_bits);
                self.push(*width);
            }
            Encoding::InlineBitpacking(word_bits) => {
                self.push(5);
                self.push(*word_bits);
            }
            Encoding::Fsst { table, values } => {
                self.push(6);
                self.bytes(table);
                self.encoding(values);
            }
            Encoding::RunLength(bits) => {
                self.push(8);
                self.push(*bits);
            }
            Encoding::ByteStreamSplit(bits) => {
                self.push(9);
                self.push(*bits);
            }
            Encoding::General { scheme, values } => {
                self.push(10);
                self.push(*scheme as usize);
                self.encoding(values);
            }
            Encoding::FixedSizeList {
                items,
                has_validity,
                values,
            } => {
                self.push(11);
                self.push(*items);
                self.push(*has_validity as usize);
                self.encoding(values);
            }
        }
    }
}
