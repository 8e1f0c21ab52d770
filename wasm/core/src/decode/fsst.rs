//! FSST string decompression with the symbol table of the page (format page section 2.2).

use lancelet_common::error::{KernelError, Result};

const ESCAPE: u8 = 255;
const MAGIC: u64 = 0x4653_5354;

/// Up to 255 symbols of 1 to 8 bytes.
pub struct SymbolTable {
    symbols: [u64; 256],
    lengths: [u8; 256],
    /// False when the writer stored the strings as they are.
    enabled: bool,
}

impl SymbolTable {
    /// Header, then 8 bytes a symbol, then one length each.
    pub fn parse(table: &[u8]) -> Result<Self> {
        let header = match table.first_chunk::<8>() {
            Some(raw) => u64::from_le_bytes(*raw),
            None => return Err(KernelError::Corrupt("an FSST table ends early")),
        };
        if header >> 32 != MAGIC {
            return Err(KernelError::Corrupt("an FSST table has no magic number"));
        }
        let enabled = header >> 24 & 1 == 1;
        let count = (header & 255) as usize;
        let mut symbols = [0u64; 256];
        let mut lengths = [0u8; 256];
        if enabled {
            for index in 0..count {
                let at = 8 + 8 * index;
                match table.get(at..).and_then(|rest| rest.first_chunk::<8>()) {
                    Some(raw) => symbols[index] = u64::from_le_bytes(*raw),
                    None => return Err(KernelError::Corrupt("an FSST table ends early")),
                }
                match table.get(8 + 8 * count + index) {
                    Some(length @ 1..=8) => lengths[index] = *length,
                    _ => return Err(KernelError::Corrupt("an FSST symbol has a bad length")),
                }
            }
        }
        Ok(Self {
            symbols,
            lengths,
            enabled,
        })
    }

    /// Appends the expansion of one string to `out`.
    pub fn expand(&self, codes: &[u8], out: &mut Vec<u8>) -> Result<()> {
        if !self.enabled {
            out.extend_from_slice(codes);
            return Ok(());
        }
        let start = out.len();
        let room = codes.len().checked_mul(8).ok_or(KernelError::OutOfMemory)?;
        out.try_reserve(room + 8)
            .map_err(|_| KernelError::OutOfMemory)?;
        // Every code writes a whole word and advances by its length, so the tail needs the spare word above.
        out.resize(start + room + 8, 0);
        let mut at = start;
        let mut index = 0;
        while index < codes.len() {
            let code = codes[index];
            index += 1;
            if code == ESCAPE {
                let Some(byte) = codes.get(index) else {
                    return Err(KernelError::Corrupt("an FSST escape ends the string"));
                };
                out[at] = *byte;
                at += 1;
                index += 1;
                continue;
            }
            let length = self.lengths[code as usize];
            if length == 0 {
                return Err(KernelError::Corrupt("an FSST code has no symbol"));
            }
            out[at..at + 8].copy_from_slice(&self.symbols[code as usize].to_le_bytes());
            at += length as usize;
        }
        out.truncate(at);
        Ok(())
    }
}
