use super::rescale::{find_scale, quantize};
use lancelet_common::error::{try_zeroed, KernelError, Result};
use lancelet_common::rabit::{pack_ex_codes, Rotation, RowLayout};
use lancelet_common::simd::dot;

/// Lanes of a sum. Fixed, so that the order of additions is too.
const LANES: usize = 8;
/// Deviations that the error factor covers, as native has it.
const DEVIATIONS: f32 = 1.9;

/// What vectors are coded by.
pub struct Encoder<'a> {
    pub is_dot: bool,
    pub layout: RowLayout,
    pub rotation: Rotation<'a>,
    pub centroids: &'a [f32],
    /// The centroids, rotated.
    pub rotated: &'a [f32],
}

/// Room for one row at a time.
pub struct Scratch {
    residual: Vec<f32>,
    turned: Vec<f32>,
    magnitudes: Vec<f32>,
    codes: Vec<u8>,
}

impl Scratch {
    pub fn new(dimension: usize) -> Result<Scratch> {
        Ok(Scratch {
            residual: try_zeroed(dimension)?,
            turned: try_zeroed(dimension)?,
            magnitudes: try_zeroed(dimension)?,
            codes: try_zeroed(dimension)?,
        })
    }
}

/// Sums of a code x over the values: r·x and c·x.
struct Products {
    residual: f32,
    centroid: f32,
}

#[inline(always)]
fn sum_products(residual: &[f32], centroid: &[f32], middle: impl Fn(usize) -> f32) -> Products {
    let mut residuals = [0f32; LANES];
    let mut centroids = [0f32; LANES];
    for (turn, (r, c)) in residual
        .chunks_exact(LANES)
        .zip(centroid.chunks_exact(LANES))
        .enumerate()
    {
        for lane in 0..LANES {
            let magnitude = middle(turn * LANES + lane);
            residuals[lane] += r[lane].abs() * magnitude;
            centroids[lane] += c[lane] * magnitude.copysign(r[lane]);
        }
    }
    Products {
        residual: residuals.iter().sum(),
        centroid: centroids.iter().sum(),
    }
}

fn divide(numerator: f32, denominator: f32) -> f32 {
    if denominator == 0.0 {
        0.0
    } else {
        numerator / denominator
    }
}

impl Encoder<'_> {
    /// Add and scale factor of a code: with x the code, the distance of a query q is (q·x) × scale + add + what only
    /// depends on the partition.
    fn compute_factors(&self, norm: f32, base: f32, products: &Products) -> (f32, f32) {
        let fold = if self.is_dot { 1.0 } else { 2.0 };
        let correction = divide(norm * products.centroid, products.residual);
        (
            base + fold * correction,
            divide(-fold * norm, products.residual),
        )
    }

    fn compute_error(&self, norm: f32, residual: f32) -> f32 {
        let dimension = self.layout.dimension as f32;
        if norm <= 0.0 || residual == 0.0 {
            return 0.0;
        }
        let alignment = norm * (dimension * 0.25) / (residual * residual);
        let angle = ((alignment - 1.0).max(0.0) / (dimension - 1.0)).sqrt();
        let fold = if self.is_dot { 1.0 } else { 2.0 };
        fold * norm.sqrt() * DEVIATIONS * angle
    }
}

/// Takes bytes of a row from its front.
fn put(row: &mut &mut [u8], bytes: &[u8]) {
    let (front, rest) = core::mem::take(row).split_at_mut(bytes.len());
    front.copy_from_slice(bytes);
    *row = rest;
}

/// Codes one vector into a row of the layout.
pub fn encode_row(
    encoder: &Encoder,
    vector: &[f32],
    partition: usize,
    scratch: &mut Scratch,
    mut row: &mut [u8],
) -> Result<()> {
    let RowLayout {
        dimension, ex_bits, ..
    } = encoder.layout;
    let place = partition
        .checked_mul(dimension)
        .filter(|&start| start.saturating_add(dimension) <= encoder.centroids.len())
        .ok_or(KernelError::Invalid("a row without a partition"))?;
    let centroid = &encoder.centroids[place..place + dimension];
    let rotated = &encoder.rotated[place..place + dimension];
    let Scratch {
        residual,
        turned,
        magnitudes,
        codes,
    } = scratch;
    for ((r, v), c) in residual.iter_mut().zip(vector).zip(centroid) {
        *r = v - c;
    }
    let norm = dot(residual, residual);
    encoder.rotation.apply(residual, turned);
    let base = if encoder.is_dot {
        1.0 - dot(turned, rotated)
    } else {
        norm
    };

    for (byte, eight) in row.iter_mut().zip(turned.chunks_exact(8)) {
        *byte = (0..8).fold(0, |byte, i| {
            byte | u8::from(eight[i].is_sign_positive()) << i
        });
    }
    row = &mut row[encoder.layout.code_bytes()..];
    let signs = sum_products(turned, rotated, |_| 0.5);
    let (add, scale) = encoder.compute_factors(norm, base, &signs);
    put(&mut row, &add.to_le_bytes());
    put(&mut row, &scale.to_le_bytes());
    put(
        &mut row,
        &encoder.compute_error(norm, signs.residual).to_le_bytes(),
    );
    if ex_bits == 0 {
        return Ok(());
    }

    let max = ((1u32 << ex_bits) - 1) as f32;
    let length = dot(turned, turned).sqrt();
    let (ex_codes, mut factors) = row.split_at_mut(encoder.layout.ex_bytes());
    ex_codes.fill(0);
    if !(length > 0.0 && length.is_finite()) {
        // No direction: whatever the code, its scale is 0.
        put(&mut factors, &base.to_le_bytes());
        put(&mut factors, &0f32.to_le_bytes());
        return Ok(());
    }
    for (magnitude, value) in magnitudes.iter_mut().zip(turned.iter()) {
        *magnitude = value.abs() / length;
    }
    let t = find_scale(magnitudes, ex_bits);
    for ((code, magnitude), value) in codes
        .iter_mut()
        .zip(magnitudes.iter_mut())
        .zip(turned.iter())
    {
        let level = quantize(*magnitude, t, max);
        *magnitude = level + 0.5;
        // Codes grow with the value, so those of negative ones are counted from the other end.
        *code = if value.is_sign_positive() {
            level as u8
        } else {
            max as u8 - level as u8
        };
    }
    pack_ex_codes(codes, ex_bits as u8, ex_codes);
    let levels = sum_products(turned, rotated, |i| magnitudes[i]);
    let (add, scale) = encoder.compute_factors(norm, base, &levels);
    put(&mut factors, &add.to_le_bytes());
    put(&mut factors, &scale.to_le_bytes());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn random(count: usize, seed: u32) -> Vec<f32> {
        let mut state = seed.wrapping_mul(2654435761).wrapping_add(1);
        (0..count)
            .map(|_| {
                state = state.wrapping_mul(1664525).wrapping_add(1013904223);
                (state >> 8) as f32 / (1 << 23) as f32 - 1.0
            })
            .collect()
    }

    fn read(row: &[u8], at: usize) -> f64 {
        f64::from(f32::from_le_bytes(row[at..at + 4].try_into().unwrap()))
    }

    fn product(a: &[f32], b: &[f32]) -> f64 {
        a.iter()
            .zip(b)
            .map(|(&a, &b)| f64::from(a) * f64::from(b))
            .sum()
    }

    /// The estimate that a row gives, by the formulas of the index page alone.
    fn estimate(
        row: &[u8],
        layout: &RowLayout,
        q: &[f32],
        c: &[f32],
        turned: &[f32],
        is_dot: bool,
    ) -> (f64, f64) {
        let d = layout.dimension;
        let code = |i: usize| (row[i / 8] >> (i % 8) & 1) as f64;
        let bits: f64 = (0..d).map(|i| code(i) * f64::from(turned[i])).sum();
        let sum: f64 = turned.iter().map(|&v| f64::from(v)).sum();
        let at = layout.code_bytes();
        let finish = |ip: f64, add: f64, scale: f64| {
            if !is_dot {
                let apart: f64 = q.iter().zip(c).map(|(a, b)| f64::from(a - b).powi(2)).sum();
                return ip * scale + add + apart;
            }
            let alpha = product(q, c) / product(c, c);
            ip * scale + alpha * (add - 1.0) + 1.0 - product(q, c)
        };
        let one = finish(bits - sum / 2.0, read(row, at), read(row, at + 4));
        if layout.ex_bits == 0 {
            return (one, one);
        }
        let ex = &row[at + 12..at + 12 + layout.ex_bytes()];
        let mut codes = Vec::new();
        for block in ex.chunks_exact(8 * layout.ex_bits) {
            let mut values = [0; 64];
            match layout.ex_bits {
                1 => lancelet_common::rabit::unpack_ex_block::<1>(block, &mut values),
                2 => lancelet_common::rabit::unpack_ex_block::<2>(block, &mut values),
                4 => lancelet_common::rabit::unpack_ex_block::<4>(block, &mut values),
                _ => lancelet_common::rabit::unpack_ex_block::<8>(block, &mut values),
            }
            codes.extend(values);
        }
        let x = f64::from(1 << layout.ex_bits);
        let more: f64 = (0..d)
            .map(|i| f64::from(codes[i]) * f64::from(turned[i]))
            .sum();
        let at = at + 12 + layout.ex_bytes();
        (
            one,
            finish(
                x * bits + more - (x - 0.5) * sum,
                read(row, at),
                read(row, at + 4),
            ),
        )
    }

    #[test]
    fn distances_come_back_the_better_the_more_bits() {
        let d = 128;
        let signs: Vec<u8> = random(Rotation::sign_bytes(d), 9)
            .iter()
            .map(|v| (v * 127.0) as i8 as u8)
            .collect();
        let rotation = Rotation::fast(&signs, d).unwrap();
        let centroids = random(2 * d, 1);
        let mut rotated = vec![0.0; 2 * d];
        for (from, to) in centroids.chunks(d).zip(rotated.chunks_mut(d)) {
            rotation.apply(from, to);
        }
        let q = random(d, 2);
        let mut turned = vec![0.0; d];
        rotation.apply(&q, &mut turned);
        for is_dot in [false, true] {
            let mut worst = Vec::new();
            for bits in [1, 2, 3, 5, 9] {
                let layout = RowLayout::new(d, bits, true).unwrap();
                let encoder = Encoder {
                    is_dot,
                    layout,
                    rotation,
                    centroids: &centroids,
                    rotated: &rotated,
                };
                let mut scratch = Scratch::new(d).unwrap();
                let mut row = vec![0; layout.row_bytes()];
                let mut error = 0f64;
                for seed in 10..30 {
                    let v = random(d, seed);
                    encode_row(&encoder, &v, 1, &mut scratch, &mut row).unwrap();
                    let exact: f64 = match is_dot {
                        false => v
                            .iter()
                            .zip(&q)
                            .map(|(a, b)| f64::from(a - b).powi(2))
                            .sum(),
                        true => 1.0 - product(&v, &q),
                    };
                    let (_, last) = estimate(&row, &layout, &q, &centroids[d..], &turned, is_dot);
                    error = error.max((last - exact).abs());
                }
                worst.push(error);
            }
            assert!(worst.windows(2).all(|pair| pair[1] < pair[0]), "{worst:?}");
            assert!(worst[4] < 0.2, "{worst:?}");
        }
    }

    #[test]
    fn a_vector_on_its_centroid_is_as_far_as_it() {
        let d = 16;
        let signs = vec![0x35; Rotation::sign_bytes(d)];
        let rotation = Rotation::fast(&signs, d).unwrap();
        let centroids = random(d, 4);
        let mut rotated = vec![0.0; d];
        rotation.apply(&centroids, &mut rotated);
        let layout = RowLayout::new(d, 3, true).unwrap();
        let encoder = Encoder {
            is_dot: false,
            layout,
            rotation,
            centroids: &centroids,
            rotated: &rotated,
        };
        let mut row = vec![0xff; layout.row_bytes()];
        encode_row(
            &encoder,
            &centroids,
            0,
            &mut Scratch::new(d).unwrap(),
            &mut row,
        )
        .unwrap();
        assert!(row[2..].iter().all(|&byte| byte == 0));
        assert!(encode_row(
            &encoder,
            &centroids,
            1,
            &mut Scratch::new(d).unwrap(),
            &mut row
        )
        .is_err());
    }
}
