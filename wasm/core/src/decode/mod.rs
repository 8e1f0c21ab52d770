//! Decoders of Lance file pages: a `PageDecoder` per page, a `ColumnBuilder` per column of a batch.

mod bitpack;
mod bits;
mod block;
mod buffer;
mod builder;
mod compression;
mod fsst;
mod levels;
mod mini_block;
mod output;
mod page;
mod per_value;
mod program;
mod rle;
mod values;

pub use buffer::decompress_zstd_buffer;
pub use builder::ColumnBuilder;
pub use page::PageDecoder;
