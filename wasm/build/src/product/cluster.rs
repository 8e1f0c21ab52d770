use super::subspace::Subspace;
use crate::kmeans::{Limits, Random};
use lancelet_common::error::{try_with_capacity, try_zeroed, Result};
use lancelet_common::memory::count_values;
use lancelet_common::product::Shape;

/// Lloyd's k-means (Lloyd 1982) of one sub-vector, seeded with different rows. A centroid without rows moves to where a
/// row is farthest from all others.
pub struct Clustering {
    width: usize,
    k: usize,
    limits: Limits,
    /// `num_rows × width`.
    rows: Vec<f32>,
    /// The next row to assign; `None` once done.
    next: Option<usize>,
    /// Whole iterations so far.
    iteration: u32,
    /// Of the last whole iteration.
    loss: f64,
    /// Of the one under way.
    total: f64,
    subspace: Subspace,
    /// Squared, of each row to its centroid.
    distances: Vec<f32>,
    sums: Vec<f64>,
    counts: Vec<u32>,
}

impl Clustering {
    pub fn new(num_rows: usize, shape: Shape, limits: Limits) -> Result<Clustering> {
        let Shape { width, k, .. } = shape;
        Ok(Clustering {
            width,
            k,
            limits,
            rows: try_zeroed(count_values(num_rows, width)?)?,
            next: None,
            iteration: 0,
            loss: f64::INFINITY,
            total: 0.0,
            subspace: Subspace::new(width, k)?,
            distances: try_zeroed(num_rows)?,
            sums: try_zeroed(k * width)?,
            counts: try_zeroed(k)?,
        })
    }

    pub fn done(&self) -> bool {
        self.next.is_none()
    }

    /// Starts over with other rows, at least one, and writes the seeds to `centroids`.
    pub fn begin<'a>(
        &mut self,
        rows: impl Iterator<Item = &'a [f32]>,
        centroids: &mut [f32],
        random: &mut Random,
    ) -> Result<()> {
        let width = self.width;
        for (to, from) in self.rows.chunks_exact_mut(width).zip(rows) {
            to.copy_from_slice(from);
        }
        let seeds = self.draw_seeds(random)?;
        // Fewer rows than centroids: some twice.
        let seeds = seeds.iter().cycle();
        for (centroid, &row) in centroids.chunks_exact_mut(width).zip(seeds) {
            let start = row as usize * width;
            centroid.copy_from_slice(&self.rows[start..start + width]);
        }
        self.iteration = 0;
        self.loss = f64::INFINITY;
        self.begin_iteration(centroids);
        Ok(())
    }

    /// Up to `k` rows, none twice.
    fn draw_seeds(&self, random: &mut Random) -> Result<Vec<u32>> {
        let num_rows = self.distances.len();
        let mut rows = try_with_capacity(num_rows)?;
        rows.extend(0..num_rows as u32);
        for i in 0..self.k.min(num_rows) {
            let other = i + random.next_below(num_rows - i);
            rows.swap(i, other);
        }
        rows.truncate(self.k);
        Ok(rows)
    }

    /// Assigns rows for about `work` multiplications, at most to the end of an iteration. Returns how many it took.
    pub fn step(&mut self, work: usize, centroids: &mut [f32]) -> usize {
        let Some(start) = self.next else {
            return 0;
        };
        let row_work = self.k * self.width;
        let num_rows = self.distances.len();
        let end = num_rows.min(start.saturating_add((work / row_work).max(1)));
        self.assign(start, end);
        if end == num_rows {
            self.finish_iteration(centroids);
        } else {
            self.next = Some(end);
        }
        (end - start) * row_work
    }

    fn begin_iteration(&mut self, centroids: &[f32]) {
        if self.iteration == self.limits.max_iterations {
            self.next = None;
            return;
        }
        self.subspace.set(centroids);
        self.sums.fill(0.0);
        self.counts.fill(0);
        self.total = 0.0;
        self.next = Some(0);
    }

    fn assign(&mut self, start: usize, end: usize) {
        let width = self.width;
        let (rows, sums, counts) = (&self.rows, &mut self.sums, &mut self.counts);
        let (distances, total) = (&mut self.distances, &mut self.total);
        self.subspace.find_nearest(
            end - start,
            |row| rows[(start + row) * width..].as_ptr(),
            |row, centroid, distance| {
                let row = start + row;
                distances[row] = distance;
                *total += f64::from(distance);
                counts[centroid] += 1;
                for (sum, value) in sums[centroid * width..(centroid + 1) * width]
                    .iter_mut()
                    .zip(&rows[row * width..(row + 1) * width])
                {
                    *sum += f64::from(*value);
                }
            },
        );
    }

    fn finish_iteration(&mut self, centroids: &mut [f32]) {
        let is_settled = self.limits.are_met(self.loss, self.total);
        self.loss = self.total;
        self.iteration += 1;
        for ((centroid, sum), &count) in centroids
            .chunks_exact_mut(self.width)
            .zip(self.sums.chunks_exact(self.width))
            .zip(&self.counts)
        {
            if count > 0 {
                let share = 1.0 / f64::from(count);
                for (value, sum) in centroid.iter_mut().zip(sum) {
                    *value = (sum * share) as f32;
                }
            }
        }
        let filled = self.fill_empty(centroids);
        if is_settled && !filled {
            self.next = None;
        } else {
            self.begin_iteration(centroids);
        }
    }

    /// Centroids without rows move to where a row is farthest from all others. Returns whether any did.
    fn fill_empty(&mut self, centroids: &mut [f32]) -> bool {
        let width = self.width;
        let mut filled = false;
        for empty in (0..self.counts.len()).filter(|&i| self.counts[i] == 0) {
            let mut farthest = (0, 0.0);
            for (row, &distance) in self.distances.iter().enumerate() {
                if distance > farthest.1 {
                    farthest = (row, distance);
                }
            }
            if farthest.1 == 0.0 {
                break;
            }
            let row = farthest.0 * width;
            let values = &self.rows[row..row + width];
            centroids[empty * width..(empty + 1) * width].copy_from_slice(values);
            // What is near is served now: the next one goes elsewhere.
            for (distance, row) in self.distances.iter_mut().zip(self.rows.chunks_exact(width)) {
                let square = |(a, b): (&f32, &f32)| (a - b) * (a - b);
                *distance = distance.min(row.iter().zip(values).map(square).sum());
            }
            filled = true;
        }
        filled
    }
}
