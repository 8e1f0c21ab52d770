use super::heap::BestK;
use crate::distance::RowQuery;
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

    /// The least distance that counts, where there is one.
    pub fn lower(&self) -> Option<f64> {
        (self.lower > f64::NEG_INFINITY).then_some(self.lower)
    }

    /// The farthest distance that counts where the k-th best is `threshold`.
    pub fn limit(&self, threshold: f32) -> f64 {
        let threshold = f64::from(threshold);
        if self.bounded {
            threshold.min(self.upper)
        } else {
            threshold
        }
    }

    /// False for NaN.
    #[inline(always)]
    pub fn contains(&self, distance: f32) -> bool {
        let distance = f64::from(distance);
        distance >= self.lower && (!self.bounded || distance < self.upper)
    }
}

/// Offers every allowed row to `best`. Masked rows are not computed.
pub fn scan_rows<Q: RowQuery>(
    best: &mut BestK,
    query: &mut Q,
    vectors: &[Q::Value],
    row_ids: &[u64],
    mask: Option<&[u8]>,
    range: Range,
) -> Result<()> {
    let width = query.width();
    let mut offer = |row: &[Q::Value], row_id: u64| -> Result<()> {
        let distance = query.distance(row);
        if range.contains(distance) {
            best.offer(distance, row_id)?;
        }
        Ok(())
    };
    let Some(mask) = mask else {
        for (row, &row_id) in vectors.chunks_exact(width).zip(row_ids) {
            offer(row, row_id)?;
        }
        return Ok(());
    };
    for (byte, &bits) in mask.iter().enumerate() {
        let mut bits = bits;
        while bits != 0 {
            let row = byte * 8 + bits.trailing_zeros() as usize;
            bits &= bits - 1;
            if row >= row_ids.len() {
                break;
            }
            offer(&vectors[row * width..(row + 1) * width], row_ids[row])?;
        }
    }
    Ok(())
}
