use super::factors::{sum_products, Residual};
use super::rescale::{find_scale, quantize};
use lancelet_common::error::{try_zeroed, KernelError, Result};
use lancelet_common::rabit::{pack_ex_codes, Rotation, RowLayout};
use lancelet_common::simd::dot;

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

impl Encoder<'_> {
    /// Codes one vector into a row of the layout.
    pub fn encode_row(
        &self,
        vector: &[f32],
        partition: usize,
        scratch: &mut Scratch,
        row: &mut [u8],
    ) -> Result<()> {
        let layout = &self.layout;
        let dimension = layout.dimension;
        let place = partition
            .checked_mul(dimension)
            .filter(|&start| start.saturating_add(dimension) <= self.centroids.len())
            .ok_or(KernelError::Invalid("a row without a partition"))?;
        let centroid = &self.centroids[place..place + dimension];
        let rotated = &self.rotated[place..place + dimension];
        for ((r, v), c) in scratch.residual.iter_mut().zip(vector).zip(centroid) {
            *r = v - c;
        }
        self.rotation.apply(&scratch.residual, &mut scratch.turned);
        let norm = dot(&scratch.residual, &scratch.residual);
        let residual = Residual {
            is_dot: self.is_dot,
            dimension,
            norm,
            base: if self.is_dot {
                1.0 - dot(&scratch.turned, rotated)
            } else {
                norm
            },
        };
        let (signs, rest) = row.split_at_mut(layout.code_bytes());
        let (factors, rest) = rest.split_at_mut(4 * layout.num_factors());
        write_signs(&scratch.turned, signs);
        let products = sum_products(&scratch.turned, rotated, |_| 0.5);
        let [add, scale] = residual.compute_factors(&products);
        write_floats(
            &[add, scale, residual.compute_error(products.residual)],
            factors,
        );
        if layout.ex_bits > 0 {
            let (ex_codes, factors) = rest.split_at_mut(layout.ex_bytes());
            let ex_factors = encode_levels(&residual, rotated, scratch, layout, ex_codes);
            write_floats(&ex_factors, factors);
        }
        Ok(())
    }
}

/// Writes the codes beyond the signs. Returns their add and scale factor.
fn encode_levels(
    residual: &Residual,
    rotated: &[f32],
    scratch: &mut Scratch,
    layout: &RowLayout,
    ex_codes: &mut [u8],
) -> [f32; 2] {
    let Scratch {
        turned,
        magnitudes,
        codes,
        ..
    } = scratch;
    let max = ((1u32 << layout.ex_bits) - 1) as f32;
    ex_codes.fill(0);
    let length = dot(turned, turned).sqrt();
    if !(length > 0.0 && length.is_finite()) {
        // No direction: whatever the code, its scale is 0.
        return [residual.base, 0.0];
    }
    for (magnitude, value) in magnitudes.iter_mut().zip(turned.iter()) {
        *magnitude = value.abs() / length;
    }
    let scale = find_scale(magnitudes, layout.ex_bits);
    for ((code, magnitude), value) in codes
        .iter_mut()
        .zip(magnitudes.iter_mut())
        .zip(turned.iter())
    {
        let level = quantize(*magnitude, scale, max);
        *magnitude = level + 0.5;
        // Codes grow with the value, so those of negative ones are counted from the other end.
        *code = if value.is_sign_positive() {
            level as u8
        } else {
            max as u8 - level as u8
        };
    }
    pack_ex_codes(codes, layout.ex_bits as u8, ex_codes);
    residual.compute_factors(&sum_products(turned, rotated, |i| magnitudes[i]))
}

fn write_signs(values: &[f32], signs: &mut [u8]) {
    for (byte, eight) in signs.iter_mut().zip(values.chunks_exact(8)) {
        *byte = (0..8).fold(0, |byte, i| {
            byte | u8::from(eight[i].is_sign_positive()) << i
        });
    }
}

/// As many as there is room for.
fn write_floats(values: &[f32], output: &mut [u8]) {
    for (four, value) in output.chunks_exact_mut(4).zip(values) {
        four.copy_from_slice(&value.to_le_bytes());
    }
}
