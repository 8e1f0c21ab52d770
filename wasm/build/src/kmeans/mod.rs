//! Partition training and assignment: Lloyd's k-means (Lloyd 1982) with k-means++ seeds (Arthur and Vassilvitskii 2007)
//! for few clusters, for many a tree of them, whose leaves then move among their neighbours. All in bounded steps.

mod assign;
mod bit_members;
mod bits;
mod centroids;
mod face;
mod lloyd;
mod members;
mod nearby;
mod pairs;
mod panels;
mod progress;
mod random;
mod rows;
mod sample;
mod seeds;
mod split;
#[cfg(test)]
mod tests;
mod training;
mod tree;
mod work;

pub use progress::Limits;
pub use random::Random;
pub use work::WORK_PER_STEP;
