//! LSB-first bit strings and little-endian reads, all checked.

use lancelet_common::error::{KernelError, Result};

/// A growable LSB-first bit string, the shape of Arrow's validity bitmaps and booleans. Bits past the end are zero.
#[derive(Default, Clone)]
pub struct Bits {
    pub bytes: Vec<u8>,
    pub len: usize,
}

impl Bits {
    /// Appends `count` copies of `value`.
    pub fn append_run(&mut self, value: bool, count: usize) {
        let end = self.len + count;
        if !value {
            self.bytes.resize(end.div_ceil(8), 0);
            self.len = end;
            return;
        }
        let first = self.len;
        self.bytes.resize(first.div_ceil(8), 0);
        if !first.is_multiple_of(8) {
            let room = (8 - first % 8).min(count);
            if let Some(last) = self.bytes.last_mut() {
                *last |= (((1u16 << room) - 1) << (first % 8)) as u8;
            }
        }
        self.bytes.resize(end.div_ceil(8), 0xff);
        if !end.is_multiple_of(8) && end.div_ceil(8) > first.div_ceil(8) {
            if let Some(last) = self.bytes.last_mut() {
                *last &= ((1u16 << (end % 8)) - 1) as u8;
            }
        }
        self.len = end;
    }

    pub fn push(&mut self, value: bool) {
        if self.len.is_multiple_of(8) {
            self.bytes.push(0);
        }
        if value {
            if let Some(last) = self.bytes.last_mut() {
                *last |= 1 << (self.len % 8);
            }
        }
        self.len += 1;
    }

    /// Appends `count` bits of `source`, from bit `start` on.
    pub fn append_from(&mut self, source: &[u8], start: usize, count: usize) -> Result<()> {
        if count == 0 {
            return Ok(());
        }
        let end = start
            .checked_add(count)
            .ok_or(KernelError::Corrupt("a bit range overflows"))?;
        if end.div_ceil(8) > source.len() {
            return Err(KernelError::Corrupt("a bit buffer is too short"));
        }
        if self.len.is_multiple_of(8) && start.is_multiple_of(8) {
            self.bytes
                .extend_from_slice(&source[start / 8..end.div_ceil(8)]);
            self.len += count;
            if !self.len.is_multiple_of(8) {
                if let Some(last) = self.bytes.last_mut() {
                    *last &= ((1u16 << (self.len % 8)) - 1) as u8;
                }
            }
            return Ok(());
        }
        for bit in start..end {
            self.push(source[bit / 8] >> (bit % 8) & 1 == 1);
        }
        Ok(())
    }

    pub fn count_zeros(&self) -> usize {
        let ones: u32 = self.bytes.iter().map(|byte| byte.count_ones()).sum();
        self.len - ones as usize
    }
}

pub fn read_u16(bytes: &[u8], at: usize) -> Result<usize> {
    match bytes.get(at..).and_then(|rest| rest.first_chunk::<2>()) {
        Some(raw) => Ok(u16::from_le_bytes(*raw) as usize),
        None => Err(KernelError::Corrupt("a header ends early")),
    }
}

pub fn read_u32(bytes: &[u8], at: usize) -> Result<usize> {
    match bytes.get(at..).and_then(|rest| rest.first_chunk::<4>()) {
        Some(raw) => Ok(u32::from_le_bytes(*raw) as usize),
        None => Err(KernelError::Corrupt("a header ends early")),
    }
}

/// A u64 that must fit this module's address space.
pub fn read_u64(bytes: &[u8], at: usize) -> Result<usize> {
    match bytes.get(at..).and_then(|rest| rest.first_chunk::<8>()) {
        Some(raw) => usize::try_from(u64::from_le_bytes(*raw))
            .map_err(|_| KernelError::Corrupt("a 64-bit size is beyond memory")),
        None => Err(KernelError::Corrupt("a header ends early")),
    }
}

/// `bytes[start .. start + len]`, or CORRUPT.
pub fn slice(bytes: &[u8], start: usize, len: usize) -> Result<&[u8]> {
    start
        .checked_add(len)
        .and_then(|end| bytes.get(start..end))
        .ok_or(KernelError::Corrupt("a buffer ends early"))
}

/// Bytes that `count` values of `bits` bits take.
pub fn bytes_for(count: usize, bits: usize) -> Result<usize> {
    count
        .checked_mul(bits)
        .map(|total| total.div_ceil(8))
        .ok_or(KernelError::Corrupt("a buffer size overflows"))
}
