use super::centroids::{Centroids, Metric};
use super::panels::tile_rows;
use super::rows::is_finite;
use lancelet_common::error::{try_with_capacity, try_zeroed, Result};

/// The partition of a row that holds NaN or infinity.
pub const UNASSIGNED: u32 = u32::MAX;

/// Finds the nearest centroid of every row, and the distance to it, computed exactly for that one pair.
pub fn assign_rows(
    metric: Metric,
    centroids: &[f32],
    vectors: &[f32],
    dimension: usize,
    (partitions, distances): (&mut [u32], &mut [f32]),
) -> Result<()> {
    let (centroids, origin) = Centroids::centred(metric, centroids, dimension)?;
    let tile_rows = tile_rows(dimension);
    let mut scores = try_zeroed::<f32>(tile_rows)?;
    let mut moved = match origin {
        Some(_) => try_zeroed::<f32>(tile_rows * dimension)?,
        None => Vec::new(),
    };
    for ((given, best), found) in vectors
        .chunks(tile_rows * dimension)
        .zip(partitions.chunks_mut(tile_rows))
        .zip(distances.chunks_mut(tile_rows))
    {
        let values = match &origin {
            Some(origin) => {
                for (to, from) in moved
                    .chunks_exact_mut(dimension)
                    .zip(given.chunks_exact(dimension))
                {
                    for ((to, from), shift) in to.iter_mut().zip(from).zip(origin) {
                        *to = from - shift;
                    }
                }
                &moved[..given.len()]
            }
            None => given,
        };
        let mut rows = try_with_capacity::<&[f32]>(tile_rows)?;
        rows.extend(values.chunks_exact(dimension));
        centroids
            .panels()
            .search(&rows, best, &mut scores[..rows.len()]);
        for (i, row) in rows.iter().enumerate() {
            if is_finite(&given[i * dimension..(i + 1) * dimension]) {
                found[i] = metric.distance(row, centroids.row(best[i] as usize));
            } else {
                best[i] = UNASSIGNED;
                found[i] = f32::NAN;
            }
        }
    }
    Ok(())
}
