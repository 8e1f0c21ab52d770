use super::members::NO_CLUSTER;
use super::rows::count_inputs;
use lancelet_common::error::{try_with_capacity, try_zeroed, Result};
use lancelet_common::memory::count_values;
use std::cmp::Reverse;

/// Which cluster each row of bits is in, and the bits its clusters have.
pub struct BitMembers {
    pub clusters: Vec<u32>,
    /// Bits apart from the centroid each row was last compared with.
    distances: Vec<u32>,
    counts: Vec<u32>,
    /// Rows of a cluster that have a bit: `8 × width` numbers for each.
    ones: Vec<u32>,
    changed: u32,
    /// Bytes of a row.
    width: usize,
}

impl BitMembers {
    pub fn new(num_rows: usize, width: usize, k: usize) -> Result<BitMembers> {
        let (_, centroid_bytes) = count_inputs(num_rows, width, k)?;
        let mut clusters = try_zeroed(num_rows)?;
        clusters.fill(NO_CLUSTER);
        Ok(BitMembers {
            clusters,
            distances: try_zeroed(num_rows)?,
            counts: try_zeroed(k)?,
            ones: try_zeroed(count_values(centroid_bytes, 8)?)?,
            changed: 0,
            width,
        })
    }

    pub fn len(&self) -> usize {
        self.clusters.len()
    }

    /// Puts a row where it is nearest. Counts follow the rows that move.
    pub fn place(&mut self, position: usize, row: &[u8], cluster: u32, distance: u32) {
        self.distances[position] = distance;
        let before = core::mem::replace(&mut self.clusters[position], cluster);
        if before == cluster {
            return;
        }
        self.changed += 1;
        if before != NO_CLUSTER {
            self.counts[before as usize] -= 1;
            for_each_bit(row, self.ones_of(before), |one, bit| *one -= bit);
        }
        self.counts[cluster as usize] += 1;
        for_each_bit(row, self.ones_of(cluster), |one, bit| *one += bit);
    }

    fn ones_of(&mut self, cluster: u32) -> &mut [u32] {
        let bits = 8 * self.width;
        let start = cluster as usize * bits;
        &mut self.ones[start..start + bits]
    }

    pub fn loss(&self) -> f64 {
        self.distances.iter().map(|&d| f64::from(d)).sum()
    }

    /// Rows that moved since this was asked last.
    pub fn take_changed(&mut self) -> u32 {
        core::mem::take(&mut self.changed)
    }

    /// Gives every centroid the bits that most of its members have, as many with as without: 0; one without any starts
    /// anew at a row that is far from its centroid. Returns how many did.
    pub fn update(&self, centroids: &mut [u8], rows: &[u8]) -> Result<usize> {
        let clusters = self.ones.chunks_exact(8 * self.width).zip(&self.counts);
        for (centroid, (ones, &count)) in centroids.chunks_exact_mut(self.width).zip(clusters) {
            if count == 0 {
                continue;
            }
            for (byte, ones) in centroid.iter_mut().zip(ones.chunks_exact(8)) {
                *byte = ones.iter().enumerate().fold(0, |byte, (bit, &one)| {
                    byte | u8::from(2 * u64::from(one) > u64::from(count)) << bit
                });
            }
        }
        self.fill_empty(centroids, rows)
    }

    fn fill_empty(&self, centroids: &mut [u8], rows: &[u8]) -> Result<usize> {
        let width = self.width;
        if self.counts.iter().all(|&count| count > 0) {
            return Ok(0);
        }
        let mut far = try_with_capacity::<u32>(self.len())?;
        far.extend((0..self.len() as u32).filter(|&row| self.distances[row as usize] > 0));
        far.sort_unstable_by_key(|&row| (Reverse(self.distances[row as usize]), row));
        let empty = (0..self.counts.len()).filter(|&cluster| self.counts[cluster] == 0);
        let mut filled = 0;
        for (cluster, row) in empty.zip(far) {
            let start = row as usize * width;
            centroids[cluster * width..(cluster + 1) * width]
                .copy_from_slice(&rows[start..start + width]);
            filled += 1;
        }
        Ok(filled)
    }
}

fn for_each_bit(bytes: &[u8], ones: &mut [u32], change: impl Fn(&mut u32, u32)) {
    for (&byte, ones) in bytes.iter().zip(ones.chunks_exact_mut(8)) {
        for (bit, one) in ones.iter_mut().enumerate() {
            change(one, u32::from(byte >> bit & 1));
        }
    }
}
