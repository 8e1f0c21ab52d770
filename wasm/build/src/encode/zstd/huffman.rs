//! Literals in Huffman codes of at most 11 bits (RFC 8878 section 4.2).

use super::bits::BitWriter;
use super::fse::{Distribution, Table};

const MAX_BITS: u32 = 11;
const MAX_WEIGHT_LOG: u32 = 6;
/// Fewer literals go in one stream.
const ONE_STREAM: usize = 256;

/// Lengths of a complete prefix code; 0 for a byte that does not occur. Needs at least two that do.
fn measure_codes(counts: &[u32; 256]) -> [u8; 256] {
    let mut counts = *counts;
    loop {
        let lengths = build_lengths(&counts);
        if lengths.iter().all(|length| u32::from(*length) <= MAX_BITS) {
            return lengths;
        }
        // Flatter counts give shorter codes to the rare.
        for count in counts.iter_mut().filter(|count| **count > 0) {
            *count = *count >> 1 | 1;
        }
    }
}

fn build_lengths(counts: &[u32; 256]) -> [u8; 256] {
    let mut leaves: Vec<(u32, usize)> = (0..256)
        .filter(|symbol| counts[*symbol] > 0)
        .map(|symbol| (counts[symbol], symbol))
        .collect();
    leaves.sort_unstable();
    let count = leaves.len();
    let mut weights: Vec<u64> = leaves.iter().map(|(count, _)| u64::from(*count)).collect();
    let mut parents = vec![0usize; 2 * count - 1];
    let (mut leaf, mut inner) = (0, count);
    for node in count..2 * count - 1 {
        let mut weight = 0;
        for _ in 0..2 {
            let takes_leaf = leaf < count && (inner >= node || weights[leaf] <= weights[inner]);
            let child = if takes_leaf { &mut leaf } else { &mut inner };
            weight += weights[*child];
            parents[*child] = node;
            *child += 1;
        }
        weights.push(weight);
    }
    let mut depths = vec![0u8; 2 * count - 1];
    for node in (0..2 * count - 2).rev() {
        depths[node] = depths[parents[node]] + 1;
    }
    let mut lengths = [0; 256];
    for (index, (_, symbol)) in leaves.iter().enumerate() {
        lengths[*symbol] = depths[index];
    }
    lengths
}

/// Codes in the order of the format: the longest first, from 0 on.
fn assign_codes(lengths: &[u8; 256], longest: u8) -> [u16; 256] {
    let mut next = [0u16; MAX_BITS as usize + 2];
    let mut first = 0;
    for length in (1..=longest).rev() {
        next[length as usize] = first;
        first += lengths.iter().filter(|other| **other == length).count() as u16;
        first >>= 1;
    }
    let mut codes = [0; 256];
    for symbol in 0..256 {
        let length = lengths[symbol] as usize;
        if length > 0 {
            codes[symbol] = next[length];
            next[length] += 1;
        }
    }
    codes
}

/// The weights of all symbols but the last one, which readers find themselves.
fn describe_weights(lengths: &[u8; 256], longest: u8) -> Option<Vec<u8>> {
    let last = lengths.iter().rposition(|length| *length > 0)?;
    let weights: Vec<usize> = lengths[..last]
        .iter()
        .map(|length| {
            if *length == 0 {
                0
            } else {
                usize::from(longest + 1 - length)
            }
        })
        .collect();
    let coded = code_weights(&weights);
    if weights.len() <= 128 {
        let direct = 1 + weights.len().div_ceil(2);
        if coded.as_ref().is_none_or(|coded| coded.len() + 1 >= direct) {
            let mut out = vec![127 + weights.len() as u8];
            out.extend(
                weights
                    .chunks(2)
                    .map(|pair| (pair[0] << 4 | pair.get(1).copied().unwrap_or(0)) as u8),
            );
            return Some(out);
        }
    }
    let coded = coded?;
    let mut out = vec![coded.len() as u8];
    out.extend_from_slice(&coded);
    Some(out)
}

fn code_weights(weights: &[usize]) -> Option<Vec<u8>> {
    let mut counts = [0u32; MAX_BITS as usize + 2];
    for weight in weights {
        counts[*weight] += 1;
    }
    if weights.len() < 3 || counts.iter().filter(|count| **count > 0).count() < 2 {
        return None;
    }
    let distribution = Distribution::of_counts(&counts, MAX_WEIGHT_LOG);
    let table = Table::new(&distribution);
    let mut out = BitWriter::default();
    // Two states take turns: the first has the even places.
    let mut states = [None, None];
    for (place, weight) in weights.iter().enumerate().rev() {
        match &mut states[place % 2] {
            slot @ None => *slot = Some(table.start(*weight)),
            Some(state) => table.encode(state, *weight, &mut out),
        }
    }
    for state in states.into_iter().rev() {
        table.finish(state?, &mut out);
    }
    let mut bytes = distribution.describe();
    bytes.extend_from_slice(&out.close());
    (bytes.len() < 128).then_some(bytes)
}

fn write_stream(literals: &[u8], codes: &[u16; 256], lengths: &[u8; 256]) -> Vec<u8> {
    let mut out = BitWriter::default();
    for byte in literals.iter().rev() {
        out.add(
            u32::from(codes[*byte as usize]),
            u32::from(lengths[*byte as usize]),
        );
    }
    out.close()
}

/// `bits` wide sizes behind type and format.
fn write_header(kind: u64, format: u64, sizes: (usize, usize), bits: u32, out: &mut Vec<u8>) {
    let word = kind | format << 2 | (sizes.0 as u64) << 4 | (sizes.1 as u64) << (4 + bits);
    out.extend_from_slice(&word.to_le_bytes()[..(4 + 2 * bits as usize).div_ceil(8)]);
}

fn write_plain(kind: u8, count: usize, out: &mut Vec<u8>) {
    let kind = u32::from(kind);
    let size = count as u32;
    match count {
        0..=31 => out.push((kind | size << 3) as u8),
        32..=4095 => out.extend_from_slice(&(kind | 1 << 2 | size << 4).to_le_bytes()[..2]),
        _ => out.extend_from_slice(&(kind | 3 << 2 | size << 4).to_le_bytes()[..3]),
    }
}

/// Appends the literals section: one byte repeated, Huffman codes, or the bytes.
pub fn write_literals(literals: &[u8], out: &mut Vec<u8>) {
    let mut counts = [0u32; 256];
    for byte in literals {
        counts[*byte as usize] += 1;
    }
    let distinct = counts.iter().filter(|count| **count > 0).count();
    if distinct == 1 && literals.len() > 1 {
        write_plain(1, literals.len(), out);
        out.push(literals[0]);
        return;
    }
    if distinct > 1 && literals.len() > 32 {
        if let Some(coded) = code_literals(literals, &counts) {
            if coded.len() < literals.len() {
                out.extend_from_slice(&coded);
                return;
            }
        }
    }
    write_plain(0, literals.len(), out);
    out.extend_from_slice(literals);
}

fn code_literals(literals: &[u8], counts: &[u32; 256]) -> Option<Vec<u8>> {
    let lengths = measure_codes(counts);
    let longest = lengths.iter().copied().max()?;
    let codes = assign_codes(&lengths, longest);
    let mut body = describe_weights(&lengths, longest)?;
    let is_one = literals.len() < ONE_STREAM;
    if is_one {
        body.extend_from_slice(&write_stream(literals, &codes, &lengths));
    } else {
        let streams: Vec<Vec<u8>> = literals
            .chunks(literals.len().div_ceil(4))
            .map(|part| write_stream(part, &codes, &lengths))
            .collect();
        for stream in &streams[..3] {
            body.extend_from_slice(&u16::try_from(stream.len()).ok()?.to_le_bytes());
        }
        for stream in &streams {
            body.extend_from_slice(stream);
        }
    }
    let mut out = Vec::with_capacity(body.len() + 5);
    let sizes = (literals.len(), body.len());
    match sizes.0.max(sizes.1) {
        0..=1023 => write_header(2, u64::from(!is_one), sizes, 10, &mut out),
        1024..=16383 => write_header(2, 2, sizes, 14, &mut out),
        _ => write_header(2, 3, sizes, 18, &mut out),
    }
    out.extend_from_slice(&body);
    Some(out)
}
