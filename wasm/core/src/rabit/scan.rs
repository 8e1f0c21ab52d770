use super::block::{Block, BLOCK_ROWS};
use super::compare::{compute_distance, find_candidates};
use super::estimate::Estimate;
use super::query::Query;
use crate::search::{BestK, Range};
use lancelet_common::error::Result;
use lancelet_common::rabit::RowLayout;

/// Allowed rows up to which a block is not worth its tables.
const FEW_ROWS: u32 = 3;

/// Rows of one partition, in blocks.
pub struct Rows<'a> {
    pub values: &'a [u8],
    pub row_ids: &'a [u64],
    /// Bit i, least significant first: row i may be returned.
    pub mask: Option<&'a [u8]>,
}

/// Offers every allowed row whose distance can still count. `rows` are of one partition, in blocks.
pub fn scan_blocks(
    best: &mut BestK,
    layout: &RowLayout,
    query: &Query,
    estimate: &Estimate,
    rows: &Rows,
    range: Range,
) -> Result<()> {
    let block_bytes = BLOCK_ROWS * layout.row_bytes();
    let blocks = rows.values.chunks(block_bytes);
    for (index, (bytes, row_ids)) in blocks.zip(rows.row_ids.chunks(BLOCK_ROWS)).enumerate() {
        let block = Block::new(layout, bytes);
        let mut allowed = read_mask(rows.mask, index) & (u32::MAX >> (BLOCK_ROWS - block.num_rows));
        if allowed.count_ones() > FEW_ROWS {
            let limit = round_up(range.limit(best.threshold()));
            allowed &= find_candidates(layout, query, estimate, &block, limit);
        }
        while allowed != 0 {
            let row = allowed.trailing_zeros() as usize;
            allowed &= allowed - 1;
            let limit = round_up(range.limit(best.threshold()));
            let distance = compute_distance(layout, query, estimate, (&block, row), limit);
            if range.contains(distance) {
                best.offer(distance, row_ids[row])?;
            }
        }
    }
    Ok(())
}

/// No f32 up to the limit is above it.
fn round_up(limit: f64) -> f32 {
    (limit as f32).next_up()
}

fn read_mask(mask: Option<&[u8]>, block: usize) -> u32 {
    let Some(mask) = mask else {
        return u32::MAX;
    };
    let bytes = mask.iter().skip(4 * block).take(4).enumerate();
    bytes.fold(0, |bits, (i, &byte)| bits | u32::from(byte) << (8 * i))
}
