//! Sums over the values whose sign bit is set, by tables in bytes: estimates with a known error.

use super::lanes::add_lookups;
use super::BLOCK_ROWS;

/// Columns of codes (8 values) whose entries add up in a byte.
pub const COLUMNS_A_BYTE: usize = 2;
/// What the sums of all columns stay below, in 16 bits, rounding included.
const MAX_SUM: f32 = 60_000.0;

/// How a sum of table entries becomes one of values: `base` + sum × `step`, at most `slack` off.
#[derive(Clone, Copy, Debug)]
pub struct Steps {
    pub base: f32,
    pub step: f32,
    pub slack: f32,
}

/// The sums of four values by which of them count, bit by bit.
fn sum_subsets(values: &[f32]) -> [f32; 16] {
    let mut sums = [0f32; 16];
    for bits in 1..16usize {
        sums[bits] = sums[bits & (bits - 1)] + values[bits.trailing_zeros() as usize];
    }
    sums
}

/// Writes a table of 16 bytes for every four values: the sums of any of them in steps from the least.
pub fn fill_tables(values: &[f32], tables: &mut [u8]) -> Steps {
    let range = |values: &[f32]| values.iter().map(|value| value.abs()).sum::<f32>();
    let widest = values
        .chunks(8 * COLUMNS_A_BYTE)
        .map(range)
        .fold(0.0, f32::max);
    let total = range(values);
    // Rounding may add a half to each entry.
    let most = 255.0 - COLUMNS_A_BYTE as f32;
    let step = (widest / most).max(total / MAX_SUM);
    if !(step > 0.0 && step.is_finite()) {
        tables.fill(0);
        // Nothing is known of the sums, unless every value is 0.
        let slack = if total == 0.0 { 0.0 } else { f32::INFINITY };
        return Steps {
            base: 0.0,
            step: 0.0,
            slack,
        };
    }
    let per_step = 1.0 / step;
    let (mut base, mut least, mut greatest) = (0f32, 0f32, 0f32);
    for (four, table) in values.chunks_exact(4).zip(tables.chunks_exact_mut(16)) {
        let lowest: f32 = four.iter().map(|value| value.min(0.0)).sum();
        base += lowest;
        let sums = sum_subsets(four).map(|sum| sum - lowest);
        let steps = sums.map(|sum| (sum * per_step + 0.5).floor().max(0.0));
        for (entry, steps) in table.iter_mut().zip(steps) {
            *entry = steps as u8;
        }
        let errors: [f32; 16] = core::array::from_fn(|i| sums[i] - steps[i] * step);
        let under = errors.iter().copied().fold(0.0, f32::min);
        let over = errors.iter().copied().fold(0.0, f32::max);
        least += under;
        greatest += over;
    }
    Steps {
        base: base + (least + greatest) / 2.0,
        step,
        // What sums of f32 lose is far below 2^-17 of the terms' sum.
        slack: (greatest - least) / 2.0 + total * 8e-6,
    }
}

/// Tables as native's `normal` mode has them, all in steps from one least sum: their sums are part of its answers, where
/// those of [`fill_tables`] only bound them. `None` where no step is finite.
pub fn fill_shared_tables(values: &[f32], tables: &mut [u8]) -> Option<Steps> {
    let all = || values.chunks_exact(4).map(sum_subsets);
    let least = all().flatten().fold(0f32, f32::min);
    let greatest = all().flatten().fold(0f32, f32::max);
    let num_tables = (values.len() / 4) as f32;
    let base = num_tables * least;
    let step = (greatest - least) / 255.0;
    let per_step = 255.0 / (greatest - least);
    tables.fill(0);
    if !base.is_finite() || !(num_tables * greatest).is_finite() || !step.is_finite() {
        return None;
    }
    let mut slack = values.iter().map(|value| value.abs()).sum::<f32>() * 8e-6;
    for (sums, table) in all().zip(tables.chunks_exact_mut(16)) {
        if per_step.is_finite() {
            for (entry, sum) in table.iter_mut().zip(sums) {
                *entry = ((sum - least) * per_step).round_ties_even() as u8;
            }
        }
        let errors = sums.iter().zip(table.iter());
        slack += errors
            .map(|(sum, &entry)| (sum - least - f32::from(entry) * step).abs())
            .fold(0f32, f32::max);
    }
    Some(Steps { base, step, slack })
}

/// Adds up table entries over the codes of one row of a block of `stride` rows.
pub fn sum_row(codes: &[u8], row: usize, stride: usize, tables: &[u8]) -> u32 {
    let column = |(codes, table): (&[u8], &[u8])| {
        let code = usize::from(codes[row]);
        u32::from(table[code & 15]) + u32::from(table[16 + (code >> 4)])
    };
    let columns = codes.chunks_exact(stride).zip(tables.chunks_exact(32));
    columns.map(column).sum()
}

/// Adds up table entries over the codes of a block, a sum a row; those past the block's rows mean nothing.
pub fn sum_block(codes: &[u8], num_rows: usize, tables: &[u8]) -> [u16; BLOCK_ROWS] {
    let columns = tables.len() / 32;
    if num_rows == BLOCK_ROWS && codes.len() == columns * BLOCK_ROWS {
        return add_lookups(codes, tables);
    }
    // The last block's columns are narrower.
    let mut sums = [0u16; BLOCK_ROWS];
    let mut wide = [0u8; COLUMNS_A_BYTE * BLOCK_ROWS];
    let columns = codes.chunks(COLUMNS_A_BYTE * num_rows);
    for (codes, tables) in columns.zip(tables.chunks(COLUMNS_A_BYTE * 32)) {
        for (codes, wide) in codes
            .chunks_exact(num_rows)
            .zip(wide.chunks_exact_mut(BLOCK_ROWS))
        {
            wide[..num_rows].copy_from_slice(codes);
        }
        let part = add_lookups(&wide[..tables.len()], tables);
        for (sum, part) in sums.iter_mut().zip(part) {
            *sum = sum.wrapping_add(part);
        }
    }
    sums
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_are_within_the_slack_they_tell() {
        for dimension in [8, 24, 64, 384, 4096] {
            let values: Vec<f32> = (0..dimension)
                .map(|i| ((i * 7919 % 1000) as f32 - 480.0) / 300.0)
                .collect();
            let mut tables = vec![0; 4 * dimension];
            let steps = fill_tables(&values, &mut tables);
            for num_rows in [1, 7, 31, 32] {
                let codes: Vec<u8> = (0..dimension / 8 * num_rows)
                    .map(|i| (i * i * 31 % 257) as u8)
                    .collect();
                let sums = sum_block(&codes, num_rows, &tables);
                for row in 0..num_rows {
                    let exact: f64 = (0..dimension)
                        .filter(|i| codes[i / 8 * num_rows + row] >> (i % 8) & 1 == 1)
                        .map(|i| f64::from(values[i]))
                        .sum();
                    let told = steps.base + f32::from(sums[row]) * steps.step;
                    let error = (f64::from(told) - exact).abs();
                    assert!(
                        error <= f64::from(steps.slack),
                        "{dimension}, {num_rows}: {error} {steps:?}"
                    );
                }
                // Lookups one by one give the very same sums.
                for row in 0..num_rows {
                    let plain: u32 = (0..dimension / 8)
                        .map(|column| {
                            let code = usize::from(codes[column * num_rows + row]);
                            u32::from(tables[column * 32 + code % 16])
                                + u32::from(tables[column * 32 + 16 + code / 16])
                        })
                        .sum();
                    assert_eq!(u32::from(sums[row]), plain);
                }
            }
        }
    }

    #[test]
    fn shared_tables_keep_their_slack() {
        for dimension in [8, 64, 384] {
            let values: Vec<f32> = (0..dimension)
                .map(|i| ((i * 7919 % 1000) as f32 - 480.0) / 300.0)
                .collect();
            let mut tables = vec![0; 4 * dimension];
            let steps = fill_shared_tables(&values, &mut tables).unwrap();
            let codes: Vec<u8> = (0..dimension / 8 * 32)
                .map(|i| (i * i * 31 % 257) as u8)
                .collect();
            for row in 0..32 {
                let exact: f64 = (0..dimension)
                    .filter(|i| codes[i / 8 * 32 + row] >> (i % 8) & 1 == 1)
                    .map(|i| f64::from(values[i]))
                    .sum();
                let told = steps.base + sum_row(&codes, row, 32, &tables) as f32 * steps.step;
                assert!((f64::from(told) - exact).abs() <= f64::from(steps.slack));
            }
        }
        assert_eq!(
            fill_shared_tables(&[0.0; 8], &mut [1; 32]).map(|steps| steps.slack),
            Some(0.0)
        );
        assert!(fill_shared_tables(&[f32::MAX; 8], &mut [0; 32]).is_none());
    }

    #[test]
    fn hopeless_queries_tell_so() {
        let mut tables = vec![1; 32];
        assert_eq!(fill_tables(&[0.0; 8], &mut tables).slack, 0.0);
        assert_eq!(
            fill_tables(&[f32::MAX; 8], &mut tables).slack,
            f32::INFINITY
        );
    }
}
