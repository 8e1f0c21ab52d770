use super::centroids::{Centroids, Metric};
use super::lloyd::Lloyd;
use super::nearby::Nearby;
use super::progress::{Clustering, Limits, Progress};
use super::random::Random;
use super::rows::count_inputs;
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
        let (values, centroid_values) = count_inputs(num_rows, options.dimension, options.k)?;
        Ok(Training {
            phase: Phase::Prepare,
            random: Random::new(options.seed),
            sample: Sample::new(values, options.dimension)?,
            centroids: try_zeroed(centroid_values)?,
            progress: Progress::new(),
            options,
        })
    }

    pub fn vectors_mut(&mut self) -> &mut [f32] {
        &mut self.sample.vectors
    }

    /// Those of the phase under way.
    fn current(&self) -> &[f32] {
        match &self.phase {
            Phase::Flat(lloyd) => lloyd.centroids.values(),
            Phase::Refine(nearby) => nearby.centroids.values(),
            _ => &self.centroids,
        }
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
        centroids.settle()?;
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
        centroids.settle()?;
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

impl Clustering for Training {
    fn input(&mut self) -> *mut u8 {
        self.vectors_mut().as_mut_ptr().cast()
    }

    fn step(&mut self) -> Result<()> {
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

    fn done(&self) -> bool {
        matches!(self.phase, Phase::Done)
    }

    fn progress(&self) -> Progress {
        self.progress
    }

    fn centroid_bytes(&self) -> usize {
        4 * self.centroids.len()
    }

    /// f32, where the vectors were before they were moved.
    fn write_centroids(&self, output: &mut [u8]) {
        let origins = self.sample.origin.iter().cycle();
        for ((to, from), shift) in output.chunks_exact_mut(4).zip(self.current()).zip(origins) {
            to.copy_from_slice(&(from + shift).to_le_bytes());
        }
    }
}
