//! The work of a build in small steps: graphs that are there, then their other rows, then new rows, then what is loose.

use super::builder::{draw_levels, Builder, Options};
use super::guide::Guide;
use super::lists::Links;
use super::reach::Reach;
use super::sketch::Sketches;
use super::source::Source;
use super::space::Space;
use lancelet_common::error::{KernelError, Result};

/// Values compared in one step: about 10 ms.
const STEP_VALUES: usize = 30_000_000;
/// What any small piece of work counts, in comparisons.
const PIECE: usize = 4;
/// What making a sketch counts, in comparisons.
const SKETCH: usize = 8;

enum Phase {
    /// What is computed once of a row, and its lists.
    Prepare {
        row: u32,
    },
    /// Lists of the largest source, from this one on.
    Adopt {
        list: usize,
    },
    /// Sketches of all rows, from this one on.
    Sketch {
        row: u32,
    },
    /// Rows of the others.
    Guide {
        source: usize,
        guide: Guide,
    },
    /// Rows above level 0, from this one on.
    InsertHigh {
        row: u32,
    },
    /// All that are left.
    Insert {
        row: u32,
    },
    /// Lists that are longer than their limit.
    Cut {
        row: u32,
    },
    /// Rows that no walk reaches.
    Reach(Reach),
    Done,
}

/// A graph that is built step by step.
pub struct Build<S: Space> {
    pub(super) builder: Builder<S>,
    /// The largest comes first.
    sources: Vec<Source>,
    phase: Phase,
    step_comparisons: usize,
}

impl<S: Space> Build<S> {
    /// @param width values of a row
    pub fn new(
        space: S,
        (num_rows, width): (usize, usize),
        mut sources: Vec<Source>,
        options: Options,
    ) -> Result<Build<S>> {
        if space.count_rows() != num_rows {
            return Err(KernelError::Invalid(
                "a graph over rows that are not all there",
            ));
        }
        let mut levels = draw_levels(num_rows, &options)?;
        let max_level = options.max_level;
        for source in &sources {
            for level in 0..source.num_levels().min(max_level) {
                for list in source.lists_of(level) {
                    if let Some(row) = source.new_of(source.row_of(list)) {
                        levels[row as usize] = level as u8;
                    }
                }
            }
        }
        sources.sort_by_key(|source| core::cmp::Reverse(source.count_live()));
        let mut builder = Builder::new(space, levels, options)?;
        if let Some(base) = sources.first() {
            builder.enter(base);
        }
        Ok(Build {
            builder,
            sources,
            phase: Phase::Prepare { row: 0 },
            step_comparisons: (STEP_VALUES / width.max(1)).max(1),
        })
    }

    pub fn is_done(&self) -> bool {
        matches!(self.phase, Phase::Done)
    }

    pub fn step(&mut self) -> Result<()> {
        let end = self.builder.comparisons + self.step_comparisons;
        while self.builder.comparisons < end && !self.is_done() {
            self.advance()?;
            self.builder.comparisons += PIECE;
        }
        Ok(())
    }

    /// Rows that are in the graph, of all.
    pub fn progress(&self) -> usize {
        self.builder.num_inserted
    }

    /// Comparisons made so far.
    pub fn comparisons(&self) -> usize {
        self.builder.comparisons
    }

    /// Where walks start.
    pub fn entry(&self) -> Option<u32> {
        self.builder.entry
    }

    pub fn level(&self, level: usize) -> Level<'_> {
        Level::new(&self.builder.links, level)
    }

    pub fn space(&self) -> &S {
        &self.builder.space
    }

    fn advance(&mut self) -> Result<()> {
        let builder = &mut self.builder;
        let num_rows = builder.links.num_rows() as u32;
        let next = match &mut self.phase {
            Phase::Prepare { row } => {
                if *row < num_rows {
                    builder.space.prepare(*row);
                    builder.links.take(*row);
                    *row += 1;
                    return Ok(());
                }
                if self.sources.is_empty() {
                    Phase::InsertHigh { row: 0 }
                } else {
                    Phase::Adopt { list: 0 }
                }
            }
            Phase::Adopt { list } => {
                let base = self.sources[0];
                if *list < base.num_lists() {
                    builder.adopt_list(&base, *list)?;
                    *list += 1;
                    return Ok(());
                }
                if self.sources.len() > 1 {
                    builder.sketches = Sketches::new(&builder.space, num_rows as usize)?;
                }
                Phase::Sketch { row: 0 }
            }
            Phase::Sketch { row } => match &mut builder.sketches {
                Some(sketches) if *row < num_rows => {
                    sketches.add(&builder.space, *row);
                    builder.comparisons += SKETCH;
                    *row += 1;
                    return Ok(());
                }
                _ => Self::start_guide(&self.sources, 1)?,
            },
            Phase::Guide { source, guide } => {
                if guide.insert_next(builder, &self.sources[*source])? {
                    return Ok(());
                }
                let source = *source + 1;
                Self::start_guide(&self.sources, source)?
            }
            Phase::InsertHigh { row } => {
                while *row < num_rows && builder.links.level_of(*row) == 0 {
                    *row += 1;
                }
                if *row < num_rows {
                    builder.insert(*row)?;
                    *row += 1;
                    return Ok(());
                }
                Phase::Insert { row: 0 }
            }
            Phase::Insert { row } => {
                if *row < num_rows {
                    builder.insert(*row)?;
                    *row += 1;
                    return Ok(());
                }
                Phase::Cut { row: 0 }
            }
            Phase::Cut { row } => {
                if *row < num_rows {
                    builder.cut_row(*row);
                    *row += 1;
                    return Ok(());
                }
                Phase::Reach(Reach::new(builder)?)
            }
            Phase::Reach(reach) => {
                if reach.advance(builder)? {
                    return Ok(());
                }
                Phase::Done
            }
            Phase::Done => Phase::Done,
        };
        self.phase = next;
        Ok(())
    }

    fn start_guide(sources: &[Source], source: usize) -> Result<Phase> {
        Ok(match sources.get(source) {
            Some(graph) => Phase::Guide {
                source,
                guide: Guide::new(graph)?,
            },
            None => Phase::InsertHigh { row: 0 },
        })
    }
}

impl<S: Space> Builder<S> {
    /// Walks start at the highest row of a source, the first of those.
    fn enter(&mut self, source: &Source) {
        for level in (0..source.num_levels()).rev() {
            let mut rows = source
                .lists_of(level)
                .filter_map(|list| source.new_of(source.row_of(list)));
            if let Some(row) = rows.next() {
                self.entry = Some(row);
                return;
            }
        }
    }

    fn cut_row(&mut self, row: u32) {
        for level in 0..=self.links.level_of(row) {
            let (lists, list) = self.links.at(row, level);
            if lists.count(list) > self.limit(level) {
                self.cut.clear();
                self.cut_list(row, level);
            }
        }
    }
}

/// What a graph is stored as: its lists level by level, each level's in the order of rows.
pub struct Level<'a> {
    links: &'a Links,
    level: usize,
}

impl<'a> Level<'a> {
    pub fn new(links: &'a Links, level: usize) -> Level<'a> {
        Level { links, level }
    }

    pub fn rows(&self) -> impl Iterator<Item = u32> + 'a {
        let (links, level) = (self.links, self.level);
        (0..links.num_rows() as u32).filter(move |&row| links.level_of(row) >= level)
    }

    pub fn count_rows(&self) -> usize {
        self.rows().count()
    }

    pub fn count_links(&self) -> usize {
        self.rows()
            .map(|row| self.links.neighbors(row, self.level).len())
            .sum()
    }

    /// Rows, links of each, and the links with their distances as keys; every slice as long as counted.
    pub fn write(
        &self,
        (rows, counts): (&mut [u32], &mut [u32]),
        (neighbors, distances): (&mut [u32], &mut [f32]),
        distance: impl Fn(u32) -> f32,
    ) -> Result<()> {
        let short = KernelError::Invalid("a buffer too short for a level of the graph");
        let mut at = 0;
        for (i, row) in self.rows().enumerate() {
            let (lists, list) = self.links.at(row, self.level);
            let count = lists.count(list);
            *rows.get_mut(i).ok_or(short)? = row;
            *counts.get_mut(i).ok_or(short)? = count as u32;
            let end = at + count;
            if end > neighbors.len() || end > distances.len() {
                return Err(short);
            }
            neighbors[at..end].copy_from_slice(lists.rows(list));
            for (distance_of, &key) in distances[at..end].iter_mut().zip(lists.keys(list)) {
                *distance_of = distance(key);
            }
            at = end;
        }
        Ok(())
    }
}
