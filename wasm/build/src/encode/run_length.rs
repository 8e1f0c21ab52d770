//! Run-length encoding with one-byte lengths (format page section 2.2).

/// Longer runs are split.
const MAX_RUN: usize = 255;

macro_rules! for_each_run {
    ($word:ty, $data:expr, $limit:expr, $each:expr) => {{
        const BYTES: usize = core::mem::size_of::<$word>();
        let read = |raw: &[u8]| {
            let mut bytes = [0; BYTES];
            bytes.copy_from_slice(raw);
            <$word>::from_le_bytes(bytes)
        };
        let mut values = $data.chunks_exact(BYTES);
        if let Some(first) = values.next() {
            let mut current = read(first);
            let mut length = 1usize;
            let mut start = 0usize;
            let mut at = 1usize;
            for raw in values {
                let value = read(raw);
                if value == current && length < $limit {
                    length += 1;
                } else {
                    $each(start, length);
                    current = value;
                    length = 1;
                    start = at;
                }
                at += 1;
            }
            $each(start, length);
        }
    }};
}

/// Calls `each(first value, length)` for every run of at most `limit` equal values of 1, 2, 4 or 8 bytes.
fn visit_runs(data: &[u8], byte_width: usize, limit: usize, mut each: impl FnMut(usize, usize)) {
    match byte_width {
        1 => for_each_run!(u8, data, limit, each),
        2 => for_each_run!(u16, data, limit, each),
        4 => for_each_run!(u32, data, limit, each),
        _ => for_each_run!(u64, data, limit, each),
    }
}

/// Number of runs as they are stored.
pub fn count_runs(data: &[u8], byte_width: usize) -> usize {
    let mut runs = 0;
    visit_runs(data, byte_width, MAX_RUN, |_, _| runs += 1);
    runs
}

/// Appends the value and the length of each run.
pub fn write_runs(data: &[u8], byte_width: usize, values: &mut Vec<u8>, lengths: &mut Vec<u8>) {
    visit_runs(data, byte_width, MAX_RUN, |start, length| {
        values.extend_from_slice(&data[start * byte_width..(start + 1) * byte_width]);
        lengths.push(length as u8);
    });
}

/// Bytes of a self-contained block.
pub fn block_bytes(data: &[u8], byte_width: usize) -> usize {
    8 + count_runs(data, byte_width) * (byte_width + 1)
}

/// A self-contained block: `u64` bytes of the values, the values, the lengths.
pub fn write_block(data: &[u8], byte_width: usize, out: &mut Vec<u8>) {
    let (mut values, mut lengths) = (Vec::new(), Vec::new());
    write_runs(data, byte_width, &mut values, &mut lengths);
    out.extend_from_slice(&(values.len() as u64).to_le_bytes());
    out.extend_from_slice(&values);
    out.extend_from_slice(&lengths);
}
