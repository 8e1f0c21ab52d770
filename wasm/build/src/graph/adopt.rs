//! Taking over a graph that is there: its links as they are, and those around dropped rows mended.

use super::builder::Builder;
use super::source::Source;
use super::space::Space;
use lancelet_common::error::Result;

/// Links of dropped rows that are looked at for one list, for each link it may keep: no graph has lists so much longer
/// than it may, and a file in which long lists name one dropped row over and over must not take their product.
const MAX_FOLLOWED: usize = 128;

impl<S: Space> Builder<S> {
    /// Takes over one list of a source. Where it named dropped rows, what those named takes their place (as FreshDiskANN
    /// does on deletion: Singh and others 2021).
    pub(super) fn adopt_list(&mut self, source: &Source, list: usize) -> Result<()> {
        let level = source.level_of(list);
        let Some(row) = source.new_of(source.row_of(list)) else {
            return Ok(());
        };
        if level > self.links.level_of(row) {
            return Ok(());
        }
        self.space.aim(row);
        self.visited.clear();
        self.visited.insert(row);
        self.cut.clear();
        let mut has_lost = false;
        let mut left = MAX_FOLLOWED * self.limit(level);
        for &neighbor in source.neighbors(list) {
            if source.new_of(neighbor).is_some() {
                self.adopt_link(source, neighbor, level);
                continue;
            }
            has_lost = true;
            if let Some(lost) = source.find_list(neighbor, level) {
                let nearby = source.neighbors(lost);
                let nearby = &nearby[..nearby.len().min(left)];
                left -= nearby.len();
                for &next in nearby {
                    self.adopt_link(source, next, level);
                }
            }
        }
        self.comparisons += self.cut.len();
        self.mark_inserted(row);
        if has_lost || self.cut.len() > self.limit(level) {
            self.cut_list(row, level);
        } else {
            self.cut.sort_unstable();
            let (lists, list) = self.links.at_mut(row, level);
            lists.replace(list, &self.cut);
        }
        Ok(())
    }

    fn adopt_link(&mut self, source: &Source, neighbor: u32, level: usize) {
        let Some(row) = source.new_of(neighbor) else {
            return;
        };
        if level <= self.links.level_of(row) && self.visited.insert(row) {
            self.cut.push((self.space.to_target(row), row));
        }
    }
}
