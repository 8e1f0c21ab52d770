//! The order in which rows of a graph that is there enter another: the high ones first, which lie everywhere, then
//! neighbour by neighbour, so that each finds some of its old neighbours there (after Lucene's merging of graphs, which
//! inserts a covering set of rows first and lets it guide the others).

use super::builder::Builder;
use super::source::Source;
use super::space::Space;
use lancelet_common::error::{try_with_capacity, try_zeroed, Result};

pub struct Guide {
    queue: Vec<u32>,
    queued: Vec<bool>,
    head: usize,
    /// Rows before it are all queued.
    scan: usize,
}

impl Guide {
    pub fn new(source: &Source) -> Result<Guide> {
        let mut guide = Guide {
            queue: try_with_capacity(source.num_rows())?,
            queued: try_zeroed(source.num_rows())?,
            head: 0,
            scan: 0,
        };
        for level in (1..source.num_levels()).rev() {
            for list in source.lists_of(level) {
                guide.push(source.row_of(list));
            }
        }
        Ok(guide)
    }

    fn push(&mut self, row: u32) {
        if let Some(queued) = self.queued.get_mut(row as usize) {
            if !core::mem::replace(queued, true) {
                self.queue.push(row);
            }
        }
    }

    /// Inserts the next row; `false` when there is none.
    pub fn insert_next<S: Space>(
        &mut self,
        builder: &mut Builder<S>,
        source: &Source,
    ) -> Result<bool> {
        while self.head == self.queue.len() {
            if self.scan == self.queued.len() {
                return Ok(false);
            }
            self.push(self.scan as u32);
            self.scan += 1;
        }
        let row = self.queue[self.head];
        self.head += 1;
        if let Some(new) = source.new_of(row) {
            builder.insert_guided(source, row, new)?;
        }
        for &neighbor in source.neighbors(row as usize) {
            self.push(neighbor);
        }
        Ok(true)
    }
}
