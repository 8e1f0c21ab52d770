use super::block::Block;
use super::compare::compute_distance;
use super::*;
use crate::search::BestK;
use lancelet_common::rabit::pack_ex_codes;

struct Random(u32);

impl Random {
    fn next(&mut self) -> u32 {
        self.0 = self.0.wrapping_mul(1664525).wrapping_add(1013904223);
        self.0 >> 8
    }

    fn float(&mut self) -> f32 {
        self.next() as f32 / (1 << 23) as f32 - 1.0
    }

    fn bytes(&mut self, count: usize) -> Vec<u8> {
        (0..count).map(|_| self.next() as u8).collect()
    }
}

struct Partition {
    layout: RowLayout,
    rows: Vec<u8>,
    /// The same in blocks.
    blocks: Vec<u8>,
    /// Codes of all bits, as whole numbers.
    codes: Vec<u16>,
    row_ids: Vec<u64>,
}

/// Rows whose error factors are all `error`.
fn draw_partition(
    layout: RowLayout,
    num_rows: usize,
    error: f32,
    random: &mut Random,
) -> Partition {
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
            put(error);
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
    let mut blocks = rows.clone();
    arrange_rows(&layout, &mut blocks).unwrap();
    Partition {
        layout,
        rows,
        blocks,
        codes: all,
        row_ids: (0..num_rows as u64).map(|row| row * 3).collect(),
    }
}

impl Partition {
    fn len(&self) -> usize {
        self.row_ids.len()
    }

    /// The row's block, and its place there.
    fn find_block(&self, row: usize) -> (Block<'_>, usize) {
        let (start, width) = (row / BLOCK_ROWS * BLOCK_ROWS, self.layout.row_bytes());
        let end = self.len().min(start + BLOCK_ROWS);
        let bytes = &self.blocks[start * width..end * width];
        (Block::new(&self.layout, bytes), row - start)
    }

    /// The formula of the index page, in f64.
    fn compute_plainly(&self, row: usize, turned: &[f32], numbers: &[f32], mode: Mode) -> f64 {
        let layout = &self.layout;
        let bytes = &self.rows[row * layout.row_bytes()..(row + 1) * layout.row_bytes()];
        let factor =
            |at: usize| f64::from(f32::from_le_bytes(bytes[at..at + 4].try_into().unwrap()));
        let x = if mode == Mode::Fast {
            0
        } else {
            layout.ex_bits
        };
        let codes = &self.codes[row * layout.dimension..(row + 1) * layout.dimension];
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

    /// What a scan finds in two pieces, of which the second starts on a block.
    fn scan(
        &self,
        query: &Query,
        estimate: &Estimate,
        mask: Option<&[u8]>,
        range: Range,
        k: usize,
    ) -> Vec<(f32, u64)> {
        let mut best = BestK::new(k);
        let first = self.len().min(2 * BLOCK_ROWS);
        let (front, back) = self.blocks.split_at(first * self.layout.row_bytes());
        let (front_ids, back_ids) = self.row_ids.split_at(first);
        let masks = mask.map(|mask| mask.split_at(first / 8));
        for (values, row_ids, mask) in [
            (front, front_ids, masks.map(|masks| masks.0)),
            (back, back_ids, masks.map(|masks| masks.1)),
        ] {
            let rows = Rows {
                values,
                row_ids,
                mask,
            };
            scan_blocks(&mut best, &self.layout, query, estimate, &rows, range).unwrap();
        }
        best.take_sorted()
    }
}

/// A prepared query, in words, so that its bytes are aligned.
struct Prepared(Vec<u64>, usize);

impl Prepared {
    fn new(query: &[f32], signs: &[u8]) -> Prepared {
        let bytes = query_bytes(query.len());
        let mut words = vec![0u64; bytes.div_ceil(8)];
        let rotation = Rotation::fast(signs, query.len()).unwrap();
        // SAFETY: the words hold as many bytes.
        let output = unsafe { core::slice::from_raw_parts_mut(words.as_mut_ptr().cast(), bytes) };
        prepare_query(&rotation, query, output).unwrap();
        Prepared(words, query.len())
    }

    fn view(&self) -> Query<'_> {
        // SAFETY: as above.
        let bytes = unsafe {
            core::slice::from_raw_parts(self.0.as_ptr().cast::<u8>(), query_bytes(self.1))
        };
        Query::view(bytes, self.1).unwrap()
    }
}

const ALL: [f64; 2] = [f64::NAN, f64::NAN];
const NUMBERS: [f32; 5] = [0.7, 1.2, 0.3, 2.0, 1.0];

/// How far a distance may be off by the tables that decide it: scale factors are at most 0.2 and 0.01.
fn bound_told(mode: Mode, query: &Query) -> f32 {
    match (mode, query.shared) {
        (Mode::Accurate, _) | (_, None) => 0.0,
        (Mode::Fast, Some((steps, _))) => 0.14 * steps.slack,
        (_, Some((steps, _))) => (0.007 * 256.0f32).max(0.14) * steps.slack,
    }
}

#[test]
fn the_best_are_those_of_the_formula() {
    let mut random = Random(17);
    for bits in 1..=9 {
        for (dimension, has_errors) in [(72, true), (128, false), (8, true)] {
            let layout = RowLayout::new(dimension, bits, has_errors).unwrap();
            // Bounds that always hold.
            let partition = draw_partition(layout, 301, 1e9, &mut random);
            let signs = random.bytes(Rotation::sign_bytes(dimension));
            let query: Vec<f32> = (0..dimension).map(|_| random.float()).collect();
            let prepared = Prepared::new(&query, &signs);
            let query = prepared.view();
            let mask: Vec<u8> = (0..38)
                .map(|i| if i % 5 == 0 { 1 } else { random.next() as u8 })
                .collect();
            let masked = Some(mask.as_slice());
            for (mode, mask, range) in [
                (Mode::Accurate, None, ALL),
                (Mode::Accurate, masked, [2.5, 3.2]),
                (Mode::Normal, masked, [f64::NAN, 3.3]),
                (Mode::Fast, None, [f64::NAN, 3.3]),
            ] {
                let estimate = Estimate::new(&NUMBERS, mode);
                let range = Range::new(range[0], range[1]);
                // Every row, one by one.
                let mut all = BestK::new(20);
                for row in 0..partition.len() {
                    let (block, at) = partition.find_block(row);
                    let distance =
                        compute_distance(&layout, &query, &estimate, (&block, at), f32::INFINITY);
                    let turned = &query.values[..dimension];
                    let exact = partition.compute_plainly(row, turned, &NUMBERS, mode);
                    let error = (f64::from(distance) - exact).abs();
                    let slack = f64::from(bound_told(mode, &query));
                    assert!(
                        error < 1e-3 * exact.abs().max(1.0) + slack,
                        "{bits} bits, {dimension}, {mode:?}: {distance} {exact}"
                    );
                    if mask.is_none_or(|mask| mask[row / 8] >> (row % 8) & 1 == 1)
                        && range.contains(distance)
                    {
                        all.offer(distance, partition.row_ids[row]).unwrap();
                    }
                }
                let found = partition.scan(&query, &estimate, mask, range, 20);
                assert_eq!(found, all.take_sorted());
            }
        }
    }
}

#[test]
fn an_error_bound_shuts_rows_out() {
    let layout = RowLayout::new(8, 2, true).unwrap();
    // No error at all: rows whose signs alone are too far are not looked at.
    let partition = draw_partition(layout, 40, 0.0, &mut Random(3));
    let prepared = Prepared::new(&[0.5; 8], &[0x5a; 4]);
    let (query, estimate) = (
        prepared.view(),
        Estimate::new(&[1.0, 1.0, 0.0, 100.0, 1.0], Mode::Accurate),
    );
    let range = Range::new(f64::NAN, 50.0);
    assert_eq!(partition.scan(&query, &estimate, None, range, 5), []);
}

#[test]
fn factors_that_are_no_numbers_leave_out_their_row_alone() {
    let layout = RowLayout::new(16, 3, true).unwrap();
    let mut random = Random(11);
    let mut partition = draw_partition(layout, 64, 1e9, &mut random);
    // The first four rows have one such factor each, of every kind that decides.
    for (row, at) in [2, 6, 14 + 16, 14 + 20].into_iter().enumerate() {
        let start = row * layout.row_bytes() + at;
        partition.rows[start..start + 4].copy_from_slice(&f32::NAN.to_le_bytes());
    }
    partition.blocks = partition.rows.clone();
    arrange_rows(&layout, &mut partition.blocks).unwrap();
    let prepared = Prepared::new(&[0.25; 16], &random.bytes(8));
    let (query, estimate) = (prepared.view(), Estimate::new(&NUMBERS, Mode::Accurate));
    let found = partition.scan(&query, &estimate, None, Range::new(ALL[0], ALL[1]), 64);
    assert!(found.iter().all(|(distance, _)| !distance.is_nan()));
    let ids: Vec<u64> = found.iter().map(|&(_, id)| id).collect();
    assert!((4..64).all(|row| ids.contains(&(row * 3))));
}
