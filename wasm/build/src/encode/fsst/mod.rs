//! FSST string compression (Boncz, Neumann and Leis, VLDB 2020): a table of up to 255 symbols of 1 to 8 bytes, learnt from
//! a sample, replaces what it can; other bytes follow an escape.

mod symbols;
mod train;

pub use symbols::SymbolTable;
pub use train::train;

use super::values::VariableValues;
use core::ops::Range;

/// Bytes of a stored table (format page section 2.2).
const TABLE_BYTES: usize = 8 + 256 * 8 + 256;
const MAGIC: u64 = 0x4653_5354;

/// The table as readers take it: header, 8 bytes a symbol, then one length each.
pub fn serialize(table: &SymbolTable) -> Vec<u8> {
    let symbols = table.symbols();
    let mut out = Vec::with_capacity(TABLE_BYTES);
    out.extend_from_slice(&(MAGIC << 32 | 1 << 24 | symbols.len() as u64).to_le_bytes());
    for symbol in symbols {
        out.extend_from_slice(&symbol.bytes.to_le_bytes());
    }
    out.extend(symbols.iter().map(|symbol| symbol.length));
    out.resize(TABLE_BYTES, 0);
    out
}

/// Appends the codes of some values; a value's codes stand alone.
pub fn compress(
    values: &VariableValues,
    range: Range<usize>,
    table: &SymbolTable,
    out: &mut VariableValues,
) {
    for pair in values.ends[range.start..=range.end].windows(2) {
        table.compress(
            &values.data,
            pair[0] as usize..pair[1] as usize,
            &mut out.data,
        );
        out.ends.push(out.data.len() as u32);
    }
}
