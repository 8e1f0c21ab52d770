//! The values of a page as the encoders take them: what stands under a null is zero, or empty.

use lancelet_common::error::{KernelError, Result};

/// One level of a fixed-size list. `validity` has a byte an element (0 = null), counted over the whole page.
#[derive(Clone)]
pub struct ListLayer {
    pub dimension: usize,
    pub validity: Option<Vec<u8>>,
}

/// Values of one width. Bits lie LSB first; all else is whole little-endian bytes.
pub struct FixedValues {
    pub bits: usize,
    pub count: usize,
    pub data: Vec<u8>,
}

/// Values of any length: `ends` has `count + 1` positions in `data`, ascending from 0.
pub struct VariableValues {
    pub offset_bits: usize,
    pub ends: Vec<u32>,
    pub data: Vec<u8>,
}

/// Rows that are fixed-size lists, outermost layer first.
pub struct ListValues {
    pub layers: Vec<ListLayer>,
    pub bits: usize,
    pub count: usize,
    pub data: Vec<u8>,
}

/// The values of a dictionary.
pub enum Items {
    Fixed(FixedValues),
    Variable(VariableValues),
}

/// Copies `count` bits; bits of the last byte beyond them are zero.
pub fn copy_bits(source: &[u8], first: usize, count: usize, out: &mut Vec<u8>) {
    let bytes = count.div_ceil(8);
    let start = out.len();
    if first.is_multiple_of(8) {
        out.extend_from_slice(&source[first / 8..first / 8 + bytes]);
    } else {
        let (at, shift) = (first / 8, first % 8);
        for index in 0..bytes {
            let high = source.get(at + index + 1).copied().unwrap_or(0);
            out.push(source[at + index] >> shift | high << (8 - shift));
        }
    }
    if !count.is_multiple_of(8) {
        out[start + bytes - 1] &= (1 << (count % 8)) - 1;
    }
}

fn require(condition: bool, message: &'static str) -> Result<()> {
    if condition {
        Ok(())
    } else {
        Err(KernelError::Invalid(message))
    }
}

impl FixedValues {
    pub fn new(
        bits: usize,
        count: usize,
        first_bit: usize,
        mut data: Vec<u8>,
        nulls: &[u8],
    ) -> Result<Self> {
        let needed = count
            .checked_mul(bits)
            .and_then(|bits| bits.checked_add(first_bit))
            .ok_or(KernelError::Invalid("more values than memory holds"))?
            .div_ceil(8);
        require(data.len() >= needed, "values shorter than their count")?;
        if bits == 1 {
            let mut packed = Vec::with_capacity(count.div_ceil(8));
            copy_bits(&data, first_bit, count, &mut packed);
            data = packed;
        } else {
            require(
                bits > 0 && bits.is_multiple_of(8) && first_bit == 0,
                "values of broken bytes",
            )?;
            data.truncate(count * bits / 8);
        }
        for (index, _) in nulls.iter().enumerate().filter(|(_, null)| **null != 0) {
            if bits == 1 {
                data[index / 8] &= !(1 << (index % 8));
            } else {
                data[index * bits / 8..(index + 1) * bits / 8].fill(0);
            }
        }
        Ok(Self { bits, count, data })
    }

    pub fn byte_width(&self) -> usize {
        self.bits / 8
    }

    /// The bytes of some whole values. Not for bits.
    pub fn slice(&self, from: usize, count: usize) -> &[u8] {
        &self.data[from * self.bits / 8..(from + count) * self.bits / 8]
    }
}

impl VariableValues {
    pub fn new(offset_bits: usize, ends: &[u32], data: Vec<u8>, nulls: &[u8]) -> Result<Self> {
        let (Some(&first), Some(&last)) = (ends.first(), ends.last()) else {
            return Err(KernelError::Invalid("no offsets"));
        };
        require(matches!(offset_bits, 32 | 64), "offsets of 32 or 64 bits")?;
        require(
            ends.windows(2).all(|pair| pair[0] <= pair[1]) && last as usize <= data.len(),
            "offsets that do not ascend inside the data",
        )?;
        let hidden = nulls
            .iter()
            .enumerate()
            .any(|(index, null)| *null != 0 && ends[index] != ends[index + 1]);
        if first == 0 && last as usize == data.len() && !hidden {
            return Ok(Self {
                offset_bits,
                ends: ends.to_vec(),
                data,
            });
        }
        let mut compact = Vec::with_capacity((last - first) as usize);
        let mut compact_ends = Vec::with_capacity(ends.len());
        compact_ends.push(0);
        for (index, pair) in ends.windows(2).enumerate() {
            if nulls.get(index).is_none_or(|null| *null == 0) {
                compact.extend_from_slice(&data[pair[0] as usize..pair[1] as usize]);
            }
            compact_ends.push(compact.len() as u32);
        }
        Ok(Self {
            offset_bits,
            ends: compact_ends,
            data: compact,
        })
    }

    pub fn count(&self) -> usize {
        self.ends.len() - 1
    }

    pub fn value(&self, index: usize) -> &[u8] {
        &self.data[self.ends[index] as usize..self.ends[index + 1] as usize]
    }

    pub fn max_length(&self) -> usize {
        self.ends
            .windows(2)
            .map(|pair| (pair[1] - pair[0]) as usize)
            .max()
            .unwrap_or(0)
    }

    /// Bytes with offsets: what readers hold.
    pub fn plain_bytes(&self) -> usize {
        self.data.len() + self.ends.len() * self.offset_bits / 8
    }
}

impl ListValues {
    pub fn new(
        layers: Vec<ListLayer>,
        bits: usize,
        count: usize,
        first_bit: usize,
        mut data: Vec<u8>,
    ) -> Result<Self> {
        let mut elements = count;
        for layer in &layers {
            elements = elements
                .checked_mul(layer.dimension)
                .ok_or(KernelError::Invalid("more values than memory holds"))?;
            if let Some(validity) = &layer.validity {
                require(
                    validity.len() == elements,
                    "validity of another length than the elements",
                )?;
            }
        }
        let needed = elements
            .checked_mul(bits)
            .and_then(|bits| bits.checked_add(first_bit))
            .ok_or(KernelError::Invalid("more values than memory holds"))?
            .div_ceil(8);
        require(
            (bits == 1 || bits.is_multiple_of(8)) && bits > 0 && elements > 0,
            "list items of broken bytes",
        )?;
        require(data.len() >= needed, "values shorter than their count")?;
        if bits == 1 {
            let mut packed = Vec::with_capacity(needed);
            copy_bits(&data, first_bit, elements, &mut packed);
            data = packed;
        } else {
            require(first_bit == 0, "values of broken bytes")?;
            data.truncate(needed);
        }
        Ok(Self {
            layers,
            bits,
            count,
            data,
        })
    }

    /// Elements of one row, down to the innermost list.
    pub fn elements(&self) -> usize {
        self.layers.iter().map(|layer| layer.dimension).product()
    }

    /// Bits of the values of one row, without validity.
    pub fn row_bits(&self) -> usize {
        self.elements() * self.bits
    }
}

impl Items {
    pub fn count(&self) -> usize {
        match self {
            Items::Fixed(values) => values.count,
            Items::Variable(values) => values.count(),
        }
    }
}
