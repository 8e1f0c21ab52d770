use super::cluster::Clustering;
use crate::kmeans::{Limits, Random, WORK_PER_STEP};
use lancelet_common::error::{try_zeroed, Result};
use lancelet_common::memory::count_values;
use lancelet_common::product::Shape;

pub struct Options {
    pub shape: Shape,
    pub seed: u64,
    /// For each sub-vector.
    pub limits: Limits,
}

/// The training of a codebook: one sub-vector after another.
pub struct Training {
    shape: Shape,
    /// `num_rows × dimension`.
    vectors: Vec<f32>,
    codebook: Vec<f32>,
    /// Sub-vectors that are trained: the number of the one under way.
    trained: usize,
    /// Whether that one has its seeds.
    has_begun: bool,
    clustering: Clustering,
    random: Random,
}

impl Training {
    pub fn new(num_rows: usize, options: Options) -> Result<Training> {
        let Options {
            shape,
            seed,
            limits,
        } = options;
        Ok(Training {
            shape,
            vectors: try_zeroed(count_values(num_rows, shape.dimension())?)?,
            codebook: try_zeroed(shape.codebook_values())?,
            // Without rows every centroid stays zero.
            trained: if num_rows == 0 {
                shape.num_sub_vectors
            } else {
                0
            },
            has_begun: false,
            clustering: Clustering::new(num_rows, shape, limits)?,
            random: Random::new(seed),
        })
    }

    pub fn vectors_mut(&mut self) -> &mut [f32] {
        &mut self.vectors
    }

    pub fn done(&self) -> bool {
        self.trained == self.shape.num_sub_vectors
    }

    /// Sub-vectors that are trained.
    pub fn trained(&self) -> usize {
        self.trained
    }

    /// `num_sub_vectors × k × width`.
    pub fn codebook(&self) -> &[f32] {
        &self.codebook
    }

    /// A bounded piece of work; nothing once done.
    pub fn step(&mut self) -> Result<()> {
        let Shape { width, k, .. } = self.shape;
        let mut work = WORK_PER_STEP;
        while work > 0 && !self.done() {
            let sub = self.trained;
            let centroids = &mut self.codebook[sub * k * width..(sub + 1) * k * width];
            if self.has_begun {
                work = work.saturating_sub(self.clustering.step(work, centroids));
            } else {
                let rows = self.vectors.chunks_exact(self.shape.dimension());
                let rows = rows.map(|row| &row[sub * width..(sub + 1) * width]);
                self.clustering.begin(rows, centroids, &mut self.random)?;
                self.has_begun = true;
            }
            if self.clustering.done() {
                self.trained += 1;
                self.has_begun = false;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn train(vectors: &[f32], shape: Shape, max_iterations: u32) -> Vec<f32> {
        let options = Options {
            shape,
            seed: 42,
            limits: Limits {
                max_iterations,
                tolerance: 1e-4,
            },
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
