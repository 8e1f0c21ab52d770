use super::tables::{fill_tables, Steps};
use lancelet_common::error::{try_zeroed, KernelError, Result};
use lancelet_common::rabit::{Rotation, EX_BLOCK};

/// Numbers in front of a prepared query: the sum of its values, and [`Steps`].
const HEADER: usize = 4;

fn padded(dimension: usize) -> usize {
    dimension.next_multiple_of(EX_BLOCK)
}

/// Bytes of a prepared query: numbers, the rotated values filled up to whole blocks, and a table of 16 bytes for every
/// four values.
pub fn query_bytes(dimension: usize) -> usize {
    4 * (HEADER + padded(dimension)) + 4 * dimension
}

/// A query, rotated, and its tables.
pub struct Query<'a> {
    /// Σ of the values.
    pub sum: f32,
    pub steps: Steps,
    /// Filled up with zeroes to whole blocks.
    pub values: &'a [f32],
    pub tables: &'a [u8],
}

impl<'a> Query<'a> {
    pub fn view(bytes: &'a [u8], dimension: usize) -> Result<Query<'a>> {
        if bytes.len() != query_bytes(dimension) {
            return Err(KernelError::Invalid("a query of another dimension"));
        }
        let (numbers, tables) = bytes.split_at(4 * (HEADER + padded(dimension)));
        // SAFETY: any bits are an f32; only what is aligned is taken.
        let (before, numbers, after) = unsafe { numbers.align_to::<f32>() };
        let ([], &[sum, base, step, slack, ref values @ ..], []) = (before, numbers, after) else {
            return Err(KernelError::Invalid("a misaligned query"));
        };
        Ok(Query {
            sum,
            steps: Steps { base, step, slack },
            values,
            tables,
        })
    }
}

/// Rotates a query and writes it into `output`, of [`query_bytes`] bytes.
pub fn prepare_query(rotation: &Rotation, query: &[f32], output: &mut [u8]) -> Result<()> {
    let dimension = query.len();
    if output.len() != query_bytes(dimension) {
        return Err(KernelError::Invalid("a query buffer of another length"));
    }
    let mut values = try_zeroed::<f32>(padded(dimension))?;
    rotation.apply(query, &mut values[..dimension]);
    let (numbers, tables) = output.split_at_mut(4 * (HEADER + values.len()));
    let steps = fill_tables(&values[..dimension], tables);
    let header = [values.iter().sum(), steps.base, steps.step, steps.slack];
    for (four, number) in numbers
        .chunks_exact_mut(4)
        .zip(header.iter().chain(&values))
    {
        four.copy_from_slice(&number.to_le_bytes());
    }
    Ok(())
}
