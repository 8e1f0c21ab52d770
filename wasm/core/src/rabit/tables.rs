//! Sums over the values whose sign bit is set, by tables in bytes: estimates with a known error.

use super::lanes::{add_lookups, count_whole_columns};
use super::BLOCK_ROWS;
use lancelet_common::error::{try_with_capacity, Result};

/// Columns of codes (8 values) whose entries add up in a byte.
pub const COLUMNS_A_BYTE: usize = 2;
/// What the sums of all columns stay below before they are rounded.
const MAX_SUM: f32 = 60_000.0;
/// Tables whose entries, each rounded up by a half, still leave such a sum within 16 bits.
const MAX_TABLES: usize = 2 * (u16::MAX as usize - MAX_SUM as usize);

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

/// What four values can add up to.
pub struct Subsets {
    sums: [f32; 16],
    least: f32,
    greatest: f32,
}

/// The subsets of every four values.
pub fn list_subsets(values: &[f32]) -> Result<Vec<Subsets>> {
    let mut subsets = try_with_capacity(values.len() / 4)?;
    for four in values.chunks_exact(4) {
        let sums = sum_subsets(four);
        let negative = (0..4).fold(0, |bits, i| bits | usize::from(four[i] < 0.0) << i);
        subsets.push(Subsets {
            sums,
            least: sums[negative],
            greatest: sums[15 - negative],
        });
    }
    Ok(subsets)
}

/// How far sums of `num_tables` entries may be off: half a step each, and what f32 loses of sums, which is far below
/// 2^-17 of the terms' sum.
fn bound_error(num_tables: usize, step: f32, total: f32) -> f32 {
    num_tables as f32 * 0.501 * step + total * 8e-6
}

fn round(steps: f32) -> u8 {
    steps.round_ties_even() as i32 as u8
}

/// Writes a table of 16 bytes for every four values: the sums of any of them in steps from the least.
pub fn fill_tables(subsets: &[Subsets], tables: &mut [u8]) -> Steps {
    let range = |subsets: &[Subsets]| {
        subsets
            .iter()
            .map(|one| one.greatest - one.least)
            .sum::<f32>()
    };
    let widest = subsets
        .chunks(2 * COLUMNS_A_BYTE)
        .map(range)
        .fold(0.0, f32::max);
    let total = range(subsets);
    // Rounding may add a half to each entry.
    let most = 255.0 - COLUMNS_A_BYTE as f32;
    let step = (widest / most).max(total / MAX_SUM);
    let per_step = 1.0 / step;
    if !step.is_finite() || !per_step.is_finite() || subsets.len() > MAX_TABLES {
        tables.fill(0);
        // Nothing is known of the sums, unless every value is 0.
        let slack = if total == 0.0 { 0.0 } else { f32::INFINITY };
        return Steps {
            base: 0.0,
            step: 0.0,
            slack,
        };
    }
    for (one, table) in subsets.iter().zip(tables.chunks_exact_mut(16)) {
        for (entry, sum) in table.iter_mut().zip(one.sums) {
            *entry = round((sum - one.least) * per_step);
        }
    }
    Steps {
        base: subsets.iter().map(|one| one.least).sum(),
        step,
        slack: bound_error(subsets.len(), step, total),
    }
}

/// Tables as native's `normal` mode has them, all in steps from one least sum: their sums are part of its answers, where
/// those of [`fill_tables`] only bound them. `None` where no step is finite.
pub fn fill_shared_tables(subsets: &[Subsets], tables: &mut [u8]) -> Option<Steps> {
    let least = subsets.iter().fold(0f32, |least, one| least.min(one.least));
    let greatest = subsets
        .iter()
        .fold(0f32, |greatest, one| greatest.max(one.greatest));
    let num_tables = subsets.len() as f32;
    let base = num_tables * least;
    let step = (greatest - least) / 255.0;
    let per_step = 255.0 / (greatest - least);
    tables.fill(0);
    let ends = [base, num_tables * greatest, num_tables * (greatest - least)];
    if ends.iter().any(|end| !end.is_finite()) {
        return None;
    }
    let total = subsets.iter().map(|one| one.greatest - one.least).sum();
    if !per_step.is_finite() {
        let slack = ends[2] + total;
        return Some(Steps { base, step, slack });
    }
    for (one, table) in subsets.iter().zip(tables.chunks_exact_mut(16)) {
        for (entry, sum) in table.iter_mut().zip(one.sums) {
            *entry = round((sum - least) * per_step);
        }
    }
    let slack = bound_error(subsets.len(), step, total);
    Some(Steps { base, step, slack })
}

/// Adds up table entries over the codes of one row of a whole block. (Of a block of any number of rows the compiler makes
/// lanes of it, that are filled byte by byte: a sixth slower.)
pub fn sum_row(codes: &[u8], row: usize, tables: &[u8]) -> u32 {
    let columns = codes.chunks_exact(BLOCK_ROWS).zip(tables.chunks_exact(32));
    columns.fold(0, |sum, (codes, table)| {
        let code = usize::from(codes[row % BLOCK_ROWS]);
        sum + u32::from(table[code & 15]) + u32::from(table[16 + (code >> 4)])
    })
}

/// Adds up table entries over the codes of a block, a sum a row; those past the block's rows mean nothing.
/// @param bytes of the block, whose codes come first: columns of `num_rows` bytes
pub fn sum_block(bytes: &[u8], num_rows: usize, tables: &[u8]) -> [u16; BLOCK_ROWS] {
    // A narrow column is read with what lies behind it, as far as there is something.
    let mut sums = add_lookups(bytes, num_rows, tables);
    let done = count_whole_columns(bytes.len(), num_rows, tables.len());
    let mut wide = [0u8; COLUMNS_A_BYTE * BLOCK_ROWS];
    let columns = bytes[done * num_rows..].chunks(COLUMNS_A_BYTE * num_rows);
    for (codes, tables) in columns.zip(tables[done * 32..].chunks(COLUMNS_A_BYTE * 32)) {
        for (codes, wide) in codes
            .chunks_exact(num_rows)
            .zip(wide.chunks_exact_mut(BLOCK_ROWS))
        {
            wide[..num_rows].copy_from_slice(codes);
        }
        let part = add_lookups(&wide[..tables.len()], BLOCK_ROWS, tables);
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
            let steps = fill_tables(&list_subsets(&values).unwrap(), &mut tables);
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
            let steps = fill_shared_tables(&list_subsets(&values).unwrap(), &mut tables).unwrap();
            let codes: Vec<u8> = (0..dimension / 8 * 32)
                .map(|i| (i * i * 31 % 257) as u8)
                .collect();
            for row in 0..32 {
                let exact: f64 = (0..dimension)
                    .filter(|i| codes[i / 8 * 32 + row] >> (i % 8) & 1 == 1)
                    .map(|i| f64::from(values[i]))
                    .sum();
                let sum = sum_row(&codes, row, &tables);
                let plain: u32 = (0..dimension / 4)
                    .map(|table| {
                        let code = codes[table / 2 * 32 + row] >> (4 * (table % 2)) & 15;
                        u32::from(tables[16 * table + usize::from(code)])
                    })
                    .sum();
                assert_eq!(sum, plain);
                let told = steps.base + sum as f32 * steps.step;
                assert!((f64::from(told) - exact).abs() <= f64::from(steps.slack));
            }
        }
        assert_eq!(
            fill_shared_tables(&list_subsets(&[0.0; 8]).unwrap(), &mut [1; 32])
                .map(|steps| steps.slack),
            Some(0.0)
        );
        assert!(fill_shared_tables(&list_subsets(&[f32::MAX; 8]).unwrap(), &mut [0; 32]).is_none());
    }

    #[test]
    fn sums_that_sixteen_bits_may_not_hold_tell_nothing() {
        let slack_of = |dimension: usize| {
            // Every entry is rounded up.
            let values: Vec<f32> = (0..dimension).map(|i| (i % 4 / 3) as f32).collect();
            let mut tables = vec![0; 4 * dimension];
            let steps = fill_tables(&list_subsets(&values).unwrap(), &mut tables);
            let codes = vec![0xff; dimension / 8];
            let told = steps.base + f32::from(sum_block(&codes, 1, &tables)[0]) * steps.step;
            let exact = (dimension / 4) as f32;
            assert!((told - exact).abs() <= steps.slack, "{dimension}: {told}");
            steps.slack
        };
        assert!(slack_of(4 * MAX_TABLES).is_finite());
        assert_eq!(slack_of(300_000), f32::INFINITY);
    }

    #[test]
    fn hopeless_queries_tell_so() {
        let mut tables = vec![1; 32];
        assert_eq!(
            fill_tables(&list_subsets(&[0.0; 8]).unwrap(), &mut tables).slack,
            0.0
        );
        assert_eq!(
            fill_tables(&list_subsets(&[f32::MAX; 8]).unwrap(), &mut tables).slack,
            f32::INFINITY
        );
    }
}
