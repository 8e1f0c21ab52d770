use super::heap::BestK;
use super::{scan_rows, Range, Rows, TopK};
use crate::distance::{count_values, RowQuery};
use crate::product::{ByteTable, ProductCodebook, ProductQuery, BLOCK_ROWS};
use lancelet_common::error::Result;
use lancelet_common::memory::view;
use wasm_bindgen::prelude::wasm_bindgen;

#[wasm_bindgen]
impl TopK {
    /// As `scanFlat`, over product codes, by the query the codebook was prepared for.
    #[allow(clippy::too_many_arguments)]
    #[wasm_bindgen(js_name = scanProductCodes)]
    pub fn scan_product_codes(
        &mut self,
        codebook: &ProductCodebook,
        codes: usize,
        row_ids: usize,
        num_rows: usize,
        mask: usize,
        lower: f64,
        upper: f64,
    ) -> Result<()> {
        let mut query = codebook.codebook().query();
        let values = count_values(num_rows, query.width())?;
        let rows = Rows {
            vectors: codes,
            row_ids,
            num_rows,
            mask,
        };
        // SAFETY: the typed face passes live buffers that it does not touch during the call.
        let (codes, row_ids, mask) = unsafe {
            (
                view::<u8>(rows.vectors, values)?,
                view::<u64>(rows.row_ids, num_rows)?,
                match rows.mask {
                    0 => None,
                    _ => Some(view::<u8>(rows.mask, num_rows.div_ceil(8))?),
                },
            )
        };
        let range = Range::new(lower, upper);
        let best = &mut self.best;
        match codebook.bytes() {
            Some(bytes) => scan_blocks(best, query, bytes, codes, row_ids, mask, range),
            None => scan_rows(best, &mut query, codes, row_ids, mask, range),
        }
    }
}

/// As `scan_rows`. Rows that cannot be among the best are left out by their sums of bytes; the
/// distance of each other one is that of the tables.
pub fn scan_blocks(
    best: &mut BestK,
    mut query: ProductQuery,
    bytes: &ByteTable,
    codes: &[u8],
    row_ids: &[u64],
    mask: Option<&[u8]>,
    range: Range,
) -> Result<()> {
    let num_blocks = row_ids.len() / BLOCK_ROWS;
    let width = query.width();
    let block_bytes = width * BLOCK_ROWS;
    let (blocks, rest) = codes.split_at(num_blocks * block_bytes);
    let mut threshold = f32::NAN;
    let mut cutoff = 0;
    for i in 0..num_blocks {
        let wanted = match mask {
            Some(mask) => u32::from(mask[2 * i]) | u32::from(mask[2 * i + 1]) << 8,
            None => 0xffff,
        };
        if wanted == 0 {
            continue;
        }
        let block = &blocks[i * block_bytes..(i + 1) * block_bytes];
        if threshold.to_bits() != best.threshold().to_bits() {
            threshold = best.threshold();
            cutoff = bytes.cutoff(range.limit(threshold));
        }
        let mut found = bytes.find_within(block, cutoff) & wanted;
        while found != 0 {
            let row = found.trailing_zeros() as usize;
            found &= found - 1;
            let distance = query.distance(&block[row * width..(row + 1) * width]);
            if range.contains(distance) {
                best.offer(distance, row_ids[i * BLOCK_ROWS + row])?;
            }
        }
    }
    let row_ids = &row_ids[num_blocks * BLOCK_ROWS..];
    let mask = mask.map(|mask| &mask[num_blocks * BLOCK_ROWS / 8..]);
    scan_rows(best, &mut query, rest, row_ids, mask, range)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::product::{Codebook, Terms};
    use lancelet_common::product::Shape;

    fn draw(state: &mut u32) -> f32 {
        *state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (*state >> 8) as f32 / (1 << 24) as f32
    }

    #[test]
    fn rows_and_blocks_give_the_distances_of_their_decoded_vectors() {
        let mut state = 5;
        for (num_sub_vectors, bits, width) in [(5, 8, 3), (6, 4, 2), (96, 4, 4), (48, 8, 8)] {
            for terms in [Terms::L2, Terms::Dot] {
                let k = 1 << bits;
                let mut random = |count: usize| -> Vec<f32> {
                    (0..count).map(|_| draw(&mut state) * 2.0 - 1.0).collect()
                };
                let centroids = random(num_sub_vectors * k * width);
                let dimension = num_sub_vectors * width;
                let vector = random(dimension);
                let shape = Shape::new(dimension, num_sub_vectors, bits).unwrap();
                let mut codebook = Codebook::new(terms, shape, &centroids).unwrap();
                let row_bytes = shape.row_bytes();
                let num_rows = 16 * 20 + 7;
                let codes: Vec<u8> = random(num_rows * row_bytes)
                    .iter()
                    .map(|value| ((value + 1.0) * 128.0) as u8)
                    .collect();
                let row_ids: Vec<u64> = (0..num_rows as u64).rev().collect();
                let mask: Vec<u8> = random(num_rows.div_ceil(8))
                    .iter()
                    .map(|value| ((value + 1.0) * 128.0) as u8)
                    .collect();
                codebook.prepare(&vector).unwrap();
                let plain = |row: usize| -> f64 {
                    let mut sum = if terms == Terms::L2 { 0.0 } else { 1.0 };
                    for sub in 0..num_sub_vectors {
                        let byte = codes[row * row_bytes + sub * bits as usize / 8] as usize;
                        let code = byte >> (if bits == 4 { sub % 2 * 4 } else { 0 }) & (k - 1);
                        for j in 0..width {
                            let value = f64::from(vector[sub * width + j]);
                            let centroid = f64::from(centroids[(sub * k + code) * width + j]);
                            sum += match terms {
                                Terms::L2 => (value - centroid).powi(2),
                                Terms::Dot => -value * centroid,
                            };
                        }
                    }
                    sum
                };
                for (count, mask) in [(10, None), (1000, None), (12, Some(&mask[..]))] {
                    let scan = |range: Range, by_blocks: bool| -> Vec<(f32, u64)> {
                        let mut best = BestK::new(count);
                        let mut query = codebook.query();
                        if by_blocks {
                            let bytes = ByteTable::new(&codebook).unwrap().unwrap();
                            scan_blocks(&mut best, query, &bytes, &codes, &row_ids, mask, range)
                        } else {
                            scan_rows(&mut best, &mut query, &codes, &row_ids, mask, range)
                        }
                        .unwrap();
                        best.take_sorted()
                    };
                    let found = scan(Range::new(f64::NAN, f64::NAN), false);
                    let mut expected: Vec<(f64, u64)> = (0..num_rows)
                        .filter(|row| mask.is_none_or(|mask| mask[row / 8] >> (row % 8) & 1 == 1))
                        .map(|row| (plain(row), row_ids[row]))
                        .collect();
                    expected.sort_by(|a, b| a.0.total_cmp(&b.0));
                    expected.truncate(count);
                    assert_eq!(found.len(), expected.len());
                    for ((distance, _), (plain, _)) in found.iter().zip(&expected) {
                        assert!((f64::from(*distance) - plain).abs() < 1e-4);
                    }
                    if bits == 4 {
                        let middle = f64::from(found[found.len() / 2].0);
                        for range in [(f64::NAN, f64::NAN), (middle, f64::NAN), (f64::NAN, middle)]
                        {
                            let range = Range::new(range.0, range.1);
                            assert_eq!(scan(range, true), scan(range, false));
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn terms_that_are_no_numbers_leave_nothing_out() {
        let shape = Shape::new(2, 2, 4).unwrap();
        let mut codebook = Codebook::new(Terms::L2, shape, &[1.0; 32]).unwrap();
        codebook.prepare(&[f32::INFINITY, 0.0]).unwrap();
        assert!(ByteTable::new(&codebook).unwrap().is_none());
        codebook.prepare(&[1.0, 1.0]).unwrap();
        let bytes = ByteTable::new(&codebook).unwrap().unwrap();
        assert_eq!(bytes.cutoff(-1.0), -1);
        let mut best = BestK::new(3);
        let query = codebook.query();
        let row_ids: Vec<u64> = (0..16).collect();
        let range = Range::new(f64::NAN, f64::NAN);
        scan_blocks(&mut best, query, &bytes, &[0x21; 16], &row_ids, None, range).unwrap();
        assert_eq!(best.take_sorted(), [(0.0, 0), (0.0, 1), (0.0, 2)]);
    }
}
