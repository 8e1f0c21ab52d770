//! Decoders of Lance file pages: a `PageDecoder` per page, a `ColumnBuilder` per column of a batch.

mod array;
mod bitpack;
mod bits;
mod block;
mod buffer;
mod builder;
mod compression;
mod fixed_lists;
mod fsst;
mod layout;
mod levels;
mod mini_block;
mod output;
mod page;
mod per_value;
mod program;
mod rle;
mod runs;
mod shape;
mod values;

pub use array::{decompress_buffer, expand_symbols, take_field, unpack_bit_blocks, unpack_bits};
pub use buffer::decompress_zstd_buffer;
pub use builder::ColumnBuilder;
pub use page::PageDecoder;
