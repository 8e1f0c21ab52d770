//! A stream that readers take from its end: bits are added lowest first, and a last 1 tells where it ends (RFC 8878
//! section 4.1).

#[derive(Default)]
pub struct BitWriter {
    bytes: Vec<u8>,
    pending: u64,
    count: u32,
}

impl BitWriter {
    /// Adds the low `count` bits, at most 32.
    #[inline(always)]
    pub fn add(&mut self, value: u32, count: u32) {
        let value = u64::from(value) & ((1u64 << count) - 1);
        self.pending |= value << self.count;
        self.count += count;
        if self.count >= 32 {
            self.bytes
                .extend_from_slice(&(self.pending as u32).to_le_bytes());
            self.pending >>= 32;
            self.count -= 32;
        }
    }

    /// The bytes as they are, the last one filled with zeros: for headers.
    pub fn into_bytes(mut self) -> Vec<u8> {
        let rest = self.count.div_ceil(8) as usize;
        self.bytes
            .extend_from_slice(&self.pending.to_le_bytes()[..rest]);
        self.bytes
    }

    /// The bytes behind the mark that ends a stream.
    pub fn close(mut self) -> Vec<u8> {
        self.add(1, 1);
        self.into_bytes()
    }
}
