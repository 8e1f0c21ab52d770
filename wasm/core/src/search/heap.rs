use lancelet_common::error::{KernelError, Result};
use std::cmp::Ordering;
use std::collections::BinaryHeap;

/// Never NaN, never −0: ordered by distance, then by row id.
#[derive(Clone, Copy, PartialEq)]
struct Entry {
    distance: f32,
    row_id: u64,
}

impl Eq for Entry {}

impl Ord for Entry {
    fn cmp(&self, other: &Self) -> Ordering {
        self.distance
            .total_cmp(&other.distance)
            .then(self.row_id.cmp(&other.row_id))
    }
}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// A bounded heap whose root is the worst row kept. Room is taken as rows arrive, so a huge k costs nothing.
pub struct BestK {
    k: usize,
    heap: BinaryHeap<Entry>,
    threshold: f32,
}

impl BestK {
    pub fn new(k: usize) -> BestK {
        BestK {
            k,
            heap: BinaryHeap::new(),
            threshold: if k == 0 {
                f32::NEG_INFINITY
            } else {
                f32::INFINITY
            },
        }
    }

    /// Rows it keeps at most.
    pub fn capacity(&self) -> usize {
        self.k
    }

    pub fn len(&self) -> usize {
        self.heap.len()
    }

    pub fn is_empty(&self) -> bool {
        self.heap.is_empty()
    }

    /// The k-th best distance; infinite while there are fewer.
    pub fn threshold(&self) -> f32 {
        self.threshold
    }

    /// Offers a row. NaN is never kept.
    #[inline(always)]
    pub fn offer(&mut self, distance: f32, row_id: u64) -> Result<()> {
        // False for NaN.
        if distance <= self.threshold {
            return self.insert(distance, row_id);
        }
        Ok(())
    }

    #[inline(never)]
    fn insert(&mut self, distance: f32, row_id: u64) -> Result<()> {
        // −0 + 0 = 0: equal distances then tie on the row id alone.
        let entry = Entry {
            distance: distance + 0.0,
            row_id,
        };
        if self.heap.len() < self.k {
            self.heap
                .try_reserve(1)
                .map_err(|_| KernelError::OutOfMemory)?;
            self.heap.push(entry);
        } else if let Some(mut worst) = self.heap.peek_mut() {
            if entry < *worst {
                *worst = entry;
            }
        }
        if self.heap.len() == self.k {
            if let Some(worst) = self.heap.peek() {
                self.threshold = worst.distance;
            }
        }
        Ok(())
    }

    /// The rows kept, best first; the heap is empty afterwards.
    pub fn take_sorted(&mut self) -> Vec<(f32, u64)> {
        let heap = core::mem::replace(self, BestK::new(self.k)).heap;
        heap.into_sorted_vec()
            .into_iter()
            .map(|entry| (entry.distance, entry.row_id))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_the_best_and_breaks_ties_by_row_id() {
        let mut best = BestK::new(3);
        for (distance, row_id) in [
            (2.0, 9),
            (f32::NAN, 1),
            (-0.0, 5),
            (0.0, 4),
            (2.0, 3),
            (7.0, 2),
        ] {
            best.offer(distance, row_id).unwrap();
        }
        assert_eq!(best.threshold(), 2.0);
        assert_eq!(best.take_sorted(), vec![(0.0, 4), (0.0, 5), (2.0, 3)]);
        assert_eq!(best.threshold(), f32::INFINITY);
    }

    #[test]
    fn zero_keeps_nothing() {
        let mut best = BestK::new(0);
        best.offer(f32::NEG_INFINITY, 1).unwrap();
        assert!(best.is_empty());
    }
}
