//! Rows of a block under a query: a bound for all of them by tables, the distance of each by the formula of the index
//! page, section 4.

use super::block::{Block, BLOCK_ROWS};
use super::estimate::{Estimate, Mode};
use super::lanes::{mask_not_above, sum_signed};
use super::query::Query;
use super::tables::{sum_block, sum_row, Steps};
use lancelet_common::rabit::{unpack_ex_block, RowLayout, EX_BLOCK};
use lancelet_common::simd::dot_with_bytes;

/// What f32 loses of an offset that is large beside the product, as a share of it: some sixteen roundings.
const OFFSET_ERROR: f32 = 1e-6;

/// Rows of a block whose distance may be at most `limit`, by bounds that hold for what the exact formula gives (with
/// more than one bit: as surely as the error factors hold). (A function of its own, as `sum_signed` is: hosts give registers
/// out function by function, and one of the whole scan runs out of them.)
#[inline(never)]
pub fn find_candidates(
    layout: &RowLayout,
    query: &Query,
    estimate: &Estimate,
    block: &Block,
    limit: f32,
) -> u32 {
    let is_refined = layout.ex_bits > 0 && estimate.mode != Mode::Fast;
    if limit == f32::INFINITY || (is_refined && !layout.has_errors) {
        return u32::MAX;
    }
    let sums = sum_block(block.bytes, block.num_rows, query.tables);
    let (adds, scales) = (load(block.factors(0)), load(block.factors(1)));
    let base = query.steps.base - 0.5 * query.sum;
    let told = find_shared(query, estimate, block).map_or(0.0, |(steps, _)| steps.slack);
    let total_slack = query.steps.slack + told;
    let mut bounds = [0f32; BLOCK_ROWS];
    for row in 0..BLOCK_ROWS {
        let scale = scales[row] * estimate.scale_by;
        let offset = estimate.offset(adds[row]);
        let product = f32::from(sums[row]) * query.steps.step + base;
        let slack = scale.abs() * total_slack + offset.abs() * OFFSET_ERROR;
        bounds[row] = product * scale + offset - slack;
    }
    if is_refined {
        let errors = load(block.factors(2));
        for (bound, error) in bounds.iter_mut().zip(errors) {
            *bound -= error * estimate.error_by;
        }
    }
    mask_not_above(&bounds, limit)
}

/// The tables that decide the distances of a block's rows, if any do.
fn find_shared<'a>(
    query: &'a Query,
    estimate: &Estimate,
    block: &Block,
) -> Option<(Steps, &'a [u8])> {
    // Native has the rows beyond the last whole block by the formula.
    if estimate.mode == Mode::Accurate || block.num_rows < BLOCK_ROWS {
        return None;
    }
    query.shared
}

/// The distance of one row; NaN where its signs already tell that it is beyond `limit`.
pub fn compute_distance(
    layout: &RowLayout,
    query: &Query,
    estimate: &Estimate,
    (block, row): (&Block, usize),
    limit: f32,
) -> f32 {
    let signed = match find_shared(query, estimate, block) {
        Some((steps, tables)) => sum_row(block.codes, row, tables) as f32 * steps.step + steps.base,
        None => sum_signed(block.codes, row, block.num_rows, query.values),
    };
    let scale = block.factor(1, row) * estimate.scale_by;
    let coarse = (signed - 0.5 * query.sum) * scale + estimate.offset(block.factor(0, row));
    if layout.ex_bits == 0 || estimate.mode == Mode::Fast {
        return coarse;
    }
    if layout.has_errors && coarse - block.factor(2, row) * estimate.error_by > limit {
        return f32::NAN;
    }
    let width = layout.ex_bytes();
    let ex_codes = &block.ex_codes[row * width..(row + 1) * width];
    let ex_sum = match layout.ex_bits {
        1 => sum_products::<1>(ex_codes, query.values),
        2 => sum_products::<2>(ex_codes, query.values),
        3 => sum_products::<3>(ex_codes, query.values),
        4 => sum_products::<4>(ex_codes, query.values),
        5 => sum_products::<5>(ex_codes, query.values),
        6 => sum_products::<6>(ex_codes, query.values),
        7 => sum_products::<7>(ex_codes, query.values),
        _ => sum_products::<8>(ex_codes, query.values),
    };
    let unit = (1u32 << layout.ex_bits) as f32;
    let product = unit * signed + ex_sum - (unit - 0.5) * query.sum;
    product * block.ex_factor(1, row) * estimate.scale_by + estimate.offset(block.ex_factor(0, row))
}

fn load(factors: &[u8]) -> [f32; BLOCK_ROWS] {
    let mut values = [0.0; BLOCK_ROWS];
    for (value, four) in values.iter_mut().zip(factors.chunks_exact(4)) {
        *value = f32::from_le_bytes([four[0], four[1], four[2], four[3]]);
    }
    values
}

/// Σ code × value.
fn sum_products<const BITS: usize>(ex_codes: &[u8], values: &[f32]) -> f32 {
    let mut sum = 0.0;
    let mut codes = [0; EX_BLOCK];
    for (block, values) in ex_codes
        .chunks_exact(8 * BITS)
        .zip(values.chunks_exact(EX_BLOCK))
    {
        unpack_ex_block::<BITS>(block, &mut codes);
        sum += dot_with_bytes(values, &codes);
    }
    sum
}
