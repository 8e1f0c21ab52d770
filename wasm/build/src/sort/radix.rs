use lancelet_common::error::{try_with_capacity, Result};

/// A row and the unsigned number it is ordered by.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Keyed {
    pub key: u64,
    pub row: u32,
}

/// Below this many rows, the histograms cost more than comparing.
const RADIX_MIN: usize = 256;

/// Sorts stably by key; `row` must ascend on entry. Least significant digit first, a byte a pass; a byte all keys share
/// costs nothing, so narrow values take few passes.
pub fn sort_by_key(entries: &mut Vec<Keyed>) -> Result<()> {
    if entries.windows(2).all(|pair| pair[0].key <= pair[1].key) {
        return Ok(());
    }
    if entries.len() < RADIX_MIN {
        entries.sort_unstable_by_key(|entry| (entry.key, entry.row));
        return Ok(());
    }
    let mut scratch = try_with_capacity::<Keyed>(entries.len())?;
    scratch.resize(entries.len(), Keyed::default());
    let first = entries[0].key;
    let varying = entries
        .iter()
        .fold(0, |bits, entry| bits | (entry.key ^ first));
    for shift in (0..64).step_by(8) {
        if varying >> shift & 0xff == 0 {
            continue;
        }
        let mut starts = [0usize; 256];
        for entry in entries.iter() {
            starts[(entry.key >> shift & 0xff) as usize] += 1;
        }
        let mut start = 0;
        for slot in starts.iter_mut() {
            start += core::mem::replace(slot, start);
        }
        for entry in entries.iter() {
            let slot = &mut starts[(entry.key >> shift & 0xff) as usize];
            scratch[*slot] = *entry;
            *slot += 1;
        }
        core::mem::swap(entries, &mut scratch);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sorts_stably_at_every_size() {
        for length in [0usize, 1, 2, 255, 256, 257, 5000] {
            let mut state = 7u64;
            let entries: Vec<Keyed> = (0..length)
                .map(|row| {
                    state = state
                        .wrapping_mul(6_364_136_223_846_793_005)
                        .wrapping_add(1);
                    Keyed {
                        key: (state >> 40) << ((state >> 33) % 3 * 20) & !0xf,
                        row: row as u32,
                    }
                })
                .collect();
            let mut expected = entries.clone();
            expected.sort_by_key(|entry| entry.key);
            let mut sorted = entries;
            sort_by_key(&mut sorted).unwrap();
            assert_eq!(sorted, expected);
        }
    }
}
