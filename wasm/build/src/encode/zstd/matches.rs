//! Finds repeated bytes: hash chains over four bytes, one step of lookahead.

use super::sequences::Sequence;

const MIN_LENGTH: usize = 4;
/// A match further away must pay for its distance.
const FAR: usize = 1 << 16;
const FAR_LENGTH: usize = 5;
const MAX_LOG: u32 = 17;
/// Candidates that are tried at a place.
const DEPTH: usize = 4;
/// A match this long is taken at once.
const GOOD_LENGTH: usize = 48;

/// Places of one value by the hash of what stands there. Kept between values for its memory.
#[derive(Default)]
pub struct MatchFinder {
    log: u32,
    /// Place + 1 of the last occurrence; 0 = none.
    heads: Vec<u32>,
    /// The occurrence before it.
    chain: Vec<u32>,
    inserted: usize,
}

#[derive(Clone, Copy)]
struct Found {
    length: usize,
    offset: usize,
}

const NOTHING: Found = Found {
    length: 0,
    offset: 0,
};

fn load_u32(data: &[u8], at: usize) -> u32 {
    data[at..]
        .first_chunk::<4>()
        .map_or(0, |raw| u32::from_le_bytes(*raw))
}

/// How many bytes are equal from two places on, up to `limit`.
#[inline(always)]
fn count_equal(data: &[u8], first: usize, second: usize, limit: usize) -> usize {
    let (left, right) = (&data[first..limit], &data[second..limit]);
    let mut length = 0;
    while let (Some(a), Some(b)) = (
        left[length..].first_chunk::<8>(),
        right[length..].first_chunk::<8>(),
    ) {
        let difference = u64::from_le_bytes(*a) ^ u64::from_le_bytes(*b);
        if difference != 0 {
            return length + difference.trailing_zeros() as usize / 8;
        }
        length += 8;
    }
    while length < right.len() && left[length] == right[length] {
        length += 1;
    }
    length
}

impl MatchFinder {
    /// Forgets the value before.
    pub fn start(&mut self, size: usize) {
        self.log = (usize::BITS - size.leading_zeros()).clamp(6, MAX_LOG);
        self.heads.clear();
        self.heads.resize(1 << self.log, 0);
        self.chain.clear();
        self.chain.resize(size, 0);
        self.inserted = 0;
    }

    fn insert_until(&mut self, data: &[u8], end: usize) {
        while self.inserted < end && self.inserted + MIN_LENGTH <= data.len() {
            let slot = self.slot(data, self.inserted);
            self.chain[self.inserted] = self.heads[slot];
            self.heads[slot] = self.inserted as u32 + 1;
            self.inserted += 1;
        }
    }

    fn slot(&self, data: &[u8], at: usize) -> usize {
        (load_u32(data, at).wrapping_mul(0x9e37_79b1) >> (32 - self.log)) as usize
    }

    fn find(
        &mut self,
        data: &[u8],
        at: usize,
        limit: usize,
        window: usize,
        repeat: usize,
    ) -> Found {
        let mut best = NOTHING;
        if limit < at + MIN_LENGTH {
            return best;
        }
        if repeat != 0 && repeat <= at && load_u32(data, at) == load_u32(data, at - repeat) {
            // It costs no distance, so it wins over one that is a byte longer.
            best = Found {
                length: count_equal(data, at - repeat, at, limit),
                offset: repeat,
            };
            if best.length >= GOOD_LENGTH {
                return best;
            }
        }
        self.insert_until(data, at);
        let mut candidate = self.heads[self.slot(data, at)] as usize;
        let lowest = at.saturating_sub(window);
        for _ in 0..DEPTH {
            if candidate == 0 || candidate - 1 < lowest {
                break;
            }
            let place = candidate - 1;
            candidate = self.chain[place] as usize;
            if at + best.length < limit && data[place + best.length] != data[at + best.length] {
                continue;
            }
            let length = count_equal(data, place, at, limit);
            let offset = at - place;
            let least = if offset > FAR { FAR_LENGTH } else { MIN_LENGTH };
            let bonus = usize::from(best.offset == repeat && best.length > 0);
            if length >= least && length > best.length + bonus {
                best = Found { length, offset };
                if length >= GOOD_LENGTH {
                    break;
                }
            }
        }
        best
    }

    /// Cuts a block into sequences; the literals after the last one are left.
    pub fn cut(
        &mut self,
        data: &[u8],
        start: usize,
        end: usize,
        options: (usize, u32),
        sequences: &mut Vec<Sequence>,
        literals: &mut Vec<u8>,
    ) {
        let (window, mut repeat) = (options.0, options.1 as usize);
        let (mut at, mut first_literal) = (start, start);
        while at + MIN_LENGTH <= end {
            let mut found = self.find(data, at, end, window, repeat);
            if found.length < MIN_LENGTH {
                // Where nothing repeats, look less often.
                at += 1 + ((at - first_literal) >> 8);
                continue;
            }
            while found.length < GOOD_LENGTH && at + 1 + MIN_LENGTH <= end {
                let next = self.find(data, at + 1, end, window, repeat);
                if next.length <= found.length + usize::from(next.offset != repeat) {
                    break;
                }
                found = next;
                at += 1;
            }
            while at > first_literal
                && at > found.offset
                && data[at - 1] == data[at - 1 - found.offset]
            {
                at -= 1;
                found.length += 1;
            }
            literals.extend_from_slice(&data[first_literal..at]);
            sequences.push(Sequence {
                literals: (at - first_literal) as u32,
                length: found.length as u32,
                offset: found.offset as u32,
            });
            repeat = found.offset;
            at += found.length;
            first_literal = at;
        }
        literals.extend_from_slice(&data[first_literal..end]);
    }
}
