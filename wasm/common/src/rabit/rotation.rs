//! Random rotations. The same bits on every host: plain additions, subtractions and products in a fixed order.

use crate::error::{KernelError, Result};
use crate::memory::{count_values, view};
use crate::simd::{dot, F32x4};

const ROUNDS: usize = 4;

/// A rotation of vectors of one dimension, a multiple of 8.
#[derive(Clone, Copy)]
pub enum Rotation<'a> {
    /// Four rounds of sign flips and Walsh–Hadamard transforms (RaBitQ library, FhtKacRotator). One bit a value and round.
    Fast(&'a [u8]),
    /// An orthogonal matrix, row by row.
    Dense(&'a [f32]),
}

impl<'a> Rotation<'a> {
    pub fn fast(signs: &'a [u8], dimension: usize) -> Result<Rotation<'a>> {
        if signs.len() != Self::sign_bytes(dimension) || !dimension.is_multiple_of(8) {
            return Err(KernelError::Invalid("signs of another dimension"));
        }
        Ok(Rotation::Fast(signs))
    }

    pub fn dense(matrix: &'a [f32], dimension: usize) -> Result<Rotation<'a>> {
        if dimension.checked_mul(dimension) != Some(matrix.len()) {
            return Err(KernelError::Invalid("a rotation of another dimension"));
        }
        Ok(Rotation::Dense(matrix))
    }

    /// The rotation in a host buffer: a matrix of f32 where it is dense, else signs.
    ///
    /// # Safety
    /// It must be a live host buffer that nothing writes while the rotation is used.
    pub unsafe fn view(is_dense: bool, pointer: usize, dimension: usize) -> Result<Rotation<'a>> {
        if is_dense {
            return Rotation::dense(
                view(pointer, count_values(dimension, dimension)?)?,
                dimension,
            );
        }
        Rotation::fast(view(pointer, Self::sign_bytes(dimension))?, dimension)
    }

    pub fn sign_bytes(dimension: usize) -> usize {
        ROUNDS * dimension.div_ceil(8)
    }

    /// Writes the rotated `input`, of equal length and not empty, into `output`.
    pub fn apply(&self, input: &[f32], output: &mut [f32]) {
        match self {
            Rotation::Fast(signs) => {
                output.copy_from_slice(input);
                rotate_fast(output, signs);
            }
            Rotation::Dense(matrix) => {
                for (value, row) in output.iter_mut().zip(matrix.chunks_exact(input.len())) {
                    *value = dot(row, input);
                }
            }
        }
    }
}

fn rotate_fast(values: &mut [f32], signs: &[u8]) {
    let dimension = values.len();
    let window = 1 << dimension.ilog2();
    let scale = 1.0 / (window as f32).sqrt();
    for (round, signs) in signs.chunks_exact(dimension.div_ceil(8)).enumerate() {
        flip(values, signs);
        let start = if round % 2 == 0 {
            0
        } else {
            dimension - window
        };
        let part = &mut values[start..start + window];
        transform(part);
        part.iter_mut().for_each(|value| *value *= scale);
        if window != dimension {
            // Both halves meet, so that what the window left out is mixed too.
            let (left, right) = values.split_at_mut(dimension / 2);
            cross(left, right);
        }
    }
    if window != dimension {
        // Each of the four crossings lengthened the vector by √2.
        values.iter_mut().for_each(|value| *value *= 0.25);
    }
}

/// The sign bit of each of four values whose bit is set in the number of the entry.
const FLIPS: [[u32; 4]; 16] = {
    let mut flips = [[0; 4]; 16];
    let mut bits = 0;
    while bits < 16 {
        let mut lane = 0;
        while lane < 4 {
            flips[bits][lane] = ((bits as u32 >> lane) & 1) << 31;
            lane += 1;
        }
        bits += 1;
    }
    flips
};

/// Changes the sign of each value whose bit is set.
fn flip(values: &mut [f32], signs: &[u8]) {
    for (eight, &byte) in values.chunks_exact_mut(8).zip(signs) {
        for (four, bits) in eight.chunks_exact_mut(4).zip([byte & 15, byte >> 4]) {
            for (value, mask) in four.iter_mut().zip(FLIPS[bits as usize]) {
                *value = f32::from_bits(value.to_bits() ^ mask);
            }
        }
    }
}

/// Sums and differences of two halves of equal length, a multiple of 4.
#[inline(always)]
fn cross(left: &mut [f32], right: &mut [f32]) {
    for (left, right) in left.chunks_exact_mut(4).zip(right.chunks_exact_mut(4)) {
        // SAFETY: both are of four values.
        unsafe {
            let (a, b) = (F32x4::load(left.as_ptr()), F32x4::load(right.as_ptr()));
            a.plus(b).store(left.as_mut_ptr());
            a.minus(b).store(right.as_mut_ptr());
        }
    }
}

/// Two turns of the transform at once: quarters of equal length, a multiple of 4, are read and written once.
#[inline(always)]
fn cross_twice(block: &mut [f32]) {
    let quarter = block.len() / 4;
    let (front, back) = block.split_at_mut(2 * quarter);
    let (a, b) = front.split_at_mut(quarter);
    let (c, d) = back.split_at_mut(quarter);
    let pairs = a.chunks_exact_mut(4).zip(b.chunks_exact_mut(4));
    let others = c.chunks_exact_mut(4).zip(d.chunks_exact_mut(4));
    for ((a, b), (c, d)) in pairs.zip(others) {
        // SAFETY: all are of four values.
        unsafe {
            let (va, vb) = (F32x4::load(a.as_ptr()), F32x4::load(b.as_ptr()));
            let (vc, vd) = (F32x4::load(c.as_ptr()), F32x4::load(d.as_ptr()));
            let (sum, difference) = (va.plus(vb), va.minus(vb));
            let (other_sum, other_difference) = (vc.plus(vd), vc.minus(vd));
            sum.plus(other_sum).store(a.as_mut_ptr());
            difference.plus(other_difference).store(b.as_mut_ptr());
            sum.minus(other_sum).store(c.as_mut_ptr());
            difference.minus(other_difference).store(d.as_mut_ptr());
        }
    }
}

/// The Walsh–Hadamard transform of a power of two of values, at least 8, not scaled. Every sum is of the same two values
/// as one turn after another would have it.
fn transform(values: &mut [f32]) {
    for four in values.chunks_exact_mut(4) {
        let (a, b) = (four[0] + four[1], four[0] - four[1]);
        let (c, d) = (four[2] + four[3], four[2] - four[3]);
        four.copy_from_slice(&[a + c, b + d, a - c, b - d]);
    }
    let mut half = 4;
    while 2 * half < values.len() {
        for block in values.chunks_exact_mut(4 * half) {
            cross_twice(block);
        }
        half *= 4;
    }
    if half < values.len() {
        let (left, right) = values.split_at_mut(half);
        cross(left, right);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The transform by its definition: the sign of entry (i, j) is the parity of the bits both share.
    fn transform_plainly(values: &[f64]) -> Vec<f64> {
        let n = values.len();
        let term = |i: usize, j: usize| match (i & j).count_ones() % 2 {
            0 => values[j],
            _ => -values[j],
        };
        (0..n)
            .map(|i| (0..n).map(|j| term(i, j)).sum::<f64>() / (n as f64).sqrt())
            .collect()
    }

    fn rotate_plainly(input: &[f32], signs: &[u8]) -> Vec<f64> {
        let d = input.len();
        let window = (0..)
            .map(|e| 1usize << e)
            .take_while(|&w| w <= d)
            .last()
            .unwrap();
        let mut values: Vec<f64> = input.iter().map(|&v| f64::from(v)).collect();
        for round in 0..4 {
            for (i, value) in values.iter_mut().enumerate() {
                let bit = round * d.div_ceil(8) * 8 + i;
                if signs[bit / 8] >> (bit % 8) & 1 == 1 {
                    *value = -*value;
                }
            }
            let start = if round % 2 == 0 { 0 } else { d - window };
            let mixed = transform_plainly(&values[start..start + window]);
            values[start..start + window].copy_from_slice(&mixed);
            if window != d {
                for i in 0..d / 2 {
                    let (a, b) = (values[i], values[i + d / 2]);
                    (values[i], values[i + d / 2]) = (a + b, a - b);
                }
            }
        }
        if window != d {
            values.iter_mut().for_each(|value| *value /= 4.0);
        }
        values
    }

    #[test]
    fn fast_rotations_equal_their_definition_and_keep_lengths() {
        for dimension in [8, 16, 24, 40, 64, 96, 128, 384, 768] {
            let input: Vec<f32> = (0..dimension)
                .map(|i| ((i * 37 % 101) as f32 - 50.0) / 50.0)
                .collect();
            let signs: Vec<u8> = (0..Rotation::sign_bytes(dimension))
                .map(|i| (i * 73 % 251) as u8)
                .collect();
            let mut output = vec![0.0; dimension];
            Rotation::fast(&signs, dimension)
                .unwrap()
                .apply(&input, &mut output);
            for (value, expected) in output.iter().zip(rotate_plainly(&input, &signs)) {
                assert!((f64::from(*value) - expected).abs() < 1e-5, "{dimension}");
            }
            let (before, after) = (dot(&input, &input), dot(&output, &output));
            assert!(
                (before / after - 1.0).abs() < 1e-5,
                "{dimension}: {before} {after}"
            );
        }
    }

    #[test]
    fn dense_rotations_multiply() {
        let matrix: Vec<f32> = (0..64).map(|i| i as f32).collect();
        let input = [1.0, 2.0, 0.0, 0.0, 0.0, 0.0, 0.0, -1.0];
        let mut output = [0.0; 8];
        Rotation::dense(&matrix, 8)
            .unwrap()
            .apply(&input, &mut output);
        let expected: Vec<f32> = (0..8).map(|i| (8 * i) as f32 * 2.0 + 2.0 - 7.0).collect();
        assert_eq!(output.as_slice(), expected);
    }

    #[test]
    fn other_lengths_are_refused() {
        assert!(Rotation::fast(&[0; 5], 8).is_err());
        assert!(Rotation::dense(&[0.0; 63], 8).is_err());
    }
}
