//! How thorough guided walks are. A few are done again in full: where those find rows that the guided ones missed, as
//! among evenly spread rows of many values, the next guided walks go farther.

/// What easy rows need, and the most.
const LEAST: usize = 64;
const MOST: usize = 4 * LEAST;
/// One walk of so many is done again: where the least is enough, and elsewhere.
const EASY_WALKS: u32 = 128;
const HARD_WALKS: u32 = 32;
/// One near row of so many may be missed. (Graphs merged so are as good as new ones by all data tried; where one of three
/// is missed, 20,000 evenly spread rows of 384 values lose 0.02 of recall at small `ef`.)
const MISSED_OF: usize = 5;
/// What a walk that misses no row takes back, in 64ths.
const STEP: isize = 8;

pub struct Effort {
    level: usize,
    /// Walks since the last that was done again.
    walks: u32,
}

impl Effort {
    pub fn new() -> Effort {
        Effort {
            level: LEAST,
            walks: 0,
        }
    }

    /// Whether this walk is done again.
    pub fn is_checked(&mut self) -> bool {
        self.walks += 1;
        let every = if self.level == LEAST {
            EASY_WALKS
        } else {
            HARD_WALKS
        };
        if self.walks >= every {
            self.walks = 0;
            return true;
        }
        false
    }

    /// Takes in that a walk missed some of the nearest `of` rows.
    pub fn learn(&mut self, missed: usize, of: usize) {
        let of = of.max(1) as isize;
        let more = STEP * ((MISSED_OF * missed) as isize - of) / of;
        self.level = self.level.saturating_add_signed(more).clamp(LEAST, MOST);
    }

    /// A count for easy rows as these rows need it.
    pub fn scale(&self, count: usize) -> usize {
        count * self.level / LEAST
    }

    /// The same as a factor.
    pub fn factor(&self) -> f64 {
        self.level as f64 / LEAST as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grows_while_many_are_missed_and_falls_back() {
        let mut effort = Effort::new();
        assert_eq!(effort.scale(30), 30);
        effort.learn(0, 20);
        effort.learn(4, 20);
        assert_eq!(effort.factor(), 1.0);
        effort.learn(8, 20);
        assert_eq!(effort.factor(), 1.125);
        assert_eq!(effort.scale(32), 36);
        for _ in 0..100 {
            effort.learn(20, 20);
        }
        assert_eq!(effort.scale(30), 120);
        for _ in 0..100 {
            effort.learn(1, 20);
        }
        assert_eq!(effort.factor(), 1.0);
        effort.learn(0, 0);
        assert_eq!(effort.factor(), 1.0);
    }

    #[test]
    fn few_easy_walks_are_done_again() {
        let mut effort = Effort::new();
        let count =
            |walks: usize, effort: &mut Effort| (0..walks).filter(|_| effort.is_checked()).count();
        assert_eq!(count(1280, &mut effort), 10);
        effort.learn(20, 20);
        assert_eq!(count(1280, &mut effort), 40);
    }
}
