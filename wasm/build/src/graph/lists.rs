//! Neighbour lists of a graph that is built: of fixed width, so that they lie one after another.

use lancelet_common::error::{try_with_capacity, try_zeroed, KernelError, Result};

/// Lists of one width. Each holds rows and their distances to the row it is of.
pub struct Lists {
    width: usize,
    counts: Vec<u16>,
    rows: Vec<u32>,
    keys: Vec<u32>,
}

impl Lists {
    pub fn new(num_lists: usize, width: usize) -> Result<Lists> {
        let length = num_lists
            .checked_mul(width)
            .ok_or(KernelError::Invalid("more links than memory holds"))?;
        Ok(Lists {
            width,
            counts: try_zeroed(num_lists)?,
            rows: try_with_capacity(length)?,
            keys: try_with_capacity(length)?,
        })
    }

    /// Takes the first `num_lists` lists into use: piece by piece, since clearing much memory takes long.
    fn take(&mut self, num_lists: usize) {
        let length = num_lists.min(self.counts.len()) * self.width;
        if length > self.rows.len() {
            self.rows.resize(length, 0);
            self.keys.resize(length, 0);
        }
    }

    pub fn width(&self) -> usize {
        self.width
    }

    #[inline(always)]
    pub fn count(&self, list: usize) -> usize {
        usize::from(self.counts[list])
    }

    #[inline(always)]
    pub fn rows(&self, list: usize) -> &[u32] {
        let start = list * self.width;
        &self.rows[start..start + self.count(list)]
    }

    pub fn keys(&self, list: usize) -> &[u32] {
        let start = list * self.width;
        &self.keys[start..start + self.count(list)]
    }

    /// Adds a link; `false` where there is no room.
    pub fn push(&mut self, list: usize, key: u32, row: u32) -> bool {
        let count = self.count(list);
        if count == self.width {
            return false;
        }
        self.rows[list * self.width + count] = row;
        self.keys[list * self.width + count] = key;
        self.counts[list] += 1;
        true
    }

    /// Replaces a list by at most `width` links (distance, row).
    pub fn replace(&mut self, list: usize, links: &[(u32, u32)]) {
        let start = list * self.width;
        let count = links.len().min(self.width);
        for (i, &(key, row)) in links[..count].iter().enumerate() {
            self.rows[start + i] = row;
            self.keys[start + i] = key;
        }
        self.counts[list] = count as u16;
    }
}

/// The lists of every level: those of level 0 by row; those above beside each other for each row that has them.
pub struct Links {
    pub base: Lists,
    pub upper: Lists,
    levels: Vec<u8>,
    upper_starts: Vec<u32>,
}

impl Links {
    /// @param widths of lists at level 0, and above
    pub fn new(levels: Vec<u8>, widths: (usize, usize)) -> Result<Links> {
        let mut upper_starts = try_zeroed(levels.len())?;
        let mut num_upper = 0u32;
        for (start, &level) in upper_starts.iter_mut().zip(&levels) {
            *start = num_upper;
            num_upper = num_upper
                .checked_add(u32::from(level))
                .ok_or(KernelError::Invalid("more rows than a graph holds"))?;
        }
        Ok(Links {
            base: Lists::new(levels.len(), widths.0)?,
            upper: Lists::new(num_upper as usize, widths.1)?,
            levels,
            upper_starts,
        })
    }

    pub fn num_rows(&self) -> usize {
        self.levels.len()
    }

    /// Takes the lists of rows up to this one into use. Before any is linked, all are.
    pub fn take(&mut self, row: u32) {
        self.base.take(row as usize + 1);
        let above = self.upper_starts[row as usize] as usize + self.level_of(row);
        self.upper.take(above);
    }

    /// The highest level of a row.
    #[inline(always)]
    pub fn level_of(&self, row: u32) -> usize {
        usize::from(self.levels[row as usize])
    }

    /// The lists of a level, and which of them is `row`'s. The row has the level.
    #[inline(always)]
    pub fn at(&self, row: u32, level: usize) -> (&Lists, usize) {
        if level == 0 {
            (&self.base, row as usize)
        } else {
            (&self.upper, self.upper_list(row, level))
        }
    }

    pub fn at_mut(&mut self, row: u32, level: usize) -> (&mut Lists, usize) {
        if level == 0 {
            (&mut self.base, row as usize)
        } else {
            let list = self.upper_list(row, level);
            (&mut self.upper, list)
        }
    }

    #[inline(always)]
    pub fn neighbors(&self, row: u32, level: usize) -> &[u32] {
        let (lists, list) = self.at(row, level);
        lists.rows(list)
    }

    #[inline(always)]
    fn upper_list(&self, row: u32, level: usize) -> usize {
        self.upper_starts[row as usize] as usize + level - 1
    }
}
