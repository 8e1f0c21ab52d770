use super::heap::BestK;
use crate::distance::{PreparedQuery, ROWS_AT_ONCE};
use lancelet_common::error::Result;

/// Distances in [lower, upper).
#[derive(Clone, Copy)]
pub struct Range {
    lower: f64,
    upper: f64,
    bounded: bool,
}

impl Range {
    /// A NaN bound is absent; without an upper one, infinite distances count.
    pub fn new(lower: f64, upper: f64) -> Range {
        Range {
            lower: if lower.is_nan() {
                f64::NEG_INFINITY
            } else {
                lower
            },
            upper,
            bounded: !upper.is_nan(),
        }
    }

    /// False for NaN.
    #[inline(always)]
    fn contains(&self, distance: f32) -> bool {
        let distance = f64::from(distance);
        distance >= self.lower && (!self.bounded || distance < self.upper)
    }
}

struct Scan<'a, 'q> {
    best: &'a mut BestK,
    query: &'a PreparedQuery<'q>,
    vectors: &'a [f32],
    row_ids: &'a [u64],
    range: Range,
}

impl Scan<'_, '_> {
    #[inline(always)]
    fn step<const R: usize>(&mut self, rows: [usize; R]) -> Result<()> {
        let dimension = self.query.dimension();
        let pointers = rows.map(|row| self.vectors[row * dimension..].as_ptr());
        // SAFETY: `scan_rows` passes rows below `row_ids.len()`, and `vectors` holds that many.
        let distances = unsafe { self.query.distances(pointers) };
        for r in 0..R {
            if self.range.contains(distances[r]) {
                self.best.offer(distances[r], self.row_ids[rows[r]])?;
            }
        }
        Ok(())
    }
}

/// Offers every allowed row to `best`. Masked rows cost nothing: four allowed rows are computed at a time, wherever
/// they lie.
pub fn scan_rows(
    best: &mut BestK,
    query: &PreparedQuery,
    vectors: &[f32],
    row_ids: &[u64],
    mask: Option<&[u8]>,
    range: Range,
) -> Result<()> {
    let num_rows = row_ids.len();
    let mut scan = Scan {
        best,
        query,
        vectors,
        row_ids,
        range,
    };
    let Some(mask) = mask else {
        let whole = num_rows / ROWS_AT_ONCE * ROWS_AT_ONCE;
        for i in (0..whole).step_by(ROWS_AT_ONCE) {
            scan.step([i, i + 1, i + 2, i + 3])?;
        }
        for i in whole..num_rows {
            scan.step([i])?;
        }
        return Ok(());
    };
    let mut pending = [0usize; ROWS_AT_ONCE];
    let mut waiting = 0;
    for (byte, &bits) in mask.iter().enumerate() {
        let mut bits = bits;
        while bits != 0 {
            let row = byte * 8 + bits.trailing_zeros() as usize;
            bits &= bits - 1;
            if row >= num_rows {
                break;
            }
            pending[waiting] = row;
            waiting += 1;
            if waiting == ROWS_AT_ONCE {
                scan.step(pending)?;
                waiting = 0;
            }
        }
    }
    for &row in &pending[..waiting] {
        scan.step([row])?;
    }
    Ok(())
}
