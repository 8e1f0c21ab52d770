use super::tables::{fill_shared_tables, fill_tables, list_subsets, Steps};
use lancelet_common::error::{try_zeroed, KernelError, Result};
use lancelet_common::rabit::{Rotation, EX_BLOCK};

/// Numbers in front of a prepared query: the sum of its values, the [`Steps`] of both its tables, and whether the second
/// ones mean anything.
const HEADER: usize = 8;

fn padded(dimension: usize) -> usize {
    dimension.next_multiple_of(EX_BLOCK)
}

/// Bytes of a prepared query: numbers, the rotated values filled up to whole blocks, and two tables of 16 bytes for
/// every four values.
pub fn query_bytes(dimension: usize) -> usize {
    4 * (HEADER + padded(dimension)) + 8 * dimension
}

/// A query, rotated, and its tables.
pub struct Query<'a> {
    /// Σ of the values.
    pub sum: f32,
    pub steps: Steps,
    /// Filled up with zeroes to whole blocks.
    pub values: &'a [f32],
    pub tables: &'a [u8],
    /// Those of native's `normal` mode, where there are any.
    pub shared: Option<(Steps, &'a [u8])>,
}

impl<'a> Query<'a> {
    pub fn view(bytes: &'a [u8], dimension: usize) -> Result<Query<'a>> {
        if bytes.len() != query_bytes(dimension) {
            return Err(KernelError::Invalid("a query of another dimension"));
        }
        let (numbers, tables) = bytes.split_at(4 * (HEADER + padded(dimension)));
        // SAFETY: any bits are an f32; only what is aligned is taken.
        let (before, numbers, after) = unsafe { numbers.align_to::<f32>() };
        let (&[sum, a, b, c, d, e, f, has_shared], values) =
            (match (before, numbers.split_first_chunk::<HEADER>(), after) {
                ([], Some(parts), []) => Ok(parts),
                _ => Err(KernelError::Invalid("a misaligned query")),
            })?;
        let steps = |base, step, slack| Steps { base, step, slack };
        let (tables, shared) = tables.split_at(4 * dimension);
        Ok(Query {
            sum,
            steps: steps(a, b, c),
            values,
            tables,
            shared: (has_shared == 1.0).then_some((steps(d, e, f), shared)),
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
    let (tables, shared) = tables.split_at_mut(4 * dimension);
    let subsets = list_subsets(&values[..dimension])?;
    let steps = fill_tables(&subsets, tables);
    let others = fill_shared_tables(&subsets, shared);
    let has_shared = if others.is_some() { 1.0 } else { 0.0 };
    let others = others.unwrap_or(steps);
    let header = [
        values.iter().sum(),
        steps.base,
        steps.step,
        steps.slack,
        others.base,
        others.step,
        others.slack,
        has_shared,
    ];
    for (four, number) in numbers
        .chunks_exact_mut(4)
        .zip(header.iter().chain(&values))
    {
        four.copy_from_slice(&number.to_le_bytes());
    }
    Ok(())
}
