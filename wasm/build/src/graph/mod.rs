//! Graphs over the rows of a partition: built row by row, or from graphs over parts of them that are there.

mod adopt;
mod builder;
mod codes;
mod effort;
mod guide;
mod guided;
mod job;
mod lists;
mod reach;
mod select;
mod sketch;
mod source;
mod space;
mod steps;
mod walk;

pub use builder::Options;
pub use source::{Source, SourceParts, DROPPED};
pub use space::{Bits, CodesDot, CodesL2, Floats, Space};
pub use steps::{Build, Level};

use job::{AnyJob, Job};
use lancelet_common::error::{KernelError, Result};
use lancelet_common::memory::{view, view_mut};
use wasm_bindgen::prelude::wasm_bindgen;

/// One graph. The host writes the rows at `rowsPointer` piece by piece, adds the graphs that are there, and calls `step` until `done`.
#[wasm_bindgen]
pub struct GraphBuild {
    job: Box<dyn AnyJob>,
}

#[wasm_bindgen]
impl GraphBuild {
    /// `space`: 0 floats under l2, 1 floats under dot, 2 codes under l2 (× `scale`), 3 codes under dot (of the values
    /// `offset` + `scale` × code), 4 bits under hamming. `width`: floats, codes or bytes of a row.
    #[allow(clippy::too_many_arguments)]
    #[wasm_bindgen(constructor)]
    pub fn new(
        space: u8,
        num_rows: usize,
        width: usize,
        m: usize,
        ef_construction: usize,
        max_level: usize,
        seed: f64,
        scale: f64,
        offset: f64,
    ) -> Result<GraphBuild> {
        let options = Options {
            m,
            ef_construction,
            max_level,
            seed: seed.to_bits(),
        };
        let shape = (num_rows, width);
        let job: Box<dyn AnyJob> = match space {
            0 | 1 => Box::new(Job::new(
                Floats::new(num_rows, width, space == 1)?,
                shape,
                options,
            )),
            2 => Box::new(Job::new(
                CodesL2::new(num_rows, width, scale as f32)?,
                shape,
                options,
            )),
            3 => Box::new(Job::new(
                CodesDot::new(num_rows, width, offset, scale)?,
                shape,
                options,
            )),
            4 => Box::new(Job::new(Bits::new(num_rows, width)?, shape, options)),
            _ => return Err(KernelError::Invalid("an unknown kind of rows")),
        };
        Ok(GraphBuild { job })
    }

    /// Where rows are written: `end` bytes of them are in use then.
    #[wasm_bindgen(js_name = rowsPointer)]
    pub fn rows_pointer(&mut self, end: usize) -> Result<usize> {
        self.job.rows_pointer(end)
    }

    /// A graph over some of the rows, in host buffers of u32 that stay as they are until the build is freed: `map` gives
    /// for each of its rows the new number, or the largest u32; then its lists, level by level.
    #[allow(clippy::too_many_arguments)]
    #[wasm_bindgen(js_name = addGraph)]
    pub fn add_graph(
        &mut self,
        map: usize,
        num_rows: usize,
        nodes: usize,
        offsets: usize,
        num_lists: usize,
        neighbors: usize,
        num_neighbors: usize,
        levels: usize,
        num_levels: usize,
    ) -> Result<()> {
        let too_large = KernelError::Invalid("a graph larger than memory");
        let num_offsets = num_lists.checked_add(1).ok_or(too_large)?;
        let num_starts = num_levels.checked_add(1).ok_or(too_large)?;
        // SAFETY: the typed face keeps the buffers, and does not write them, for as long as the build lives.
        let parts = unsafe {
            SourceParts {
                map: view(map, num_rows)?,
                nodes: view(nodes, num_lists)?,
                offsets: view(offsets, num_offsets)?,
                neighbors: view(neighbors, num_neighbors)?,
                levels: view(levels, num_starts)?,
            }
        };
        self.job.add_source(parts)
    }

    /// A bounded piece of work.
    pub fn step(&mut self) -> Result<()> {
        self.job.step()
    }

    #[wasm_bindgen(getter)]
    pub fn done(&self) -> bool {
        self.job.is_done()
    }

    /// Rows that are in the graph.
    #[wasm_bindgen(getter)]
    pub fn inserted(&self) -> usize {
        self.job.progress()
    }

    /// Distances computed so far.
    #[wasm_bindgen(getter)]
    pub fn comparisons(&self) -> f64 {
        self.job.comparisons() as f64
    }

    /// Where searches start; 0 in a graph without rows.
    #[wasm_bindgen(getter)]
    pub fn entry(&self) -> u32 {
        self.job.entry()
    }

    /// Rows of a level: 0 from the first one on that has none.
    #[wasm_bindgen(js_name = countRows)]
    pub fn count_rows(&self, level: usize) -> usize {
        self.job.count(level).0
    }

    #[wasm_bindgen(js_name = countLinks)]
    pub fn count_links(&self, level: usize) -> usize {
        self.job.count(level).1
    }

    /// Writes a level to host buffers: its rows and the number of links of each, `countRows` u32 each; the links and
    /// their distances, `countLinks` u32 and f32.
    #[wasm_bindgen(js_name = levelInto)]
    pub fn level_into(
        &self,
        level: usize,
        rows: usize,
        counts: usize,
        neighbors: usize,
        distances: usize,
    ) -> Result<()> {
        let (num_rows, num_links) = self.job.count(level);
        // SAFETY: the typed face passes four buffers of its own.
        let (rows, links) = unsafe {
            (
                (
                    view_mut::<u32>(rows, num_rows)?,
                    view_mut::<u32>(counts, num_rows)?,
                ),
                (
                    view_mut::<u32>(neighbors, num_links)?,
                    view_mut::<f32>(distances, num_links)?,
                ),
            )
        };
        self.job.write(level, rows, links)
    }
}

#[cfg(test)]
mod tests;
