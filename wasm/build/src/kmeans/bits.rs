use super::bit_members::BitMembers;
use super::progress::{Clustering, Limits, Progress};
use super::random::Random;
use super::rows::count_inputs;
use lancelet_common::error::{try_zeroed, Result};
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
/// its rows have. Rows stay bytes throughout.
pub struct BitTraining {
    options: BitOptions,
    phase: Phase,
    rows: Vec<u8>,
    centroids: Vec<u8>,
    members: BitMembers,
    progress: Progress,
}

impl BitTraining {
    pub fn new(num_rows: usize, options: BitOptions) -> Result<BitTraining> {
        let BitOptions { k, width, .. } = options;
        let (bytes, centroid_bytes) = count_inputs(num_rows, width, k)?;
        Ok(BitTraining {
            phase: Phase::Seed,
            rows: try_zeroed(bytes)?,
            centroids: try_zeroed(centroid_bytes)?,
            members: BitMembers::new(num_rows, width, k)?,
            progress: Progress::new(),
            options,
        })
    }

    /// One row out of each of k equal runs of them; more centroids than rows: some twice.
    fn seed(&mut self) {
        let BitOptions { k, width, seed, .. } = self.options;
        let mut random = Random::new(seed);
        let num_rows = self.members.len() as u64;
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
        let num_rows = self.members.len();
        let end =
            num_rows.min(start + (BYTES_PER_STEP / k.saturating_mul(width + PAIR_COST)).max(1));
        for position in start..end {
            let row = &self.rows[position * width..(position + 1) * width];
            let (cluster, distance) = find_nearest(row, &self.centroids);
            self.members.place(position, row, cluster, distance as u32);
        }
        self.phase = Phase::Assign(end);
        if end == num_rows {
            self.finish_iteration()?;
        }
        Ok(())
    }

    fn finish_iteration(&mut self) -> Result<()> {
        let (loss, changed) = (self.members.loss(), self.members.take_changed());
        let settled = self.progress.advance(loss, changed, self.options.limits);
        let filled = self.members.update(&mut self.centroids, &self.rows)?;
        self.phase = Phase::Done;
        if filled > 0 || !settled {
            self.start_iteration();
        }
        Ok(())
    }
}

impl Clustering for BitTraining {
    fn input(&mut self) -> *mut u8 {
        self.rows.as_mut_ptr()
    }

    fn step(&mut self) -> Result<()> {
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

    fn done(&self) -> bool {
        matches!(self.phase, Phase::Done)
    }

    fn progress(&self) -> Progress {
        self.progress
    }

    fn centroid_bytes(&self) -> usize {
        self.centroids.len()
    }

    fn write_centroids(&self, output: &mut [u8]) {
        output.copy_from_slice(&self.centroids);
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
        training.rows.copy_from_slice(rows);
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
            assign_bits(&rows, &training.centroids, width, &mut partitions);
            let loss: u64 = rows
                .chunks(width)
                .zip(&partitions)
                .map(|(row, &p)| hamming(row, &training.centroids[p as usize * width..][..width]))
                .sum();
            assert!(loss as f64 <= training.progress().loss);
            // An eighth of the bits are noise.
            assert!(loss as f64 <= 600.0 * width as f64 * 1.02 || width == 1);
            for (cluster, centroid) in training.centroids.chunks(width).enumerate() {
                let members: Vec<&[u8]> = rows
                    .chunks(width)
                    .zip(&training.members.clusters)
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
        let centroids = train(&[7; 40], 4, 6, 50).centroids;
        assert!(centroids.iter().all(|&byte| byte == 7));
        assert_eq!(train(&[1, 2, 4], 1, 9, 50).progress().loss, 0.0);
    }

    #[test]
    fn none_of_rows_bytes_and_centroids_is_refused() {
        for (num_rows, width, k) in [(0, 4, 2), (8, 0, 2), (8, 4, 0), (8, usize::MAX / 4, 2)] {
            let limits = Limits {
                max_iterations: 1,
                tolerance: 0.0,
            };
            let options = BitOptions {
                k,
                width,
                seed: 0,
                limits,
            };
            assert!(BitTraining::new(num_rows, options).is_err());
        }
    }
}
