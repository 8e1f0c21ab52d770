use super::centroids::Centroids;
use super::members::Members;
use super::pairs::place_rows;
use super::progress::{Limits, Progress};
use super::random::Random;
use super::rows::Rows;
use super::seeds::Seeding;
use super::work::{STREAM_COST, WORK_PER_STEP};
use lancelet_common::error::Result;

enum Phase {
    Seed(Seeding),
    /// The next position to assign.
    Assign(usize),
    Done,
}

/// Lloyd's k-means over some rows of a sample: every row is compared with every centroid, in bounded steps.
pub struct Lloyd {
    pub numbers: Vec<u32>,
    pub centroids: Centroids,
    pub members: Members,
    pub progress: Progress,
    limits: Limits,
    phase: Phase,
}

impl Lloyd {
    /// `centroids` lend metric, k and dimension; seeds take their place.
    pub fn new(numbers: Vec<u32>, centroids: Centroids, limits: Limits) -> Result<Lloyd> {
        let seeding = Seeding::new(numbers.len(), centroids.k())?;
        Ok(Lloyd {
            members: Members::new(numbers.len(), centroids.k(), centroids.dimension())?,
            numbers,
            centroids,
            progress: Progress::new(),
            limits,
            phase: Phase::Seed(seeding),
        })
    }

    pub fn done(&self) -> bool {
        matches!(self.phase, Phase::Done)
    }

    /// A bounded piece of work; nothing once done.
    pub fn step(&mut self, vectors: &[f32], random: &mut Random) -> Result<()> {
        match core::mem::replace(&mut self.phase, Phase::Done) {
            Phase::Seed(seeding) => self.seed(seeding, vectors, random),
            Phase::Assign(position) => self.assign(position, vectors),
            Phase::Done => Ok(()),
        }
    }

    fn seed(&mut self, mut seeding: Seeding, vectors: &[f32], random: &mut Random) -> Result<()> {
        let dimension = self.centroids.dimension();
        let rows = Rows {
            vectors,
            dimension,
            numbers: &self.numbers,
        };
        let draws = (WORK_PER_STEP / STREAM_COST / seeding.cost(dimension).max(1)).max(1);
        for _ in 0..draws {
            if seeding.chosen() == self.centroids.k() {
                break;
            }
            let start = seeding.chosen() * dimension;
            let seed = &mut self.centroids.values_mut()[start..start + dimension];
            seeding.draw(rows, seed, random);
        }
        if seeding.chosen() < self.centroids.k() {
            self.phase = Phase::Seed(seeding);
            return Ok(());
        }
        self.centroids.settle()?;
        self.start_iteration();
        Ok(())
    }

    fn start_iteration(&mut self) {
        self.phase = if self.progress.iteration == self.limits.max_iterations {
            Phase::Done
        } else {
            Phase::Assign(0)
        };
    }

    fn assign(&mut self, start: usize, vectors: &[f32]) -> Result<()> {
        let rows = Rows {
            vectors,
            dimension: self.centroids.dimension(),
            numbers: &self.numbers,
        };
        let end = place_rows(rows, &self.centroids, start, &mut self.members)?;
        self.phase = Phase::Assign(end);
        if end == self.numbers.len() {
            self.finish_iteration(vectors)?;
        }
        Ok(())
    }

    fn finish_iteration(&mut self, vectors: &[f32]) -> Result<()> {
        let (loss, changed) = (self.members.loss(), self.members.take_changed());
        let settled = self.progress.advance(loss, changed, self.limits);
        let rows = Rows {
            vectors,
            dimension: self.centroids.dimension(),
            numbers: &self.numbers,
        };
        let filled = self.members.update(&mut self.centroids, rows)?;
        if filled == 0 && settled {
            self.phase = Phase::Done;
        } else {
            self.start_iteration();
        }
        Ok(())
    }
}
