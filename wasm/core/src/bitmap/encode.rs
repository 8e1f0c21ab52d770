use super::{ARRAY_MAX, BITMAP_BYTES, COOKIE_WITHOUT_RUNS};
use lancelet_common::error::{try_with_capacity, KernelError, Result};

/// Serialises ascending, distinct values, without run containers: the bytes the `roaring` crate writes for a bitmap
/// that was not optimised.
pub fn encode(values: &[u32]) -> Result<Vec<u8>> {
    if !values.windows(2).all(|pair| pair[0] < pair[1]) {
        return Err(KernelError::Invalid(
            "bitmap values must ascend without repeats",
        ));
    }
    let containers: usize = groups(values).count();
    let body: usize = groups(values).map(body_bytes).sum();
    let mut bytes = try_with_capacity::<u8>(8 + containers * 8 + body)?;
    bytes.extend(COOKIE_WITHOUT_RUNS.to_le_bytes());
    bytes.extend((containers as u32).to_le_bytes());
    for group in groups(values) {
        bytes.extend(((group[0] >> 16) as u16).to_le_bytes());
        bytes.extend(((group.len() - 1) as u16).to_le_bytes());
    }
    let mut offset = 8 + containers * 8;
    for group in groups(values) {
        bytes.extend((offset as u32).to_le_bytes());
        offset += body_bytes(group);
    }
    for group in groups(values) {
        if group.len() <= ARRAY_MAX {
            for value in group {
                bytes.extend((*value as u16).to_le_bytes());
            }
        } else {
            let start = bytes.len();
            bytes.resize(start + BITMAP_BYTES, 0);
            for value in group {
                let low = (value & 0xffff) as usize;
                bytes[start + low / 8] |= 1 << (low % 8);
            }
        }
    }
    Ok(bytes)
}

/// Values of one container each.
fn groups(values: &[u32]) -> impl Iterator<Item = &[u32]> {
    values.chunk_by(|a, b| a >> 16 == b >> 16)
}

fn body_bytes(group: &[u32]) -> usize {
    if group.len() <= ARRAY_MAX {
        group.len() * 2
    } else {
        BITMAP_BYTES
    }
}
