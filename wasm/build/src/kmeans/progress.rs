use lancelet_common::error::Result;

/// A training as the host drives it: its rows are written, then it is advanced step by step.
pub trait Clustering {
    /// Where the rows are written, before the first step.
    fn input(&mut self) -> *mut u8;

    /// A bounded piece of work; nothing once done.
    fn step(&mut self) -> Result<()>;

    fn done(&self) -> bool;

    fn progress(&self) -> Progress;

    fn centroid_bytes(&self) -> usize;

    /// The centroids so far, final once done, as [`Self::centroid_bytes`] bytes.
    fn write_centroids(&self, output: &mut [u8]);
}

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

impl Limits {
    /// Whether a loss that went from `before`, infinite at first, to `after` changed too little to go on.
    pub fn are_met(&self, before: f64, after: f64) -> bool {
        before.is_finite() && (before - after).abs() <= self.tolerance * before.abs()
    }
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
        let settled = limits.are_met(self.loss, loss);
        self.loss = loss;
        self.changed = changed;
        self.iteration += 1;
        settled || changed == 0
    }
}
