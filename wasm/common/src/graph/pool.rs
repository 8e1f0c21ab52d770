//! The best candidates of a walk, in order.

use crate::error::{try_with_capacity, Result};

/// A candidate as one number: distance, then row, then whether it was expanded.
type Entry = u64;

const EXPANDED: Entry = 1;

#[inline(always)]
fn entry_of(key: u32, row: u32) -> Entry {
    u64::from(key) << 32 | u64::from(row) << 1
}

#[inline(always)]
fn row_of(entry: Entry) -> u32 {
    (entry as u32) >> 1
}

/// Rows that an entry can name.
pub const MAX_ROWS: usize = 1 << 31;

/// At most `limit` candidates, nearest first; of equal ones the lowest row. (A sorted array: at these sizes moving its
/// end costs less than the branches of two heaps.)
pub struct Pool {
    entries: Vec<Entry>,
    limit: usize,
    /// Only so many of the nearest are given.
    given: usize,
    /// Entries before it are all expanded.
    next: usize,
}

impl Default for Pool {
    fn default() -> Pool {
        Pool::new()
    }
}

impl Pool {
    pub fn new() -> Pool {
        Pool {
            entries: Vec::new(),
            limit: 1,
            given: 1,
            next: 0,
        }
    }

    /// Empties it, for at most `limit` candidates, of which the `given` nearest are given to be expanded.
    pub fn reset(&mut self, limit: usize, given: usize) -> Result<()> {
        let limit = limit.max(1);
        let room = limit.saturating_add(1);
        self.entries.clear();
        if self.entries.capacity() < room {
            self.entries = try_with_capacity(room)?;
        }
        self.limit = limit;
        self.given = given;
        self.next = 0;
        Ok(())
    }

    /// Whether a candidate at this distance may be taken.
    #[inline(always)]
    pub fn admits(&self, key: u32) -> bool {
        self.entries.len() < self.limit || key <= (self.entries[self.limit - 1] >> 32) as u32
    }

    #[inline(always)]
    pub fn offer(&mut self, key: u32, row: u32) {
        if self.admits(key) {
            self.insert(entry_of(key, row));
        }
    }

    fn insert(&mut self, entry: Entry) {
        let at = self.entries.partition_point(|&other| other < entry);
        if at >= self.limit {
            return;
        }
        if self.entries.len() == self.limit {
            self.entries.pop();
        }
        self.entries.insert(at, entry);
        self.next = self.next.min(at);
    }

    /// The nearest candidate that was not given yet.
    #[inline(always)]
    pub fn pop(&mut self) -> Option<u32> {
        let end = self.entries.len().min(self.given);
        while self.next < end {
            let entry = &mut self.entries[self.next];
            self.next += 1;
            if *entry & EXPANDED == 0 {
                *entry |= EXPANDED;
                return Some(row_of(*entry));
            }
        }
        None
    }

    /// The distance of the last candidate, where there is no room for more.
    #[inline(always)]
    pub fn worst(&self) -> Option<u32> {
        let last = self.entries.get(self.limit - 1)?;
        Some((last >> 32) as u32)
    }

    /// The candidates as (distance, row), nearest first.
    pub fn iter(&self) -> impl Iterator<Item = (u32, u32)> + '_ {
        self.entries
            .iter()
            .map(|&entry| ((entry >> 32) as u32, row_of(entry)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_the_nearest_and_gives_each_once() {
        let mut pool = Pool::new();
        pool.reset(3, 3).unwrap();
        assert_eq!(pool.worst(), None);
        for (key, row) in [(5, 1), (3, 2), (9, 3)] {
            pool.offer(key, row);
        }
        assert_eq!(pool.pop(), Some(2));
        assert!(!pool.admits(10));
        assert_eq!(pool.worst(), Some(9));
        pool.offer(1, 7);
        pool.offer(5, 0);
        assert_eq!(pool.pop(), Some(7));
        assert_eq!(pool.pop(), Some(0));
        assert_eq!(pool.pop(), None);
        let rows: Vec<_> = pool.iter().collect();
        assert_eq!(rows, vec![(1, 7), (3, 2), (5, 0)]);
    }
}
