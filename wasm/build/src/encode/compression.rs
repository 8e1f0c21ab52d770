//! General compression of a buffer: LZ4 block behind a u32 size, zstd frame behind a u64 size.

use super::zstd;
use std::cell::RefCell;

/// Scheme numbers of the format.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Scheme {
    Lz4 = 1,
    Zstd = 2,
}

thread_local! {
    /// One encoder for all frames: its tables are larger than most values.
    static ZSTD: RefCell<zstd::Encoder> = RefCell::new(zstd::Encoder::default());
}

/// Appends the compressed form.
pub fn compress(scheme: Scheme, data: &[u8], out: &mut Vec<u8>) {
    match scheme {
        Scheme::Lz4 => {
            out.extend_from_slice(&(data.len() as u32).to_le_bytes());
            out.extend_from_slice(&lz4_flex::block::compress(data));
        }
        Scheme::Zstd => {
            out.extend_from_slice(&(data.len() as u64).to_le_bytes());
            ZSTD.with(|encoder| encoder.borrow_mut().compress(data, out));
        }
    }
}
