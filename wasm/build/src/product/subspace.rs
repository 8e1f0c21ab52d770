use lancelet_common::error::{try_zeroed, KernelError, Result};

/// Centroids compared at once: four registers of four lanes for each of two rows.
pub const LANES: usize = 16;
/// Rows that share the loads of the centroids.
const ROWS: usize = 2;

/// The centroids of one sub-vector, moved to lie around zero so that ‖c‖²/2 − x·c does not cancel where all values lie
/// far from it, and transposed so that lanes run over centroids.
pub struct Subspace {
    width: usize,
    k: usize,
    origin: Vec<f32>,
    /// `width × k`.
    columns: Vec<f32>,
    half_norms: Vec<f32>,
}

impl Subspace {
    /// For `k` centroids, a multiple of [`LANES`], of `width` values.
    pub fn new(width: usize, k: usize) -> Result<Subspace> {
        if !k.is_multiple_of(LANES) {
            return Err(KernelError::Invalid("centroids must come in sixteens"));
        }
        Ok(Subspace {
            width,
            k,
            origin: try_zeroed(width)?,
            columns: try_zeroed(width * k)?,
            half_norms: try_zeroed(k)?,
        })
    }

    /// Takes `k × width` centroids.
    pub fn set(&mut self, centroids: &[f32]) {
        let share = 1.0 / self.k as f64;
        for (j, origin) in self.origin.iter_mut().enumerate() {
            let column = centroids.iter().skip(j).step_by(self.width);
            *origin = column.map(|&value| f64::from(value) * share).sum::<f64>() as f32;
        }
        self.half_norms.fill(0.0);
        for (i, centroid) in centroids.chunks_exact(self.width).enumerate() {
            for (j, (value, origin)) in centroid.iter().zip(&self.origin).enumerate() {
                let moved = value - origin;
                self.columns[j * self.k + i] = moved;
                self.half_norms[i] += 0.5 * moved * moved;
            }
        }
    }

    /// The nearest centroid of each sub-vector: `width` values from `at(row)` on. Ties go to the lowest, and so do
    /// rows whose distances are no numbers. `found` gets the row, the centroid, and the squared distance.
    #[inline(always)]
    pub fn find_nearest(
        &self,
        num_rows: usize,
        at: impl Fn(usize) -> *const f32,
        mut found: impl FnMut(usize, usize, f32),
    ) {
        let mut row = 0;
        while row + ROWS <= num_rows {
            let nearest = self.compare::<ROWS>(core::array::from_fn(|r| at(row + r)));
            for (r, (centroid, distance)) in nearest.into_iter().enumerate() {
                found(row + r, centroid, distance);
            }
            row += ROWS;
        }
        if row < num_rows {
            let [(centroid, distance)] = self.compare::<1>([at(row)]);
            found(row, centroid, distance);
        }
    }

    #[inline(always)]
    fn compare<const R: usize>(&self, rows: [*const f32; R]) -> [(usize, f32); R] {
        // SAFETY: callers pass rows of `width` values; the rest are this subspace's own, of lengths that belong together.
        let nearest =
            unsafe { imp::find_least(rows, &self.origin, self.columns.as_ptr(), &self.half_norms) };
        core::array::from_fn(|r| {
            let (centroid, score) = nearest[r];
            let mut length = 0.0;
            for (j, origin) in self.origin.iter().enumerate() {
                // SAFETY: as above.
                let value = unsafe { rows[r].add(j).read() } - origin;
                length += value * value;
            }
            (centroid, (length + 2.0 * score).max(0.0))
        })
    }
}

#[cfg(target_arch = "wasm32")]
mod imp {
    use super::LANES;
    use core::arch::wasm32::*;

    const VECTORS: usize = LANES / 4;

    /// The lowest of `half_norms − row · column`, and where it is.
    ///
    /// # Safety
    /// A row holds as many values as `origin`, and `columns` as many rows of `half_norms.len()`, a multiple of `LANES`.
    #[inline(always)]
    pub unsafe fn find_least<const R: usize>(
        rows: [*const f32; R],
        origin: &[f32],
        columns: *const f32,
        half_norms: &[f32],
    ) -> [(usize, f32); R] {
        let k = half_norms.len();
        let mut best = [[f32x4_splat(f32::INFINITY); VECTORS]; R];
        let mut block_of = [[i32x4_splat(0); VECTORS]; R];
        for block in 0..k / LANES {
            let halves = half_norms.as_ptr().add(block * LANES) as *const v128;
            let halves: [v128; VECTORS] = core::array::from_fn(|v| v128_load(halves.add(v)));
            let mut scores = [halves; R];
            let mut column = columns.add(block * LANES);
            for (j, origin) in origin.iter().enumerate() {
                let values: [v128; R] =
                    core::array::from_fn(|r| f32x4_splat(rows[r].add(j).read() - origin));
                for v in 0..VECTORS {
                    let centroids = v128_load((column as *const v128).add(v));
                    for r in 0..R {
                        scores[r][v] = f32x4_sub(scores[r][v], f32x4_mul(values[r], centroids));
                    }
                }
                column = column.add(k);
            }
            let number = i32x4_splat(block as i32);
            for r in 0..R {
                for v in 0..VECTORS {
                    let is_better = f32x4_lt(scores[r][v], best[r][v]);
                    best[r][v] = v128_bitselect(scores[r][v], best[r][v], is_better);
                    block_of[r][v] = v128_bitselect(number, block_of[r][v], is_better);
                }
            }
        }
        core::array::from_fn(|r| {
            let least = best[r]
                .into_iter()
                .fold(f32x4_splat(f32::INFINITY), |a, b| f32x4_pmin(a, b));
            let least = f32x4_pmin(least, i32x4_shuffle::<2, 3, 0, 1>(least, least));
            let least = f32x4_pmin(least, i32x4_shuffle::<1, 0, 3, 2>(least, least));
            let mut nearest = usize::MAX;
            for v in 0..VECTORS {
                let mut lanes = u32::from(i32x4_bitmask(f32x4_eq(best[r][v], least)));
                let blocks: [u32; 4] = core::mem::transmute(block_of[r][v]);
                while lanes != 0 {
                    let lane = lanes.trailing_zeros() as usize;
                    lanes &= lanes - 1;
                    nearest = nearest.min(blocks[lane] as usize * LANES + 4 * v + lane);
                }
            }
            (nearest, f32x4_extract_lane::<0>(least))
        })
    }
}

#[cfg(not(target_arch = "wasm32"))]
mod imp {
    /// The lowest of `half_norms − row · column`, and where it is.
    ///
    /// # Safety
    /// A row holds as many values as `origin`, and `columns` as many rows of `half_norms.len()`.
    pub unsafe fn find_least<const R: usize>(
        rows: [*const f32; R],
        origin: &[f32],
        columns: *const f32,
        half_norms: &[f32],
    ) -> [(usize, f32); R] {
        let k = half_norms.len();
        rows.map(|row| {
            let mut nearest = (0, f32::INFINITY);
            for (i, half) in half_norms.iter().enumerate() {
                let mut score = *half;
                for (j, origin) in origin.iter().enumerate() {
                    score -= (row.add(j).read() - origin) * columns.add(j * k + i).read();
                }
                if score < nearest.1 {
                    nearest = (i, score);
                }
            }
            nearest
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kmeans::Random;

    #[test]
    fn finds_what_a_plain_search_finds() {
        let mut random = Random::new(7);
        for (width, k) in [(1, 16), (2, 256), (3, 16), (8, 256), (17, 32)] {
            let mut draw = |count: usize, shift: f32| -> Vec<f32> {
                (0..count)
                    .map(|_| random.next_unit() as f32 * 4.0 + shift)
                    .collect()
            };
            for shift in [0.0, 1000.0] {
                let centroids = draw(width * k, shift);
                let rows = draw(width * 33, shift);
                let mut subspace = Subspace::new(width, k).unwrap();
                subspace.set(&centroids);
                let mut seen = 0;
                subspace.find_nearest(
                    33,
                    |row| rows[row * width..].as_ptr(),
                    |row, centroid, _| {
                        let row = &rows[row * width..(row + 1) * width];
                        let distance = |c: &[f32]| -> f64 {
                            let square =
                                |(a, b): (&f32, &f32)| (f64::from(*a) - f64::from(*b)).powi(2);
                            row.iter().zip(c).map(square).sum()
                        };
                        let all: Vec<f64> = centroids.chunks(width).map(distance).collect();
                        let least = all.iter().copied().fold(f64::INFINITY, f64::min);
                        assert!(all[centroid] <= least + 1e-5, "{width} {k} {shift}");
                        seen += 1;
                    },
                );
                assert_eq!(seen, 33);
            }
        }
    }

    #[test]
    fn ties_and_no_numbers_take_the_lowest() {
        let mut subspace = Subspace::new(1, 32).unwrap();
        subspace.set(&[5.0; 32]);
        let rows = [5.0, f32::NAN, f32::INFINITY];
        subspace.find_nearest(
            3,
            |row| rows[row..].as_ptr(),
            |_, centroid, _| assert_eq!(centroid, 0),
        );
    }
}
