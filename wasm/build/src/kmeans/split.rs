use super::assign::Centroids;
use lancelet_common::error::{try_zeroed, Result};

/// How far the two halves of a split start from their old centroid, as a share of the way to its farthest member.
const SPREAD: f32 = 0.1;

/// Members of each cluster, farthest from its centroid first once it has been asked for.
struct Members {
    starts: Vec<usize>,
    rows: Vec<u32>,
}

fn group(assignment: &[u32], counts: &[u32]) -> Result<Members> {
    let mut starts = try_zeroed::<usize>(counts.len() + 1)?;
    for (i, &count) in counts.iter().enumerate() {
        starts[i + 1] = starts[i] + count as usize;
    }
    let mut next = try_zeroed::<usize>(counts.len())?;
    next.copy_from_slice(&starts[..counts.len()]);
    let mut rows = try_zeroed::<u32>(assignment.len())?;
    for (row, &cluster) in assignment.iter().enumerate() {
        let slot = &mut next[cluster as usize];
        rows[*slot] = row as u32;
        *slot += 1;
    }
    Ok(Members { starts, rows })
}

/// Gives every empty cluster half of the largest one: both halves start on the line from the centroid to a far member,
/// on either side, so that a plane through the centroid parts them. Clusters of equal vectors cannot be parted and are
/// left. `centroids` are refreshed. Returns how many clusters were filled.
pub fn split_largest(
    centroids: &mut Centroids,
    vectors: &[f32],
    assignment: &[u32],
    distances: &[f32],
    counts: &[u32],
) -> Result<usize> {
    if counts.iter().all(|&count| count > 0) {
        return Ok(0);
    }
    let dimension = centroids.dimension();
    let mut members = group(assignment, counts)?;
    let mut sizes = try_zeroed::<f64>(counts.len())?;
    let mut splits = try_zeroed::<usize>(counts.len())?;
    for (size, &count) in sizes.iter_mut().zip(counts) {
        *size = f64::from(count);
    }
    let mut filled = 0;
    for empty in (0..counts.len()).filter(|&cluster| counts[cluster] == 0) {
        // Only clusters that had members: a half made here has none of its own yet.
        let mut source = None;
        for cluster in 0..counts.len() {
            let larger = source.is_none_or(|best: usize| sizes[cluster] > sizes[best]);
            if counts[cluster] > 1 && sizes[cluster] > 1.0 && larger {
                source = Some(cluster);
            }
        }
        let Some(source) = source else { break };
        let rows = &mut members.rows[members.starts[source]..members.starts[source + 1]];
        if splits[source] == 0 {
            rows.sort_unstable_by(|&a, &b| {
                distances[b as usize]
                    .total_cmp(&distances[a as usize])
                    .then(a.cmp(&b))
            });
        }
        let member = rows[splits[source]] as usize;
        splits[source] += 1;
        sizes[source] /= 2.0;
        if splits[source] == rows.len() {
            sizes[source] = 0.0;
        }
        let mut apart = false;
        for i in 0..dimension {
            let old = centroids.values()[source * dimension + i];
            let step = (vectors[member * dimension + i] - old) * SPREAD;
            apart |= old + step != old - step;
            centroids.values_mut()[empty * dimension + i] = old + step;
            centroids.values_mut()[source * dimension + i] = old - step;
        }
        if apart {
            filled += 1;
        } else {
            sizes[source] = 0.0;
        }
    }
    centroids.refresh();
    Ok(filled)
}
