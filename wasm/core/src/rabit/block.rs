use lancelet_common::error::{try_zeroed, Result};
use lancelet_common::rabit::RowLayout;

/// Rows whose codes lie side by side; the last block of a partition may have fewer.
pub const BLOCK_ROWS: usize = 32;

/// Rows as a scan takes them: the first bytes of all codes, the second ones, …; the factors, one kind after another; the
/// codes beyond the sign row by row, and their factors. As many bytes as the rows had.
pub struct Block<'a> {
    pub num_rows: usize,
    /// All of it: codes, and what lies behind them.
    pub bytes: &'a [u8],
    pub codes: &'a [u8],
    factors: &'a [u8],
    pub ex_codes: &'a [u8],
    ex_factors: &'a [u8],
}

impl<'a> Block<'a> {
    /// @param bytes of `num_rows` rows of the layout
    pub fn new(layout: &RowLayout, bytes: &'a [u8]) -> Block<'a> {
        let num_rows = bytes.len() / layout.row_bytes();
        let (codes, rest) = bytes.split_at(num_rows * layout.code_bytes());
        let (factors, rest) = rest.split_at(num_rows * 4 * layout.num_factors());
        let (ex_codes, ex_factors) = rest.split_at(num_rows * layout.ex_bytes());
        Block {
            num_rows,
            bytes,
            codes,
            factors,
            ex_codes,
            ex_factors,
        }
    }

    /// Add, scale and error factors are kinds 0, 1 and 2.
    pub fn factors(&self, kind: usize) -> &'a [u8] {
        &self.factors[4 * kind * self.num_rows..4 * (kind + 1) * self.num_rows]
    }

    #[inline(always)]
    pub fn factor(&self, kind: usize, row: usize) -> f32 {
        read(self.factors, kind * self.num_rows + row)
    }

    #[inline(always)]
    pub fn ex_factor(&self, kind: usize, row: usize) -> f32 {
        read(self.ex_factors, kind * self.num_rows + row)
    }
}

#[inline(always)]
fn read(bytes: &[u8], index: usize) -> f32 {
    bytes
        .get(4 * index..4 * index + 4)
        .and_then(|four| four.try_into().ok())
        .map_or(f32::NAN, f32::from_le_bytes)
}

/// Rearranges the rows of a whole partition into blocks, in place.
pub fn arrange_rows(layout: &RowLayout, values: &mut [u8]) -> Result<()> {
    let row_bytes = layout.row_bytes();
    let mut copy = try_zeroed::<u8>(BLOCK_ROWS * row_bytes)?;
    for block in values.chunks_mut(BLOCK_ROWS * row_bytes) {
        let rows = &mut copy[..block.len()];
        rows.copy_from_slice(block);
        arrange_block(layout, rows, block);
    }
    Ok(())
}

fn arrange_block(layout: &RowLayout, rows: &[u8], block: &mut [u8]) {
    let row_bytes = layout.row_bytes();
    let num_rows = rows.len() / row_bytes;
    // Width of an item, and how many of it a row has.
    let columns = [
        (1, layout.code_bytes()),
        (4, layout.num_factors()),
        (layout.ex_bytes().max(1), usize::from(layout.ex_bits > 0)),
        (4, layout.num_ex_factors()),
    ];
    let (mut from, mut to) = (0, 0);
    for (width, count) in columns {
        for item in 0..count {
            for (row, bytes) in rows.chunks_exact(row_bytes).enumerate() {
                let source = &bytes[from + item * width..][..width];
                block[to + row * width..][..width].copy_from_slice(source);
            }
            to += num_rows * width;
        }
        from += count * width;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_finds_its_place() {
        for bits in [1, 4] {
            let layout = RowLayout::new(24, bits, true).unwrap();
            let width = layout.row_bytes();
            let rows: Vec<u8> = (0..40 * width).map(|i| (i % 251) as u8).collect();
            let mut values = rows.clone();
            arrange_rows(&layout, &mut values).unwrap();
            for (row, bytes) in rows.chunks_exact(width).enumerate() {
                let start = row / 32 * 32;
                let block = Block::new(
                    &layout,
                    &values[start * width..(start + 32).min(40) * width],
                );
                let at = row - start;
                for (byte, value) in bytes.iter().take(3).enumerate() {
                    assert_eq!(block.codes[byte * block.num_rows + at], *value);
                }
                for kind in 0..3 {
                    let expected =
                        f32::from_le_bytes(bytes[3 + 4 * kind..][..4].try_into().unwrap());
                    assert_eq!(block.factor(kind, at).to_bits(), expected.to_bits());
                }
                if bits == 4 {
                    assert_eq!(block.ex_codes[at * 24..][..24], bytes[15..39]);
                    let expected = f32::from_le_bytes(bytes[43..47].try_into().unwrap());
                    assert_eq!(block.ex_factor(1, at).to_bits(), expected.to_bits());
                }
            }
        }
    }
}
