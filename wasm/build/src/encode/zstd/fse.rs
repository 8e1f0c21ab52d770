//! Finite state entropy: normalised counts, their description, and the encoder (RFC 8878 section 4.1; Collet, FSE).

use super::bits::BitWriter;

/// Bits of the highest set bit.
pub fn high_bit(value: u32) -> u32 {
    31 - value.leading_zeros()
}

/// How often each symbol stands in a table of `1 << log` states; −1 is once, with the longest code.
#[derive(Clone)]
pub struct Distribution {
    pub log: u32,
    pub shares: Vec<i16>,
}

impl Distribution {
    /// Shares of the counts; every symbol that occurs gets at least one state. Needs at least two symbols.
    pub fn of_counts(counts: &[u32], max_log: u32) -> Self {
        let total: u32 = counts.iter().sum();
        let symbols = counts.iter().filter(|count| **count > 0).count() as u32;
        let wanted = high_bit(total.max(2) - 1).saturating_sub(2);
        let log = wanted.max(high_bit(symbols) + 1).clamp(5, max_log);
        let size = 1u64 << log;
        let mut shares: Vec<i16> = counts
            .iter()
            .map(|count| match count {
                0 => 0,
                _ => ((u64::from(*count) * size + u64::from(total) / 2) / u64::from(total)).max(1)
                    as i16,
            })
            .collect();
        let mut over = shares.iter().map(|share| i64::from(*share)).sum::<i64>() - size as i64;
        // What rounding made too much or too little is settled with the largest, one by one where it is much.
        while over != 0 {
            let Some(largest) =
                (0..shares.len()).max_by_key(|symbol| (shares[*symbol], counts[*symbol]))
            else {
                break;
            };
            let step = if over > 0 {
                over.min(i64::from(shares[largest]) / 4).max(1)
            } else {
                over
            };
            shares[largest] -= step as i16;
            over -= step;
        }
        while shares.last() == Some(&0) {
            shares.pop();
        }
        Self { log, shares }
    }

    /// Bits the counts take with this distribution; infinite where a symbol has no state.
    pub fn cost(&self, counts: &[u32]) -> f64 {
        let mut bits = 0.0;
        for (symbol, count) in counts.iter().enumerate().filter(|(_, count)| **count > 0) {
            bits += match self.shares.get(symbol) {
                None | Some(0) => f64::INFINITY,
                Some(share) => {
                    f64::from(*count) * (f64::from(self.log) - f64::from(share.abs()).log2())
                }
            };
        }
        bits
    }

    /// The description readers rebuild the distribution from.
    pub fn describe(&self) -> Vec<u8> {
        let mut out = BitWriter::default();
        out.add(self.log - 5, 4);
        let size = 1i32 << self.log;
        let (mut remaining, mut threshold, mut bits) = (size + 1, size, self.log + 1);
        let mut symbol = 0;
        let mut after_zero = false;
        while symbol < self.shares.len() && remaining > 1 {
            if after_zero {
                let mut start = symbol;
                while self.shares[symbol] == 0 {
                    symbol += 1;
                }
                while symbol >= start + 3 {
                    out.add(3, 2);
                    start += 3;
                }
                out.add((symbol - start) as u32, 2);
            }
            let share = i32::from(self.shares[symbol]);
            symbol += 1;
            let spare = 2 * threshold - 1 - remaining;
            remaining -= share.abs();
            let mut value = share + 1;
            if value >= threshold {
                value += spare;
            }
            out.add(value as u32, if value < spare { bits - 1 } else { bits });
            after_zero = share == 0;
            while remaining < threshold {
                bits -= 1;
                threshold >>= 1;
            }
        }
        out.into_bytes()
    }
}

/// What a symbol does to a state.
#[derive(Clone, Copy, Default)]
struct Transform {
    bits: i64,
    find: i64,
}

/// The encoder of one distribution.
pub struct Table {
    log: u32,
    states: Vec<u16>,
    transforms: Vec<Transform>,
}

impl Table {
    pub fn new(distribution: &Distribution) -> Self {
        let Distribution { log, shares } = distribution;
        let size = 1usize << log;
        let mut symbols = vec![0usize; size];
        let mut high = size;
        for (symbol, share) in shares.iter().enumerate() {
            if *share == -1 {
                high -= 1;
                symbols[high] = symbol;
            }
        }
        let step = (size >> 1) + (size >> 3) + 3;
        let mut at = 0;
        for (symbol, share) in shares.iter().enumerate() {
            for _ in 0..(*share).max(0) {
                symbols[at] = symbol;
                at = (at + step) & (size - 1);
                while at >= high {
                    at = (at + step) & (size - 1);
                }
            }
        }
        let mut firsts = Vec::with_capacity(shares.len());
        let mut transforms = Vec::with_capacity(shares.len());
        let mut total = 0i64;
        for share in shares {
            firsts.push(total as usize);
            let share = i64::from(share.abs());
            transforms.push(match share {
                0 => Transform::default(),
                1 => Transform {
                    bits: (i64::from(*log) << 16) - (1 << log),
                    find: total - 1,
                },
                _ => {
                    let longest = i64::from(log - high_bit(share as u32 - 1));
                    Transform {
                        bits: (longest << 16) - (share << longest),
                        find: total - share,
                    }
                }
            });
            total += share;
        }
        let mut states = vec![0u16; size];
        for (position, symbol) in symbols.iter().enumerate() {
            states[firsts[*symbol]] = (size + position) as u16;
            firsts[*symbol] += 1;
        }
        Self {
            log: *log,
            states,
            transforms,
        }
    }

    /// A table whose every state is one symbol: it takes no bits.
    pub fn of_one() -> Self {
        Self {
            log: 0,
            states: Vec::new(),
            transforms: Vec::new(),
        }
    }

    /// The state before the last symbol.
    pub fn start(&self, symbol: usize) -> u32 {
        if self.log == 0 {
            return 0;
        }
        let Transform { bits, find } = self.transforms[symbol];
        let count = (bits + (1 << 15)) >> 16;
        let value = (count << 16) - bits;
        u32::from(self.states[((value >> count) + find) as usize])
    }

    /// Codes one more symbol, last to first.
    #[inline(always)]
    pub fn encode(&self, state: &mut u32, symbol: usize, out: &mut BitWriter) {
        if self.log == 0 {
            return;
        }
        let Transform { bits, find } = self.transforms[symbol];
        let count = ((i64::from(*state) + bits) >> 16) as u32;
        out.add(*state, count);
        *state = u32::from(self.states[(i64::from(*state >> count) + find) as usize]);
    }

    /// Writes the state readers start with.
    pub fn finish(&self, state: u32, out: &mut BitWriter) {
        out.add(state, self.log);
    }
}
