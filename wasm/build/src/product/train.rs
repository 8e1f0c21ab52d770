use super::subspace::Subspace;
use super::Shape;
use crate::kmeans::Random;
use lancelet_common::error::{try_with_capacity, try_zeroed, KernelError, Result};

/// Multiplications of one step: some 5 ms where SIMD runs at 8 a nanosecond, under 20 ms on a slow phone.
const WORK_PER_STEP: usize = 40_000_000;

pub struct Options {
    pub shape: Shape,
    pub seed: u64,
    pub max_iterations: u32,
    /// The training of a sub-vector ends when its loss changes by less than this share.
    pub tolerance: f64,
}

/// Lloyd's k-means (Lloyd 1982) of one sub-vector after another, seeded with different rows of the sample. A centroid
/// without rows moves to where a row is farthest from all others.
pub struct Training {
    options: Options,
    num_rows: usize,
    /// `num_rows × dimension`.
    vectors: Vec<f32>,
    codebook: Vec<f32>,
    /// The sub-vector under way; `num_sub_vectors` once done.
    sub: usize,
    /// The next row to assign; `None`: the sub-vector has not begun.
    next: Option<usize>,
    iteration: u32,
    /// Of the last whole iteration.
    loss: f64,
    /// Of the one under way.
    total: f64,
    random: Random,
    rows: Vec<f32>,
    subspace: Subspace,
    distances: Vec<f32>,
    sums: Vec<f64>,
    counts: Vec<u32>,
}

impl Training {
    pub fn new(num_rows: usize, options: Options) -> Result<Training> {
        let shape = options.shape;
        let Shape { width, k, .. } = shape;
        let values = num_rows
            .checked_mul(shape.dimension())
            .ok_or(KernelError::Invalid("more values than memory holds"))?;
        Ok(Training {
            num_rows,
            vectors: try_zeroed(values)?,
            codebook: try_zeroed(k * shape.dimension())?,
            // Without rows every centroid stays zero.
            sub: if num_rows == 0 {
                shape.num_sub_vectors
            } else {
                0
            },
            next: None,
            iteration: 0,
            loss: f64::INFINITY,
            total: 0.0,
            random: Random::new(options.seed),
            rows: try_zeroed(num_rows * width)?,
            subspace: Subspace::new(width, k)?,
            distances: try_zeroed(num_rows)?,
            sums: try_zeroed(k * width)?,
            counts: try_zeroed(k)?,
            options,
        })
    }

    pub fn vectors_mut(&mut self) -> &mut [f32] {
        &mut self.vectors
    }

    pub fn done(&self) -> bool {
        self.sub == self.options.shape.num_sub_vectors
    }

    /// Sub-vectors that are trained.
    pub fn trained(&self) -> usize {
        self.sub
    }

    /// `num_sub_vectors × k × width`.
    pub fn codebook(&self) -> &[f32] {
        &self.codebook
    }

    /// A bounded piece of work; nothing once done.
    pub fn step(&mut self) -> Result<()> {
        let mut work = WORK_PER_STEP;
        while work > 0 && !self.done() {
            let Some(start) = self.next else {
                self.begin()?;
                continue;
            };
            let row_work = self.options.shape.k * self.options.shape.width;
            let end = self
                .num_rows
                .min(start.saturating_add((work / row_work).max(1)));
            self.assign(start, end);
            work = work.saturating_sub((end - start) * row_work);
            if end == self.num_rows {
                self.finish_iteration();
            } else {
                self.next = Some(end);
            }
        }
        Ok(())
    }

    fn begin(&mut self) -> Result<()> {
        let Shape { width, k, .. } = self.options.shape;
        let dimension = self.options.shape.dimension();
        for (to, from) in self
            .rows
            .chunks_exact_mut(width)
            .zip(self.vectors.chunks_exact(dimension))
        {
            to.copy_from_slice(&from[self.sub * width..(self.sub + 1) * width]);
        }
        let seeds = self.draw_seeds()?;
        let first = self.sub * k * width;
        for (i, centroid) in self.codebook[first..first + k * width]
            .chunks_exact_mut(width)
            .enumerate()
        {
            let row = seeds[i % seeds.len()] as usize;
            centroid.copy_from_slice(&self.rows[row * width..(row + 1) * width]);
        }
        self.iteration = 0;
        self.loss = f64::INFINITY;
        self.begin_iteration();
        Ok(())
    }

    /// Up to `k` rows, none twice.
    fn draw_seeds(&mut self) -> Result<Vec<u32>> {
        let k = self.options.shape.k;
        let mut rows = try_with_capacity(self.num_rows)?;
        rows.extend(0..self.num_rows as u32);
        for i in 0..k.min(self.num_rows) {
            let other = i + self.random.next_below(self.num_rows - i);
            rows.swap(i, other);
        }
        rows.truncate(k);
        Ok(rows)
    }

    fn centroids(&self) -> core::ops::Range<usize> {
        let Shape { width, k, .. } = self.options.shape;
        self.sub * k * width..(self.sub + 1) * k * width
    }

    fn begin_iteration(&mut self) {
        let centroids = self.centroids();
        if self.iteration == self.options.max_iterations {
            self.sub += 1;
            self.next = None;
            return;
        }
        self.subspace.set(&self.codebook[centroids]);
        self.sums.fill(0.0);
        self.counts.fill(0);
        self.total = 0.0;
        self.next = Some(0);
    }

    fn assign(&mut self, start: usize, end: usize) {
        let width = self.options.shape.width;
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

    fn finish_iteration(&mut self) {
        let width = self.options.shape.width;
        let loss = self.total;
        let is_settled = self.loss.is_finite()
            && (self.loss - loss).abs() <= self.options.tolerance * self.loss.abs();
        self.loss = loss;
        self.iteration += 1;
        let range = self.centroids();
        for ((centroid, sum), &count) in self.codebook[range.clone()]
            .chunks_exact_mut(width)
            .zip(self.sums.chunks_exact(width))
            .zip(&self.counts)
        {
            if count > 0 {
                let share = 1.0 / f64::from(count);
                for (value, sum) in centroid.iter_mut().zip(sum) {
                    *value = (sum * share) as f32;
                }
            }
        }
        let filled = self.fill_empty();
        if is_settled && !filled {
            self.iteration = self.options.max_iterations;
        }
        self.begin_iteration();
    }

    /// Centroids without rows move to where a row is farthest from all others.
    fn fill_empty(&mut self) -> bool {
        let width = self.options.shape.width;
        let first = self.centroids().start;
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
            let to = first + empty * width;
            let values = &self.rows[row..row + width];
            self.codebook[to..to + width].copy_from_slice(values);
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

#[cfg(test)]
mod tests {
    use super::*;

    fn train(vectors: &[f32], shape: Shape, max_iterations: u32) -> Vec<f32> {
        let options = Options {
            shape,
            seed: 42,
            max_iterations,
            tolerance: 1e-4,
        };
        let mut training = Training::new(vectors.len() / shape.dimension(), options).unwrap();
        training.vectors_mut().copy_from_slice(vectors);
        let mut steps = 0;
        while !training.done() {
            training.step().unwrap();
            steps += 1;
            assert!(steps < 10_000);
        }
        training.codebook().to_vec()
    }

    fn measure(vectors: &[f32], shape: Shape, codebook: &[f32]) -> f32 {
        let mut loss = 0.0;
        for row in vectors.chunks(shape.dimension()) {
            for (sub, values) in row.chunks(shape.width).enumerate() {
                let centroids = &codebook[sub * shape.k * shape.width..];
                loss += centroids[..shape.k * shape.width]
                    .chunks(shape.width)
                    .map(|c| {
                        values
                            .iter()
                            .zip(c)
                            .map(|(a, b)| (a - b).powi(2))
                            .sum::<f32>()
                    })
                    .fold(f32::INFINITY, f32::min);
            }
        }
        loss
    }

    #[test]
    fn improves_with_iterations_and_ends() {
        let mut random = Random::new(3);
        let shape = Shape::new(8, 2, 4).unwrap();
        let vectors: Vec<f32> = (0..8 * 600)
            .map(|_| random.next_unit() as f32 + 100.0)
            .collect();
        let losses = [0, 1, 3, 30].map(|n| measure(&vectors, shape, &train(&vectors, shape, n)));
        assert!(
            losses.windows(2).all(|pair| pair[1] < pair[0]),
            "{losses:?}"
        );
    }

    #[test]
    fn groups_each_get_a_centroid() {
        let shape = Shape::new(4, 2, 4).unwrap();
        let vectors: Vec<f32> = (0..4 * 320)
            .map(|i| ((i / 4 * 7 + i % 4) % 16) as f32 * 10.0)
            .collect();
        assert_eq!(measure(&vectors, shape, &train(&vectors, shape, 50)), 0.0);
    }

    #[test]
    fn fewer_rows_than_centroids_are_all_kept_and_no_rows_give_zeroes() {
        let shape = Shape::new(2, 1, 8).unwrap();
        let vectors = [1.0, 2.0, 3.0, 4.0, 1.0, 2.0];
        assert_eq!(measure(&vectors, shape, &train(&vectors, shape, 20)), 0.0);
        assert!(train(&[], shape, 20).iter().all(|&value| value == 0.0));
    }
}
