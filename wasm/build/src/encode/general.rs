//! General compression around another encoding, chunk by chunk: the first buffer of each alone.

use super::chunk::ChunkSource;
use super::compression::{compress, Scheme};
use super::program::Encoding;

/// Compresses the first buffer of each chunk of another source.
pub struct GeneralSource<'a> {
    pub inner: &'a dyn ChunkSource,
    pub scheme: Scheme,
}

impl ChunkSource for GeneralSource<'_> {
    fn encoding(&self) -> Encoding {
        Encoding::General {
            scheme: self.scheme,
            values: Box::new(self.inner.encoding()),
        }
    }

    fn num_buffers(&self) -> usize {
        self.inner.num_buffers()
    }

    fn choose_count(&self, from: usize, remaining: usize) -> usize {
        self.inner.choose_count(from, remaining)
    }

    fn write(&self, from: usize, count: usize, buffers: &mut [Vec<u8>]) {
        self.inner.write(from, count, buffers);
        let plain = core::mem::take(&mut buffers[0]);
        compress(self.scheme, &plain, &mut buffers[0]);
    }
}
