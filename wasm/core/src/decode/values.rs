//! Decoded leaf values in Arrow's shapes: fixed width with fixed-size-list validity, or variable width.

use super::bits::{bytes_for, slice, Bits};
use super::shape::Shape;
use lancelet_common::error::{KernelError, Result};

/// No single column of a batch may grow beyond this: Arrow's 32-bit offsets end here, and so does memory soon.
const MAX_BYTES: usize = i32::MAX as usize;

/// A run of decoded values of one shape.
pub struct Values {
    pub len: usize,
    pub variable: bool,
    /// Bits of one whole value, fixed-size lists included.
    pub bits: usize,
    /// Fixed width: the values. Variable width: the bytes.
    pub data: Vec<u8>,
    /// Bits in use when `bits` is not a whole number of bytes.
    pub packed: Bits,
    /// Variable width only: `len + 1` byte offsets.
    pub offsets: Vec<u32>,
    /// Per fixed-size list level, outermost first: items in one value, and their validity once any page had it.
    pub item_validity: Vec<(usize, Option<Bits>)>,
    /// Packed structs: the values of each field; nothing else is used then but `len`.
    pub fields: Vec<Values>,
}

impl Values {
    pub fn new(shape: &Shape) -> Result<Self> {
        let mut per_value = 1usize;
        let mut item_validity = Vec::new();
        for size in &shape.dimensions {
            per_value = per_value
                .checked_mul(*size)
                .ok_or(KernelError::Corrupt("a fixed-size list is too wide"))?;
            item_validity.push((per_value, None));
        }
        Ok(Self {
            len: 0,
            variable: shape.variable,
            bits: if shape.variable {
                0
            } else {
                shape.value_bits()?
            },
            data: Vec::new(),
            packed: Bits::default(),
            offsets: if shape.variable { vec![0] } else { Vec::new() },
            item_validity,
            fields: shape
                .fields
                .iter()
                .map(Values::new)
                .collect::<Result<Vec<_>>>()?,
        })
    }

    /// Variable-width values without a column: what symbols are expanded from.
    pub fn new_variable() -> Self {
        Self {
            len: 0,
            variable: true,
            bits: 0,
            data: Vec::new(),
            packed: Bits::default(),
            offsets: vec![0],
            item_validity: Vec::new(),
            fields: Vec::new(),
        }
    }

    /// Appends `count` rows of a packed struct whose fields all have whole bytes.
    pub fn append_rows(&mut self, source: &[u8], count: usize) -> Result<()> {
        let mut stride = 0usize;
        for field in &self.fields {
            if field.variable || field.bits == 0 || !field.bits.is_multiple_of(8) {
                return Err(KernelError::Corrupt(
                    "a packed struct of fixed width with a field that is not",
                ));
            }
            stride = stride
                .checked_add(field.bits / 8)
                .ok_or(KernelError::Corrupt("a packed struct is too wide"))?;
        }
        let total = count
            .checked_mul(stride)
            .ok_or(KernelError::Corrupt("a buffer size overflows"))?;
        let rows = slice(source, 0, total)?;
        let mut offset = 0;
        for field in &mut self.fields {
            let width = field.bits / 8;
            field.reserve(count * width)?;
            if stride > 0 {
                for row in rows.chunks_exact(stride) {
                    field.data.extend_from_slice(&row[offset..offset + width]);
                }
            }
            field.len += count;
            offset += width;
        }
        self.len += count;
        Ok(())
    }

    /// Bytes held.
    pub fn held_bytes(&self) -> usize {
        let own = self.data.len() + self.offsets.len() * 4 + self.packed.bytes.len();
        self.fields.iter().map(Values::held_bytes).sum::<usize>() + own
    }

    /// Makes room for `extra` bytes, or says that memory is full.
    pub fn reserve(&mut self, extra: usize) -> Result<()> {
        if self
            .data
            .len()
            .checked_add(extra)
            .is_none_or(|total| total > MAX_BYTES)
        {
            return Err(KernelError::Unsupported(
                "a batch of more than 2 GiB in one column; read fewer rows at a time",
            ));
        }
        self.data
            .try_reserve(extra)
            .map_err(|_| KernelError::OutOfMemory)
    }

    /// Appends `count` fixed-width values, tightly packed. Does not touch item validity.
    pub fn append_fixed(&mut self, source: &[u8], first: usize, count: usize) -> Result<()> {
        if self.variable {
            return Err(KernelError::Corrupt(
                "fixed-width values in a variable-width column",
            ));
        }
        if self.bits.is_multiple_of(8) {
            let width = self.bits / 8;
            let length = bytes_for(count, self.bits)?;
            let start = first
                .checked_mul(width)
                .ok_or(KernelError::Corrupt("a buffer size overflows"))?;
            let bytes = slice(source, start, length)?;
            self.reserve(length)?;
            self.data.extend_from_slice(bytes);
        } else {
            let start = first
                .checked_mul(self.bits)
                .ok_or(KernelError::Corrupt("a buffer size overflows"))?;
            let total = count
                .checked_mul(self.bits)
                .ok_or(KernelError::Corrupt("a buffer size overflows"))?;
            if total.div_ceil(8) > MAX_BYTES {
                return Err(KernelError::Corrupt("a buffer size overflows"));
            }
            self.packed.append_from(source, start, total)?;
        }
        self.len += count;
        Ok(())
    }

    /// Appends `count` zero values (null slots).
    pub fn append_zeros(&mut self, count: usize) -> Result<()> {
        for field in &mut self.fields {
            field.append_zeros(count)?;
        }
        if self.variable {
            let end = self.offsets.last().copied().unwrap_or(0);
            self.offsets
                .try_reserve(count)
                .map_err(|_| KernelError::OutOfMemory)?;
            self.offsets.resize(self.offsets.len() + count, end);
        } else if self.bits.is_multiple_of(8) {
            let extra = bytes_for(count, self.bits)?;
            self.reserve(extra)?;
            self.data.resize(self.data.len() + extra, 0);
        } else {
            let total = count
                .checked_mul(self.bits)
                .ok_or(KernelError::Corrupt("a buffer size overflows"))?;
            self.packed.append_run(false, total);
        }
        self.len += count;
        Ok(())
    }

    /// Appends one variable-width value that was just pushed onto `data`.
    pub fn close_value(&mut self) -> Result<()> {
        if self.data.len() > MAX_BYTES {
            return Err(KernelError::Unsupported(
                "a batch of more than 2 GiB in one column; read fewer rows at a time",
            ));
        }
        self.offsets.push(self.data.len() as u32);
        self.len += 1;
        Ok(())
    }

    /// Appends validity of one fixed-size list level for the `count` values just appended; `None` is all valid.
    pub fn append_item_validity(
        &mut self,
        level: usize,
        source: Option<(&[u8], usize)>,
        count: usize,
    ) -> Result<()> {
        let before = self.len - count;
        let Some((per_value, bits)) = self.item_validity.get_mut(level) else {
            return Err(KernelError::Corrupt(
                "more fixed-size list levels than the type has",
            ));
        };
        let total = count
            .checked_mul(*per_value)
            .ok_or(KernelError::Corrupt("a buffer size overflows"))?;
        if source.is_none() && bits.is_none() {
            return Ok(());
        }
        let bits = bits.get_or_insert_with(Bits::default);
        let earlier = before * *per_value;
        if bits.len < earlier {
            bits.append_run(true, earlier - bits.len);
        }
        match source {
            Some((bytes, start)) => bits.append_from(bytes, start, total)?,
            None => bits.append_run(true, total),
        }
        Ok(())
    }

    /// Appends `other[first .. first + count]`.
    pub fn append_range(&mut self, other: &Values, first: usize, count: usize) -> Result<()> {
        if first.checked_add(count).is_none_or(|end| end > other.len) {
            return Err(KernelError::Corrupt("a value range is beyond its chunk"));
        }
        if !self.fields.is_empty() {
            if self.fields.len() != other.fields.len() {
                return Err(KernelError::Corrupt("values of the wrong width"));
            }
            for (field, from) in self.fields.iter_mut().zip(&other.fields) {
                field.append_range(from, first, count)?;
            }
            self.len += count;
            return Ok(());
        }
        if self.variable {
            if !other.variable {
                return Err(KernelError::Corrupt(
                    "fixed-width values in a variable-width column",
                ));
            }
            let offsets = &other.offsets[first..=first + count];
            let (start, end) = (offsets[0] as usize, offsets[count] as usize);
            self.reserve(end - start)?;
            let base = self.data.len();
            self.data.extend_from_slice(&other.data[start..end]);
            self.offsets
                .try_reserve(count)
                .map_err(|_| KernelError::OutOfMemory)?;
            for offset in &offsets[1..] {
                self.offsets.push((base + *offset as usize - start) as u32);
            }
            self.len += count;
            return Ok(());
        }
        if self.bits != other.bits {
            return Err(KernelError::Corrupt("values of the wrong width"));
        }
        if self.bits.is_multiple_of(8) {
            self.append_fixed(&other.data, first, count)?;
        } else {
            self.append_fixed(&other.packed.bytes, first, count)?;
        }
        for level in 0..self.item_validity.len() {
            let source = match other.item_validity.get(level) {
                Some((per_value, Some(bits))) => Some((bits.bytes.as_slice(), first * *per_value)),
                _ => None,
            };
            self.append_item_validity(level, source, count)?;
        }
        Ok(())
    }
}
