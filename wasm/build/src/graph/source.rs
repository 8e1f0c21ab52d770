//! A graph that is there already, and where its rows are among those of the new one.

use lancelet_common::error::{KernelError, Result};
use lancelet_common::graph::MAX_ROWS;

/// The new number of a row that is dropped.
pub const DROPPED: u32 = u32::MAX;

/// A stored graph: one list for each row of each level, level by level; at level 0 list i is that of row i.
#[derive(Clone, Copy)]
pub struct Source {
    /// Row → its number in the new graph.
    map: &'static [u32],
    /// List → its row.
    nodes: &'static [u32],
    /// Where the lists start, and the end.
    offsets: &'static [u32],
    neighbors: &'static [u32],
    /// Where the levels start, and the end.
    levels: &'static [u32],
}

/// What a source is made of, as its fields are.
pub struct SourceParts {
    pub map: &'static [u32],
    pub nodes: &'static [u32],
    pub offsets: &'static [u32],
    pub neighbors: &'static [u32],
    pub levels: &'static [u32],
}

impl Source {
    /// Checks all that reading relies on, but the neighbours: those that no row has are passed over.
    pub fn new(parts: SourceParts, num_new: usize) -> Result<Source> {
        let SourceParts {
            map,
            nodes,
            offsets,
            neighbors,
            levels,
        } = parts;
        let corrupt = |what| Err(KernelError::Corrupt(what));
        if levels.len() < 2 || levels[0] != 0 || levels.windows(2).any(|pair| pair[0] > pair[1]) {
            return corrupt("a graph whose levels are not in order");
        }
        if levels[levels.len() - 1] as usize != nodes.len() || levels[1] as usize != map.len() {
            return corrupt("a graph whose levels do not have its rows");
        }
        if offsets.len() != nodes.len() + 1
            || offsets[0] != 0
            || offsets.windows(2).any(|pair| pair[0] > pair[1])
            || offsets[nodes.len()] as usize != neighbors.len()
        {
            return corrupt("a graph whose lists are not in order");
        }
        let base = &nodes[..map.len()];
        if base.iter().enumerate().any(|(i, &node)| node as usize != i)
            || nodes.iter().any(|&node| node as usize >= map.len())
        {
            return corrupt("a graph of other rows");
        }
        if map.len() >= MAX_ROWS
            || map
                .iter()
                .any(|&new| new != DROPPED && new as usize >= num_new)
        {
            return corrupt("a graph of rows that are not there");
        }
        Ok(Source {
            map,
            nodes,
            offsets,
            neighbors,
            levels,
        })
    }

    pub fn num_rows(&self) -> usize {
        self.map.len()
    }

    pub fn num_levels(&self) -> usize {
        self.levels.len() - 1
    }

    pub fn num_lists(&self) -> usize {
        self.nodes.len()
    }

    pub fn count_live(&self) -> usize {
        self.map.iter().filter(|&&new| new != DROPPED).count()
    }

    /// The new number of a row, if it has one.
    #[inline(always)]
    pub fn new_of(&self, row: u32) -> Option<u32> {
        self.map
            .get(row as usize)
            .copied()
            .filter(|&new| new != DROPPED)
    }

    /// Row of a list.
    pub fn row_of(&self, list: usize) -> u32 {
        self.nodes[list]
    }

    pub fn level_of(&self, list: usize) -> usize {
        self.levels.partition_point(|&start| start as usize <= list) - 1
    }

    pub fn lists_of(&self, level: usize) -> core::ops::Range<usize> {
        self.levels[level] as usize..self.levels[level + 1] as usize
    }

    #[inline(always)]
    pub fn neighbors(&self, list: usize) -> &'static [u32] {
        &self.neighbors[self.offsets[list] as usize..self.offsets[list + 1] as usize]
    }

    /// The list of a row at a level; above level 0 only where rows are in order.
    pub fn find_list(&self, row: u32, level: usize) -> Option<usize> {
        if level == 0 {
            return ((row as usize) < self.map.len()).then_some(row as usize);
        }
        let lists = self.lists_of(level);
        let found = self.nodes[lists.clone()].binary_search(&row).ok()?;
        Some(lists.start + found)
    }
}
