use super::centroids::Centroids;
use super::members::Members;
use super::panels::tile_rows;
use super::rows::Rows;
use super::work::WORK_PER_STEP;
use lancelet_common::error::{try_zeroed, Result};

/// The nearest of all centroids, for as many rows as a step may take from `start` on. Returns where the next one starts.
pub fn search_rows(
    rows: Rows<'_>,
    centroids: &Centroids,
    start: usize,
    mut found: impl FnMut(usize, u32),
) -> Result<usize> {
    let dimension = centroids.dimension();
    let tile = tile_rows(dimension);
    let count = (WORK_PER_STEP / centroids.k().saturating_mul(dimension)).max(2);
    let whole = if count > tile {
        count / tile * tile
    } else {
        count
    };
    let end = rows.len().min(start + whole);
    let mut best = try_zeroed::<u32>(tile)?;
    let mut scores = try_zeroed::<f32>(tile)?;
    for first in (start..end).step_by(tile) {
        let positions = first..end.min(first + tile);
        rows.search(
            positions.clone(),
            centroids.panels(),
            (&mut best, &mut scores),
        )?;
        for (position, &cluster) in positions.zip(&best) {
            found(position, cluster);
        }
    }
    Ok(end)
}

/// Puts rows where they are nearest, as `search_rows` does.
pub fn place_rows(
    rows: Rows<'_>,
    centroids: &Centroids,
    start: usize,
    members: &mut Members,
) -> Result<usize> {
    search_rows(rows, centroids, start, |position, cluster| {
        let row = rows.row(position);
        let distance = centroids
            .metric()
            .distance(row, centroids.row(cluster as usize));
        members.place(position, row, cluster, distance);
    })
}
