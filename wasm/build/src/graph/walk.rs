//! Walks over a graph that is built.

use super::lists::{Links, Lists};
use super::sketch::Sketches;
use super::space::Space;
use lancelet_common::graph::{Pool, Visited};

/// Sketches looked at in the time of a comparison.
const SKETCHES_OF_COMPARISON: usize = 8;

/// Goes to the neighbour that is nearest to the target until none is nearer.
///
/// @returns the row, its distance, and comparisons made
pub fn descend<S: Space>(
    space: &S,
    links: &Links,
    level: usize,
    from: (u32, u32),
) -> ((u32, u32), usize) {
    let mut best = from;
    let mut comparisons = 0;
    loop {
        let start = best;
        for &row in links.neighbors(start.1, level) {
            comparisons += 1;
            best = best.min((space.to_target(row), row));
        }
        if best == start {
            return (best, comparisons);
        }
    }
}

/// Expands the nearest candidates of `pool` until all that it holds are expanded. Its rows are in `visited`.
///
/// @returns comparisons made
pub fn expand<S: Space>(
    space: &S,
    links: &Links,
    level: usize,
    pool: &mut Pool,
    visited: &mut Visited,
    batch: &mut Vec<u32>,
) -> usize {
    let mut comparisons = 0;
    while let Some(row) = pool.pop() {
        batch.clear();
        for &neighbor in links.neighbors(row, level) {
            if visited.insert(neighbor) {
                space.touch(neighbor);
                batch.push(neighbor);
            }
        }
        comparisons += batch.len();
        for &neighbor in batch.iter() {
            pool.offer(space.to_target(neighbor), neighbor);
        }
    }
    comparisons
}

/// As [`expand`], at level 0; rows whose sketches tell that they are hardly nearer than the last of the pool are not
/// compared. `sketches` is aimed at the target.
pub fn expand_sketched<S: Space>(
    space: &S,
    lists: &Lists,
    sketches: &mut Sketches,
    pool: &mut Pool,
    visited: &mut Visited,
    batch: &mut Vec<u32>,
) -> usize {
    let mut comparisons = 0;
    let mut sketched = 0;
    while let Some(row) = pool.pop() {
        let neighbors = lists.rows(row as usize);
        let worst = pool.worst().map(|key| space.distance(key));
        let limit = worst.map_or(u32::MAX, |worst| sketches.find_limit(worst));
        if batch.len() < neighbors.len() {
            batch.resize(neighbors.len(), 0);
        }
        // Without branches, which could not be foretold, reads of several sketches overlap.
        let mut count = 0;
        for &neighbor in neighbors {
            batch[count] = neighbor;
            count += usize::from(visited.insert(neighbor));
        }
        if limit < u32::MAX {
            sketched += count;
            let mut near = 0;
            for i in 0..count {
                let neighbor = batch[i];
                batch[near] = neighbor;
                near += usize::from(sketches.count_bits(neighbor) <= limit);
            }
            count = near;
        }
        let batch = &batch[..count];
        for &neighbor in batch {
            space.touch(neighbor);
        }
        comparisons += count;
        for &neighbor in batch {
            let key = space.to_target(neighbor);
            if sketches.is_learning() {
                sketches.learn(neighbor, space.distance(key));
            }
            pool.offer(key, neighbor);
        }
    }
    comparisons + sketched / SKETCHES_OF_COMPARISON
}
