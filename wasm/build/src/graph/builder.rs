//! Hierarchical navigable small world graphs (Malkov and Yashunin 2016), row by row.

use super::effort::Effort;
use super::lists::Links;
use super::select::select;
use super::sketch::Sketches;
use super::space::Space;
use super::walk::{descend, expand, expand_sketched};
use lancelet_common::error::{try_zeroed, KernelError, Result};
use lancelet_common::graph::{Pool, Visited, MAX_ROWS};

/// How a graph is built.
#[derive(Clone, Copy)]
pub struct Options {
    /// Links a row is given; at most as many it keeps above level 0, twice as many there.
    pub m: usize,
    /// Candidates looked at for a row.
    pub ef_construction: usize,
    /// Levels at most.
    pub max_level: usize,
    pub seed: u64,
}

/// A graph under way.
pub struct Builder<S: Space> {
    pub(super) space: S,
    pub(super) options: Options,
    pub(super) links: Links,
    pub(super) inserted: Vec<bool>,
    /// Where walks start; none while no row is inserted.
    pub(super) entry: Option<u32>,
    pub(super) visited: Visited,
    /// Of all rows, where graphs are merged.
    pub(super) sketches: Option<Sketches>,
    /// Of guided walks.
    pub(super) effort: Effort,
    pub(super) pool: Pool,
    batch: Vec<u32>,
    pub(super) candidates: Vec<(u32, u32)>,
    selected: Vec<(u32, u32)>,
    rest: Vec<(u32, u32)>,
    pub(super) cut: Vec<(u32, u32)>,
    kept: Vec<(u32, u32)>,
    pub(super) near: Vec<(u32, u32)>,
    pub(super) num_inserted: usize,
    /// Comparisons so far.
    pub(super) comparisons: usize,
}

impl<S: Space> Builder<S> {
    /// @param levels highest level of each row
    pub fn new(space: S, levels: Vec<u8>, options: Options) -> Result<Builder<S>> {
        let num_rows = levels.len();
        let m = options.m;
        if num_rows >= MAX_ROWS
            || !(2..=4096).contains(&m)
            || !(1..=1 << 20).contains(&options.ef_construction)
            || !(1..=64).contains(&options.max_level)
        {
            return Err(KernelError::Invalid(
                "a graph of too many rows, links, candidates or levels",
            ));
        }
        Ok(Builder {
            space,
            options,
            // Lists grow past their limit before they are cut, so that a cut serves many links.
            links: Links::new(levels, (3 * m, m + m.div_ceil(2)))?,
            inserted: try_zeroed(num_rows)?,
            entry: None,
            visited: Visited::new(num_rows)?,
            sketches: None,
            effort: Effort::new(),
            pool: Pool::new(),
            batch: Vec::new(),
            candidates: Vec::new(),
            selected: Vec::new(),
            rest: Vec::new(),
            cut: Vec::new(),
            kept: Vec::new(),
            near: Vec::new(),
            num_inserted: 0,
            comparisons: 0,
        })
    }

    /// Links that a row keeps at a level.
    pub(super) fn limit(&self, level: usize) -> usize {
        if level == 0 {
            2 * self.options.m
        } else {
            self.options.m
        }
    }

    /// Inserts a row by a walk from the top.
    pub fn insert(&mut self, row: u32) -> Result<()> {
        if !self.mark_inserted(row) {
            return Ok(());
        }
        let Some(entry) = self.entry else {
            self.entry = Some(row);
            return Ok(());
        };
        let (level, top) = (self.links.level_of(row), self.links.level_of(entry));
        self.space.aim(row);
        let mut at = (self.space.to_target(entry), entry);
        for level in (level + 1..=top).rev() {
            let (nearest, comparisons) = descend(&self.space, &self.links, level, at);
            at = nearest;
            self.comparisons += comparisons;
        }
        for level in (0..=level.min(top)).rev() {
            let ef = self.options.ef_construction;
            self.start_walk(row, (ef, ef))?;
            self.visited.insert(at.1);
            self.pool.offer(at.0, at.1);
            self.walk(level);
            self.candidates.clear();
            self.candidates.extend(self.pool.iter());
            at = self.candidates.first().copied().unwrap_or(at);
            self.connect((row, level), self.options.m);
        }
        if level > top {
            self.entry = Some(row);
        }
        Ok(())
    }

    /// Whether a row was not in the graph; from now on it is.
    pub(super) fn mark_inserted(&mut self, row: u32) -> bool {
        let is_new = !core::mem::replace(&mut self.inserted[row as usize], true);
        self.num_inserted += usize::from(is_new);
        is_new
    }

    /// Puts what a walk from `entry` to the target `row` finds at level 0 into `near`.
    pub(super) fn find(&mut self, row: u32, entry: u32) -> Result<()> {
        let mut at = (self.space.to_target(entry), entry);
        for level in (1..=self.links.level_of(entry)).rev() {
            let (nearest, comparisons) = descend(&self.space, &self.links, level, at);
            at = nearest;
            self.comparisons += comparisons;
        }
        let ef = self.options.ef_construction;
        self.start_walk(row, (ef, ef))?;
        if self.visited.insert(at.1) {
            self.pool.offer(at.0, at.1);
        }
        self.walk(0);
        self.near.extend(self.pool.iter());
        Ok(())
    }

    pub(super) fn start_walk(&mut self, row: u32, (kept, expanded): (usize, usize)) -> Result<()> {
        self.pool.reset(kept, expanded)?;
        self.visited.clear();
        self.visited.insert(row);
        Ok(())
    }

    pub(super) fn walk(&mut self, level: usize) {
        self.comparisons += expand(
            &self.space,
            &self.links,
            level,
            &mut self.pool,
            &mut self.visited,
            &mut self.batch,
        );
    }

    /// Walks over level 0 past rows that are hardly near.
    pub(super) fn walk_sketched(&mut self, row: u32) {
        let Some(sketches) = &mut self.sketches else {
            return self.walk(0);
        };
        sketches.aim(row);
        self.comparisons += expand_sketched(
            &self.space,
            &self.links.base,
            sketches,
            &mut self.pool,
            &mut self.visited,
            &mut self.batch,
        );
    }

    /// Links a row at a level with the best of `candidates`, at most `limit`, both ways.
    pub(super) fn connect(&mut self, (row, level): (u32, usize), limit: usize) {
        let mut selected = core::mem::take(&mut self.selected);
        self.comparisons += select(
            &self.space,
            &self.candidates,
            limit,
            &mut selected,
            &mut self.rest,
        );
        let (lists, list) = self.links.at_mut(row, level);
        lists.replace(list, &selected);
        for &(key, neighbor) in &selected {
            self.link(neighbor, level, (key, row));
        }
        self.selected = selected;
    }

    /// Adds a link (distance, row); where there is no room, the best of all stay.
    pub(super) fn link(&mut self, from: u32, level: usize, link: (u32, u32)) {
        let (lists, list) = self.links.at_mut(from, level);
        if !lists.push(list, link.0, link.1) {
            self.cut.clear();
            self.cut.push(link);
            self.cut_list(from, level);
        }
    }

    /// Cuts a list, and the links that `cut` holds already, to the level's limit.
    pub(super) fn cut_list(&mut self, row: u32, level: usize) {
        let limit = self.limit(level);
        let (lists, list) = self.links.at(row, level);
        let links = lists.keys(list).iter().zip(lists.rows(list));
        self.cut.extend(links.map(|(&key, &row)| (key, row)));
        self.cut.sort_unstable();
        self.comparisons += select(
            &self.space,
            &self.cut,
            limit,
            &mut self.kept,
            &mut self.rest,
        );
        let (lists, list) = self.links.at_mut(row, level);
        lists.replace(list, &self.kept);
    }
}

/// The highest level of each row: level l with probability m^-l, by the row's number and a seed.
pub fn draw_levels(num_rows: usize, options: &Options) -> Result<Vec<u8>> {
    let mut levels = try_zeroed(num_rows)?;
    let share = 1.0 / options.m.max(2) as f64;
    let top = options.max_level.clamp(1, 64) as u8 - 1;
    for (row, level) in levels.iter_mut().enumerate() {
        let draw = draw_unit(options.seed, row as u64);
        let mut reach = share;
        while *level < top && draw < reach {
            *level += 1;
            reach *= share;
        }
    }
    Ok(levels)
}

/// Uniform in [0, 1), by the finalizer of SplitMix64 (Steele, Lea and Flood 2014).
fn draw_unit(seed: u64, index: u64) -> f64 {
    let mut mixed = seed.wrapping_add((index + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    ((mixed ^ (mixed >> 31)) >> 11) as f64 / (1u64 << 53) as f64
}
