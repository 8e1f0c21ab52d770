use super::encode::{Encoder, Scratch};
use lancelet_common::error::Result;
use lancelet_common::rabit::{unpack_ex_block, Rotation, RowLayout};

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
            1 => unpack_ex_block::<1>(block, &mut values),
            2 => unpack_ex_block::<2>(block, &mut values),
            4 => unpack_ex_block::<4>(block, &mut values),
            _ => unpack_ex_block::<8>(block, &mut values),
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

/// Two centroids, and what they are coded by.
struct Coding {
    signs: Vec<u8>,
    centroids: Vec<f32>,
    rotated: Vec<f32>,
}

impl Coding {
    fn new(d: usize) -> Coding {
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
        Coding {
            signs,
            centroids,
            rotated,
        }
    }

    fn encoder(&self, is_dot: bool, bits: usize) -> Encoder<'_> {
        let d = self.centroids.len() / 2;
        Encoder {
            is_dot,
            layout: RowLayout::new(d, bits, true).unwrap(),
            rotation: Rotation::fast(&self.signs, d).unwrap(),
            centroids: &self.centroids,
            rotated: &self.rotated,
        }
    }
}

fn encode(encoder: &Encoder, vector: &[f32], partition: usize) -> Result<Vec<u8>> {
    let mut scratch = Scratch::new(vector.len())?;
    let mut row = vec![0xff; encoder.layout.row_bytes()];
    encoder.encode_row(vector, partition, &mut scratch, &mut row)?;
    Ok(row)
}

#[test]
fn distances_come_back_the_better_the_more_bits() {
    let d = 128;
    let coding = Coding::new(d);
    let q = random(d, 2);
    let mut turned = vec![0.0; d];
    coding.encoder(false, 1).rotation.apply(&q, &mut turned);
    for is_dot in [false, true] {
        let mut worst = Vec::new();
        for bits in [1, 2, 3, 5, 9] {
            let encoder = coding.encoder(is_dot, bits);
            let mut error = 0f64;
            for seed in 10..30 {
                let v = random(d, seed);
                let row = encode(&encoder, &v, 1).unwrap();
                let exact: f64 = match is_dot {
                    false => v
                        .iter()
                        .zip(&q)
                        .map(|(a, b)| f64::from(a - b).powi(2))
                        .sum(),
                    true => 1.0 - product(&v, &q),
                };
                let c = &coding.centroids[d..];
                let (_, last) = estimate(&row, &encoder.layout, &q, c, &turned, is_dot);
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
    let coding = Coding::new(16);
    let encoder = coding.encoder(false, 3);
    let row = encode(&encoder, &coding.centroids[16..], 1).unwrap();
    assert!(row[2..].iter().all(|&byte| byte == 0));
}

#[test]
fn a_partition_that_is_none_is_refused() {
    let coding = Coding::new(16);
    for partition in [2, usize::MAX / 16, usize::MAX, u32::MAX as usize] {
        assert!(encode(&coding.encoder(true, 1), &[0.0; 16], partition).is_err());
    }
}

#[test]
fn a_vector_without_a_length_has_no_codes() {
    let coding = Coding::new(16);
    let mut vector = [0.0; 16];
    vector[3] = f32::INFINITY;
    let row = encode(&coding.encoder(false, 5), &vector, 0).unwrap();
    // Behind the signs, three factors and the codes.
    let (codes, factors) = row[14..].split_at(32);
    assert!(codes.iter().all(|&byte| byte == 0));
    assert_eq!(factors[4..], [0; 4]);
}
