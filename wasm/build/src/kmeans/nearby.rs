use super::centroids::Centroids;
use super::members::{group_members, Groups, Members};
use super::pairs::place_rows;
use super::panels::{tile_rows, Panels};
use super::progress::{Limits, Progress};
use super::rows::Rows;
use super::work::WORK_PER_STEP;
use lancelet_common::error::{try_with_capacity, try_zeroed, Result};

/// Centroids that a row is compared with: those nearest to its own.
const NEIGHBOURS: usize = 32;
/// Neighbourhoods settle before a row may leave its own: their tolerance is this much coarser.
const COARSER: f64 = 10.0;

enum Phase {
    /// The next centroid to find neighbours of.
    Rank(usize),
    /// The next cluster, and how many of its rows are done.
    Near(Groups, usize, usize),
    /// The next row to compare with every centroid.
    All(usize),
    Done,
}

/// K-means where most iterations compare a row only with the centroids near its own (k²-means, Agustsson, Timofte and
/// Van Gool 2017), so that their cost does not grow with k. Whole passes in between take rows out of a neighbourhood
/// that has moved away from them.
pub struct Nearby {
    pub centroids: Centroids,
    pub members: Members,
    pub progress: Progress,
    numbers: Vec<u32>,
    /// Per centroid, ascending.
    neighbours: Vec<u32>,
    panels: Panels,
    limits: Limits,
    /// Whether whole passes are made at all; without any, going on until the last rows move gains nothing.
    is_exact: bool,
    /// Whole passes still to come, each where the neighbourhoods have settled.
    passes_left: u32,
    phase: Phase,
}

impl Nearby {
    /// From centroids alone, over rows 0 to n: the first pass is a whole one, and two more follow.
    pub fn from_seeds(num_rows: usize, centroids: Centroids, limits: Limits) -> Result<Nearby> {
        let mut nearby = Nearby::new(num_rows, centroids, limits)?;
        (nearby.is_exact, nearby.passes_left) = (true, 2);
        if limits.max_iterations > 0 {
            nearby.phase = Phase::All(0);
        }
        Ok(nearby)
    }

    /// From clusters that lie about right: no pass is whole.
    pub fn from_clusters(
        clusters: &[u32],
        centroids: Centroids,
        limits: Limits,
        vectors: &[f32],
    ) -> Result<Nearby> {
        let mut nearby = Nearby::new(clusters.len(), centroids, limits)?;
        let rows = vectors.chunks_exact(nearby.centroids.dimension());
        for (position, (row, &cluster)) in rows.zip(clusters).enumerate() {
            nearby.members.place(position, row, cluster, f32::INFINITY);
        }
        nearby.members.take_changed();
        if limits.max_iterations > 0 {
            nearby.phase = Phase::Rank(0);
        }
        Ok(nearby)
    }

    fn new(num_rows: usize, centroids: Centroids, limits: Limits) -> Result<Nearby> {
        let mut numbers = try_with_capacity(num_rows)?;
        numbers.extend(0..num_rows as u32);
        Ok(Nearby {
            members: Members::new(num_rows, centroids.k(), centroids.dimension())?,
            progress: Progress::new(),
            numbers,
            neighbours: try_zeroed(centroids.k() * centroids.k().min(NEIGHBOURS))?,
            panels: Panels::new(centroids.dimension()),
            centroids,
            limits,
            is_exact: false,
            passes_left: 0,
            phase: Phase::Done,
        })
    }

    pub fn done(&self) -> bool {
        matches!(self.phase, Phase::Done)
    }

    /// A bounded piece of work; nothing once done.
    pub fn step(&mut self, vectors: &[f32]) -> Result<()> {
        match core::mem::replace(&mut self.phase, Phase::Done) {
            Phase::Rank(centroid) => self.rank(centroid),
            Phase::Near(groups, cluster, done) => {
                self.assign_near(groups, (cluster, done), vectors)
            }
            Phase::All(row) => self.assign_all(row, vectors),
            Phase::Done => Ok(()),
        }
    }

    fn width(&self) -> usize {
        self.centroids.k().min(NEIGHBOURS)
    }

    fn rank(&mut self, start: usize) -> Result<()> {
        let (k, width) = (self.centroids.k(), self.width());
        let count = WORK_PER_STEP / k.saturating_mul(self.centroids.dimension());
        let end = k.min(start + count.max(1));
        let mut scores = try_zeroed::<f32>(k)?;
        let mut order = try_zeroed::<u32>(k)?;
        for centroid in start..end {
            let row = self.centroids.row(centroid);
            self.centroids.panels().score_row(row, &mut scores);
            scores[centroid] = f32::NEG_INFINITY;
            for (i, place) in order.iter_mut().enumerate() {
                *place = i as u32;
            }
            if width < k {
                order.select_nth_unstable_by(width, |a, b| {
                    let (x, y) = (scores[*a as usize], scores[*b as usize]);
                    x.total_cmp(&y).then(a.cmp(b))
                });
            }
            // Ties go to the lowest centroid, as they do where all are compared.
            order[..width].sort_unstable();
            self.neighbours[centroid * width..(centroid + 1) * width]
                .copy_from_slice(&order[..width]);
        }
        self.phase = if end < k {
            Phase::Rank(end)
        } else {
            let groups = group_members(&self.members.clusters, &self.members.counts)?;
            Phase::Near(groups, 0, 0)
        };
        Ok(())
    }

    fn assign_near(
        &mut self,
        groups: Groups,
        (mut cluster, mut done): (usize, usize),
        vectors: &[f32],
    ) -> Result<()> {
        let (centroids, width) = (&self.centroids, self.width());
        let dimension = centroids.dimension();
        let tile = tile_rows(dimension);
        let mut best = try_zeroed::<u32>(tile)?;
        let mut scores = try_zeroed::<f32>(tile)?;
        let mut left = (WORK_PER_STEP / width / dimension).max(tile);
        while cluster < centroids.k() && left > 0 {
            let neighbours = &self.neighbours[cluster * width..(cluster + 1) * width];
            self.panels.fill(width, |i| {
                let centroid = neighbours[i] as usize;
                (centroids.row(centroid), centroids.offset(centroid))
            })?;
            let (start, end) = (groups.starts[cluster] + done, groups.starts[cluster + 1]);
            let some = &groups.positions[start..end.min(start + left)];
            for positions in some.chunks(tile) {
                // Positions are numbers: every row takes part.
                let rows = Rows {
                    vectors,
                    dimension,
                    numbers: positions,
                };
                rows.search(0..positions.len(), &self.panels, (&mut best, &mut scores))?;
                for (i, &position) in positions.iter().enumerate() {
                    let (row, found) = (rows.row(i), neighbours[best[i] as usize]);
                    let distance = centroids
                        .metric()
                        .distance(row, centroids.row(found as usize));
                    self.members.place(position as usize, row, found, distance);
                }
            }
            // Filling a panel costs as much as some rows.
            left = left.saturating_sub(some.len().max(4));
            if start + some.len() == end {
                (cluster, done) = (cluster + 1, 0);
            } else {
                done += some.len();
            }
        }
        if cluster == centroids.k() {
            return self.finish_iteration(vectors);
        }
        self.phase = Phase::Near(groups, cluster, done);
        Ok(())
    }

    fn assign_all(&mut self, start: usize, vectors: &[f32]) -> Result<()> {
        let rows = Rows {
            vectors,
            dimension: self.centroids.dimension(),
            numbers: &self.numbers,
        };
        let end = place_rows(rows, &self.centroids, start, &mut self.members)?;
        self.phase = Phase::All(end);
        if end == self.numbers.len() {
            self.finish_iteration(vectors)?;
        }
        Ok(())
    }

    fn finish_iteration(&mut self, vectors: &[f32]) -> Result<()> {
        let coarse = Limits {
            tolerance: self.limits.tolerance * COARSER,
            ..self.limits
        };
        let limits = if self.is_exact && self.passes_left == 0 {
            self.limits
        } else {
            coarse
        };
        let (loss, changed) = (self.members.loss(), self.members.take_changed());
        let settled = self.progress.advance(loss, changed, limits);
        let rows = Rows {
            vectors,
            dimension: self.centroids.dimension(),
            numbers: &self.numbers,
        };
        let filled = self.members.update(&mut self.centroids, rows)?;
        self.phase = if self.progress.iteration == self.limits.max_iterations {
            Phase::Done
        } else if filled > 0 || !settled {
            Phase::Rank(0)
        } else if self.passes_left > 0 {
            self.passes_left -= 1;
            Phase::All(0)
        } else {
            Phase::Done
        };
        Ok(())
    }
}
