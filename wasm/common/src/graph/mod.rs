//! What building a graph and searching it share.

mod order;
mod pool;
mod visited;

pub use order::{key_of, value_of};
pub use pool::{Pool, MAX_ROWS};
pub use visited::Visited;
