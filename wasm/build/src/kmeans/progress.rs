/// Where a clustering stands, and when it ends.
#[derive(Clone, Copy)]
pub struct Progress {
    /// Summed distance in the last whole iteration; infinite before.
    pub loss: f64,
    /// Rows that moved in it.
    pub changed: u32,
    /// Whole iterations so far.
    pub iteration: u32,
}

/// When to stop.
#[derive(Clone, Copy)]
pub struct Limits {
    pub max_iterations: u32,
    /// Ends when the loss changes by less than this share.
    pub tolerance: f64,
}

impl Progress {
    pub fn new() -> Progress {
        Progress {
            loss: f64::INFINITY,
            changed: 0,
            iteration: 0,
        }
    }

    /// Takes note of a whole iteration. Returns whether it was the last one, if no centroid was moved to an empty place.
    pub fn advance(&mut self, loss: f64, changed: u32, limits: Limits) -> bool {
        let settled =
            self.loss.is_finite() && (self.loss - loss).abs() <= limits.tolerance * self.loss.abs();
        self.loss = loss;
        self.changed = changed;
        self.iteration += 1;
        settled || changed == 0
    }
}
