use super::members::NO_CLUSTER;
use super::progress::{Limits, Progress};
use super::random::Random;
use lancelet_common::error::{try_with_capacity, try_zeroed, KernelError, Result};
use lancelet_common::simd::hamming;

/// Bytes compared in one step: a few milliseconds.
const BYTES_PER_STEP: usize = 16_000_000;
/// What a comparison costs beyond its bytes, in bytes.
const PAIR_COST: usize = 32;

/// The centroid with the fewest bits that differ, and how many: ties go to the lowest.
fn find_nearest(row: &[u8], centroids: &[u8]) -> (u32, u64) {
    let mut nearest = (0, u64::MAX);
    for (i, centroid) in centroids.chunks_exact(row.len()).enumerate() {
        let distance = hamming(row, centroid);
        if distance < nearest.1 {
            nearest = (i as u32, distance);
        }
    }
    nearest
}

/// The nearest centroid of each row of `width` bytes.
pub fn assign_bits(rows: &[u8], centroids: &[u8], width: usize, partitions: &mut [u32]) {
    for (row, partition) in rows.chunks_exact(width).zip(partitions) {
        *partition = find_nearest(row, centroids).0;
    }
}

pub struct BitOptions {
    pub k: usize,
    /// Bytes of a row.
    pub width: usize,
    pub seed: u64,
    pub limits: Limits,
}

enum Phase {
    Seed,
    /// The next row to assign.
    Assign(usize),
    Done,
}

/// K-means over bits (k-modes, Huang 1998): rows go where the fewest bits differ, and a bit of a centroid is what most of
/// its rows have; as many of each: 0. Rows stay bytes throughout.
pub struct BitTraining {
    options: BitOptions,
    phase: Phase,
    rows: Vec<u8>,
    centroids: Vec<u8>,
    clusters: Vec<u32>,
    distances: Vec<u32>,
    counts: Vec<u32>,
    /// Rows of a cluster that have a bit.
    ones: Vec<u32>,
    changed: u32,
    progress: Progress,
}

impl BitTraining {
    pub fn new(num_rows: usize, options: BitOptions) -> Result<BitTraining> {
        let BitOptions { k, width, .. } = options;
        if k == 0 || width == 0 || num_rows == 0 || u32::try_from(num_rows).is_err() {
            return Err(KernelError::Invalid(
                "k, the width and the rows must be at least 1",
            ));
        }
        let too_large = KernelError::Invalid("more values than memory holds");
        let bytes = num_rows.checked_mul(width).ok_or(too_large)?;
        let centroid_bytes = k.checked_mul(width).ok_or(too_large)?;
        let mut clusters = try_zeroed(num_rows)?;
        clusters.fill(NO_CLUSTER);
        Ok(BitTraining {
            phase: Phase::Seed,
            rows: try_zeroed(bytes)?,
            centroids: try_zeroed(centroid_bytes)?,
            clusters,
            distances: try_zeroed(num_rows)?,
            counts: try_zeroed(k)?,
            ones: try_zeroed(centroid_bytes.checked_mul(8).ok_or(too_large)?)?,
            changed: 0,
            progress: Progress::new(),
            options,
        })
    }

    pub fn rows_mut(&mut self) -> &mut [u8] {
        &mut self.rows
    }

    pub fn centroids(&self) -> &[u8] {
        &self.centroids
    }

    pub fn done(&self) -> bool {
        matches!(self.phase, Phase::Done)
    }

    pub fn progress(&self) -> Progress {
        self.progress
    }

    fn row(&self, row: usize) -> &[u8] {
        &self.rows[row * self.options.width..(row + 1) * self.options.width]
    }

    /// A bounded piece of work; nothing once done.
    pub fn step(&mut self) -> Result<()> {
        match core::mem::replace(&mut self.phase, Phase::Done) {
            Phase::Seed => {
                self.seed();
                self.start_iteration();
            }
            Phase::Assign(row) => self.assign(row)?,
            Phase::Done => {}
        }
        Ok(())
    }

    /// One row out of each of k equal runs of them; more centroids than rows: some twice.
    fn seed(&mut self) {
        let BitOptions { k, width, seed, .. } = self.options;
        let mut random = Random::new(seed);
        let num_rows = self.clusters.len() as u64;
        for run in 0..k {
            let start_of = |run: usize| (run as u64 * num_rows / k as u64) as usize;
            let (from, to) = (start_of(run), start_of(run + 1));
            let row = from + random.next_below((to - from).max(1));
            let bytes = row * width..(row + 1) * width;
            self.centroids[run * width..(run + 1) * width].copy_from_slice(&self.rows[bytes]);
        }
    }

    fn start_iteration(&mut self) {
        if self.progress.iteration < self.options.limits.max_iterations {
            self.phase = Phase::Assign(0);
        }
    }

    fn assign(&mut self, start: usize) -> Result<()> {
        let BitOptions { k, width, .. } = self.options;
        let pair = width + PAIR_COST;
        let end = self
            .clusters
            .len()
            .min(start + (BYTES_PER_STEP / k.saturating_mul(pair)).max(1));
        for row in start..end {
            let (cluster, distance) = find_nearest(self.row(row), &self.centroids);
            self.distances[row] = distance as u32;
            self.place(row, cluster);
        }
        self.phase = Phase::Assign(end);
        if end == self.clusters.len() {
            self.finish_iteration()?;
        }
        Ok(())
    }

    /// Counts follow the rows that move.
    fn place(&mut self, row: usize, cluster: u32) {
        let before = core::mem::replace(&mut self.clusters[row], cluster);
        if before == cluster {
            return;
        }
        self.changed += 1;
        let width = self.options.width;
        let bytes = &self.rows[row * width..(row + 1) * width];
        let bits = 8 * width;
        if before != NO_CLUSTER {
            let before = before as usize;
            self.counts[before] -= 1;
            let ones = &mut self.ones[before * bits..(before + 1) * bits];
            for_each_bit(bytes, ones, |one, bit| *one -= bit);
        }
        let cluster = cluster as usize;
        self.counts[cluster] += 1;
        let ones = &mut self.ones[cluster * bits..(cluster + 1) * bits];
        for_each_bit(bytes, ones, |one, bit| *one += bit);
    }

    fn finish_iteration(&mut self) -> Result<()> {
        let loss = self.distances.iter().map(|&d| f64::from(d)).sum();
        let changed = core::mem::take(&mut self.changed);
        let settled = self.progress.advance(loss, changed, self.options.limits);
        let width = self.options.width;
        for (cluster, centroid) in self.centroids.chunks_exact_mut(width).enumerate() {
            let count = self.counts[cluster];
            if count > 0 {
                let ones = &self.ones[cluster * width * 8..(cluster + 1) * width * 8];
                for (byte, ones) in centroid.iter_mut().zip(ones.chunks_exact(8)) {
                    *byte = ones.iter().enumerate().fold(0, |byte, (bit, &one)| {
                        byte | u8::from(2 * u64::from(one) > u64::from(count)) << bit
                    });
                }
            }
        }
        let filled = self.fill_empty()?;
        self.phase = Phase::Done;
        if filled > 0 || !settled {
            self.start_iteration();
        }
        Ok(())
    }

    /// An empty cluster starts anew at a row that is far from its centroid. Returns how many did.
    fn fill_empty(&mut self) -> Result<usize> {
        let width = self.options.width;
        if self.counts.iter().all(|&count| count > 0) {
            return Ok(0);
        }
        let mut far = try_with_capacity::<u32>(self.clusters.len())?;
        far.extend((0..self.clusters.len() as u32).filter(|&row| self.distances[row as usize] > 0));
        far.sort_unstable_by_key(|&row| (core::cmp::Reverse(self.distances[row as usize]), row));
        let empty = (0..self.counts.len()).filter(|&cluster| self.counts[cluster] == 0);
        let mut filled = 0;
        for (cluster, row) in empty.zip(far) {
            let start = row as usize * width;
            self.centroids[cluster * width..(cluster + 1) * width]
                .copy_from_slice(&self.rows[start..start + width]);
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

#[cfg(test)]
mod tests {
    use super::*;

    fn train(rows: &[u8], width: usize, k: usize, max_iterations: u32) -> BitTraining {
        let options = BitOptions {
            k,
            width,
            seed: 3,
            limits: Limits {
                max_iterations,
                tolerance: 0.0,
            },
        };
        let mut training = BitTraining::new(rows.len() / width, options).unwrap();
        training.rows_mut().copy_from_slice(rows);
        while !training.done() {
            training.step().unwrap();
        }
        training
    }

    /// Rows that differ from one of a few patterns in some bits.
    fn noisy(num_rows: usize, width: usize, groups: usize) -> Vec<u8> {
        let mut random = Random::new(8);
        let patterns: Vec<u8> = (0..groups * width)
            .map(|_| random.next_u64() as u8)
            .collect();
        (0..num_rows * width)
            .map(|i| {
                let noise = random.next_u64() & random.next_u64() & random.next_u64();
                patterns[i / width % groups * width + i % width] ^ noise as u8
            })
            .collect()
    }

    #[test]
    fn groups_are_found_and_their_bits_are_those_of_most_rows() {
        for width in [1, 8, 13, 48] {
            let rows = noisy(600, width, 4);
            let training = train(&rows, width, 12, 50);
            let mut partitions = vec![0; 600];
            assign_bits(&rows, training.centroids(), width, &mut partitions);
            let loss: u64 = rows
                .chunks(width)
                .zip(&partitions)
                .map(|(row, &p)| hamming(row, &training.centroids[p as usize * width..][..width]))
                .sum();
            assert!(loss as f64 <= training.progress().loss);
            // An eighth of the bits are noise.
            assert!(loss as f64 <= 600.0 * width as f64 * 1.02 || width == 1);
            for (cluster, centroid) in training.centroids().chunks(width).enumerate() {
                let members: Vec<&[u8]> = rows
                    .chunks(width)
                    .zip(&training.clusters)
                    .filter(|&(_, &of)| of as usize == cluster)
                    .map(|(row, _)| row)
                    .collect();
                for bit in 0..8 * width {
                    let ones = members
                        .iter()
                        .filter(|row| row[bit / 8] >> (bit % 8) & 1 == 1)
                        .count();
                    let expected = u8::from(2 * ones > members.len());
                    let is_moved = members.is_empty();
                    assert!(is_moved || centroid[bit / 8] >> (bit % 8) & 1 == expected);
                }
            }
        }
    }

    #[test]
    fn no_iteration_raises_the_loss() {
        let rows = noisy(500, 16, 30);
        let losses: Vec<f64> = (1..8)
            .map(|n| train(&rows, 16, 30, n).progress().loss)
            .collect();
        assert!(
            losses.windows(2).all(|pair| pair[1] <= pair[0]),
            "{losses:?}"
        );
        assert!(losses[6] < losses[0]);
    }

    #[test]
    fn equal_rows_and_more_centroids_than_rows_end() {
        assert!(train(&[7; 40], 4, 6, 50)
            .centroids()
            .iter()
            .all(|&byte| byte == 7));
        assert_eq!(train(&[1, 2, 4], 1, 9, 50).progress().loss, 0.0);
    }
}
