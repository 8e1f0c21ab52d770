use super::centroids::{Centroids, Metric};
use super::lloyd::Lloyd;
use super::nearby::Nearby;
use super::progress::{Limits, Progress};
use super::random::Random;
use super::sample::Sample;
use super::tree::Tree;
use lancelet_common::error::{try_with_capacity, try_zeroed, KernelError, Result};

/// Multiplications a row and an iteration above which neighbourhoods are cheaper than all pairs.
const ALL_PAIRS_MAX: usize = 1 << 14;
/// Clusters too few for neighbourhoods to leave any out.
const FEW_CLUSTERS: usize = 64;
/// Above, whole passes over all pairs cost more than they gain.
const WHOLE_PASSES_MAX: usize = 256;
/// Rows a cluster needs, for neighbourhoods to mean something.
const ROWS_PER_CLUSTER: usize = 4;

pub struct Options {
    pub metric: Metric,
    pub k: usize,
    pub dimension: usize,
    pub seed: u64,
    pub limits: Limits,
}

enum Phase {
    Prepare,
    /// Few pairs: every row meets every centroid.
    Flat(Lloyd),
    /// Very many: leaves of a tree first.
    Grow(Tree),
    /// Many: rows mostly meet the centroids near their own.
    Refine(Nearby),
    Done,
}

/// One training, from vectors to centroids.
pub struct Training {
    options: Options,
    phase: Phase,
    random: Random,
    sample: Sample,
    centroids: Vec<f32>,
    progress: Progress,
}

impl Training {
    pub fn new(num_rows: usize, options: Options) -> Result<Training> {
        let Options { k, dimension, .. } = options;
        if k == 0 || dimension == 0 || num_rows == 0 {
            return Err(KernelError::Invalid(
                "k, the dimension and the rows must be at least 1",
            ));
        }
        let too_large = KernelError::Invalid("more values than memory holds");
        let values = num_rows.checked_mul(dimension).ok_or(too_large)?;
        let centroid_values = k.checked_mul(dimension).ok_or(too_large)?;
        if u32::try_from(num_rows).is_err() {
            return Err(too_large);
        }
        Ok(Training {
            phase: Phase::Prepare,
            random: Random::new(options.seed),
            sample: Sample::new(values, dimension)?,
            centroids: try_zeroed(centroid_values)?,
            progress: Progress::new(),
            options,
        })
    }

    pub fn vectors_mut(&mut self) -> &mut [f32] {
        &mut self.sample.vectors
    }

    pub fn done(&self) -> bool {
        matches!(self.phase, Phase::Done)
    }

    pub fn progress(&self) -> Progress {
        self.progress
    }

    pub fn centroid_values(&self) -> usize {
        self.centroids.len()
    }

    /// Writes the centroids where the vectors were before they were moved: final once done.
    pub fn write_centroids(&self, output: &mut [f32]) {
        let current = match &self.phase {
            Phase::Flat(lloyd) => lloyd.centroids.values(),
            Phase::Refine(nearby) => nearby.centroids.values(),
            _ => &self.centroids,
        };
        for (to, from) in output
            .chunks_exact_mut(self.options.dimension)
            .zip(current.chunks_exact(self.options.dimension))
        {
            for ((to, from), shift) in to.iter_mut().zip(from).zip(&self.sample.origin) {
                *to = from + shift;
            }
        }
    }

    /// A bounded piece of work; nothing once done.
    pub fn step(&mut self) -> Result<()> {
        self.phase = match core::mem::replace(&mut self.phase, Phase::Done) {
            Phase::Prepare => match self.sample.prepare(self.options.metric) {
                true => self.start()?,
                false => Phase::Prepare,
            },
            Phase::Flat(lloyd) => self.step_flat(lloyd)?,
            Phase::Grow(tree) => self.step_tree(tree)?,
            Phase::Refine(nearby) => self.step_nearby(nearby)?,
            Phase::Done => Phase::Done,
        };
        Ok(())
    }

    fn start(&mut self) -> Result<Phase> {
        let num_rows = self.sample.num_rows;
        if num_rows == 0 {
            return Err(KernelError::Invalid(
                "no vector without NaN or infinity to train on",
            ));
        }
        let Options {
            metric,
            k,
            dimension,
            limits,
            ..
        } = self.options;
        let many_pairs = k > FEW_CLUSTERS && k.saturating_mul(dimension) > ALL_PAIRS_MAX;
        if many_pairs && num_rows / ROWS_PER_CLUSTER >= k {
            if k > WHOLE_PASSES_MAX {
                return Ok(Phase::Grow(Tree::new(num_rows, k, (metric, dimension))?));
            }
            let centroids = self.draw_seeds()?;
            return Ok(Phase::Refine(Nearby::from_seeds(
                num_rows, centroids, limits,
            )?));
        }
        let mut numbers = try_with_capacity(num_rows)?;
        numbers.extend(0..num_rows as u32);
        let centroids = Centroids::new(metric, try_zeroed(self.centroids.len())?, dimension)?;
        Ok(Phase::Flat(Lloyd::new(numbers, centroids, limits)?))
    }

    /// One row out of each of k equal runs of them: on the corpus these lead to a lower loss than k-means++, whose seeds
    /// are outliers (0.5527 against 0.5533), and cost nothing.
    fn draw_seeds(&mut self) -> Result<Centroids> {
        let Options {
            metric,
            k,
            dimension,
            ..
        } = self.options;
        let mut values = try_with_capacity::<f32>(k * dimension)?;
        let start_of = |run: usize| (run as u64 * self.sample.num_rows as u64 / k as u64) as usize;
        for run in 0..k {
            let (from, to) = (start_of(run), start_of(run + 1));
            let row = (from + self.random.next_below(to - from)) * dimension;
            values.extend_from_slice(&self.sample.vectors[row..row + dimension]);
        }
        let mut centroids = Centroids::new(metric, values, dimension)?;
        centroids.normalise();
        centroids.refresh()?;
        Ok(centroids)
    }

    fn step_flat(&mut self, mut lloyd: Lloyd) -> Result<Phase> {
        lloyd.step(&self.sample.vectors, &mut self.random)?;
        self.progress = lloyd.progress;
        if !lloyd.done() {
            return Ok(Phase::Flat(lloyd));
        }
        self.centroids.copy_from_slice(lloyd.centroids.values());
        Ok(Phase::Done)
    }

    fn step_tree(&mut self, mut tree: Tree) -> Result<Phase> {
        if !tree.step(&self.sample.vectors, &mut self.random)? {
            return Ok(Phase::Grow(tree));
        }
        let Options {
            metric,
            dimension,
            limits,
            ..
        } = self.options;
        let mut centroids = Centroids::new(metric, tree.centroids, dimension)?;
        centroids.normalise();
        centroids.refresh()?;
        let vectors = &self.sample.vectors;
        let nearby = Nearby::from_clusters(&tree.leaves, centroids, limits, vectors)?;
        Ok(Phase::Refine(nearby))
    }

    fn step_nearby(&mut self, mut nearby: Nearby) -> Result<Phase> {
        nearby.step(&self.sample.vectors)?;
        self.progress = nearby.progress;
        if !nearby.done() {
            return Ok(Phase::Refine(nearby));
        }
        self.centroids.copy_from_slice(nearby.centroids.values());
        Ok(Phase::Done)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(vectors: &[f32], options: Options) -> Training {
        let mut training = Training::new(vectors.len() / options.dimension, options).unwrap();
        training.vectors_mut().copy_from_slice(vectors);
        while !training.done() {
            training.step().unwrap();
        }
        training
    }

    fn options(metric: Metric, k: usize, dimension: usize, max_iterations: u32) -> Options {
        Options {
            metric,
            k,
            dimension,
            seed: 42,
            limits: Limits {
                max_iterations,
                tolerance: 1e-4,
            },
        }
    }

    fn train(vectors: &[f32], dimension: usize, k: usize) -> (Vec<f32>, f64) {
        let training = run(vectors, options(Metric::L2, k, dimension, 50));
        let mut centroids = vec![0.0; k * dimension];
        training.write_centroids(&mut centroids);
        (centroids, training.progress().loss)
    }

    /// Groups of rows around places of their own.
    fn grouped(num_rows: usize, dimension: usize, groups: usize) -> Vec<f32> {
        let mut random = Random::new(5);
        let places: Vec<f32> = (0..groups * dimension)
            .map(|_| random.next_unit() as f32 * 4.0)
            .collect();
        let mut value = |i: usize| {
            let group = i / dimension % groups;
            places[group * dimension + i % dimension] + random.next_unit() as f32
        };
        (0..num_rows * dimension).map(&mut value).collect()
    }

    /// Summed distance to the nearest centroid, compared one by one.
    fn plain_loss(vectors: &[f32], centroids: &[f32], dimension: usize) -> f64 {
        let distance = |row: &[f32], centroid: &[f32]| -> f64 {
            let square = |(a, b): (&f32, &f32)| f64::from(a - b).powi(2);
            row.iter().zip(centroid).map(square).sum()
        };
        vectors
            .chunks_exact(dimension)
            .map(|row| {
                centroids
                    .chunks_exact(dimension)
                    .map(|centroid| distance(row, centroid))
                    .fold(f64::INFINITY, f64::min)
            })
            .sum()
    }

    #[test]
    fn finds_well_parted_groups_far_from_zero() {
        let vectors: Vec<f32> = (0..300)
            .flat_map(|i| [1e5 + (i % 3) as f32 * 100.0 + (i % 7) as f32 * 0.1, 1e5])
            .collect();
        let (centroids, loss) = train(&vectors, 2, 3);
        let mut first: Vec<f32> = centroids.chunks(2).map(|c| (c[0] - 1e5).round()).collect();
        first.sort_by(f32::total_cmp);
        assert_eq!(first, [0.0, 100.0, 200.0]);
        assert!(loss < 300.0);
    }

    #[test]
    fn many_clusters_lose_about_what_all_pairs_do() {
        // Neighbourhoods after seeds, and after a tree.
        for (k, dimension, num_rows) in [(96, 176, 1500), (300, 64, 3000)] {
            let vectors = grouped(num_rows, dimension, k / 2);
            let (centroids, loss) = train(&vectors, dimension, k);
            let mut numbers = Vec::new();
            numbers.extend(0..num_rows as u32);
            let seeds = Centroids::new(Metric::L2, vec![0.0; k * dimension], dimension).unwrap();
            let limits = options(Metric::L2, k, dimension, 50).limits;
            let mut lloyd = Lloyd::new(numbers, seeds, limits).unwrap();
            let mut random = Random::new(42);
            while !lloyd.done() {
                lloyd.step(&vectors, &mut random).unwrap();
            }
            let found = plain_loss(&vectors, &centroids, dimension);
            assert!(found <= loss * 1.0001, "{found} {loss}");
            assert!(
                found <= lloyd.progress.loss * 1.03,
                "{found} {}",
                lloyd.progress.loss
            );
        }
    }

    #[test]
    fn improves_until_it_settles() {
        let mut random = Random::new(3);
        let vectors: Vec<f32> = (0..4000).map(|_| random.next_unit() as f32).collect();
        let losses: Vec<f64> = [1, 2, 5, 50]
            .map(|iterations| {
                let training = run(&vectors, options(Metric::L2, 40, 4, iterations));
                assert!(training.progress().iteration <= iterations);
                training.progress().loss
            })
            .to_vec();
        assert!(
            losses.windows(2).all(|pair| pair[1] < pair[0]),
            "{losses:?}"
        );
    }

    #[test]
    fn iterations_are_counted_in_every_kind_of_training() {
        for (k, dimension) in [(8, 4), (96, 176), (300, 64)] {
            let vectors = grouped(k * 5, dimension, k);
            for limit in [0, 1, 3] {
                let training = run(&vectors, options(Metric::L2, k, dimension, limit));
                assert!(training.progress().iteration <= limit);
                let mut centroids = vec![f32::NAN; k * dimension];
                training.write_centroids(&mut centroids);
                assert!(centroids.iter().all(|value| value.is_finite()));
            }
        }
    }

    #[test]
    fn more_centroids_than_vectors_and_equal_vectors_end() {
        let (centroids, loss) = train(&[1.0, 2.0, 3.0], 1, 8);
        assert!(centroids.iter().all(|c| c.is_finite()));
        assert!(loss < 1e-6);
        for (num_rows, dimension, k) in [(200, 3, 16), (400, 256, 80), (1200, 64, 290)] {
            let (centroids, loss) = train(&vec![5.0; num_rows * dimension], dimension, k);
            assert!(centroids.iter().all(|&c| c == 5.0));
            assert_eq!(loss, 0.0);
        }
    }

    #[test]
    fn a_tree_parts_rows_that_are_mostly_equal() {
        let (dimension, k) = (64, 260);
        let mut vectors = grouped(2000, dimension, 500);
        vectors[300 * dimension..].fill(0.0);
        let training = run(&vectors, options(Metric::L2, k, dimension, 50));
        let Training { centroids, .. } = training;
        let mut distinct: Vec<Vec<u32>> = centroids
            .chunks(dimension)
            .map(|c| c.iter().map(|value| value.to_bits()).collect())
            .collect();
        distinct.sort();
        distinct.dedup();
        assert!(distinct.len() > 200, "{}", distinct.len());
    }

    #[test]
    fn dot_gives_directions() {
        for (k, dimension) in [(8, 4), (96, 176), (300, 64)] {
            let vectors = grouped(k * 6, dimension, k);
            let training = run(&vectors, options(Metric::Dot, k, dimension, 20));
            for centroid in training.centroids.chunks(dimension) {
                let norm: f32 = centroid.iter().map(|value| value * value).sum();
                assert!((norm - 1.0).abs() < 1e-5);
            }
        }
    }

    #[test]
    fn rows_that_are_not_finite_are_left_out() {
        let (centroids, _) = train(&[f32::NAN, 1.0, f32::INFINITY, 3.0], 1, 1);
        assert_eq!(centroids, [2.0]);
    }
}
