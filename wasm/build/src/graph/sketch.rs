//! Which rows may be near a target, told for a few instructions a row: a sketch has a bit for each value, whether it is
//! above that value's mean. How far rows are apart whose sketches differ in so many bits is learned from the first rows
//! compared.

use super::space::Space;
use lancelet_common::error::{try_with_capacity, try_zeroed, KernelError, Result};

/// Rows that means are taken of, at most, and values of all of them.
const SAMPLED_ROWS: usize = 1024;
const SAMPLED_VALUES: usize = 1 << 20;
/// Pairs of rows that the distances are learned from.
const LEARNED_PAIRS: u32 = 50_000;
/// Sketches that explain less of the distances' variance are of no use.
const MIN_EXPLAINED: f64 = 0.1;

/// Sketches of rows; the first to the last are added one by one.
pub struct Sketches {
    means: Vec<f32>,
    /// Words of a row.
    width: usize,
    words: Vec<u64>,
    target: Vec<u64>,
    values: Vec<f32>,
    pairs: Pairs,
    line: Option<Line>,
    slack: f64,
}

/// Bits that differ and distances of pairs of rows, summed up.
#[derive(Default)]
struct Pairs {
    count: u32,
    bits: f64,
    distances: f64,
    squared_bits: f64,
    squared_distances: f64,
    products: f64,
}

/// Distance = `start` + `slope` × bits, give or take `deviation`.
#[derive(Clone, Copy)]
struct Line {
    start: f64,
    slope: f64,
    deviation: f64,
}

impl Sketches {
    /// @returns none where rows are not made of values
    pub fn new<S: Space>(space: &S, num_rows: usize) -> Result<Option<Sketches>> {
        let mut values = Vec::new();
        if num_rows == 0 || !space.read_values(0, &mut values) {
            return Ok(None);
        }
        let dimension = values.len();
        let sampled = num_rows.min(SAMPLED_ROWS).min(SAMPLED_VALUES / dimension);
        let sampled = sampled.max(1);
        let mut sums: Vec<f64> = try_zeroed(dimension)?;
        for i in 0..sampled {
            space.read_values((i * num_rows / sampled) as u32, &mut values);
            for (sum, &value) in sums.iter_mut().zip(&values) {
                *sum += f64::from(value);
            }
        }
        let width = dimension.div_ceil(64);
        let length = width
            .checked_mul(num_rows)
            .ok_or(KernelError::Invalid("more sketches than memory holds"))?;
        Ok(Some(Sketches {
            means: sums
                .iter()
                .map(|sum| (sum / sampled as f64) as f32)
                .collect(),
            width,
            words: try_with_capacity(length)?,
            target: try_zeroed(width)?,
            values,
            pairs: Pairs::default(),
            line: None,
            slack: 1.0,
        }))
    }

    /// Adds the next row.
    pub fn add<S: Space>(&mut self, space: &S, row: u32) {
        space.read_values(row, &mut self.values);
        let words = self.values.chunks(64).zip(self.means.chunks(64));
        self.words.extend(words.map(|(values, means)| {
            let bits = values.iter().zip(means).enumerate();
            bits.fold(0, |word, (i, (value, mean))| {
                word | u64::from(value > mean) << i
            })
        }));
    }

    /// Makes `row` the target.
    pub fn aim(&mut self, row: u32) {
        let start = row as usize * self.width;
        self.target
            .copy_from_slice(&self.words[start..start + self.width]);
    }

    /// Bits in which a row differs from the target.
    #[inline(always)]
    pub fn count_bits(&self, row: u32) -> u32 {
        let start = row as usize * self.width;
        let words = &self.words[start..start + self.width];
        let pairs = words.iter().zip(&self.target);
        pairs.map(|(a, b)| (a ^ b).count_ones()).sum()
    }

    /// Whether distances are still learned.
    #[inline(always)]
    pub fn is_learning(&self) -> bool {
        self.pairs.count < LEARNED_PAIRS
    }

    /// Takes in how far a row is from the target.
    pub fn learn(&mut self, row: u32, distance: f32) {
        let bits = self.count_bits(row);
        self.pairs.add(f64::from(bits), f64::from(distance));
        if !self.is_learning() {
            self.line = self.pairs.fit();
        }
    }

    /// From now on rows are ruled out that lie so many deviations beyond a distance.
    pub fn set_slack(&mut self, deviations: f64) {
        self.slack = deviations;
    }

    /// Bits above which a row is hardly within `distance` of the target.
    #[inline(always)]
    pub fn find_limit(&self, distance: f32) -> u32 {
        let Some(line) = self.line else {
            return u32::MAX;
        };
        let bits = (f64::from(distance) + self.slack * line.deviation - line.start) / line.slope;
        if bits.is_nan() {
            u32::MAX
        } else {
            bits as u32
        }
    }
}

impl Pairs {
    fn add(&mut self, bits: f64, distance: f64) {
        self.count += 1;
        self.bits += bits;
        self.distances += distance;
        self.squared_bits += bits * bits;
        self.squared_distances += distance * distance;
        self.products += bits * distance;
    }

    /// The line of least squares; none where bits say too little of distances.
    fn fit(&self) -> Option<Line> {
        let count = f64::from(self.count);
        let (bits, distance) = (self.bits / count, self.distances / count);
        let bits_variance = self.squared_bits / count - bits * bits;
        let variance = self.squared_distances / count - distance * distance;
        let covariance = self.products / count - bits * distance;
        let explained = covariance * covariance / (bits_variance * variance);
        if covariance > 0.0 && explained > MIN_EXPLAINED {
            let slope = covariance / bits_variance;
            Some(Line {
                start: distance - slope * bits,
                slope,
                deviation: (variance * (1.0 - explained).max(0.0)).sqrt(),
            })
        } else {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::space::{Bits, Floats};
    use super::*;

    /// Rows along a line, each value a step above the last row's.
    fn sketch(num_rows: usize, dimension: usize) -> Sketches {
        let mut space = Floats::new(num_rows, dimension, false).unwrap();
        let values: Vec<u8> = (0..num_rows * dimension)
            .flat_map(|i| {
                let (row, at) = (i / dimension, i % dimension);
                ((row * dimension > at * num_rows) as u8 as f32).to_le_bytes()
            })
            .collect();
        space.take_bytes(values.len()).copy_from_slice(&values);
        let mut sketches = Sketches::new(&space, num_rows).unwrap().unwrap();
        for row in 0..num_rows as u32 {
            sketches.add(&space, row);
        }
        sketches
    }

    #[test]
    fn bits_differ_where_values_lie_on_other_sides_of_their_mean() {
        let mut sketches = sketch(100, 100);
        sketches.aim(10);
        for row in 1..100u32 {
            assert_eq!(sketches.count_bits(row), row.abs_diff(10));
        }
    }

    #[test]
    fn limits_follow_the_distances_learned() {
        let mut sketches = sketch(100, 100);
        sketches.aim(10);
        assert_eq!(sketches.find_limit(5.0), u32::MAX);
        for i in 0..LEARNED_PAIRS {
            assert!(sketches.is_learning());
            let row = 1 + i % 99;
            let noise = if i % 2 == 0 { 0.5 } else { -0.5 };
            sketches.learn(row, 3.0 + 2.0 * row.abs_diff(10) as f32 + noise);
        }
        assert!(!sketches.is_learning());
        // (23 + 0.5 − 3) / 2 bits.
        assert_eq!(sketches.find_limit(23.0), 10);
        assert_eq!(sketches.find_limit(-100.0), 0);
        sketches.set_slack(5.0);
        assert_eq!(sketches.find_limit(23.0), 11);
        sketches.set_slack(1.0);
        assert_eq!(sketches.find_limit(f32::INFINITY), u32::MAX);
        assert_eq!(sketches.find_limit(f32::NAN), u32::MAX);
    }

    #[test]
    fn bits_that_say_nothing_rule_nothing_out() {
        for distance in [1.0, f32::NAN, f32::INFINITY] {
            let mut sketches = sketch(20, 70);
            sketches.aim(3);
            for i in 0..LEARNED_PAIRS {
                sketches.learn(i % 20, distance);
            }
            assert_eq!(sketches.find_limit(0.0), u32::MAX);
        }
        let bits = Bits::new(1, 1).unwrap();
        assert!(Sketches::new(&bits, 1).unwrap().is_none());
    }
}
