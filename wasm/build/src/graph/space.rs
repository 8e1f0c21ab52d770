//! Rows a graph is built over, and how far two of them are apart. Distances are kept as whole numbers of the same order.

use super::codes::{dot_codes, dot_widened, sum_codes, sum_squares, widen};
use lancelet_common::error::{try_with_capacity, try_zeroed, KernelError, Result};
use lancelet_common::graph::{key_of, value_of};
use lancelet_common::simd::{dot, hamming, squared_l2};

/// Rows that can be compared with one of them, the target, and with each other.
pub trait Space {
    /// Makes `row` the target.
    fn aim(&mut self, row: u32);

    /// Distance of `row` to the target, as an ordered number.
    fn to_target(&self, row: u32) -> u32;

    fn between(&self, a: u32, b: u32) -> u32;

    /// The distance an ordered number stands for.
    fn distance(&self, key: u32) -> f32;

    /// The rows as the host writes them, up to `end` bytes of them: taken into use piece by piece, since clearing much
    /// memory takes long.
    fn take_bytes(&mut self, end: usize) -> &mut [u8];

    /// Whole rows that are in use.
    fn count_rows(&self) -> usize;

    /// Begins to read a row that is compared soon: reads of several then overlap.
    fn touch(&self, row: u32);

    /// What is computed once of a row, after it was written.
    fn prepare(&mut self, _row: u32) {}

    /// Reads the values of a row; `false` where it is not made of values.
    fn read_values(&self, _row: u32, _values: &mut Vec<f32>) -> bool {
        false
    }
}

/// Bytes that memory gives at once.
const LINE: usize = 64;

#[inline(always)]
fn touch_values<T: Copy>(values: &[T]) {
    for value in values.iter().step_by(LINE / core::mem::size_of::<T>()) {
        // SAFETY: it is a value of the slice; the read is kept although nothing takes it.
        unsafe { core::ptr::read_volatile(value) };
    }
}

/// Rows of 32-bit floats under l2 or dot.
pub struct Floats {
    values: Vec<f32>,
    dimension: usize,
    is_dot: bool,
    target: Vec<f32>,
}

impl Floats {
    pub fn new(num_rows: usize, dimension: usize, is_dot: bool) -> Result<Floats> {
        Ok(Floats {
            values: try_with_capacity(count(num_rows, dimension)?)?,
            dimension,
            is_dot,
            target: try_zeroed(dimension)?,
        })
    }

    #[inline(always)]
    fn row(&self, row: u32) -> &[f32] {
        let start = row as usize * self.dimension;
        &self.values[start..start + self.dimension]
    }

    #[inline(always)]
    fn compare(&self, a: &[f32], b: &[f32]) -> u32 {
        key_of(if self.is_dot {
            1.0 - dot(a, b)
        } else {
            squared_l2(a, b)
        })
    }
}

impl Space for Floats {
    fn aim(&mut self, row: u32) {
        let start = row as usize * self.dimension;
        self.target
            .copy_from_slice(&self.values[start..start + self.dimension]);
    }

    #[inline(always)]
    fn to_target(&self, row: u32) -> u32 {
        self.compare(&self.target, self.row(row))
    }

    #[inline(always)]
    fn between(&self, a: u32, b: u32) -> u32 {
        self.compare(self.row(a), self.row(b))
    }

    fn distance(&self, key: u32) -> f32 {
        value_of(key)
    }

    fn count_rows(&self) -> usize {
        self.values.len() / self.dimension
    }

    #[inline(always)]
    fn touch(&self, row: u32) {
        touch_values(self.row(row));
    }

    fn read_values(&self, row: u32, values: &mut Vec<f32>) -> bool {
        values.clear();
        values.extend_from_slice(self.row(row));
        true
    }

    fn take_bytes(&mut self, end: usize) -> &mut [u8] {
        take(&mut self.values, end.div_ceil(4));
        let (pointer, length) = (self.values.as_mut_ptr(), self.values.len());
        // SAFETY: any bytes are floats, and these are borrowed for as long.
        unsafe { core::slice::from_raw_parts_mut(pointer.cast(), length * 4) }
    }
}

/// Rows of bits, eight a byte, under hamming.
pub struct Bits {
    values: Vec<u8>,
    width: usize,
    target: Vec<u8>,
}

impl Bits {
    pub fn new(num_rows: usize, width: usize) -> Result<Bits> {
        Ok(Bits {
            values: try_with_capacity(count(num_rows, width)?)?,
            width,
            target: try_zeroed(width)?,
        })
    }

    #[inline(always)]
    fn row(&self, row: u32) -> &[u8] {
        let start = row as usize * self.width;
        &self.values[start..start + self.width]
    }
}

impl Space for Bits {
    fn aim(&mut self, row: u32) {
        let start = row as usize * self.width;
        self.target
            .copy_from_slice(&self.values[start..start + self.width]);
    }

    #[inline(always)]
    fn to_target(&self, row: u32) -> u32 {
        hamming(&self.target, self.row(row)) as u32
    }

    #[inline(always)]
    fn between(&self, a: u32, b: u32) -> u32 {
        hamming(self.row(a), self.row(b)) as u32
    }

    fn distance(&self, key: u32) -> f32 {
        key as f32
    }

    fn count_rows(&self) -> usize {
        self.values.len() / self.width
    }

    #[inline(always)]
    fn touch(&self, row: u32) {
        touch_values(self.row(row));
    }

    fn take_bytes(&mut self, end: usize) -> &mut [u8] {
        take(&mut self.values, end);
        &mut self.values
    }
}

/// Sums of products of codes fit 31 bits up to here.
pub const MAX_CODES: usize = 32_768;

/// Rows of 8-bit scalar codes under l2, in whole numbers: |a|² + |b|² − 2 a·b, with the squares summed once.
pub struct CodesL2 {
    codes: Vec<u8>,
    dimension: usize,
    scale: f32,
    squares: Vec<u32>,
    target: Vec<i16>,
    target_square: u32,
}

impl CodesL2 {
    pub fn new(num_rows: usize, dimension: usize, scale: f32) -> Result<CodesL2> {
        check_codes(dimension)?;
        Ok(CodesL2 {
            codes: try_with_capacity(count(num_rows, dimension)?)?,
            dimension,
            scale,
            squares: try_zeroed(num_rows)?,
            target: try_zeroed(dimension)?,
            target_square: 0,
        })
    }

    #[inline(always)]
    fn row(&self, row: u32) -> &[u8] {
        let start = row as usize * self.dimension;
        &self.codes[start..start + self.dimension]
    }
}

impl Space for CodesL2 {
    fn aim(&mut self, row: u32) {
        let start = row as usize * self.dimension;
        widen(&self.codes[start..start + self.dimension], &mut self.target);
        self.target_square = self.squares[row as usize];
    }

    #[inline(always)]
    fn to_target(&self, row: u32) -> u32 {
        let product = dot_widened(&self.target, self.row(row));
        self.target_square + self.squares[row as usize] - 2 * product
    }

    #[inline(always)]
    fn between(&self, a: u32, b: u32) -> u32 {
        let product = dot_codes(self.row(a), self.row(b));
        self.squares[a as usize] + self.squares[b as usize] - 2 * product
    }

    fn distance(&self, key: u32) -> f32 {
        key as f32 * self.scale
    }

    fn count_rows(&self) -> usize {
        self.codes.len() / self.dimension
    }

    #[inline(always)]
    fn touch(&self, row: u32) {
        touch_values(self.row(row));
    }

    fn read_values(&self, row: u32, values: &mut Vec<f32>) -> bool {
        values.clear();
        values.extend(self.row(row).iter().map(|&code| f32::from(code)));
        true
    }

    fn take_bytes(&mut self, end: usize) -> &mut [u8] {
        take(&mut self.codes, end);
        &mut self.codes
    }

    fn prepare(&mut self, row: u32) {
        self.squares[row as usize] = sum_squares(self.row(row));
    }
}

/// Rows of 8-bit scalar codes under dot: of the values `start` + `step` × code that they stand for.
pub struct CodesDot {
    codes: Vec<u8>,
    dimension: usize,
    /// dimension × start².
    constant: f64,
    /// start × step.
    linear: f64,
    /// step².
    square: f64,
    sums: Vec<u32>,
    target: Vec<i16>,
    target_sum: u32,
}

impl CodesDot {
    pub fn new(num_rows: usize, dimension: usize, start: f64, step: f64) -> Result<CodesDot> {
        check_codes(dimension)?;
        Ok(CodesDot {
            codes: try_with_capacity(count(num_rows, dimension)?)?,
            dimension,
            constant: dimension as f64 * start * start,
            linear: start * step,
            square: step * step,
            sums: try_zeroed(num_rows)?,
            target: try_zeroed(dimension)?,
            target_sum: 0,
        })
    }

    #[inline(always)]
    fn row(&self, row: u32) -> &[u8] {
        let start = row as usize * self.dimension;
        &self.codes[start..start + self.dimension]
    }

    #[inline(always)]
    fn join(&self, product: u32, sums: u32) -> u32 {
        let dot = self.constant + self.linear * f64::from(sums) + self.square * f64::from(product);
        key_of((1.0 - dot) as f32)
    }
}

impl Space for CodesDot {
    fn aim(&mut self, row: u32) {
        let start = row as usize * self.dimension;
        widen(&self.codes[start..start + self.dimension], &mut self.target);
        self.target_sum = self.sums[row as usize];
    }

    #[inline(always)]
    fn to_target(&self, row: u32) -> u32 {
        let product = dot_widened(&self.target, self.row(row));
        self.join(product, self.target_sum + self.sums[row as usize])
    }

    #[inline(always)]
    fn between(&self, a: u32, b: u32) -> u32 {
        let product = dot_codes(self.row(a), self.row(b));
        self.join(product, self.sums[a as usize] + self.sums[b as usize])
    }

    fn distance(&self, key: u32) -> f32 {
        value_of(key)
    }

    fn count_rows(&self) -> usize {
        self.codes.len() / self.dimension
    }

    #[inline(always)]
    fn touch(&self, row: u32) {
        touch_values(self.row(row));
    }

    fn read_values(&self, row: u32, values: &mut Vec<f32>) -> bool {
        values.clear();
        values.extend(self.row(row).iter().map(|&code| f32::from(code)));
        true
    }

    fn take_bytes(&mut self, end: usize) -> &mut [u8] {
        take(&mut self.codes, end);
        &mut self.codes
    }

    fn prepare(&mut self, row: u32) {
        self.sums[row as usize] = sum_codes(self.row(row));
    }
}

/// Lengthens to `length` values, within the room that was reserved.
fn take<T: Copy + Default>(values: &mut Vec<T>, length: usize) {
    let length = length.min(values.capacity());
    if length > values.len() {
        values.resize(length, T::default());
    }
}

fn count(num_rows: usize, width: usize) -> Result<usize> {
    if width == 0 {
        return Err(KernelError::Invalid("a vector without dimensions"));
    }
    num_rows
        .checked_mul(width)
        .ok_or(KernelError::Invalid("more values than memory holds"))
}

fn check_codes(dimension: usize) -> Result<()> {
    if dimension > MAX_CODES {
        return Err(KernelError::Unsupported(
            "a graph over vectors of more than 32768 scalar codes",
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_compared_as_what_they_stand_for() {
        let dimension = 37;
        let codes: Vec<u8> = (0..3 * dimension).map(|i| (i * 89 % 256) as u8).collect();
        let (start, step) = (-1.5, 0.0125);
        let mut l2 = CodesL2::new(3, dimension, 0.25).unwrap();
        let mut product = CodesDot::new(3, dimension, start, step).unwrap();
        l2.take_bytes(codes.len()).copy_from_slice(&codes);
        product.take_bytes(codes.len()).copy_from_slice(&codes);
        for row in 0..3 {
            l2.prepare(row);
            product.prepare(row);
        }
        for a in 0..3u32 {
            l2.aim(a);
            product.aim(a);
            for b in 0..3u32 {
                let rows = |row: u32| &codes[row as usize * dimension..][..dimension];
                let squared: u32 = rows(a)
                    .iter()
                    .zip(rows(b))
                    .map(|(&a, &b)| u32::from(a.abs_diff(b)).pow(2))
                    .sum();
                assert_eq!(l2.to_target(b), squared);
                assert_eq!(l2.between(a, b), squared);
                assert_eq!(l2.distance(squared), squared as f32 * 0.25);
                let value = |code: u8| start + step * f64::from(code);
                let dot: f64 = rows(a)
                    .iter()
                    .zip(rows(b))
                    .map(|(&a, &b)| value(a) * value(b))
                    .sum();
                assert_eq!(product.to_target(b), product.between(a, b));
                let distance = product.distance(product.to_target(b));
                assert!((f64::from(distance) - (1.0 - dot)).abs() < 1e-4);
            }
        }
    }
}
