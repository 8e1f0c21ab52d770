use super::centroids::{Centroids, Metric};
use super::lloyd::Lloyd;
use super::pairs::search_rows;
use super::progress::Limits;
use super::random::Random;
use super::rows::Rows;
use lancelet_common::error::{try_with_capacity, try_zeroed, Result};

/// Children of a node, at most.
const FAN_OUT: usize = 32;
/// Rows that a node learns its children from, for each of them.
const ROWS_PER_CHILD: usize = 256;
/// A node only shares out its rows: the refinement of the leaves moves their bounds.
const LIMITS: Limits = Limits {
    max_iterations: 10,
    tolerance: 1e-3,
};

/// Rows that are still to be parted among `quota` leaves.
struct Node {
    numbers: Vec<u32>,
    quota: usize,
}

enum Growth {
    Train(Lloyd),
    Assign {
        centroids: Centroids,
        position: usize,
        children: Vec<u32>,
    },
}

/// Hierarchical k-means: a sample is parted into a few clusters, each of them again, until there are k leaves. Larger
/// clusters get more of them.
pub struct Tree {
    metric: Metric,
    dimension: usize,
    nodes: Vec<Node>,
    growing: Option<(Node, Growth)>,
    /// Of the leaves so far.
    pub centroids: Vec<f32>,
    /// The leaf of each row.
    pub leaves: Vec<u32>,
}

impl Tree {
    /// `k` is at most the number of rows.
    pub fn new(num_rows: usize, k: usize, (metric, dimension): (Metric, usize)) -> Result<Tree> {
        let mut numbers = try_with_capacity(num_rows)?;
        numbers.extend(0..num_rows as u32);
        Ok(Tree {
            metric,
            dimension,
            nodes: vec![Node { numbers, quota: k }],
            growing: None,
            centroids: try_with_capacity(k.saturating_mul(dimension))?,
            leaves: try_zeroed(num_rows)?,
        })
    }

    /// A bounded piece of work. Returns whether every leaf is there.
    pub fn step(&mut self, vectors: &[f32], random: &mut Random) -> Result<bool> {
        match self.growing.take() {
            None => match self.nodes.pop() {
                None => return Ok(true),
                Some(node) if node.quota == 1 => self.add_leaves(&node, vectors)?,
                Some(node) => {
                    let lloyd = self.plan(&node)?;
                    self.growing = Some((node, Growth::Train(lloyd)));
                }
            },
            Some((node, Growth::Train(mut lloyd))) => {
                lloyd.step(vectors, random)?;
                let next = if lloyd.done() {
                    Growth::Assign {
                        children: try_zeroed(node.numbers.len())?,
                        centroids: lloyd.centroids,
                        position: 0,
                    }
                } else {
                    Growth::Train(lloyd)
                };
                self.growing = Some((node, next));
            }
            Some((
                node,
                Growth::Assign {
                    centroids,
                    position,
                    mut children,
                },
            )) => {
                let rows = Rows {
                    vectors,
                    dimension: self.dimension,
                    numbers: &node.numbers,
                };
                let end = search_rows(rows, &centroids, position, |position, child| {
                    children[position] = child;
                })?;
                if end == node.numbers.len() {
                    self.part(node, &children, centroids.k(), vectors)?;
                } else {
                    let next = Growth::Assign {
                        centroids,
                        position: end,
                        children,
                    };
                    self.growing = Some((node, next));
                }
            }
        }
        Ok(false)
    }

    fn plan(&self, node: &Node) -> Result<Lloyd> {
        let children = find_fan_out(node.quota);
        let count = node.numbers.len().min(children * ROWS_PER_CHILD);
        let mut sample = try_with_capacity(count)?;
        sample.extend(
            (0..count).map(|i| {
                node.numbers[(i as u64 * node.numbers.len() as u64 / count as u64) as usize]
            }),
        );
        let values = try_zeroed(children * self.dimension)?;
        let centroids = Centroids::new(self.metric, values, self.dimension)?;
        Lloyd::new(sample, centroids, LIMITS)
    }

    /// Rows of equal vectors cannot be parted: further leaves then repeat the first one.
    fn add_leaves(&mut self, node: &Node, vectors: &[f32]) -> Result<()> {
        let rows = Rows {
            vectors,
            dimension: self.dimension,
            numbers: &node.numbers,
        };
        let leaf = (self.centroids.len() / self.dimension) as u32;
        for &number in &node.numbers {
            self.leaves[number as usize] = leaf;
        }
        let mut sums = try_zeroed::<f64>(self.dimension)?;
        for position in 0..rows.len() {
            for (sum, value) in sums.iter_mut().zip(rows.row(position)) {
                *sum += f64::from(*value);
            }
        }
        let share = 1.0 / rows.len() as f64;
        for _ in 0..node.quota {
            self.centroids
                .extend(sums.iter().map(|sum| (sum * share) as f32));
        }
        Ok(())
    }

    fn part(&mut self, node: Node, children: &[u32], count: usize, vectors: &[f32]) -> Result<()> {
        let mut sizes = try_zeroed::<usize>(count)?;
        for &child in children {
            sizes[child as usize] += 1;
        }
        if sizes.iter().filter(|&&size| size > 0).count() < 2 {
            return self.add_leaves(&node, vectors);
        }
        let quotas = share_out(node.quota, &sizes)?;
        // Popped from the end: the first child comes first.
        for child in (0..count).rev().filter(|&child| sizes[child] > 0) {
            let mut numbers = try_with_capacity(sizes[child])?;
            let members = node.numbers.iter().zip(children);
            numbers.extend(
                members
                    .filter(|&(_, &of)| of as usize == child)
                    .map(|(&number, _)| number),
            );
            let quota = quotas[child];
            self.nodes.push(Node { numbers, quota });
        }
        Ok(())
    }
}

/// As few levels as the widest nodes need, and nodes of equal width.
fn find_fan_out(quota: usize) -> usize {
    let mut levels = 1;
    while FAN_OUT.saturating_pow(levels) < quota {
        levels += 1;
    }
    (2..=FAN_OUT)
        .find(|width| width.saturating_pow(levels) >= quota)
        .unwrap_or(FAN_OUT)
}

/// Leaves for children in proportion to their rows: at least one for each that has any, at most one a row.
/// `quota` is at most the sum of `sizes`, and at least the number of those that are not 0.
fn share_out(quota: usize, sizes: &[usize]) -> Result<Vec<usize>> {
    let total: usize = sizes.iter().sum();
    let mut quotas = try_zeroed::<usize>(sizes.len())?;
    for (share, &size) in quotas.iter_mut().zip(sizes).filter(|(_, &size)| size > 0) {
        let exact = (quota as u64 * size as u64 / total as u64) as usize;
        *share = exact.clamp(1, size);
    }
    // Compares rows a leaf without a division: a / b < c / d where a × d < c × b.
    let crowded = |quotas: &[usize], a: usize, b: usize| {
        (sizes[a] as u64 * quotas[b] as u64).cmp(&(sizes[b] as u64 * quotas[a] as u64))
    };
    let mut given: usize = quotas.iter().sum();
    while given < quota {
        let open = (0..sizes.len()).filter(|&i| quotas[i] < sizes[i]);
        let Some(i) = open.reduce(|a, b| if crowded(&quotas, b, a).is_gt() { b } else { a }) else {
            break;
        };
        quotas[i] += 1;
        given += 1;
    }
    while given > quota {
        let open = (0..sizes.len()).filter(|&i| quotas[i] > 1);
        let Some(i) = open.reduce(|a, b| if crowded(&quotas, b, a).is_lt() { b } else { a }) else {
            break;
        };
        quotas[i] -= 1;
        given -= 1;
    }
    Ok(quotas)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_are_few_and_even() {
        for (quota, width) in [
            (2, 2),
            (32, 32),
            (33, 6),
            (240, 16),
            (256, 16),
            (1024, 32),
            (4096, 16),
        ] {
            assert_eq!(find_fan_out(quota), width, "{quota}");
        }
        assert_eq!(find_fan_out(usize::MAX), 31);
    }

    #[test]
    fn shares_add_up_and_follow_the_sizes() {
        assert_eq!(share_out(10, &[100, 0, 300, 600]).unwrap(), [1, 0, 3, 6]);
        assert_eq!(share_out(5, &[1, 1, 1, 1, 96]).unwrap(), [1, 1, 1, 1, 1]);
        assert_eq!(share_out(7, &[3, 3, 3]).unwrap().iter().sum::<usize>(), 7);
        assert_eq!(share_out(9, &[3, 3, 3]).unwrap(), [3, 3, 3]);
        assert_eq!(share_out(6, &[1, 5, 1000]).unwrap(), [1, 1, 4]);
    }
}
