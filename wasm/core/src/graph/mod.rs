//! Search over the graph of a partition.

#[allow(clippy::module_inception)]
mod graph;
mod ties;
mod top_k;
mod walk;

pub use graph::{LoadedGraph, StoredGraph};
pub use walk::{search, Compare, Scratch, Wanted};

use crate::search::{BestK, Range};
use lancelet_common::error::{KernelError, Result};
use lancelet_common::memory::view;
use std::cell::RefCell;
use wasm_bindgen::prelude::wasm_bindgen;

/// A loaded graph. Holds memory of its own, which `byteLength` counts.
#[wasm_bindgen]
pub struct Graph {
    inner: LoadedGraph,
}

#[wasm_bindgen]
impl Graph {
    /// Copies a stored graph from host buffers of u32; the offsets are one more than the lists, and the level starts one
    /// more than the levels.
    #[allow(clippy::too_many_arguments)]
    #[wasm_bindgen(constructor)]
    pub fn new(
        num_rows: usize,
        nodes: usize,
        offsets: usize,
        num_lists: usize,
        neighbors: usize,
        num_neighbors: usize,
        levels: usize,
        num_levels: usize,
        entry: u32,
    ) -> Result<Graph> {
        let too_large = KernelError::Invalid("a graph larger than memory");
        let num_offsets = num_lists.checked_add(1).ok_or(too_large)?;
        let num_starts = num_levels.checked_add(1).ok_or(too_large)?;
        // SAFETY: the typed face passes live buffers that it does not touch during the call.
        let stored = unsafe {
            StoredGraph {
                nodes: view(nodes, num_lists)?,
                offsets: view(offsets, num_offsets)?,
                neighbors: view(neighbors, num_neighbors)?,
                levels: view(levels, num_starts)?,
                entry,
            }
        };
        Ok(Graph {
            inner: LoadedGraph::new(stored, num_rows)?,
        })
    }

    #[wasm_bindgen(getter, js_name = byteLength)]
    pub fn byte_length(&self) -> usize {
        self.inner.byte_length()
    }

    #[wasm_bindgen(getter, js_name = numRows)]
    pub fn num_rows(&self) -> usize {
        self.inner.num_rows()
    }
}

impl Graph {
    pub fn loaded(&self) -> &LoadedGraph {
        &self.inner
    }
}

thread_local! {
    static SCRATCH: RefCell<Scratch> = RefCell::new(Scratch::default());
}

/// What is looked for in the graph of one partition.
pub struct GraphSearch<'a> {
    pub graph: &'a LoadedGraph,
    pub row_ids: &'a [u64],
    pub ef: usize,
    /// Rows that must be found; with fewer none is offered.
    pub needed: usize,
    pub mask: Option<&'a [u8]>,
    pub range: Range,
    /// See [`Wanted`].
    pub has_ties: bool,
}

impl GraphSearch<'_> {
    /// Offers the rows found to `best`.
    ///
    /// @returns distances computed; 0 where fewer than `needed` rows were found
    pub fn run(self, best: &mut BestK, rows: &mut impl Compare) -> Result<usize> {
        let num_rows = self.graph.num_rows();
        let mask_bytes = self.mask.map_or(num_rows.div_ceil(8), <[u8]>::len);
        if self.row_ids.len() != num_rows || mask_bytes < num_rows.div_ceil(8) {
            return Err(KernelError::Invalid("a graph of other rows"));
        }
        let wanted = Wanted {
            ef: self.ef.max(1),
            mask: self.mask,
            lower: self.range.lower(),
            has_ties: self.has_ties,
        };
        SCRATCH.with(|scratch| {
            let Ok(mut scratch) = scratch.try_borrow_mut() else {
                return Err(KernelError::Invalid("a search within a search"));
            };
            let computed = search(self.graph, rows, &wanted, &mut scratch)?;
            if scratch.results.len() < self.needed {
                return Ok(0);
            }
            if self.has_ties {
                // Equally far rows beyond the k-th would else take places by their row ids.
                scratch.results.truncate(best.capacity());
            }
            for &(distance, row) in &scratch.results {
                if self.range.contains(distance) {
                    best.offer(distance, self.row_ids[row as usize])?;
                }
            }
            Ok(computed)
        })
    }
}

#[cfg(test)]
mod tests;
