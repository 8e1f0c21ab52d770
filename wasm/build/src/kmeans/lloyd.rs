use super::assign::{assign_rows, tile_rows, Centroids, Metric};
use super::random::Random;
use super::seeds::Seeding;
use super::split::split_largest;
use lancelet_common::error::{try_zeroed, KernelError, Result};
use lancelet_common::simd::dot;

/// Multiplications of one step: about 5 ms where SIMD runs at 8 a nanosecond, under 20 ms on a slow phone.
const WORK_PER_STEP: usize = 40_000_000;
/// Preparing a value takes as long as this many multiplications that find their operands in the cache.
const SCALAR_COST: usize = 24;
/// So does a multiplication whose operands come from memory.
const STREAM_COST: usize = 4;
/// Rows that the origin is the mean of.
const ORIGIN_ROWS: usize = 1024;

pub struct Options {
    pub metric: Metric,
    pub k: usize,
    pub dimension: usize,
    pub seed: u64,
    pub max_iterations: u32,
    /// Training ends when the loss changes by less than this share.
    pub tolerance: f64,
}

enum Phase {
    /// Dropping rows that are not finite, moving the rest around zero; the next row to look at.
    Prepare(usize),
    Seed(Seeding),
    /// The next row to assign.
    Assign(usize),
    Done,
}

/// The state of one training.
pub struct Lloyd {
    options: Options,
    phase: Phase,
    random: Random,
    vectors: Vec<f32>,
    num_rows: usize,
    /// Subtracted from every vector for l2; see `Centroids`.
    origin: Vec<f32>,
    centroids: Centroids,
    assignment: Vec<u32>,
    distances: Vec<f32>,
    sums: Vec<f64>,
    counts: Vec<u32>,
    loss: f64,
    changed: u32,
    iteration: u32,
}

fn is_finite(row: &[f32]) -> bool {
    row.iter().all(|value| value.is_finite())
}

impl Lloyd {
    pub fn new(num_rows: usize, options: Options) -> Result<Lloyd> {
        let Options { k, dimension, .. } = options;
        if k == 0 || dimension == 0 || num_rows == 0 {
            return Err(KernelError::Invalid(
                "k, the dimension and the rows must be at least 1",
            ));
        }
        let too_large = KernelError::Invalid("more values than memory holds");
        let values = num_rows.checked_mul(dimension).ok_or(too_large)?;
        let centroid_values = k.checked_mul(dimension).ok_or(too_large)?;
        Ok(Lloyd {
            phase: Phase::Prepare(0),
            random: Random::new(options.seed),
            vectors: try_zeroed(values)?,
            num_rows: 0,
            origin: try_zeroed(dimension)?,
            centroids: Centroids::new(options.metric, try_zeroed(centroid_values)?, dimension)?,
            assignment: try_zeroed(num_rows)?,
            distances: try_zeroed(num_rows)?,
            sums: try_zeroed(centroid_values)?,
            counts: try_zeroed(k)?,
            loss: f64::INFINITY,
            changed: 0,
            iteration: 0,
            options,
        })
    }

    pub fn vectors_mut(&mut self) -> &mut [f32] {
        &mut self.vectors
    }

    pub fn done(&self) -> bool {
        matches!(self.phase, Phase::Done)
    }

    pub fn loss(&self) -> f64 {
        self.loss
    }

    pub fn changed(&self) -> u32 {
        self.changed
    }

    pub fn iteration(&self) -> u32 {
        self.iteration
    }

    pub fn centroid_values(&self) -> usize {
        self.options.k * self.options.dimension
    }

    /// Writes the centroids where the vectors were before they were moved.
    pub fn write_centroids(&self, output: &mut [f32]) {
        for (to, from) in output
            .chunks_exact_mut(self.options.dimension)
            .zip(self.centroids.values().chunks_exact(self.options.dimension))
        {
            for ((to, from), shift) in to.iter_mut().zip(from).zip(&self.origin) {
                *to = from + shift;
            }
        }
    }

    /// A bounded piece of work; nothing once done.
    pub fn step(&mut self) -> Result<()> {
        match core::mem::replace(&mut self.phase, Phase::Done) {
            Phase::Prepare(row) => self.prepare(row),
            Phase::Seed(seeding) => self.seed(seeding),
            Phase::Assign(row) => self.assign(row),
            Phase::Done => Ok(()),
        }
    }

    fn prepare(&mut self, start: usize) -> Result<()> {
        let dimension = self.options.dimension;
        let total = self.assignment.len();
        if start == 0 && self.options.metric == Metric::L2 {
            self.find_origin();
        }
        let end = total.min(start + (WORK_PER_STEP / SCALAR_COST / dimension).max(1));
        for row in start..end {
            let from = row * dimension..(row + 1) * dimension;
            let to = self.num_rows * dimension;
            self.vectors.copy_within(from, to);
            let moved = &mut self.vectors[to..to + dimension];
            for (value, shift) in moved.iter_mut().zip(&self.origin) {
                *value -= shift;
            }
            // After the move, which may overflow. A row that is left out is overwritten by the next one.
            if !is_finite(moved) {
                continue;
            }
            self.num_rows += 1;
        }
        if end < total {
            self.phase = Phase::Prepare(end);
            return Ok(());
        }
        if self.num_rows == 0 {
            return Err(KernelError::Invalid(
                "no vector without NaN or infinity to train on",
            ));
        }
        self.phase = Phase::Seed(Seeding::new(self.num_rows, self.options.k)?);
        Ok(())
    }

    fn find_origin(&mut self) {
        let dimension = self.options.dimension;
        let total = self.assignment.len();
        let mut used = 0.0;
        for row in (0..total).step_by(total.div_ceil(ORIGIN_ROWS)) {
            let values = &self.vectors[row * dimension..(row + 1) * dimension];
            if is_finite(values) {
                used += 1.0;
                // A running mean: a sum could overflow.
                for (mean, value) in self.origin.iter_mut().zip(values) {
                    *mean += (value - *mean) / used;
                }
            }
        }
    }

    fn seed(&mut self, mut seeding: Seeding) -> Result<()> {
        let dimension = self.options.dimension;
        let draws = (WORK_PER_STEP / STREAM_COST / seeding.cost(dimension).max(1)).max(1);
        for _ in 0..draws {
            if seeding.chosen() == self.options.k {
                break;
            }
            let start = seeding.chosen() * dimension;
            let seed = &mut self.centroids.values_mut()[start..start + dimension];
            seeding.draw(&self.vectors, seed, &mut self.random);
        }
        if seeding.chosen() < self.options.k {
            self.phase = Phase::Seed(seeding);
            return Ok(());
        }
        self.normalise();
        self.centroids.refresh();
        self.start_iteration();
        Ok(())
    }

    /// The dot metric compares directions: its centroids have length 1.
    fn normalise(&mut self) {
        if self.options.metric != Metric::Dot {
            return;
        }
        for centroid in self
            .centroids
            .values_mut()
            .chunks_exact_mut(self.options.dimension)
        {
            let norm = dot(centroid, centroid).sqrt();
            if norm > 0.0 && norm.is_finite() {
                for value in centroid {
                    *value /= norm;
                }
            }
        }
    }

    fn start_iteration(&mut self) {
        if self.iteration == self.options.max_iterations {
            self.phase = Phase::Done;
            return;
        }
        self.sums.fill(0.0);
        self.counts.fill(0);
        self.phase = Phase::Assign(0);
    }

    fn assign(&mut self, start: usize) -> Result<()> {
        let Options { k, dimension, .. } = self.options;
        let tile = tile_rows(dimension);
        let rows = (WORK_PER_STEP / k.saturating_mul(dimension)).max(2);
        let rows = if rows > tile {
            rows / tile * tile
        } else {
            rows
        };
        let end = self.num_rows.min(start + rows);
        if start == 0 {
            self.changed = 0;
        }
        let vectors = &self.vectors[start * dimension..end * dimension];
        let mut before = try_zeroed::<u32>(end - start)?;
        before.copy_from_slice(&self.assignment[start..end]);
        assign_rows(
            &self.centroids,
            vectors,
            &mut self.assignment[start..end],
            &mut self.distances[start..end],
        )?;
        for ((row, &cluster), before) in vectors
            .chunks_exact(dimension)
            .zip(&self.assignment[start..end])
            .zip(before)
        {
            let cluster = cluster as usize;
            self.changed += u32::from(self.iteration == 0 || before as usize != cluster);
            self.counts[cluster] += 1;
            let sums = &mut self.sums[cluster * dimension..(cluster + 1) * dimension];
            for (sum, value) in sums.iter_mut().zip(row) {
                *sum += f64::from(*value);
            }
        }
        self.phase = Phase::Assign(end);
        if end == self.num_rows {
            self.finish_iteration()?;
        }
        Ok(())
    }

    fn finish_iteration(&mut self) -> Result<()> {
        let dimension = self.options.dimension;
        let loss: f64 = self.distances[..self.num_rows]
            .iter()
            .map(|&d| f64::from(d))
            .sum();
        let settled = self.loss.is_finite()
            && (self.loss - loss).abs() <= self.options.tolerance * self.loss.abs();
        self.loss = loss;
        self.iteration += 1;
        for (cluster, &count) in self.counts.iter().enumerate() {
            if count == 0 {
                continue;
            }
            let range = cluster * dimension..(cluster + 1) * dimension;
            let share = 1.0 / f64::from(count);
            for (value, sum) in self.centroids.values_mut()[range.clone()]
                .iter_mut()
                .zip(&self.sums[range])
            {
                *value = (sum * share) as f32;
            }
        }
        self.normalise();
        let filled = split_largest(
            &mut self.centroids,
            &self.vectors,
            &self.assignment[..self.num_rows],
            &self.distances,
            &self.counts,
        )?;
        if filled > 0 {
            self.normalise();
        }
        self.centroids.refresh();
        if filled == 0 && (settled || self.changed == 0) {
            self.phase = Phase::Done;
        } else {
            self.start_iteration();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn train(vectors: &[f32], dimension: usize, k: usize, metric: Metric) -> (Vec<f32>, f64) {
        let options = Options {
            metric,
            k,
            dimension,
            seed: 42,
            max_iterations: 50,
            tolerance: 1e-4,
        };
        let mut lloyd = Lloyd::new(vectors.len() / dimension, options).unwrap();
        lloyd.vectors_mut().copy_from_slice(vectors);
        while !lloyd.done() {
            lloyd.step().unwrap();
        }
        let mut centroids = vec![0.0; k * dimension];
        lloyd.write_centroids(&mut centroids);
        (centroids, lloyd.loss())
    }

    #[test]
    fn finds_well_parted_groups_far_from_zero() {
        let vectors: Vec<f32> = (0..300)
            .flat_map(|i| [1e5 + (i % 3) as f32 * 100.0 + (i % 7) as f32 * 0.1, 1e5])
            .collect();
        let (centroids, loss) = train(&vectors, 2, 3, Metric::L2);
        let mut first: Vec<f32> = centroids.chunks(2).map(|c| (c[0] - 1e5).round()).collect();
        first.sort_by(f32::total_cmp);
        assert_eq!(first, [0.0, 100.0, 200.0]);
        assert!(loss < 300.0);
    }

    #[test]
    fn improves_until_it_settles() {
        let mut random = Random::new(3);
        let vectors: Vec<f32> = (0..4000).map(|_| random.next_unit() as f32).collect();
        let options = |max_iterations| Options {
            metric: Metric::L2,
            k: 40,
            dimension: 4,
            seed: 1,
            max_iterations,
            tolerance: 1e-4,
        };
        let losses: Vec<f64> = [1, 2, 5, 50]
            .map(|iterations| {
                let mut lloyd = Lloyd::new(1000, options(iterations)).unwrap();
                lloyd.vectors_mut().copy_from_slice(&vectors);
                while !lloyd.done() {
                    lloyd.step().unwrap();
                }
                assert!(lloyd.iteration() <= iterations);
                lloyd.loss()
            })
            .to_vec();
        assert!(
            losses.windows(2).all(|pair| pair[1] < pair[0]),
            "{losses:?}"
        );
    }

    #[test]
    fn more_centroids_than_vectors_and_equal_vectors_end() {
        let (centroids, loss) = train(&[1.0, 2.0, 3.0], 1, 8, Metric::L2);
        assert!(centroids.iter().all(|c| c.is_finite()));
        assert!(loss < 1e-6);
        let (centroids, loss) = train(&[5.0; 600], 3, 16, Metric::L2);
        assert!(centroids.iter().all(|&c| c == 5.0));
        assert_eq!(loss, 0.0);
    }

    #[test]
    fn an_empty_cluster_takes_half_of_the_largest() {
        let vectors: Vec<f32> = (0..100).map(|i| i as f32 - 50.0).collect();
        let mut centroids = Centroids::new(Metric::L2, vec![-0.5, 1e6], 1).unwrap();
        let (assignment, counts) = (vec![0; 100], [100, 0]);
        let distances: Vec<f32> = vectors.iter().map(|v| (v + 0.5) * (v + 0.5)).collect();
        let filled = split_largest(&mut centroids, &vectors, &assignment, &distances, &counts);
        assert_eq!(filled, Ok(1));
        let (mut partitions, mut found) = (vec![0; 100], vec![0.0; 100]);
        assign_rows(&centroids, &vectors, &mut partitions, &mut found).unwrap();
        assert_eq!(partitions.iter().filter(|&&p| p == 0).count(), 50);
    }

    #[test]
    fn rows_that_are_not_finite_are_left_out() {
        let (centroids, _) = train(&[f32::NAN, 1.0, f32::INFINITY, 3.0], 1, 1, Metric::L2);
        assert_eq!(centroids, [2.0]);
    }
}
