//! The walk where many rows are equally far, as bits are. Which of them are found then follows from the heaps alone; these
//! are kept as native Lance keeps its own, so that the same graph gives the same rows.

use super::graph::LoadedGraph;
use super::walk::{gather, reserve, Compare, Scratch, Wanted};
use lancelet_common::error::Result;
use lancelet_common::graph::{key_of, value_of};
use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;

/// A row by its distance alone: equally far ones stay in the order the heap gives them.
#[derive(Clone, Copy)]
pub struct Tied {
    key: u32,
    row: u32,
}

impl PartialEq for Tied {
    fn eq(&self, other: &Tied) -> bool {
        self.key == other.key
    }
}

impl Eq for Tied {}

impl PartialOrd for Tied {
    fn partial_cmp(&self, other: &Tied) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Tied {
    fn cmp(&self, other: &Tied) -> Ordering {
        self.key.cmp(&other.key)
    }
}

fn offer(found: &mut BinaryHeap<Tied>, reached: Tied, ef: usize) {
    if found.len() < ef {
        found.push(reached);
    } else if found.peek().is_some_and(|worst| reached.key < worst.key) {
        found.pop();
        found.push(reached);
    }
}

/// Walks on from rows as far as the last one found too. Rows nearest first in `scratch.results`.
///
/// @returns distances computed
pub fn walk_tied(
    graph: &LoadedGraph,
    rows: &mut impl Compare,
    wanted: &Wanted,
    entry: (u32, u32),
    scratch: &mut Scratch,
) -> Result<usize> {
    let Scratch {
        visited,
        batch,
        results,
        ..
    } = scratch;
    let ef = wanted.ef;
    let entry = Tied {
        key: entry.0,
        row: entry.1,
    };
    let mut near = Vec::new();
    // Each row enters each heap once.
    reserve(&mut near, graph.num_rows())?;
    let mut near = BinaryHeap::<Reverse<Tied>>::from(near);
    let mut found = Vec::new();
    reserve(&mut found, ef.min(graph.num_rows()))?;
    let mut found = BinaryHeap::<Tied>::from(found);
    near.push(Reverse(entry));
    if wanted.admits(value_of(entry.key), entry.row) {
        found.push(entry);
    }
    let mut computed = 0;
    while let Some(Reverse(nearest)) = near.pop() {
        if found.len() >= ef && found.peek().is_some_and(|worst| nearest.key > worst.key) {
            break;
        }
        gather(graph, rows, nearest.row, visited, batch)?;
        computed += batch.len();
        for &row in batch.iter() {
            let value = rows.distance(row);
            let reached = Tied {
                key: key_of(value),
                row,
            };
            if found.len() >= ef && found.peek().is_some_and(|worst| reached.key > worst.key) {
                continue;
            }
            near.push(Reverse(reached));
            if wanted.admits(value, row) {
                offer(&mut found, reached, ef);
            }
        }
    }
    results.clear();
    reserve(results, found.len())?;
    let sorted = found.into_sorted_vec();
    results.extend(sorted.iter().map(|&Tied { key, row }| (value_of(key), row)));
    Ok(computed)
}
