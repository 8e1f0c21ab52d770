//! Which candidates a row is linked to: algorithm 4 of Malkov and Yashunin (2016), "Efficient and robust approximate
//! nearest neighbor search using Hierarchical Navigable Small World graphs".

use super::space::Space;

/// Of candidates (distance to a row, row), nearest first, puts those into `selected` that are nearer to the row than to
/// any selected before, and after them, up to `limit`, the nearest others.
///
/// @returns comparisons made
pub fn select<S: Space>(
    space: &S,
    candidates: &[(u32, u32)],
    limit: usize,
    selected: &mut Vec<(u32, u32)>,
    rest: &mut Vec<(u32, u32)>,
) -> usize {
    selected.clear();
    rest.clear();
    let mut comparisons = 0;
    for &(key, row) in candidates {
        if selected.len() >= limit {
            break;
        }
        let is_covered = selected.iter().any(|&(_, other)| {
            comparisons += 1;
            space.between(row, other) <= key
        });
        if is_covered {
            rest.push((key, row));
        } else {
            selected.push((key, row));
        }
    }
    let room = limit - selected.len().min(limit);
    selected.extend(rest.iter().take(room));
    comparisons
}
