use super::random::Random;
use super::rows::Rows;
use lancelet_common::error::{try_zeroed, Result};
use lancelet_common::simd::squared_l2;

/// Vectors a seed is drawn from, for each seed: drawing then costs an eighth of one iteration at 256 vectors a centroid.
const CANDIDATES_PER_SEED: usize = 32;
const CANDIDATES_MIN: usize = 4096;

/// k-means++ over an evenly spaced subsample: each next seed is drawn with a probability that grows with its squared
/// distance to the nearest seed so far.
pub struct Seeding {
    num_rows: usize,
    /// Squared distance of each candidate to its nearest seed.
    nearest: Vec<f32>,
    chosen: usize,
}

impl Seeding {
    pub fn new(num_rows: usize, k: usize) -> Result<Seeding> {
        let candidates = num_rows.min(k.saturating_mul(CANDIDATES_PER_SEED).max(CANDIDATES_MIN));
        let mut nearest = try_zeroed::<f32>(candidates)?;
        nearest.fill(f32::INFINITY);
        Ok(Seeding {
            num_rows,
            nearest,
            chosen: 0,
        })
    }

    pub fn chosen(&self) -> usize {
        self.chosen
    }

    /// Multiplications that one `draw` costs.
    pub fn cost(&self, dimension: usize) -> usize {
        self.nearest.len() * dimension
    }

    fn position(&self, candidate: usize) -> usize {
        (candidate as u64 * self.num_rows as u64 / self.nearest.len() as u64) as usize
    }

    /// Draws the next seed and writes it to `seed`.
    pub fn draw(&mut self, rows: Rows<'_>, seed: &mut [f32], random: &mut Random) {
        let candidate = self.pick(random);
        seed.copy_from_slice(rows.row(self.position(candidate)));
        self.chosen += 1;
        for candidate in 0..self.nearest.len() {
            let distance = squared_l2(seed, rows.row(self.position(candidate)));
            self.nearest[candidate] = self.nearest[candidate].min(distance);
        }
    }

    fn pick(&self, random: &mut Random) -> usize {
        let count = self.nearest.len();
        let total: f64 = self
            .nearest
            .iter()
            .map(|&distance| f64::from(distance))
            .sum();
        // The first draw, distances that overflow, and vectors that are all seeds already.
        if self.chosen == 0 || !total.is_finite() || total <= 0.0 {
            return random.next_below(count);
        }
        let mut left = random.next_unit() * total;
        for (candidate, &distance) in self.nearest.iter().enumerate() {
            left -= f64::from(distance);
            if left < 0.0 && distance > 0.0 {
                return candidate;
            }
        }
        // Rounding ate the rest: the last candidate that is no seed.
        self.nearest
            .iter()
            .rposition(|&distance| distance > 0.0)
            .unwrap_or(0)
    }
}
