use super::{ARRAY_MAX, BITMAP_BYTES, COOKIE_WITHOUT_RUNS, COOKIE_WITH_RUNS, OFFSETS_MIN};
use lancelet_common::error::{try_with_capacity, KernelError, Result};

struct Reader<'a> {
    bytes: &'a [u8],
}

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8]> {
        if count > self.bytes.len() {
            return Err(KernelError::Corrupt("a bitmap ends early"));
        }
        let (taken, rest) = self.bytes.split_at(count);
        self.bytes = rest;
        Ok(taken)
    }

    fn u16(&mut self) -> Result<u16> {
        Ok(read_u16(self.take(2)?))
    }

    fn u32(&mut self) -> Result<u32> {
        let bytes = self.take(4)?;
        Ok(u32::from(read_u16(bytes)) | u32::from(read_u16(&bytes[2..])) << 16)
    }
}

fn read_u16(bytes: &[u8]) -> u16 {
    u16::from(bytes[0]) | u16::from(bytes[1]) << 8
}

/// Reads a bitmap whose values are all below `limit`. Memory is bounded by the smaller of `limit` and what the header
/// declares, both checked before anything is allocated. Bytes after the bitmap are ignored, as native does.
pub fn decode(bytes: &[u8], limit: u64) -> Result<Vec<u32>> {
    let mut reader = Reader { bytes };
    let cookie = reader.u32()?;
    let (containers, run_flags) = if cookie & 0xffff == COOKIE_WITH_RUNS {
        let containers = (cookie >> 16) as usize + 1;
        (containers, Some(reader.take(containers.div_ceil(8))?))
    } else if cookie == COOKIE_WITHOUT_RUNS {
        (reader.u32()? as usize, None)
    } else {
        return Err(KernelError::Corrupt("not a Roaring bitmap"));
    };
    if containers > 1 << 16 {
        return Err(KernelError::Corrupt(
            "a bitmap of more than 65536 containers",
        ));
    }
    let header = reader.take(containers * 4)?;
    let mut total = 0u64;
    let mut previous_key = None;
    for entry in header.chunks_exact(4) {
        let key = read_u16(entry);
        if previous_key.is_some_and(|previous| previous >= key) {
            return Err(KernelError::Corrupt("bitmap containers out of order"));
        }
        previous_key = Some(key);
        total += u64::from(read_u16(&entry[2..])) + 1;
    }
    if total > limit || previous_key.is_some_and(|key| u64::from(key) << 16 >= limit) {
        return Err(KernelError::Corrupt(
            "a bitmap holds a value beyond its domain",
        ));
    }
    if run_flags.is_none() || containers >= OFFSETS_MIN {
        reader.take(containers * 4)?;
    }
    let mut values = try_with_capacity::<u32>(total as usize)?;
    for (i, entry) in header.chunks_exact(4).enumerate() {
        let base = u32::from(read_u16(entry)) << 16;
        let cardinality = usize::from(read_u16(&entry[2..])) + 1;
        let start = values.len();
        if run_flags.is_some_and(|flags| flags[i / 8] >> (i % 8) & 1 == 1) {
            read_runs(&mut reader, base, cardinality, &mut values)?;
        } else if cardinality <= ARRAY_MAX {
            read_array(reader.take(cardinality * 2)?, base, &mut values)?;
        } else {
            read_bits(reader.take(BITMAP_BYTES)?, base, cardinality, &mut values)?;
        }
        if values.len() - start != cardinality {
            return Err(KernelError::Corrupt(
                "a bitmap container's size is not the one declared",
            ));
        }
    }
    if values.last().is_some_and(|&last| u64::from(last) >= limit) {
        return Err(KernelError::Corrupt(
            "a bitmap holds a value beyond its domain",
        ));
    }
    Ok(values)
}

fn read_array(bytes: &[u8], base: u32, values: &mut Vec<u32>) -> Result<()> {
    let mut next = 0u32;
    for entry in bytes.chunks_exact(2) {
        let low = u32::from(read_u16(entry));
        if low < next {
            return Err(KernelError::Corrupt("bitmap values out of order"));
        }
        next = low + 1;
        values.push(base | low);
    }
    Ok(())
}

fn read_bits(bytes: &[u8], base: u32, cardinality: usize, values: &mut Vec<u32>) -> Result<()> {
    let set: usize = bytes.iter().map(|byte| byte.count_ones() as usize).sum();
    if set != cardinality {
        return Err(KernelError::Corrupt(
            "a bitmap container's size is not the one declared",
        ));
    }
    for (i, &byte) in bytes.iter().enumerate() {
        let mut bits = byte;
        while bits != 0 {
            values.push(base | (i as u32 * 8 + bits.trailing_zeros()));
            bits &= bits - 1;
        }
    }
    Ok(())
}

fn read_runs(
    reader: &mut Reader,
    base: u32,
    cardinality: usize,
    values: &mut Vec<u32>,
) -> Result<()> {
    let runs = usize::from(reader.u16()?);
    let mut next = 0u32;
    let mut count = 0usize;
    for run in reader.take(runs * 4)?.chunks_exact(4) {
        let start = u32::from(read_u16(run));
        let length = u32::from(read_u16(&run[2..])) + 1;
        count += length as usize;
        if start < next || start + length > 1 << 16 || count > cardinality {
            return Err(KernelError::Corrupt(
                "bitmap runs overlap or leave their container",
            ));
        }
        next = start + length;
        values.extend((start..start + length).map(|low| base | low));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::encode;
    use super::*;
    use roaring::RoaringBitmap;

    fn serialise(bitmap: &RoaringBitmap) -> Vec<u8> {
        let mut bytes = Vec::new();
        bitmap.serialize_into(&mut bytes).unwrap();
        bytes
    }

    fn samples() -> Vec<RoaringBitmap> {
        let spread = |n: u32, step: u32| (0..n).map(|i| i.wrapping_mul(step)).collect();
        vec![
            RoaringBitmap::new(),
            spread(1, 1),
            spread(4096, 1),
            spread(4097, 3),
            spread(70_000, 1),
            spread(9000, 77_777),
            RoaringBitmap::from_iter([0, 65_535, 65_536, u32::MAX]),
        ]
    }

    #[test]
    fn reads_and_writes_what_the_roaring_crate_does() {
        for bitmap in samples() {
            let values: Vec<u32> = bitmap.iter().collect();
            assert_eq!(decode(&serialise(&bitmap), 1 << 32).unwrap(), values);
            assert_eq!(encode(&values).unwrap(), serialise(&bitmap));
            let mut runs = bitmap.clone();
            runs.optimize();
            assert_eq!(decode(&serialise(&runs), 1 << 32).unwrap(), values);
        }
    }

    #[test]
    fn never_panics_on_broken_bytes() {
        let mut state = 1u32;
        let mut random = move || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            state >> 8
        };
        for bitmap in samples() {
            let mut runs = bitmap.clone();
            runs.optimize();
            for bytes in [serialise(&bitmap), serialise(&runs)] {
                for cut in 0..bytes.len().min(64) {
                    let _ = decode(&bytes[..cut], 1 << 32);
                }
                for _ in 0..300 {
                    let mut broken = bytes.clone();
                    let at = random() as usize % broken.len().min(64);
                    broken[at] ^= 1 << (random() % 8);
                    if let Ok(values) = decode(&broken, 100_000) {
                        assert!(values.windows(2).all(|w| w[0] < w[1]));
                        assert!(values.iter().all(|&v| v < 100_000));
                    }
                }
            }
        }
    }

    #[test]
    fn refuses_values_at_the_limit() {
        let bytes = serialise(&RoaringBitmap::from_iter([1, 99]));
        assert!(decode(&bytes, 100).is_ok());
        assert!(matches!(decode(&bytes, 99), Err(KernelError::Corrupt(_))));
    }
}
