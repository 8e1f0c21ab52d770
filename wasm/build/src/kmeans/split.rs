use super::centroids::Centroids;
use super::members::{group_members, Members};
use super::rows::Rows;
use lancelet_common::error::{try_zeroed, Result};
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// How far the two halves of a split start from their old centroid, as a share of the way to its farthest member.
const SPREAD: f32 = 0.1;

/// Gives every empty cluster half of the largest one: both halves start on the line from the centroid to a far member,
/// on either side, so that a plane through the centroid parts them. Clusters of equal vectors cannot be parted and are
/// left. Returns how many clusters were filled; `centroids` then want a refresh.
pub fn split_largest(
    centroids: &mut Centroids,
    rows: Rows<'_>,
    members: &Members,
) -> Result<usize> {
    let Members {
        clusters,
        distances,
        counts,
        ..
    } = members;
    if counts.iter().all(|&count| count > 0) {
        return Ok(0);
    }
    let dimension = centroids.dimension();
    let mut groups = group_members(clusters, counts)?;
    let mut splits = try_zeroed::<usize>(counts.len())?;
    // Only clusters that had members: a half made here has none of its own yet. Equal sizes: the lowest first.
    let mut largest = BinaryHeap::new();
    for (cluster, &count) in counts.iter().enumerate().filter(|&(_, &count)| count > 1) {
        push_size(&mut largest, f64::from(count), cluster);
    }
    let mut filled = 0;
    for empty in (0..counts.len()).filter(|&cluster| counts[cluster] == 0) {
        let Some((size, Reverse(source))) = largest.pop() else {
            break;
        };
        let half = f64::from_bits(size) / 2.0;
        let positions = &mut groups.positions[groups.starts[source]..groups.starts[source + 1]];
        if splits[source] == 0 {
            positions.sort_unstable_by(|&a, &b| {
                distances[b as usize]
                    .total_cmp(&distances[a as usize])
                    .then(a.cmp(&b))
            });
        }
        let member = rows.row(positions[splits[source]] as usize);
        splits[source] += 1;
        let has_more = splits[source] < positions.len();
        let mut apart = false;
        for (i, value) in member.iter().enumerate() {
            let old = centroids.values()[source * dimension + i];
            let step = (value - old) * SPREAD;
            apart |= old + step != old - step;
            centroids.values_mut()[empty * dimension + i] = old + step;
            centroids.values_mut()[source * dimension + i] = old - step;
        }
        if apart {
            filled += 1;
            if has_more && half > 1.0 {
                push_size(&mut largest, half, source);
            }
        }
    }
    Ok(filled)
}

/// Sizes are positive, so that their bits have their order.
fn push_size(heap: &mut BinaryHeap<(u64, Reverse<usize>)>, size: f64, cluster: usize) {
    heap.push((size.to_bits(), Reverse(cluster)));
}

#[cfg(test)]
mod tests {
    use super::super::centroids::Metric;
    use super::*;

    #[test]
    fn an_empty_cluster_takes_half_of_the_largest() {
        let vectors: Vec<f32> = (0..100).map(|i| i as f32 - 50.0).collect();
        let numbers: Vec<u32> = (0..100).collect();
        let rows = Rows {
            vectors: &vectors,
            dimension: 1,
            numbers: &numbers,
        };
        let mut centroids = Centroids::new(Metric::L2, vec![-0.5, 1e6], 1).unwrap();
        let mut members = Members::new(100, 2, 1).unwrap();
        for (i, v) in vectors.iter().enumerate() {
            members.place(i, &[*v], 0, (v + 0.5) * (v + 0.5));
        }
        assert_eq!(split_largest(&mut centroids, rows, &members), Ok(1));
        centroids.refresh().unwrap();
        let tile: Vec<&[f32]> = vectors.chunks(1).collect();
        let (mut best, mut scores) = (vec![0; 100], vec![0.0; 100]);
        centroids.panels().search(&tile, &mut best, &mut scores);
        assert_eq!(best.iter().filter(|&&cluster| cluster == 0).count(), 50);
    }
}
