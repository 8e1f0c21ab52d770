use lancelet_common::error::{try_with_capacity, try_zeroed, KernelError, Result};
use lancelet_common::graph::MAX_ROWS;

/// Lists of neighbours one after another.
pub struct Lists {
    offsets: Vec<u32>,
    neighbors: Vec<u32>,
}

impl Lists {
    #[inline(always)]
    pub fn of(&self, list: u32) -> &[u32] {
        let list = list as usize;
        &self.neighbors[self.offsets[list] as usize..self.offsets[list + 1] as usize]
    }

    fn byte_length(&self) -> usize {
        4 * (self.offsets.len() + self.neighbors.len())
    }
}

/// A level above 0: its rows, ascending, and lists that name rows by their places among them.
pub struct Level {
    pub rows: Vec<u32>,
    pub lists: Lists,
}

/// A graph over the rows of a partition, checked: every neighbour is a row of its level.
pub struct LoadedGraph {
    pub base: Lists,
    /// From level 1 upwards.
    pub upper: Vec<Level>,
    pub entry: u32,
}

/// A graph as files hold it: lists level by level, the row of each, and where lists and levels start.
#[derive(Clone, Copy)]
pub struct StoredGraph<'a> {
    pub nodes: &'a [u32],
    pub offsets: &'a [u32],
    pub neighbors: &'a [u32],
    pub levels: &'a [u32],
    pub entry: u32,
}

impl LoadedGraph {
    /// A neighbour that its level does not have is left out, as native does.
    pub fn new(stored: StoredGraph, num_rows: usize) -> Result<LoadedGraph> {
        check(stored, num_rows)?;
        let StoredGraph {
            nodes,
            levels,
            entry,
            ..
        } = stored;
        let base = copy_lists(stored, 0..num_rows, |row| {
            ((row as usize) < num_rows).then_some(row)
        })?;
        let mut upper = try_with_capacity(levels.len() - 2)?;
        for bounds in levels[1..].windows(2) {
            let lists = bounds[0] as usize..bounds[1] as usize;
            if lists.is_empty() {
                break;
            }
            let mut rows = try_zeroed(lists.len())?;
            rows.copy_from_slice(&nodes[lists.clone()]);
            if rows.windows(2).any(|pair| pair[0] >= pair[1]) {
                return Err(KernelError::Corrupt("a graph whose rows are not in order"));
            }
            let lists = copy_lists(stored, lists, |row| {
                rows.binary_search(&row).ok().map(|place| place as u32)
            })?;
            upper.push(Level { rows, lists });
        }
        Ok(LoadedGraph { base, upper, entry })
    }

    pub fn num_rows(&self) -> usize {
        self.base.offsets.len() - 1
    }

    pub fn byte_length(&self) -> usize {
        let upper = self
            .upper
            .iter()
            .map(|level| 4 * level.rows.len() + level.lists.byte_length());
        self.base.byte_length() + upper.sum::<usize>()
    }
}

fn check(stored: StoredGraph, num_rows: usize) -> Result<()> {
    let StoredGraph {
        nodes,
        offsets,
        neighbors,
        levels,
        entry,
    } = stored;
    let corrupt = |what| Err(KernelError::Corrupt(what));
    let are_ascending = |values: &[u32]| values.windows(2).all(|pair| pair[0] <= pair[1]);
    if num_rows == 0 || num_rows >= MAX_ROWS || entry as usize >= num_rows {
        return corrupt("a graph that is entered at a row it does not have");
    }
    if levels.len() < 2
        || levels[0] != 0
        || levels[1] as usize != num_rows
        || levels[levels.len() - 1] as usize != nodes.len()
        || !are_ascending(levels)
    {
        return corrupt("a graph whose levels are not those of its rows");
    }
    if offsets.len() != nodes.len() + 1
        || offsets[0] != 0
        || offsets[nodes.len()] as usize != neighbors.len()
        || !are_ascending(offsets)
    {
        return corrupt("a graph whose lists are not in order");
    }
    let is_base = |(i, &node): (usize, &u32)| node as usize == i;
    if !nodes[..num_rows].iter().enumerate().all(is_base)
        || nodes.iter().any(|&node| node as usize >= num_rows)
    {
        return corrupt("a graph whose lists are not those of its rows");
    }
    Ok(())
}

fn copy_lists(
    stored: StoredGraph,
    lists: core::ops::Range<usize>,
    place: impl Fn(u32) -> Option<u32>,
) -> Result<Lists> {
    let total = stored.offsets[lists.end] - stored.offsets[lists.start];
    let mut offsets = try_with_capacity(lists.len() + 1)?;
    let mut neighbors = try_with_capacity(total as usize)?;
    offsets.push(0);
    for list in lists {
        let bounds = stored.offsets[list] as usize..stored.offsets[list + 1] as usize;
        neighbors.extend(
            stored.neighbors[bounds]
                .iter()
                .filter_map(|&row| place(row)),
        );
        offsets.push(neighbors.len() as u32);
    }
    Ok(Lists { offsets, neighbors })
}
