use super::flat::{scan_rows, Range};
use super::heap::BestK;
use crate::distance::RowQuery;
use lancelet_common::error::Result;

/// Places that rows are taken from in turn. Memory serves several streams sooner than one: vectors that do not fit the
/// cache take a fifth to a third less time.
const STREAMS: usize = 4;

/// As `scan_rows`, for rows that cost as much to read as to compare.
pub fn scan_streams<Q: RowQuery>(
    best: &mut BestK,
    query: &mut Q,
    vectors: &[Q::Value],
    row_ids: &[u64],
    mask: Option<&[u8]>,
    range: Range,
) -> Result<()> {
    let width = query.width();
    // Of a stream: whole bytes of the mask.
    let bytes = row_ids.len() / STREAMS / 8;
    for byte in 0..bytes {
        let at: [usize; STREAMS] = core::array::from_fn(|stream| stream * bytes + byte);
        let bits = at.map(|at| mask.map_or(0xff, |mask| mask[at]));
        if bits == [0; STREAMS] {
            continue;
        }
        for bit in 0..8 {
            for (at, bits) in at.iter().zip(bits) {
                if bits >> bit & 1 == 0 {
                    continue;
                }
                let row = at * 8 + bit;
                let distance = query.distance(&vectors[row * width..(row + 1) * width]);
                // Nearly every row fails the first, which also is false for NaN.
                if distance <= best.threshold() && range.contains(distance) {
                    best.offer(distance, row_ids[row])?;
                }
            }
        }
    }
    let rest = STREAMS * bytes * 8;
    let mask = mask.map(|mask| &mask[STREAMS * bytes..]);
    let (vectors, row_ids) = (&vectors[rest * width..], &row_ids[rest..]);
    scan_rows(best, query, vectors, row_ids, mask, range)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::distance::{Metric, PreparedQuery};

    const WIDTH: usize = 3;

    /// Several rows are equally far, and one has no distance.
    fn draw_vectors(num_rows: usize) -> Vec<f32> {
        let mut vectors: Vec<f32> = (0..num_rows * WIDTH)
            .map(|i| ((i / WIDTH * 7) % 5) as f32)
            .collect();
        if num_rows > 4 {
            vectors[4 * WIDTH] = f32::NAN;
        }
        vectors
    }

    #[test]
    fn every_row_is_offered_once_whatever_the_count_and_the_mask() {
        let any = Range::new(f64::NAN, f64::NAN);
        for num_rows in (0..70).chain([96, 127, 128, 129, 511]) {
            let vectors = draw_vectors(num_rows);
            let row_ids: Vec<u64> = (0..num_rows as u64).rev().collect();
            for step in [1, 3, 40] {
                let mut mask = vec![0u8; num_rows.div_ceil(8)];
                for row in (0..num_rows).step_by(step) {
                    mask[row / 8] |= 1 << (row % 8);
                }
                for mask in [Some(&mask[..]), None] {
                    if mask.is_none() && step > 1 {
                        continue;
                    }
                    for (k, range) in [(3, any), (num_rows, any), (9, Range::new(3.0, 20.0))] {
                        let mut query = PreparedQuery::new(Metric::L2, &[1.0; WIDTH]).unwrap();
                        let mut expected: Vec<(f32, u64)> = (0..num_rows)
                            .step_by(step)
                            .map(|row| {
                                (
                                    query.compare(&vectors[row * WIDTH..][..WIDTH]),
                                    row_ids[row],
                                )
                            })
                            .filter(|&(distance, _)| range.contains(distance))
                            .filter(|(distance, _)| !distance.is_nan())
                            .collect();
                        expected.sort_by(|a, b| a.partial_cmp(b).unwrap());
                        expected.truncate(k);
                        let mut best = BestK::new(k);
                        scan_streams(&mut best, &mut query, &vectors, &row_ids, mask, range)
                            .unwrap();
                        assert_eq!(
                            best.take_sorted(),
                            expected,
                            "{num_rows} rows, every {step}"
                        );
                    }
                }
            }
        }
    }
}
