//! Rows that no walk comes to get a link from a near row that walks do come to.

use super::builder::Builder;
use super::space::Space;
use lancelet_common::error::{try_with_capacity, try_zeroed, Result};

/// A breadth-first walk over level 0.
pub struct Reach {
    queue: Vec<u32>,
    reached: Vec<bool>,
    head: usize,
    /// Rows before it are all reached.
    scan: u32,
    /// The row that was linked last: of many equal ones each takes the next.
    last: Option<u32>,
}

impl Reach {
    pub fn new<S: Space>(builder: &Builder<S>) -> Result<Reach> {
        let num_rows = builder.links.num_rows();
        let mut reach = Reach {
            queue: try_with_capacity(num_rows)?,
            reached: try_zeroed(num_rows)?,
            head: 0,
            scan: 0,
            last: None,
        };
        if let Some(entry) = builder.entry {
            reach.push(entry);
        }
        Ok(reach)
    }

    fn push(&mut self, row: u32) {
        if !core::mem::replace(&mut self.reached[row as usize], true) {
            self.queue.push(row);
        }
    }

    /// A piece of work; `false` when every row is reached.
    pub fn advance<S: Space>(&mut self, builder: &mut Builder<S>) -> Result<bool> {
        if let Some(&row) = self.queue.get(self.head) {
            self.head += 1;
            for &neighbor in builder.links.neighbors(row, 0) {
                self.push(neighbor);
            }
            return Ok(true);
        }
        let Some(row) = self.reached[self.scan as usize..]
            .iter()
            .position(|&reached| !reached)
        else {
            return Ok(false);
        };
        self.scan += row as u32;
        let row = self.scan;
        builder.find_near(row)?;
        let has_room = |near: u32| {
            let base = &builder.links.base;
            near != row && self.reached[near as usize] && base.count(near as usize) < base.width()
        };
        let nearest = builder.near.iter().copied().find(|near| has_room(near.1));
        let from = match (nearest, self.last.filter(|&last| has_room(last))) {
            (Some(near), _) => Some(near),
            (None, Some(last)) => Some((builder.space.to_target(last), last)),
            _ => None,
        };
        if let Some((key, near)) = from {
            builder.links.base.push(near as usize, key, row);
        } else if let Some(entry) = builder.entry {
            builder.link_last(entry, row);
        }
        self.last = Some(row);
        self.push(row);
        Ok(true)
    }
}

impl<S: Space> Builder<S> {
    /// Puts rows near to `row` into `near`, nearest first: those it links to, and those a walk finds.
    fn find_near(&mut self, row: u32) -> Result<()> {
        self.near.clear();
        let Some(entry) = self.entry else {
            return Ok(());
        };
        self.space.aim(row);
        self.find(row, entry)?;
        for &neighbor in self.links.neighbors(row, 0) {
            self.near.push((self.space.to_target(neighbor), neighbor));
        }
        self.near.sort_unstable();
        self.near.dedup();
        Ok(())
    }

    /// Links `from` with `row` in place of its farthest link.
    fn link_last(&mut self, from: u32, row: u32) {
        self.space.aim(row);
        let key = self.space.to_target(from);
        if self.links.base.push(from as usize, key, row) {
            return;
        }
        self.cut.clear();
        let lists = &self.links.base;
        let links = lists
            .keys(from as usize)
            .iter()
            .zip(lists.rows(from as usize));
        self.cut.extend(links.map(|(&key, &row)| (key, row)));
        self.cut.sort_unstable();
        self.cut.pop();
        self.cut.push((key, row));
        self.links.base.replace(from as usize, &self.cut);
    }
}
