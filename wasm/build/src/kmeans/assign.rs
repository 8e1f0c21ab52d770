use lancelet_common::error::{try_with_capacity, try_zeroed, KernelError, Result};
use lancelet_common::simd::{dot, squared_l2, F32x4};

/// The partition of a row that holds NaN or infinity.
pub const UNASSIGNED: u32 = u32::MAX;

/// Rows stay in the first-level cache while centroids pass over them.
const TILE_BYTES: usize = 32 << 10;
const ROWS: usize = 2;
const COLUMNS: usize = 4;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Metric {
    L2,
    Dot,
}

impl Metric {
    pub fn from_code(code: u8) -> Result<Metric> {
        match code {
            0 => Ok(Metric::L2),
            2 => Ok(Metric::Dot),
            _ => Err(KernelError::Invalid("k-means takes the metrics l2 and dot")),
        }
    }
}

/// Centroids prepared for search: l2 compares ‖c‖²/2 − x·c, one product a pair, around an origin amid the centroids so
/// that the difference does not cancel where all vectors lie far from zero.
pub struct Centroids {
    metric: Metric,
    dimension: usize,
    values: Vec<f32>,
    half_norms: Vec<f32>,
    origin: Option<Vec<f32>>,
}

impl Centroids {
    /// Centroids as they are; for vectors that already lie around zero.
    pub fn new(metric: Metric, values: Vec<f32>, dimension: usize) -> Result<Centroids> {
        if dimension == 0 || values.is_empty() || !values.len().is_multiple_of(dimension) {
            return Err(KernelError::Invalid(
                "centroids must be k × dimension values, k at least 1",
            ));
        }
        let mut centroids = Centroids {
            metric,
            dimension,
            half_norms: try_zeroed(values.len() / dimension)?,
            values,
            origin: None,
        };
        centroids.refresh();
        Ok(centroids)
    }

    /// Centroids moved to lie around zero; rows are moved likewise when they are compared.
    pub fn centred(metric: Metric, values: &[f32], dimension: usize) -> Result<Centroids> {
        let mut copy = try_with_capacity(values.len())?;
        copy.extend_from_slice(values);
        let mut centroids = Centroids::new(metric, copy, dimension)?;
        if metric == Metric::L2 {
            let mut origin = try_zeroed::<f32>(dimension)?;
            let share = 1.0 / (values.len() / dimension) as f32;
            for centroid in values.chunks_exact(dimension) {
                for (sum, value) in origin.iter_mut().zip(centroid) {
                    *sum += value * share;
                }
            }
            for centroid in centroids.values.chunks_exact_mut(dimension) {
                for (value, shift) in centroid.iter_mut().zip(&origin) {
                    *value -= shift;
                }
            }
            centroids.origin = Some(origin);
            centroids.refresh();
        }
        Ok(centroids)
    }

    pub fn k(&self) -> usize {
        self.half_norms.len()
    }

    pub fn dimension(&self) -> usize {
        self.dimension
    }

    pub fn values(&self) -> &[f32] {
        &self.values
    }

    /// Changes the centroids in place; call `refresh` before the next search.
    pub fn values_mut(&mut self) -> &mut [f32] {
        &mut self.values
    }

    pub fn row(&self, index: usize) -> &[f32] {
        &self.values[index * self.dimension..(index + 1) * self.dimension]
    }

    pub fn refresh(&mut self) {
        if self.metric == Metric::L2 {
            for (half, centroid) in self
                .half_norms
                .iter_mut()
                .zip(self.values.chunks_exact(self.dimension))
            {
                *half = 0.5 * dot(centroid, centroid);
            }
        }
    }
}

/// Dot products of `R` rows with `C` centroids: every value loaded is used `R` or `C` times.
///
/// # Safety
/// `dimension` f32 must be readable at each pointer.
#[inline(always)]
unsafe fn dot_block<const R: usize, const C: usize>(
    rows: [*const f32; R],
    centroids: [*const f32; C],
    dimension: usize,
) -> [[f32; C]; R] {
    let mut sums = [[F32x4::zero(); C]; R];
    let mut i = 0;
    while i + 4 <= dimension {
        let values: [F32x4; R] = core::array::from_fn(|r| F32x4::load(rows[r].add(i)));
        for c in 0..C {
            let centroid = F32x4::load(centroids[c].add(i));
            for r in 0..R {
                sums[r][c] = sums[r][c].plus(values[r].times(centroid));
            }
        }
        i += 4;
    }
    let mut tails = [[0f32; C]; R];
    while i < dimension {
        for r in 0..R {
            for c in 0..C {
                tails[r][c] += *rows[r].add(i) * *centroids[c].add(i);
            }
        }
        i += 1;
    }
    core::array::from_fn(|r| core::array::from_fn(|c| sums[r][c].sum() + tails[r][c]))
}

/// The best centroid of each row of a tile so far. Ties go to the lowest index.
struct Tile<'a> {
    rows: &'a [f32],
    best: &'a mut [u32],
    scores: &'a mut [f32],
}

impl Tile<'_> {
    #[inline(always)]
    fn compare<const R: usize, const C: usize>(
        &mut self,
        centroids: &Centroids,
        row: usize,
        column: usize,
    ) {
        let dimension = centroids.dimension;
        // SAFETY: callers pass rows and columns whose `R` and `C` successors exist.
        let dots = unsafe {
            dot_block::<R, C>(
                core::array::from_fn(|r| self.rows[(row + r) * dimension..].as_ptr()),
                core::array::from_fn(|c| centroids.values[(column + c) * dimension..].as_ptr()),
                dimension,
            )
        };
        for (r, dots) in dots.iter().enumerate() {
            for (c, dot) in dots.iter().enumerate() {
                let score = centroids.half_norms[column + c] - dot;
                if score < self.scores[row + r] {
                    self.scores[row + r] = score;
                    self.best[row + r] = (column + c) as u32;
                }
            }
        }
    }

    fn search(&mut self, centroids: &Centroids) {
        let (num_rows, k) = (self.best.len(), centroids.k());
        self.scores.fill(f32::INFINITY);
        // Where no score is finite (values near the largest f32), a row still has a partition.
        self.best.fill(0);
        let mut column = 0;
        while column < k {
            let whole = column + COLUMNS <= k;
            let mut row = 0;
            while row < num_rows {
                match (row + ROWS <= num_rows, whole) {
                    (true, true) => self.compare::<ROWS, COLUMNS>(centroids, row, column),
                    (true, false) => self.compare::<ROWS, 1>(centroids, row, column),
                    (false, true) => self.compare::<1, COLUMNS>(centroids, row, column),
                    (false, false) => self.compare::<1, 1>(centroids, row, column),
                }
                row += if row + ROWS <= num_rows { ROWS } else { 1 };
            }
            column += if whole { COLUMNS } else { 1 };
        }
    }
}

/// Rows whose values fit the first-level cache.
pub fn tile_rows(dimension: usize) -> usize {
    (TILE_BYTES / 4 / dimension.max(1)).clamp(ROWS, 256)
}

/// Finds the nearest centroid of every row, and the distance to it, computed exactly for that one pair.
pub fn assign_rows(
    centroids: &Centroids,
    vectors: &[f32],
    partitions: &mut [u32],
    distances: &mut [f32],
) -> Result<()> {
    let dimension = centroids.dimension;
    let tile_rows = tile_rows(dimension);
    let mut scores = try_zeroed::<f32>(tile_rows)?;
    let mut moved = match centroids.origin {
        Some(_) => try_zeroed::<f32>(tile_rows * dimension)?,
        None => Vec::new(),
    };
    for ((rows, best), found) in vectors
        .chunks(tile_rows * dimension)
        .zip(partitions.chunks_mut(tile_rows))
        .zip(distances.chunks_mut(tile_rows))
    {
        let given = rows;
        let rows = match &centroids.origin {
            Some(origin) => {
                for (to, from) in moved
                    .chunks_exact_mut(dimension)
                    .zip(rows.chunks_exact(dimension))
                {
                    for ((to, from), shift) in to.iter_mut().zip(from).zip(origin) {
                        *to = from - shift;
                    }
                }
                &moved[..rows.len()]
            }
            None => rows,
        };
        Tile {
            rows,
            best,
            scores: &mut scores[..rows.len() / dimension],
        }
        .search(centroids);
        for (i, row) in rows.chunks_exact(dimension).enumerate() {
            let given = &given[i * dimension..(i + 1) * dimension];
            if !given.iter().all(|value| value.is_finite()) {
                best[i] = UNASSIGNED;
                found[i] = f32::NAN;
                continue;
            }
            let centroid = centroids.row(best[i] as usize);
            found[i] = match centroids.metric {
                Metric::L2 => squared_l2(row, centroid),
                Metric::Dot => 1.0 - dot(row, centroid),
            };
        }
    }
    Ok(())
}
