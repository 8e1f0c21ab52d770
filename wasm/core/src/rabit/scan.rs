use super::block::{Block, BLOCK_ROWS};
use super::lanes::{mask_not_above, sum_signed};
use super::query::Query;
use super::tables::{sum_block, sum_row, Steps};
use crate::search::{BestK, Range};
use lancelet_common::error::{KernelError, Result};
use lancelet_common::rabit::{unpack_ex_block, RowLayout, EX_BLOCK};
use lancelet_common::simd::dot_with_bytes;

/// Allowed rows up to which a block is not worth its tables.
const FEW_ROWS: u32 = 3;

/// How exactly distances are told, by native's names.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Mode {
    /// By the formula.
    Accurate,
    /// Products with signs of whole blocks are sums of shared tables: the very errors that native's answers have.
    Normal,
    /// So, and by the signs alone, whatever other bits there are.
    Fast,
}

impl Mode {
    pub fn from_code(code: u8) -> Result<Mode> {
        match code {
            0 => Ok(Mode::Accurate),
            1 => Ok(Mode::Normal),
            2 => Ok(Mode::Fast),
            _ => Err(KernelError::Invalid("an unknown mode")),
        }
    }
}

/// How a product with a code becomes a distance: product × scale factor × `scale_by` + `add_by` × (add factor −
/// `add_from`) + `constant`. `error_by` × error factor is how far that may be off by the signs alone.
pub struct Estimate {
    scale_by: f32,
    add_by: f32,
    add_from: f32,
    constant: f32,
    error_by: f32,
    mode: Mode,
}

impl Estimate {
    /// The first five of the numbers; missing ones are 0.
    pub fn new(numbers: &[f32], mode: Mode) -> Estimate {
        let number = |index: usize| numbers.get(index).copied().unwrap_or(0.0);
        Estimate {
            scale_by: number(0),
            add_by: number(1),
            add_from: number(2),
            constant: number(3),
            error_by: number(4),
            mode,
        }
    }

    #[inline(always)]
    fn offset(&self, add: f32) -> f32 {
        self.add_by * (add - self.add_from) + self.constant
    }
}

/// Rows of one partition, in blocks.
pub struct Rows<'a> {
    pub values: &'a [u8],
    pub row_ids: &'a [u64],
    /// Bit i, least significant first: row i may be returned.
    pub mask: Option<&'a [u8]>,
}

/// Offers every allowed row whose distance can still count.
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

fn load(factors: &[u8]) -> [f32; BLOCK_ROWS] {
    let mut values = [0.0; BLOCK_ROWS];
    for (value, four) in values.iter_mut().zip(factors.chunks_exact(4)) {
        *value = f32::from_le_bytes([four[0], four[1], four[2], four[3]]);
    }
    values
}

/// Rows of a block whose distance may be at most `limit`, by bounds that hold for what the exact formula gives (with
/// more than one bit: as surely as the error factors hold).
fn find_candidates(
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
        // What f32 loses of a large offset belongs to the slack.
        let slack = scale.abs() * total_slack + offset.abs() * 1e-6;
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
fn compute_distance(
    layout: &RowLayout,
    query: &Query,
    estimate: &Estimate,
    (block, row): (&Block, usize),
    limit: f32,
) -> f32 {
    let signed = match find_shared(query, estimate, block) {
        Some((steps, tables)) => {
            sum_row(block.codes, row, block.num_rows, tables) as f32 * steps.step + steps.base
        }
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

#[cfg(test)]
mod tests {
    use super::super::{arrange_rows, prepare_query, query_bytes};
    use super::*;
    use lancelet_common::rabit::{pack_ex_codes, Rotation};

    struct Random(u32);

    impl Random {
        fn next(&mut self) -> u32 {
            self.0 = self.0.wrapping_mul(1664525).wrapping_add(1013904223);
            self.0 >> 8
        }

        fn float(&mut self) -> f32 {
            self.next() as f32 / (1 << 23) as f32 - 1.0
        }
    }

    struct Partition {
        layout: RowLayout,
        rows: Vec<u8>,
        /// Codes of all bits, as whole numbers.
        codes: Vec<u16>,
        row_ids: Vec<u64>,
    }

    fn create_partition(layout: RowLayout, num_rows: usize, random: &mut Random) -> Partition {
        let (mut rows, mut all) = (Vec::new(), Vec::new());
        for _ in 0..num_rows {
            let codes: Vec<u16> = (0..layout.dimension)
                .map(|_| (random.next() % (2 << layout.ex_bits)) as u16)
                .collect();
            let mut signs = vec![0u8; layout.code_bytes()];
            for (i, code) in codes.iter().enumerate() {
                signs[i / 8] |= ((code >> layout.ex_bits) as u8) << (i % 8);
            }
            rows.extend(signs);
            let mut put = |value: f32| rows.extend(value.to_le_bytes());
            put(random.float() * 0.1 + 1.0);
            put(random.float() * 0.2);
            if layout.has_errors {
                // A bound that always holds.
                put(1e9);
            }
            if layout.ex_bits > 0 {
                let low: Vec<u8> = codes
                    .iter()
                    .map(|&code| (code & ((1 << layout.ex_bits) - 1)) as u8)
                    .collect();
                let mut packed = vec![0; layout.ex_bytes()];
                pack_ex_codes(&low, layout.ex_bits as u8, &mut packed);
                rows.extend(packed);
                let mut put = |value: f32| rows.extend(value.to_le_bytes());
                put(random.float());
                put(random.float() * 0.01);
            }
            all.extend(codes);
        }
        let row_ids = (0..num_rows as u64).map(|row| row * 3).collect();
        Partition {
            layout,
            rows,
            codes: all,
            row_ids,
        }
    }

    /// The formula of the index page, in f64.
    fn compute_plainly(
        partition: &Partition,
        row: usize,
        turned: &[f32],
        numbers: &[f32],
        mode: Mode,
    ) -> f64 {
        let Partition {
            layout,
            rows,
            codes,
            ..
        } = partition;
        let bytes = &rows[row * layout.row_bytes()..(row + 1) * layout.row_bytes()];
        let factor =
            |at: usize| f64::from(f32::from_le_bytes(bytes[at..at + 4].try_into().unwrap()));
        let x = if mode == Mode::Fast {
            0
        } else {
            layout.ex_bits
        };
        let codes = &codes[row * layout.dimension..(row + 1) * layout.dimension];
        let product: f64 = codes
            .iter()
            .zip(turned)
            .map(|(code, q)| {
                let kept = f64::from(code >> (layout.ex_bits - x));
                (kept - (f64::from(1u32 << x) - 0.5)) * f64::from(*q)
            })
            .sum();
        let at = if x == 0 {
            layout.code_bytes()
        } else {
            bytes.len() - 8
        };
        let number = |i: usize| f64::from(numbers[i]);
        product * factor(at + 4) * number(0) + number(1) * (factor(at) - number(2)) + number(3)
    }

    #[test]
    fn the_best_are_those_of_the_formula() {
        let mut random = Random(17);
        for bits in 1..=9 {
            for (dimension, has_errors) in [(72, true), (128, false), (8, true)] {
                let layout = RowLayout::new(dimension, bits, has_errors).unwrap();
                let partition = create_partition(layout, 301, &mut random);
                let mut values = partition.rows.clone();
                arrange_rows(&layout, &mut values).unwrap();
                let signs: Vec<u8> = (0..Rotation::sign_bytes(dimension))
                    .map(|_| random.next() as u8)
                    .collect();
                let rotation = Rotation::fast(&signs, dimension).unwrap();
                let query: Vec<f32> = (0..dimension).map(|_| random.float()).collect();
                // Words, so that the bytes are aligned.
                let mut words = vec![0u64; query_bytes(dimension).div_ceil(8)];
                let bytes = unsafe {
                    core::slice::from_raw_parts_mut(
                        words.as_mut_ptr() as *mut u8,
                        query_bytes(dimension),
                    )
                };
                prepare_query(&rotation, &query, bytes).unwrap();
                let query = Query::view(bytes, dimension).unwrap();
                let numbers = [0.7, 1.2, 0.3, 2.0, 1.0];
                let mask: Vec<u8> = (0..38)
                    .map(|i| if i % 5 == 0 { 1 } else { random.next() as u8 })
                    .collect();
                let masked = Some(mask.as_slice());
                for (mode, mask, range) in [
                    (Mode::Accurate, None, [f64::NAN, f64::NAN]),
                    (Mode::Accurate, masked, [2.5, 3.2]),
                    (Mode::Normal, masked, [f64::NAN, 3.3]),
                    (Mode::Fast, None, [f64::NAN, 3.3]),
                ] {
                    let estimate = Estimate::new(&numbers, mode);
                    let range = Range::new(range[0], range[1]);
                    let mut best = BestK::new(20);
                    let (front, back) = (64 * layout.row_bytes(), 64);
                    for (values, row_ids, mask) in [
                        (
                            &values[..front],
                            &partition.row_ids[..back],
                            mask.map(|mask| &mask[..8]),
                        ),
                        (
                            &values[front..],
                            &partition.row_ids[back..],
                            mask.map(|mask| &mask[8..]),
                        ),
                    ] {
                        let rows = Rows {
                            values,
                            row_ids,
                            mask,
                        };
                        scan_blocks(&mut best, &layout, &query, &estimate, &rows, range).unwrap();
                    }
                    // Every row, one by one.
                    let mut all = BestK::new(20);
                    for row in 0..301 {
                        let start = row / 32 * 32;
                        let width = layout.row_bytes();
                        let block = Block::new(
                            &layout,
                            &values[start * width..301.min(start + 32) * width],
                        );
                        let at = (&block, row - start);
                        let distance =
                            compute_distance(&layout, &query, &estimate, at, f32::INFINITY);
                        let exact = compute_plainly(
                            &partition,
                            row,
                            &query.values[..dimension],
                            &numbers,
                            mode,
                        );
                        let slack = match (mode, query.shared) {
                            (Mode::Accurate, _) | (_, None) => 0.0,
                            // Scale factors are at most 0.2 and 0.01.
                            (Mode::Fast, Some((steps, _))) => 0.14 * steps.slack,
                            (_, Some((steps, _))) => (0.007 * 256.0f32).max(0.14) * steps.slack,
                        };
                        let error = (f64::from(distance) - exact).abs();
                        assert!(
                            error < 1e-3 * exact.abs().max(1.0) + f64::from(slack),
                            "{bits} bits, {dimension}, {mode:?}: {distance} {exact}"
                        );
                        if mask.is_none_or(|mask| mask[row / 8] >> (row % 8) & 1 == 1)
                            && range.contains(distance)
                        {
                            all.offer(distance, partition.row_ids[row]).unwrap();
                        }
                    }
                    assert_eq!(best.take_sorted(), all.take_sorted());
                }
            }
        }
    }

    #[test]
    fn an_error_bound_shuts_rows_out() {
        let layout = RowLayout::new(8, 2, true).unwrap();
        let mut random = Random(3);
        let mut partition = create_partition(layout, 40, &mut random);
        // No error at all: rows whose signs alone are too far are not looked at.
        for row in partition.rows.chunks_exact_mut(layout.row_bytes()) {
            row[9..13].copy_from_slice(&0f32.to_le_bytes());
        }
        arrange_rows(&layout, &mut partition.rows).unwrap();
        let mut words = [0u64; 64];
        let bytes = unsafe {
            core::slice::from_raw_parts_mut(words.as_mut_ptr() as *mut u8, query_bytes(8))
        };
        let signs = [0x5a; 4];
        prepare_query(&Rotation::fast(&signs, 8).unwrap(), &[0.5; 8], bytes).unwrap();
        let query = Query::view(bytes, 8).unwrap();
        let estimate = Estimate::new(&[1.0, 1.0, 0.0, 100.0, 1.0], Mode::Accurate);
        let mut best = BestK::new(5);
        let rows = Rows {
            values: &partition.rows,
            row_ids: &partition.row_ids,
            mask: None,
        };
        scan_blocks(
            &mut best,
            &layout,
            &query,
            &estimate,
            &rows,
            Range::new(f64::NAN, 50.0),
        )
        .unwrap();
        assert!(best.is_empty());
    }
}
