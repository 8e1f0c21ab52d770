//! Sequences: literals to copy, then a match (RFC 8878 section 3.1.1.3.2).

use super::bits::BitWriter;
use super::fse::{high_bit, Distribution, Table};

/// One step of a block. `offset` is a distance of at least 1.
#[derive(Clone, Copy)]
pub struct Sequence {
    pub literals: u32,
    pub length: u32,
    pub offset: u32,
}

/// The last three distances, newest first: a match at one of them needs no distance.
#[derive(Clone, Copy)]
pub struct Repeats(pub [u32; 3]);

impl Repeats {
    pub const START: Repeats = Repeats([1, 4, 8]);

    /// The number that stands for a distance, and the distances after it.
    fn number(&mut self, sequence: &Sequence) -> u32 {
        let [first, second, third] = self.0;
        let Sequence {
            literals, offset, ..
        } = *sequence;
        let known = if literals > 0 {
            [first, second, third]
        } else {
            [second, third, first.wrapping_sub(1)]
        };
        let index = known
            .iter()
            .position(|known| *known == offset && offset != 0);
        let Some(index) = index else {
            self.0 = [offset, first, second];
            return offset + 3;
        };
        self.0 = match index + usize::from(literals == 0) {
            0 => self.0,
            1 => [second, first, third],
            _ => [offset, first, second],
        };
        index as u32 + 1
    }
}

const LITERAL_BASES: [(u32, u32); 36] = bases(
    0,
    &[
        (16, 0),
        (4, 1),
        (2, 2),
        (2, 3),
        (1, 4),
        (1, 6),
        (1, 7),
        (1, 8),
        (1, 9),
        (1, 10),
        (1, 11),
        (1, 12),
        (1, 13),
        (1, 14),
        (1, 15),
        (1, 16),
    ],
);
const MATCH_BASES: [(u32, u32); 53] = bases(
    3,
    &[
        (32, 0),
        (4, 1),
        (2, 2),
        (2, 3),
        (2, 4),
        (1, 5),
        (1, 7),
        (1, 8),
        (1, 9),
        (1, 10),
        (1, 11),
        (1, 12),
        (1, 13),
        (1, 14),
        (1, 15),
        (1, 16),
    ],
);

/// First value and extra bits of each code, from how many codes have so many extra bits.
const fn bases<const N: usize>(first: u32, groups: &[(usize, u32)]) -> [(u32, u32); N] {
    let mut table = [(0, 0); N];
    let (mut code, mut base, mut group) = (0, first, 0);
    while group < groups.len() {
        let (count, bits) = groups[group];
        let mut index = 0;
        while index < count {
            table[code] = (base, bits);
            base += 1 << bits;
            code += 1;
            index += 1;
        }
        group += 1;
    }
    table
}

fn find_code(bases: &[(u32, u32)], value: u32) -> usize {
    bases.partition_point(|(base, _)| *base <= value) - 1
}

struct Predefined {
    log: u32,
    shares: &'static [i16],
    max_log: u32,
}

const LITERALS: Predefined = Predefined {
    log: 6,
    shares: &[
        4, 3, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 1, 1, 1, 2, 2, 2, 2, 2, 2, 2, 2, 2, 3, 2, 1, 1, 1,
        1, 1, -1, -1, -1, -1,
    ],
    max_log: 9,
};
const MATCHES: Predefined = Predefined {
    log: 6,
    shares: &[
        1, 4, 3, 2, 2, 2, 2, 2, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
        1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, -1, -1, -1, -1, -1, -1, -1,
    ],
    max_log: 9,
};
const OFFSETS: Predefined = Predefined {
    log: 5,
    shares: &[
        1, 1, 1, 1, 1, 1, 2, 2, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, -1, -1, -1, -1, -1,
    ],
    max_log: 8,
};

/// The codes of one kind, how readers rebuild their table, and the table.
fn choose_table(codes: &[usize], predefined: &Predefined) -> (u8, Vec<u8>, Table) {
    let mut counts = vec![0u32; codes.iter().copied().max().unwrap_or(0) + 1];
    for code in codes {
        counts[*code] += 1;
    }
    if counts[codes[0]] as usize == codes.len() && codes.len() > 2 {
        return (1, vec![codes[0] as u8], Table::of_one());
    }
    let known = Distribution {
        log: predefined.log,
        shares: predefined.shares.to_vec(),
    };
    let known_cost = known.cost(&counts);
    if counts.iter().filter(|count| **count > 0).count() > 1 {
        let own = Distribution::of_counts(&counts, predefined.max_log);
        let description = own.describe();
        if own.cost(&counts) + description.len() as f64 * 8.0 < known_cost {
            return (2, description, Table::new(&own));
        }
    }
    if known_cost.is_infinite() {
        return (1, vec![codes[0] as u8], Table::of_one());
    }
    (0, Vec::new(), Table::new(&known))
}

/// Appends the sequences section.
pub fn write_sequences(sequences: &[Sequence], repeats: &mut Repeats, out: &mut Vec<u8>) {
    let count = sequences.len();
    match count {
        0..=127 => out.push(count as u8),
        128..=0x7eff => out.extend_from_slice(&[(count >> 8) as u8 + 128, count as u8]),
        _ => {
            out.push(255);
            out.extend_from_slice(&((count - 0x7f00) as u16).to_le_bytes());
        }
    }
    if count == 0 {
        return;
    }
    let numbers: Vec<u32> = sequences
        .iter()
        .map(|sequence| repeats.number(sequence))
        .collect();
    let literal_codes: Vec<usize> = sequences
        .iter()
        .map(|sequence| find_code(&LITERAL_BASES, sequence.literals))
        .collect();
    let match_codes: Vec<usize> = sequences
        .iter()
        .map(|sequence| find_code(&MATCH_BASES, sequence.length))
        .collect();
    let offset_codes: Vec<usize> = numbers
        .iter()
        .map(|number| high_bit(*number) as usize)
        .collect();
    let (literal_mode, literal_table, literals) = choose_table(&literal_codes, &LITERALS);
    let (offset_mode, offset_table, offsets) = choose_table(&offset_codes, &OFFSETS);
    let (match_mode, match_table, matches) = choose_table(&match_codes, &MATCHES);
    out.push(literal_mode << 6 | offset_mode << 4 | match_mode << 2);
    for table in [literal_table, offset_table, match_table] {
        out.extend_from_slice(&table);
    }
    let mut bits = BitWriter::default();
    let last = count - 1;
    let mut match_state = matches.start(match_codes[last]);
    let mut offset_state = offsets.start(offset_codes[last]);
    let mut literal_state = literals.start(literal_codes[last]);
    for index in (0..count).rev() {
        let (literal_code, match_code, offset_code) = (
            literal_codes[index],
            match_codes[index],
            offset_codes[index],
        );
        if index < last {
            offsets.encode(&mut offset_state, offset_code, &mut bits);
            matches.encode(&mut match_state, match_code, &mut bits);
            literals.encode(&mut literal_state, literal_code, &mut bits);
        }
        let (base, extra) = LITERAL_BASES[literal_code];
        bits.add(sequences[index].literals - base, extra);
        let (base, extra) = MATCH_BASES[match_code];
        bits.add(sequences[index].length - base, extra);
        bits.add(numbers[index] - (1 << offset_code), offset_code as u32);
    }
    matches.finish(match_state, &mut bits);
    offsets.finish(offset_state, &mut bits);
    literals.finish(literal_state, &mut bits);
    out.extend_from_slice(&bits.close());
}
