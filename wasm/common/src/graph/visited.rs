//! Rows that a walk has seen.

use crate::error::{try_zeroed, Result};

/// Rows seen in a walk; forgetting them is one addition.
#[derive(Default)]
pub struct Visited {
    epochs: Vec<u8>,
    epoch: u8,
}

impl Visited {
    pub fn new(num_rows: usize) -> Result<Visited> {
        Ok(Visited {
            epochs: try_zeroed(num_rows)?,
            epoch: 0,
        })
    }

    /// Takes in more rows, up to `num_rows`.
    pub fn grow(&mut self, num_rows: usize) -> Result<()> {
        if self.epochs.len() < num_rows {
            self.epochs = try_zeroed(num_rows)?;
            self.epoch = 0;
        }
        Ok(())
    }

    /// Forgets the rows seen.
    pub fn clear(&mut self) {
        if self.epoch == u8::MAX {
            self.epochs.fill(0);
            self.epoch = 0;
        }
        self.epoch += 1;
    }

    /// Whether `row` was not seen yet; from now on it is.
    #[inline(always)]
    pub fn insert(&mut self, row: u32) -> bool {
        let seen = &mut self.epochs[row as usize];
        let is_new = *seen != self.epoch;
        *seen = self.epoch;
        is_new
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn visits_are_forgotten() {
        let mut visited = Visited::new(4).unwrap();
        for _ in 0..600 {
            visited.clear();
            assert!(visited.insert(2));
            assert!(!visited.insert(2));
            assert!(visited.insert(3));
        }
    }
}
