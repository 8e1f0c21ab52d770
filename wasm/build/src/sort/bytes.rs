use super::is_null;
use lancelet_common::error::{try_with_capacity, KernelError, Result};

/// The first 8 bytes as a big-endian number decide most comparisons without a look at the data.
#[derive(Clone, Copy)]
struct Prefixed {
    prefix: u64,
    row: u32,
}

fn prefix(bytes: &[u8]) -> u64 {
    let mut head = [0u8; 8];
    let length = bytes.len().min(8);
    head[..length].copy_from_slice(&bytes[..length]);
    u64::from_be_bytes(head)
}

/// Writes the stable byte order of the strings to `output`, one entry a row, nulls first in their own order.
pub fn sort_strings(
    offsets: &[i32],
    data: &[u8],
    validity: Option<&[u8]>,
    output: &mut [u32],
) -> Result<()> {
    if offsets.len() != output.len() + 1 {
        return Err(KernelError::Invalid(
            "offsets must be one more than the rows",
        ));
    }
    let ascending = offsets.windows(2).all(|pair| pair[0] <= pair[1]);
    let inside = offsets[0] >= 0
        && offsets
            .last()
            .is_some_and(|&end| end as usize <= data.len());
    if !ascending || !inside {
        return Err(KernelError::Invalid(
            "offsets that do not ascend inside the data",
        ));
    }
    let string = |row: u32| {
        let row = row as usize;
        &data[offsets[row] as usize..offsets[row + 1] as usize]
    };
    let mut entries = try_with_capacity::<Prefixed>(output.len())?;
    let mut nulls = 0;
    for row in 0..output.len() {
        if is_null(validity, row) {
            output[nulls] = row as u32;
            nulls += 1;
        } else {
            entries.push(Prefixed {
                prefix: prefix(string(row as u32)),
                row: row as u32,
            });
        }
    }
    entries.sort_unstable_by(|a, b| {
        a.prefix
            .cmp(&b.prefix)
            .then_with(|| string(a.row).cmp(string(b.row)))
            .then(a.row.cmp(&b.row))
    });
    for (slot, entry) in output[nulls..].iter_mut().zip(&entries) {
        *slot = entry.row;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zero_bytes_and_short_strings_keep_byte_order() {
        let strings: [&[u8]; 6] = [b"a\0", b"a", b"", b"abcdefgh\xff", b"abcdefgh", b"a"];
        let mut offsets = vec![0];
        let mut data = Vec::new();
        for string in strings {
            data.extend(string);
            offsets.push(data.len() as i32);
        }
        let mut output = [0; 6];
        sort_strings(&offsets, &data, None, &mut output).unwrap();
        assert_eq!(output, [2, 1, 5, 0, 4, 3]);
        assert!(sort_strings(&[0, 9], b"abc", None, &mut [0]).is_err());
        assert!(sort_strings(&[2, 1], b"abc", None, &mut [0]).is_err());
        assert!(sort_strings(&[-1, 1], b"abc", None, &mut [0]).is_err());
    }
}
