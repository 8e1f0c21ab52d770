use lancelet_common::error::{KernelError, Result};
use lancelet_common::simd::F32x4;

/// Centroids that stand side by side in a panel.
const COLUMNS: usize = 4;
/// Rows that meet a panel together: with their sums they take most of the 16 registers of x86 (three gain nothing).
const ROWS: usize = 2;
/// Rows stay in the first-level cache while panels pass over them.
const TILE_BYTES: usize = 32 << 10;

/// Centroids in the order a search reads them: four values of each of four centroids in turn, so that one pointer with
/// constant offsets reaches all of them. What lies beyond the last value or the last centroid is zero.
pub struct Panels {
    dimension: usize,
    count: usize,
    values: Vec<f32>,
    /// A score is this minus the product with the row: the smaller, the nearer. Infinite beyond the last centroid.
    offsets: Vec<f32>,
}

impl Panels {
    pub fn new(dimension: usize) -> Panels {
        Panels {
            dimension,
            count: 0,
            values: Vec::new(),
            offsets: Vec::new(),
        }
    }

    fn panel_values(&self) -> usize {
        self.dimension.div_ceil(4) * 4 * COLUMNS
    }

    /// Takes `count` centroids and their offsets.
    pub fn fill<'a>(
        &mut self,
        count: usize,
        centroid: impl Fn(usize) -> (&'a [f32], f32),
    ) -> Result<()> {
        let panels = count.div_ceil(COLUMNS);
        let values = panels
            .checked_mul(self.panel_values())
            .ok_or(KernelError::OutOfMemory)?;
        self.count = count;
        self.values.clear();
        self.offsets.clear();
        let out_of_memory = |_| KernelError::OutOfMemory;
        self.values.try_reserve(values).map_err(out_of_memory)?;
        self.offsets
            .try_reserve(panels * COLUMNS)
            .map_err(out_of_memory)?;
        self.values.resize(values, 0.0);
        self.offsets.resize(panels * COLUMNS, f32::INFINITY);
        let panel_values = self.panel_values();
        for i in 0..count {
            let (row, offset) = centroid(i);
            self.offsets[i] = offset;
            let start = i / COLUMNS * panel_values + i % COLUMNS * 4;
            for (step, four) in row.chunks(4).enumerate() {
                let at = start + step * 4 * COLUMNS;
                self.values[at..at + four.len()].copy_from_slice(four);
            }
        }
        Ok(())
    }

    /// Scores of one row with every centroid, in order.
    pub fn score_row(&self, row: &[f32], scores: &mut [f32]) {
        debug_assert!(row.len() >= self.dimension);
        let panels = self
            .values
            .chunks_exact(self.panel_values().max(1))
            .zip(self.offsets.chunks_exact(COLUMNS));
        for ((panel, offsets), scores) in panels.zip(scores.chunks_mut(COLUMNS)) {
            // SAFETY: the row and the panel hold `dimension` values, the panel's padded.
            let [dots] = unsafe { dot_panel([row.as_ptr()], panel.as_ptr(), self.dimension) };
            for ((score, offset), dot) in scores.iter_mut().zip(offsets).zip(dots) {
                *score = offset - dot;
            }
        }
    }

    /// The nearest centroid of each row, and its score. Ties go to the lowest; where no score is finite (values near the
    /// largest f32), to the first. `rows` are of `dimension` values.
    pub fn search(&self, rows: &[&[f32]], best: &mut [u32], scores: &mut [f32]) {
        debug_assert!(rows.iter().all(|row| row.len() >= self.dimension));
        scores.fill(f32::INFINITY);
        best.fill(0);
        let panels = self
            .values
            .chunks_exact(self.panel_values().max(1))
            .zip(self.offsets.chunks_exact(COLUMNS));
        for (i, (panel, offsets)) in panels.enumerate() {
            let first = (i * COLUMNS) as u32;
            let mut row = 0;
            while row + ROWS <= rows.len() {
                // SAFETY: rows and panel hold `dimension` values, the panel's padded.
                let dots = unsafe {
                    dot_panel::<ROWS>(
                        core::array::from_fn(|r| rows[row + r].as_ptr()),
                        panel.as_ptr(),
                        self.dimension,
                    )
                };
                for (r, dots) in dots.iter().enumerate() {
                    let at = row + r;
                    keep_best(dots, offsets, first, (&mut best[at], &mut scores[at]));
                }
                row += ROWS;
            }
            while row < rows.len() {
                // SAFETY: as above.
                let [dots] =
                    unsafe { dot_panel([rows[row].as_ptr()], panel.as_ptr(), self.dimension) };
                keep_best(&dots, offsets, first, (&mut best[row], &mut scores[row]));
                row += 1;
            }
        }
    }
}

#[inline(always)]
fn keep_best(
    dots: &[f32; COLUMNS],
    offsets: &[f32],
    first: u32,
    (best, score): (&mut u32, &mut f32),
) {
    for c in 0..COLUMNS {
        let found = offsets[c] - dots[c];
        if found < *score {
            *score = found;
            *best = first + c as u32;
        }
    }
}

/// Products of `R` rows with the centroids of a panel: every value loaded is used `R` or four times.
///
/// # Safety
/// `dimension` f32 must be readable at each row, and as many of each of four centroids, padded, at the panel.
#[inline(always)]
unsafe fn dot_panel<const R: usize>(
    rows: [*const f32; R],
    panel: *const f32,
    dimension: usize,
) -> [[f32; COLUMNS]; R] {
    let mut sums = [[F32x4::zero(); COLUMNS]; R];
    let mut step = 0;
    while step + 8 <= dimension {
        add_step(
            &mut sums,
            core::array::from_fn(|r| F32x4::load(rows[r].add(step))),
            panel.add(step * COLUMNS),
        );
        add_step(
            &mut sums,
            core::array::from_fn(|r| F32x4::load(rows[r].add(step + 4))),
            panel.add((step + 4) * COLUMNS),
        );
        step += 8;
    }
    while step < dimension {
        let values = core::array::from_fn(|r| {
            let mut rest = [0f32; 4];
            for (i, value) in rest.iter_mut().enumerate().take(dimension - step) {
                *value = *rows[r].add(step + i);
            }
            F32x4::load(rest.as_ptr())
        });
        add_step(&mut sums, values, panel.add(step * COLUMNS));
        step += 4;
    }
    sums.map(|sums| sums.map(F32x4::sum))
}

/// # Safety
/// Sixteen f32 must be readable at `panel`.
#[inline(always)]
unsafe fn add_step<const R: usize>(
    sums: &mut [[F32x4; COLUMNS]; R],
    values: [F32x4; R],
    panel: *const f32,
) {
    for c in 0..COLUMNS {
        let centroid = F32x4::load(panel.add(4 * c));
        for (sums, values) in sums.iter_mut().zip(values) {
            sums[c] = sums[c].plus(values.times(centroid));
        }
    }
}

/// Rows whose values fit the first-level cache.
pub fn tile_rows(dimension: usize) -> usize {
    (TILE_BYTES / 4 / dimension.max(1)).clamp(ROWS, 256) / ROWS * ROWS
}

#[cfg(test)]
mod tests {
    use super::super::random::Random;
    use super::*;

    #[test]
    fn the_nearest_is_the_one_a_plain_loop_finds() {
        let mut random = Random::new(9);
        for dimension in [1, 3, 4, 7, 8, 15, 16, 50] {
            for (count, num_rows) in [(1, 1), (3, 5), (4, 2), (9, 7), (33, 4)] {
                // Small whole numbers: sums are exact, ties are real.
                let mut draw = |len: usize| -> Vec<f32> {
                    (0..len)
                        .map(|_| random.next_below(5) as f32 - 2.0)
                        .collect()
                };
                let (centroids, vectors) = (draw(count * dimension), draw(num_rows * dimension));
                let row_of =
                    |values: &'static [f32], i: usize| &values[i * dimension..(i + 1) * dimension];
                let centroids: &'static [f32] = centroids.leak();
                let vectors: &'static [f32] = vectors.leak();
                let offset =
                    |i: usize| row_of(centroids, i).iter().map(|v| v * v).sum::<f32>() / 2.0;
                let mut panels = Panels::new(dimension);
                panels
                    .fill(count, |i| (row_of(centroids, i), offset(i)))
                    .unwrap();
                let rows: Vec<&[f32]> = vectors.chunks(dimension).collect();
                let (mut best, mut scores) = (vec![9; num_rows], vec![0.0; num_rows]);
                panels.search(&rows, &mut best, &mut scores);
                for (r, row) in rows.iter().enumerate() {
                    let expected: Vec<f32> = (0..count)
                        .map(|i| {
                            let pairs = row.iter().zip(row_of(centroids, i));
                            offset(i) - pairs.map(|(a, b)| a * b).sum::<f32>()
                        })
                        .collect();
                    let mut all = vec![0.0; count];
                    panels.score_row(row, &mut all);
                    assert_eq!(all, expected);
                    let least = expected.iter().copied().fold(f32::INFINITY, f32::min);
                    let first = expected.iter().position(|&score| score == least).unwrap();
                    assert_eq!((best[r] as usize, scores[r]), (first, least));
                }
            }
        }
    }
}
