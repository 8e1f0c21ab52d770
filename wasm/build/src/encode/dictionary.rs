//! Distinct values in the order they first occur, and the number of each value.

use super::values::{FixedValues, VariableValues};

/// Largest dictionaries: a reader takes one whole before its first row (native's bounds).
const MAX_ENTRIES: usize = 100_000;
const MAX_BYTES: usize = 8 << 20;
/// Smaller pages gain nothing.
const MIN_VALUES: usize = 100;
const SAMPLE_BLOCKS: usize = 32;
const SAMPLE_BLOCK_VALUES: usize = 128;
/// A smaller sample says too little.
const MIN_SAMPLE: u64 = 1024;
const EMPTY: u32 = u32::MAX;

/// A page of few distinct values.
pub struct Dictionary<T> {
    pub indices: Vec<u32>,
    pub items: T,
}

/// Not seeded: equal data takes equal paths on every machine.
#[inline(always)]
fn hash(bytes: &[u8]) -> u32 {
    const FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;
    let mut state = bytes.len() as u64;
    let mut words = bytes.chunks_exact(8);
    for word in &mut words {
        let mut raw = [0; 8];
        raw.copy_from_slice(word);
        state = (state.rotate_left(23) ^ u64::from_le_bytes(raw)).wrapping_mul(FACTOR);
    }
    let rest = words.remainder();
    if !rest.is_empty() {
        let mut raw = [0; 8];
        raw[..rest.len()].copy_from_slice(rest);
        state = (state.rotate_left(23) ^ u64::from_le_bytes(raw)).wrapping_mul(FACTOR);
    }
    (state ^ state >> 32) as u32
}

/// Numbers of distinct values by open addressing.
struct Numbering {
    slots: Vec<u32>,
    hashes: Vec<u32>,
}

impl Numbering {
    fn new() -> Self {
        Self {
            slots: vec![EMPTY; 1024],
            hashes: Vec::new(),
        }
    }

    /// The number of a value, and whether it is new. `is_entry` compares with a value already numbered.
    #[inline(always)]
    fn find(&mut self, hash: u32, is_entry: impl Fn(usize) -> bool) -> (u32, bool) {
        let mask = self.slots.len() - 1;
        let mut at = hash as usize & mask;
        loop {
            let number = self.slots[at];
            if number == EMPTY {
                break;
            }
            if self.hashes[number as usize] == hash && is_entry(number as usize) {
                return (number, false);
            }
            at = (at + 1) & mask;
        }
        let number = self.hashes.len() as u32;
        self.hashes.push(hash);
        self.slots[at] = number;
        if self.hashes.len() * 2 > self.slots.len() {
            self.grow();
        }
        (number, true)
    }

    fn grow(&mut self) {
        let mask = self.slots.len() * 4 - 1;
        let mut slots = vec![EMPTY; mask + 1];
        for (number, hash) in self.hashes.iter().enumerate() {
            let mut at = *hash as usize & mask;
            while slots[at] != EMPTY {
                at = (at + 1) & mask;
            }
            slots[at] = number as u32;
        }
        self.slots = slots;
    }
}

/// Whether a sample of evenly spread blocks promises at most `max_entries` distinct values: a reader takes the dictionary
/// whole before its first row, so one that is almost the column makes every take dear.
fn looks_small<'a>(count: usize, max_entries: usize, value: impl Fn(usize) -> &'a [u8]) -> bool {
    let mut numbering = Numbering::new();
    let mut entries: Vec<usize> = Vec::new();
    let mut sampled = 0;
    for block in 0..SAMPLE_BLOCKS {
        let start = block * count / SAMPLE_BLOCKS;
        let end = ((block + 1) * count / SAMPLE_BLOCKS).min(start + SAMPLE_BLOCK_VALUES);
        for index in start..end {
            let bytes = value(index);
            let (_, is_new) = numbering.find(hash(bytes), |number| value(entries[number]) == bytes);
            if is_new {
                entries.push(index);
            }
            sampled += 1;
        }
    }
    sampled < MIN_SAMPLE || entries.len() as u64 * count as u64 <= max_entries as u64 * sampled
}

/// Numbers the values until there are too many of them or they take more than `max_bytes`. A null's value is the first.
fn number_values<'a>(
    count: usize,
    nulls: &[u8],
    max_bytes: usize,
    value: impl Fn(usize) -> &'a [u8] + Copy,
) -> Option<(Vec<u32>, Vec<u32>)> {
    let max_entries = (count / 2).min(MAX_ENTRIES);
    if count < MIN_VALUES || !looks_small(count, max_entries, value) {
        return None;
    }
    let max_bytes = max_bytes.min(MAX_BYTES);
    let mut numbering = Numbering::new();
    let mut entries: Vec<u32> = Vec::new();
    let mut indices = Vec::with_capacity(count);
    let mut bytes_taken = 0;
    for index in 0..count {
        if nulls.get(index).is_some_and(|null| *null != 0) {
            indices.push(0);
            continue;
        }
        let bytes = value(index);
        let (number, is_new) = numbering.find(hash(bytes), |number| {
            value(entries[number] as usize) == bytes
        });
        if is_new {
            bytes_taken += bytes.len();
            if entries.len() == max_entries || bytes_taken > max_bytes {
                return None;
            }
            entries.push(index as u32);
        }
        indices.push(number);
    }
    Some((indices, entries))
}

/// The dictionary of wide fixed values, if they are few.
pub fn encode_fixed(values: &FixedValues, nulls: &[u8]) -> Option<Dictionary<FixedValues>> {
    let (indices, entries) = number_values(values.count, nulls, values.data.len(), |index| {
        values.slice(index, 1)
    })?;
    let data = entries
        .iter()
        .flat_map(|entry| values.slice(*entry as usize, 1).iter().copied())
        .collect();
    Some(Dictionary {
        indices,
        items: FixedValues {
            bits: values.bits,
            count: entries.len(),
            data,
        },
    })
}

/// The dictionary of strings, if they are few.
pub fn encode_variable(
    values: &VariableValues,
    nulls: &[u8],
) -> Option<Dictionary<VariableValues>> {
    let (indices, entries) = number_values(
        values.count(),
        nulls,
        values.plain_bytes() / 5 * 4,
        |index| values.value(index),
    )?;
    let mut data = Vec::new();
    let mut ends = vec![0];
    for entry in &entries {
        data.extend_from_slice(values.value(*entry as usize));
        ends.push(data.len() as u32);
    }
    Some(Dictionary {
        indices,
        items: VariableValues {
            offset_bits: values.offset_bits,
            ends,
            data,
        },
    })
}
