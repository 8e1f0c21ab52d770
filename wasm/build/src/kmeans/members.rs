use super::centroids::Centroids;
use super::rows::Rows;
use super::split::split_largest;
use lancelet_common::error::{try_zeroed, Result};
use lancelet_common::memory::count_values;

/// The cluster of a row that has none yet.
pub const NO_CLUSTER: u32 = u32::MAX;

/// Which cluster each row of a clustering is in, and what its clusters add up to.
pub struct Members {
    pub clusters: Vec<u32>,
    /// To the centroid each row was last compared with.
    pub distances: Vec<f32>,
    pub counts: Vec<u32>,
    sums: Vec<f64>,
    changed: u32,
}

impl Members {
    pub fn new(num_rows: usize, k: usize, dimension: usize) -> Result<Members> {
        let mut clusters = try_zeroed(num_rows)?;
        clusters.fill(NO_CLUSTER);
        Ok(Members {
            clusters,
            distances: try_zeroed(num_rows)?,
            counts: try_zeroed(k)?,
            sums: try_zeroed(count_values(k, dimension)?)?,
            changed: 0,
        })
    }

    /// Puts a row where it is nearest. Sums follow the rows that move: the fewer do, the less there is to add.
    pub fn place(&mut self, position: usize, row: &[f32], cluster: u32, distance: f32) {
        self.distances[position] = distance;
        let before = core::mem::replace(&mut self.clusters[position], cluster);
        if before == cluster {
            return;
        }
        self.changed += 1;
        if before != NO_CLUSTER {
            self.counts[before as usize] -= 1;
            let is_empty = self.counts[before as usize] == 0;
            let sums = self.sums_of(before, row.len());
            for (sum, value) in sums.iter_mut().zip(row) {
                *sum -= f64::from(*value);
            }
            if is_empty {
                // No rounding is left behind.
                sums.fill(0.0);
            }
        }
        self.counts[cluster as usize] += 1;
        for (sum, value) in self.sums_of(cluster, row.len()).iter_mut().zip(row) {
            *sum += f64::from(*value);
        }
    }

    fn sums_of(&mut self, cluster: u32, dimension: usize) -> &mut [f64] {
        let start = cluster as usize * dimension;
        &mut self.sums[start..start + dimension]
    }

    pub fn loss(&self) -> f64 {
        self.distances.iter().map(|&d| f64::from(d)).sum()
    }

    /// Rows that moved since this was asked last.
    pub fn take_changed(&mut self) -> u32 {
        core::mem::take(&mut self.changed)
    }

    /// Moves every centroid to the mean of its members; one without any takes half of the largest cluster.
    /// Returns how many did.
    pub fn update(&self, centroids: &mut Centroids, rows: Rows<'_>) -> Result<usize> {
        let dimension = centroids.dimension();
        for (cluster, &count) in self.counts.iter().enumerate() {
            if count == 0 {
                continue;
            }
            let range = cluster * dimension..(cluster + 1) * dimension;
            let share = 1.0 / f64::from(count);
            for (value, sum) in centroids.values_mut()[range.clone()]
                .iter_mut()
                .zip(&self.sums[range])
            {
                *value = (sum * share) as f32;
            }
        }
        centroids.normalise();
        let filled = split_largest(centroids, rows, self)?;
        if filled > 0 {
            centroids.settle()?;
        } else {
            centroids.refresh()?;
        }
        Ok(filled)
    }
}

/// Positions by cluster: those of cluster `c` are `positions[starts[c]..starts[c + 1]]`, ascending.
pub struct Groups {
    pub starts: Vec<usize>,
    pub positions: Vec<u32>,
}

pub fn group_members(clusters: &[u32], counts: &[u32]) -> Result<Groups> {
    let mut starts = try_zeroed::<usize>(counts.len() + 1)?;
    for (i, &count) in counts.iter().enumerate() {
        starts[i + 1] = starts[i] + count as usize;
    }
    let mut next = try_zeroed::<usize>(counts.len())?;
    next.copy_from_slice(&starts[..counts.len()]);
    let mut positions = try_zeroed::<u32>(clusters.len())?;
    for (position, &cluster) in clusters.iter().enumerate() {
        let slot = &mut next[cluster as usize];
        positions[*slot] = position as u32;
        *slot += 1;
    }
    Ok(Groups { starts, positions })
}
