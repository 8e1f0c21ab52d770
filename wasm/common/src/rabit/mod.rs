//! What writers and readers of RaBitQ codes share: the random rotation, and the bytes of a row.

mod ex_codes;
mod rotation;
mod row;

pub use ex_codes::{pack_ex_codes, unpack_ex_block, EX_BLOCK};
pub use rotation::Rotation;
pub use row::RowLayout;
