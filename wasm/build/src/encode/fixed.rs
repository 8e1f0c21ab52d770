//! Which encoding makes values of one width smallest, and how small.

use super::choose::Request;
use super::chunk::{BitpackSource, ChunkSource, FlatSource, RunLengthSource};
use super::values::FixedValues;

/// Runs, packed bits or plain, whichever is smallest.
pub fn choose_fixed(values: &FixedValues, request: Request) -> Box<dyn ChunkSource + '_> {
    if !matches!(values.bits, 8 | 16 | 32 | 64) || request == Request::Plain {
        return Box::new(FlatSource(values));
    }
    let plain = values.data.len();
    let packed = BitpackSource::total_bytes(values);
    let runs = RunLengthSource::total_bytes(values);
    if runs < plain && runs <= packed {
        Box::new(RunLengthSource(values))
    } else if packed < plain {
        Box::new(BitpackSource(values))
    } else {
        Box::new(FlatSource(values))
    }
}

/// Bytes of the values as [`choose_fixed`] would store them.
pub fn measure_fixed(values: &FixedValues) -> usize {
    let plain = values.data.len();
    if !matches!(values.bits, 8 | 16 | 32 | 64) {
        return plain;
    }
    plain
        .min(BitpackSource::total_bytes(values))
        .min(RunLengthSource::total_bytes(values))
}

/// Numbers into a dictionary as values.
pub fn to_indices(numbers: &[u32]) -> FixedValues {
    FixedValues {
        bits: 32,
        count: numbers.len(),
        data: numbers
            .iter()
            .flat_map(|number| number.to_le_bytes())
            .collect(),
    }
}

/// Mean entropy of the bytes at each position of a value, in bits, over the first values.
pub fn measure_entropy(values: &FixedValues) -> f64 {
    let width = values.byte_width();
    let count = values.count.min(64);
    let mut total = 0.0;
    for position in 0..width {
        let mut times = [0u32; 256];
        for index in 0..count {
            times[usize::from(values.data[index * width + position])] += 1;
        }
        for times in times.into_iter().filter(|times| *times > 0) {
            let share = f64::from(times) / count as f64;
            total -= share * share.log2();
        }
    }
    total / width as f64
}
