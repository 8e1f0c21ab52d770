//! A symbol table with its search: the longest symbol at a place.

use core::ops::Range;

/// A byte that stands for itself follows.
const ESCAPE: u8 = 255;
/// Codes are one byte, and one is the escape.
pub const MAX_SYMBOLS: usize = 255;
/// Not a code.
const NONE: u16 = 0xffff;

/// Up to 8 bytes, the first one lowest; bytes beyond the length are zero.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Symbol {
    pub bytes: u64,
    pub length: u8,
}

impl Symbol {
    pub fn of_byte(byte: u8) -> Self {
        Self {
            bytes: byte as u64,
            length: 1,
        }
    }

    /// This one, then as much of the next as fits.
    pub fn concat(self, next: Symbol) -> Symbol {
        let length = (self.length + next.length).min(8);
        let bytes = self.bytes | next.bytes << (self.length * 8);
        Symbol {
            bytes: bytes & mask(length),
            length,
        }
    }
}

fn mask(length: u8) -> u64 {
    u64::MAX >> (64 - length as u32 * 8)
}

/// A symbol of two bytes and more among those that start with the same two.
#[derive(Clone, Copy)]
struct Candidate {
    bytes: u64,
    mask: u64,
    length: u8,
    code: u8,
    is_last: bool,
}

/// Codes are positions in `symbols`.
#[derive(Clone)]
pub struct SymbolTable {
    symbols: Vec<Symbol>,
    candidates: Vec<Candidate>,
    /// By the first two bytes: the first candidate, longest first.
    heads: Vec<u16>,
    /// By the first byte: its code alone.
    singles: [u16; 256],
}

/// The longest match at a place.
#[derive(Clone, Copy)]
pub struct Match {
    /// `None`: the byte itself, after an escape.
    pub code: Option<u8>,
    pub length: usize,
}

impl SymbolTable {
    /// At most [`MAX_SYMBOLS`] distinct symbols.
    pub fn new(symbols: Vec<Symbol>) -> Self {
        let mut singles = [NONE; 256];
        let mut order: Vec<u8> = Vec::with_capacity(symbols.len());
        for (code, symbol) in symbols.iter().enumerate() {
            if symbol.length == 1 {
                singles[symbol.bytes as usize & 255] = code as u16;
            } else {
                order.push(code as u8);
            }
        }
        order.sort_by_key(|code| {
            let symbol = symbols[*code as usize];
            (symbol.bytes & 0xffff, 8 - symbol.length)
        });
        let mut heads = vec![NONE; 1 << 16];
        let mut candidates: Vec<Candidate> = Vec::with_capacity(order.len());
        for code in order {
            let symbol = symbols[code as usize];
            let head = &mut heads[symbol.bytes as usize & 0xffff];
            if *head == NONE {
                *head = candidates.len() as u16;
            } else if let Some(previous) = candidates.last_mut() {
                previous.is_last = false;
            }
            candidates.push(Candidate {
                bytes: symbol.bytes,
                mask: mask(symbol.length),
                length: symbol.length,
                code,
                is_last: true,
            });
        }
        Self {
            symbols,
            candidates,
            heads,
            singles,
        }
    }

    pub fn symbols(&self) -> &[Symbol] {
        &self.symbols
    }

    /// The longest symbol that starts `word`, of which `remaining` bytes count.
    #[inline(always)]
    pub fn find(&self, word: u64, remaining: usize) -> Match {
        let head = self.heads[word as usize & 0xffff];
        if head != NONE {
            let mut at = head as usize;
            loop {
                let candidate = &self.candidates[at];
                if word & candidate.mask == candidate.bytes
                    && candidate.length as usize <= remaining
                {
                    return Match {
                        code: Some(candidate.code),
                        length: candidate.length as usize,
                    };
                }
                if candidate.is_last {
                    break;
                }
                at += 1;
            }
        }
        let single = self.singles[word as usize & 255];
        Match {
            code: (single != NONE).then_some(single as u8),
            length: 1,
        }
    }

    /// Appends the codes of one value of `data`.
    pub fn compress(&self, data: &[u8], range: Range<usize>, out: &mut Vec<u8>) {
        let Range { start: mut at, end } = range;
        // Every byte takes two at most.
        out.reserve((end - at) * 2);
        while at < end {
            let found = self.find(load(data, at), end - at);
            match found.code {
                Some(code) => out.push(code),
                None => out.extend_from_slice(&[ESCAPE, data[at]]),
            }
            at += found.length;
        }
    }
}

/// Eight bytes from a place on, zeros beyond the end.
#[inline(always)]
pub fn load(data: &[u8], at: usize) -> u64 {
    if let Some(raw) = data[at..].first_chunk::<8>() {
        return u64::from_le_bytes(*raw);
    }
    let mut raw = [0; 8];
    let rest = &data[at..];
    raw[..rest.len()].copy_from_slice(rest);
    u64::from_le_bytes(raw)
}
