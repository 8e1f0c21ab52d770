//! Search as in algorithm 5 of Malkov and Yashunin (2016): down to level 0 by the nearest neighbour, there by the `ef`
//! nearest.

use super::graph::LoadedGraph;
use super::ties::walk_tied;
use lancelet_common::error::{KernelError, Result};
use lancelet_common::graph::{key_of, value_of, Pool, Visited};
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// Above it the ends of a sorted array are too long to move.
const MAX_POOL: usize = 1024;

/// What a search needs beside the graph; kept between searches.
#[derive(Default)]
pub struct Scratch {
    pub visited: Visited,
    pool: Pool,
    pub batch: Vec<u32>,
    near: BinaryHeap<Reverse<(u32, u32)>>,
    found: BinaryHeap<(u32, u32)>,
    /// The rows found, with their distances.
    pub results: Vec<(f32, u32)>,
}

/// Which rows are found.
pub struct Wanted<'a> {
    /// Nearest rows looked at, at least 1.
    pub ef: usize,
    /// Bit i, LSB first, set: row i may be found.
    pub mask: Option<&'a [u8]>,
    /// Nearer rows are not found.
    pub lower: Option<f64>,
    /// Whether many rows are equally far, as bits are: then those as far as the last one are walked on from too.
    pub has_ties: bool,
}

/// Rows that are compared with a query.
pub trait Compare {
    fn distance(&mut self, row: u32) -> f32;

    /// Begins to read a row that is compared soon: reads of several then overlap.
    fn touch(&self, row: u32);
}

impl Wanted<'_> {
    #[inline(always)]
    pub fn admits(&self, distance: f32, row: u32) -> bool {
        let is_masked = self
            .mask
            .is_some_and(|mask| mask[row as usize >> 3] & (1 << (row & 7)) == 0);
        !is_masked && self.lower.is_none_or(|lower| f64::from(distance) >= lower)
    }
}

/// Finds the nearest of `rows`, nearest first, in `scratch.results`. Walks over all rows, wanted or not.
///
/// @returns distances computed
pub fn search(
    graph: &LoadedGraph,
    rows: &mut impl Compare,
    wanted: &Wanted,
    scratch: &mut Scratch,
) -> Result<usize> {
    scratch.visited.grow(graph.num_rows())?;
    scratch.visited.clear();
    let mut computed = 0;
    let entry = descend(graph, |row| {
        computed += 1;
        key_of(rows.distance(row))
    });
    scratch.visited.insert(entry.1);
    let is_plain = wanted.mask.is_none() && wanted.lower.is_none();
    computed += if wanted.has_ties {
        walk_tied(graph, rows, wanted, entry, scratch)?
    } else if is_plain && wanted.ef <= MAX_POOL {
        walk_plain(graph, rows, wanted.ef, entry, scratch)?
    } else {
        walk_wanted(graph, rows, wanted, entry, scratch)?
    };
    Ok(computed)
}

/// The row of level 0 to start at: (distance, row).
fn descend(graph: &LoadedGraph, mut key_to: impl FnMut(u32) -> u32) -> (u32, u32) {
    let mut best = (key_to(graph.entry), graph.entry);
    for level in graph.upper.iter().rev() {
        let Ok(mut place) = level.rows.binary_search(&best.1) else {
            continue;
        };
        loop {
            let from = place;
            for &next in level.lists.of(from as u32) {
                let row = level.rows[next as usize];
                let found = (key_to(row), row);
                if found.0 < best.0 {
                    best = found;
                    place = next as usize;
                }
            }
            if place == from {
                break;
            }
        }
    }
    best
}

fn walk_plain(
    graph: &LoadedGraph,
    rows: &mut impl Compare,
    ef: usize,
    entry: (u32, u32),
    scratch: &mut Scratch,
) -> Result<usize> {
    let Scratch {
        visited,
        pool,
        batch,
        results,
        ..
    } = scratch;
    pool.reset(ef, ef)?;
    pool.offer(entry.0, entry.1);
    let mut computed = 0;
    while let Some(row) = pool.pop() {
        gather(graph, rows, row, visited, batch)?;
        computed += batch.len();
        for &neighbor in batch.iter() {
            pool.offer(key_of(rows.distance(neighbor)), neighbor);
        }
    }
    results.clear();
    reserve(results, ef)?;
    results.extend(pool.iter().map(|(key, row)| (value_of(key), row)));
    Ok(computed)
}

/// Goes on over rows that are not wanted until the wanted ones found are nearer than all that is left.
fn walk_wanted(
    graph: &LoadedGraph,
    rows: &mut impl Compare,
    wanted: &Wanted,
    entry: (u32, u32),
    scratch: &mut Scratch,
) -> Result<usize> {
    let Scratch {
        visited,
        batch,
        near,
        found,
        results,
        ..
    } = scratch;
    near.clear();
    found.clear();
    near.push(Reverse(entry));
    if wanted.admits(value_of(entry.0), entry.1) {
        found.push(entry);
    }
    let mut computed = 0;
    while let Some(Reverse(nearest)) = near.pop() {
        let is_full = found.len() >= wanted.ef;
        if is_full && found.peek().is_some_and(|worst| nearest.0 > worst.0) {
            break;
        }
        gather(graph, rows, nearest.1, visited, batch)?;
        computed += batch.len();
        near.try_reserve(batch.len())
            .map_err(|_| KernelError::OutOfMemory)?;
        found
            .try_reserve(batch.len())
            .map_err(|_| KernelError::OutOfMemory)?;
        for &row in batch.iter() {
            let value = rows.distance(row);
            let reached = (key_of(value), row);
            let is_full = found.len() >= wanted.ef;
            if is_full && found.peek().is_some_and(|worst| reached.0 > worst.0) {
                continue;
            }
            near.push(Reverse(reached));
            if wanted.admits(value, row) {
                found.push(reached);
                if found.len() > wanted.ef {
                    found.pop();
                }
            }
        }
    }
    results.clear();
    reserve(results, found.len())?;
    results.extend(found.drain().map(|(key, row)| (value_of(key), row)));
    results.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    Ok(computed)
}

/// Neighbours that were not seen. Apart from comparing them, so that their reads overlap.
#[inline(always)]
pub fn gather(
    graph: &LoadedGraph,
    rows: &impl Compare,
    row: u32,
    visited: &mut Visited,
    batch: &mut Vec<u32>,
) -> Result<()> {
    let neighbors = graph.base.of(row);
    batch.clear();
    reserve(batch, neighbors.len())?;
    for &neighbor in neighbors {
        if visited.insert(neighbor) {
            rows.touch(neighbor);
            batch.push(neighbor);
        }
    }
    Ok(())
}

pub fn reserve<T>(values: &mut Vec<T>, additional: usize) -> Result<()> {
    values
        .try_reserve(additional)
        .map_err(|_| KernelError::OutOfMemory)
}
