/// Lanes of a sum. Fixed, so that the order of additions is too.
const LANES: usize = 8;
/// Values just below a whole number count as it, as native has it.
const EPSILON: f32 = 1e-5;
/// Where the search starts, as a share of its end, by bits beyond the sign (the RaBitQ library's).
const STARTS: [f32; 9] = [0.0, 0.15, 0.20, 0.52, 0.59, 0.71, 0.75, 0.77, 0.81];
/// Factors tried over the whole range, and on each side of the best in each finer turn.
const COARSE: usize = 24;
const FINE: usize = 4;

/// The code of a magnitude: what `scale` makes of it, cut to whole numbers up to `max`.
#[inline(always)]
pub fn quantize(magnitude: f32, scale: f32, max: f32) -> f32 {
    let level = (scale * magnitude + EPSILON).floor();
    // Not `f32::min`, which is a call in WASM, and keeps the loops around it from going by vectors.
    if level < max {
        level
    } else {
        max
    }
}

/// The squared cosine between magnitudes and the middles of their codes, but for a factor that all scales share.
fn rate(magnitudes: &[f32], scale: f32, max: f32) -> f32 {
    let mut products = [0f32; LANES];
    let mut squares = [0f32; LANES];
    for eight in magnitudes.chunks_exact(LANES) {
        for lane in 0..LANES {
            let middle = quantize(eight[lane], scale, max) + 0.5;
            products[lane] += eight[lane] * middle;
            squares[lane] += middle * middle;
        }
    }
    let product: f32 = products.iter().sum();
    let square: f32 = squares.iter().sum();
    product * product / square
}

/// The factor by which magnitudes (of a vector of length 1; a multiple of 8 of them) become codes that point where the
/// vector does. Tries some forty factors, coarse to fine: within 1e-3 of the best cosine there is.
pub fn find_scale(magnitudes: &[f32], ex_bits: usize) -> f32 {
    let largest = magnitudes.iter().copied().fold(0.0, f32::max);
    if largest <= 0.0 || ex_bits == 0 || ex_bits > 8 {
        return 0.0;
    }
    let max = ((1u32 << ex_bits) - 1) as f32;
    let end = (max + 10.0) / largest;
    let start = end * STARTS[ex_bits];
    let mut step = (end - start) / COARSE as f32;
    let (mut best, mut best_rate) = (start, rate(magnitudes, start, max));
    let mut attempt = |scale: f32, best: &mut f32| {
        let rated = rate(magnitudes, scale, max);
        if rated > best_rate {
            (*best, best_rate) = (scale, rated);
        }
    };
    for i in 1..=COARSE {
        attempt(start + step * i as f32, &mut best);
    }
    for _ in 0..2 {
        let center = best;
        step /= (FINE + 1) as f32;
        for i in 1..=FINE {
            let away = step * i as f32;
            attempt(center - away, &mut best);
            attempt(center + away, &mut best);
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The best of all: the cosine changes only where a value passes a whole number.
    fn find_best_rate(magnitudes: &[f32], ex_bits: usize) -> f32 {
        let max = ((1u32 << ex_bits) - 1) as f32;
        let events = magnitudes
            .iter()
            .filter(|&&m| m > 0.0)
            .flat_map(|&m| (1..=max as u32).map(move |code| code as f32 / m));
        events
            .map(|scale| rate(magnitudes, scale, max))
            .fold(0.0, f32::max)
    }

    #[test]
    fn near_the_best_for_every_width() {
        for ex_bits in 1..=8 {
            for seed in 0..3u32 {
                let mut state = seed * 7919 + 12345;
                let mut next = || {
                    state = state.wrapping_mul(1664525).wrapping_add(1013904223);
                    (state >> 8) as f32 / (1 << 24) as f32
                };
                // Sums of four are near enough to normal.
                let mut values: Vec<f32> = (0..64)
                    .map(|_| (next() + next() + next() + next() - 2.0).abs())
                    .collect();
                let norm = values.iter().map(|v| v * v).sum::<f32>().sqrt();
                values.iter_mut().for_each(|v| *v /= norm);
                let max = ((1u32 << ex_bits) - 1) as f32;
                let found = rate(&values, find_scale(&values, ex_bits), max);
                let best = find_best_rate(&values, ex_bits);
                assert!(found >= best * 0.998, "{ex_bits} bits: {found} of {best}");
            }
        }
    }

    #[test]
    fn nothing_to_scale() {
        assert_eq!(find_scale(&[0.0; 8], 4), 0.0);
    }
}
