//! Learns a symbol table in rounds: code the sample with the table so far, count codes and pairs of codes, keep the
//! symbols and joined pairs that would save most. The sample is spread evenly, so equal data gives an equal table.

use super::symbols::{load, Symbol, SymbolTable, MAX_SYMBOLS};
use crate::encode::values::VariableValues;
use core::ops::Range;

const SAMPLE_PARTS: usize = 128;
const SAMPLE_PART_BYTES: usize = 512;
const ROUNDS: usize = 6;
/// Codes of symbols, then one for every byte that is escaped.
const NUM_CODES: usize = 512;
const FIRST_BYTE_CODE: usize = 256;
/// A byte that gets a symbol saves its escape, and lets others be built from it.
const SINGLE_WEIGHT: u64 = 8;

/// Parts of values that stand for all.
fn sample(values: &VariableValues) -> Vec<Range<usize>> {
    let total = values.data.len();
    let mut parts: Vec<Range<usize>> = Vec::with_capacity(SAMPLE_PARTS);
    for part in 0..SAMPLE_PARTS {
        let wanted = (total as u64 * part as u64 / SAMPLE_PARTS as u64) as usize;
        let index = values
            .ends
            .partition_point(|end| *end as usize <= wanted)
            .max(1);
        let from = wanted.max(parts.last().map_or(0, |last| last.end));
        let limit = from + SAMPLE_PART_BYTES.min(total / SAMPLE_PARTS + 1);
        // Short values: several in a row.
        let mut start = from;
        for end in &values.ends[index..] {
            let end = (*end as usize).min(limit);
            if end > start {
                parts.push(start..end);
                start = end;
            }
            if end == limit {
                break;
            }
        }
    }
    parts
}

struct Counts {
    codes: Vec<u32>,
    pairs: Vec<u32>,
}

fn code_index(code: Option<u8>, byte: u8) -> usize {
    code.map_or(FIRST_BYTE_CODE + byte as usize, usize::from)
}

/// Counts what the table makes of the sample. Returns the size of the result.
fn count(
    values: &VariableValues,
    parts: &[Range<usize>],
    table: &SymbolTable,
    counts: &mut Counts,
) -> usize {
    counts.codes.fill(0);
    counts.pairs.fill(0);
    let mut size = 0;
    for part in parts {
        let mut at = part.start;
        let mut previous = None;
        while at < part.end {
            let word = load(&values.data, at);
            let found = table.find(word, part.end - at);
            let code = code_index(found.code, word as u8);
            size += if found.code.is_some() { 1 } else { 2 };
            counts.codes[code] += 1;
            if let Some(previous) = previous {
                counts.pairs[previous * NUM_CODES + code] += 1;
            }
            if found.length > 1 {
                // The first byte alone as well: the next table may cut elsewhere.
                let single = code_index(None, word as u8);
                counts.codes[single] += 1;
                if let Some(previous) = previous {
                    counts.pairs[previous * NUM_CODES + single] += 1;
                }
            }
            previous = Some(code);
            at += found.length;
        }
    }
    size
}

/// A symbol and the bytes of the sample it would stand for.
struct Gain {
    symbol: Symbol,
    gain: u64,
}

fn choose(table: &SymbolTable, counts: &Counts, join: bool) -> Vec<Symbol> {
    let symbol_of = |code: usize| -> Symbol {
        match code {
            FIRST_BYTE_CODE.. => Symbol::of_byte((code - FIRST_BYTE_CODE) as u8),
            _ => table.symbols()[code],
        }
    };
    let mut gains: Vec<Gain> = Vec::new();
    for code in 0..NUM_CODES {
        let times = u64::from(counts.codes[code]);
        if times == 0 {
            continue;
        }
        let symbol = symbol_of(code);
        let weight = if symbol.length == 1 {
            SINGLE_WEIGHT
        } else {
            u64::from(symbol.length)
        };
        gains.push(Gain {
            symbol,
            gain: times * weight,
        });
        if !join || symbol.length == 8 {
            continue;
        }
        for next in 0..NUM_CODES {
            let times = u64::from(counts.pairs[code * NUM_CODES + next]);
            // What occurs once in the sample is chance.
            if times < 2 {
                continue;
            }
            let symbol = symbol.concat(symbol_of(next));
            gains.push(Gain {
                symbol,
                gain: times * u64::from(symbol.length),
            });
        }
    }
    gains.sort_unstable_by_key(|entry| (entry.symbol.bytes, entry.symbol.length));
    gains.dedup_by(|next, kept| {
        let same = next.symbol == kept.symbol;
        if same {
            kept.gain += next.gain;
        }
        same
    });
    gains.sort_unstable_by_key(|entry| {
        (
            u64::MAX - entry.gain,
            entry.symbol.bytes,
            entry.symbol.length,
        )
    });
    gains.truncate(MAX_SYMBOLS);
    gains.into_iter().map(|entry| entry.symbol).collect()
}

/// The table that made the sample smallest.
pub fn train(values: &VariableValues) -> SymbolTable {
    let parts = sample(values);
    let mut counts = Counts {
        codes: vec![0; NUM_CODES],
        pairs: vec![0; NUM_CODES * NUM_CODES],
    };
    let mut table = SymbolTable::new(Vec::new());
    let mut best = (usize::MAX, table.clone());
    for round in 0..=ROUNDS {
        let size = count(values, &parts, &table, &mut counts);
        if size < best.0 {
            best = (size, table.clone());
        }
        if round < ROUNDS {
            table = SymbolTable::new(choose(&table, &counts, round + 1 < ROUNDS));
        }
    }
    best.1
}
