//! The factors of a code (Gao and Long 2024): with x the code, the distance of a query q is (q·x) × scale + add + what
//! only depends on the partition.

/// Lanes of a sum. Fixed, so that the order of additions is too.
const LANES: usize = 8;
/// Deviations that the error factor covers, as native has it.
const DEVIATIONS: f32 = 1.9;

/// Sums of a code x over the values: r·x and c·x.
pub struct Products {
    pub residual: f32,
    pub centroid: f32,
}

/// @param middle of the level that the code gives a value; its sign is the residual's
#[inline(always)]
pub fn sum_products(residual: &[f32], centroid: &[f32], middle: impl Fn(usize) -> f32) -> Products {
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

/// What the factors of a vector follow from beside its code.
pub struct Residual {
    pub is_dot: bool,
    pub dimension: usize,
    /// The squared length of the residual to the centroid.
    pub norm: f32,
    /// What a code that is right has as its add factor.
    pub base: f32,
}

impl Residual {
    /// How often a distance counts the product with the residual: ‖q − r‖² has it twice.
    fn fold(&self) -> f32 {
        if self.is_dot {
            1.0
        } else {
            2.0
        }
    }

    /// Add and scale factor.
    pub fn compute_factors(&self, products: &Products) -> [f32; 2] {
        let fold = self.fold();
        let correction = divide(self.norm * products.centroid, products.residual);
        [
            self.base + fold * correction,
            divide(-fold * self.norm, products.residual),
        ]
    }

    /// How far the signs alone may be off, for queries of length 1. `product`: of the residual with them.
    pub fn compute_error(&self, product: f32) -> f32 {
        let dimension = self.dimension as f32;
        if self.norm <= 0.0 || product == 0.0 {
            return 0.0;
        }
        // Of signs that count a half each.
        let alignment = self.norm * (dimension * 0.25) / (product * product);
        let angle = ((alignment - 1.0).max(0.0) / (dimension - 1.0)).sqrt();
        self.fold() * self.norm.sqrt() * DEVIATIONS * angle
    }
}

fn divide(numerator: f32, denominator: f32) -> f32 {
    if denominator == 0.0 {
        0.0
    } else {
        numerator / denominator
    }
}
