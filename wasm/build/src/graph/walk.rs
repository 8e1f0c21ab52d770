//! Walks over a graph that is built.

use super::lists::Links;
use super::space::Space;
use lancelet_common::graph::{Pool, Visited};

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
