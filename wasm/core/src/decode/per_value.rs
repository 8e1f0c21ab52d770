//! Full-zip pages: control word and value of each item side by side (format page section 2.2).

use super::bits::{read_u32, read_u64, slice};
use super::compression::decompress;
use super::program::{Encoding, PackedField};
use super::values::Values;
use lancelet_common::error::{KernelError, Result};

/// How the items of one page are laid out.
pub struct ItemFormat {
    pub bits_rep: usize,
    pub bits_def: usize,
    /// Fixed width: bytes of one value. Variable width: 0.
    pub value_bytes: usize,
    /// Variable width: bytes of the length before each value, 4 or 8. Fixed width: 0.
    pub length_bytes: usize,
    pub values: Encoding,
}

impl ItemFormat {
    pub fn control_bytes(&self) -> Result<usize> {
        match self.bits_rep + self.bits_def {
            0 => Ok(0),
            1..=8 => Ok(1),
            9..=16 => Ok(2),
            17..=32 => Ok(4),
            _ => Err(KernelError::Corrupt("a control word is too wide")),
        }
    }
}

/// Decodes every item of `data`, a whole number of rows. Levels are appended only where the page has them.
pub fn decode_items(
    format: &ItemFormat,
    data: &[u8],
    max_visible: usize,
    rep: &mut Vec<u16>,
    def: &mut Vec<u16>,
    out: &mut Values,
) -> Result<usize> {
    let control = format.control_bytes()?;
    if control + format.value_bytes + format.length_bytes == 0 {
        return Err(KernelError::Corrupt("items without any bytes"));
    }
    if control == 0 && format.length_bytes == 0 {
        let count = data.len() / format.value_bytes;
        if count * format.value_bytes != data.len() {
            return Err(KernelError::Corrupt("a row is cut off"));
        }
        append_fixed_rows(&format.values, data, count, out)?;
        return Ok(count);
    }
    let def_mask = (1u64 << format.bits_def) - 1;
    let mut at = 0;
    let mut count = 0;
    while at < data.len() {
        let mut word = [0u8; 8];
        word[..control].copy_from_slice(slice(data, at, control)?);
        let word = u64::from_le_bytes(word);
        at += control;
        let level = (word & def_mask) as usize;
        if format.bits_rep > 0 {
            rep.push((word >> format.bits_def) as u16);
        }
        if format.bits_def > 0 {
            def.push(level as u16);
        }
        count += 1;
        if level > max_visible {
            continue;
        }
        if format.length_bytes == 0 {
            append_fixed_rows(&format.values, slice(data, at, format.value_bytes)?, 1, out)?;
            at += format.value_bytes;
        } else if level == 0 {
            let length = if format.length_bytes == 4 {
                read_u32(data, at)?
            } else {
                read_u64(data, at)?
            };
            at += format.length_bytes;
            append_value(&format.values, slice(data, at, length)?, out)?;
            at += length;
        } else {
            out.append_zeros(1)?;
        }
    }
    Ok(count)
}

/// Each value is compressed on its own.
fn append_value(encoding: &Encoding, raw: &[u8], out: &mut Values) -> Result<()> {
    if let Encoding::VariablePackedStruct { fields } = encoding {
        return append_packed(fields, raw, out);
    }
    if !out.variable {
        return Err(KernelError::Corrupt(
            "variable-width values in a fixed-width column",
        ));
    }
    match encoding {
        Encoding::Variable { .. } => {
            out.reserve(raw.len())?;
            out.data.extend_from_slice(raw);
        }
        Encoding::Fsst { table, .. } => table.expand(raw, &mut out.data)?,
        Encoding::General { scheme, .. } => {
            let bytes = decompress(*scheme, raw)?;
            out.reserve(bytes.len())?;
            out.data.extend_from_slice(&bytes);
        }
        _ => return Err(KernelError::Unsupported("this encoding of full-zip values")),
    }
    out.close_value()
}

/// One row of a packed struct: each field with its bytes, or with its length and then its bytes.
fn append_packed(fields: &[PackedField], raw: &[u8], out: &mut Values) -> Result<()> {
    if fields.len() != out.fields.len() || fields.is_empty() {
        return Err(KernelError::Corrupt(
            "a packed struct with other fields than the column's type",
        ));
    }
    let mut at = 0;
    for (field, target) in fields.iter().zip(&mut out.fields) {
        if field.length_bytes == 0 {
            append_fixed_rows(&field.values, slice(raw, at, field.bytes)?, 1, target)?;
            at += field.bytes;
            continue;
        }
        let length = if field.length_bytes == 4 {
            read_u32(raw, at)?
        } else {
            read_u64(raw, at)?
        };
        at += field.length_bytes;
        append_value(&field.values, slice(raw, at, length)?, target)?;
        at += length;
    }
    if at != raw.len() {
        return Err(KernelError::Corrupt(
            "a row of a packed struct is longer than its fields",
        ));
    }
    out.len += 1;
    Ok(())
}

/// Appends `count` rows of `[validity bytes of each list level, outermost first][items]`.
pub fn append_fixed_rows(
    encoding: &Encoding,
    data: &[u8],
    count: usize,
    out: &mut Values,
) -> Result<()> {
    if let Encoding::PackedStruct { .. } = encoding {
        super::mini_block::check_fields(out)?;
        let stride: usize = out.fields.iter().map(|field| field.bits / 8).sum();
        if stride.checked_mul(count) != Some(data.len()) {
            return Err(KernelError::Corrupt("a row has the wrong size"));
        }
        return out.append_rows(data, count);
    }
    let mut validity: Vec<Option<usize>> = Vec::new();
    let mut prefix = 0usize;
    let mut items = 1usize;
    let mut node = encoding;
    while let Encoding::FixedSizeList {
        items: size,
        has_validity,
        values,
    } = node
    {
        items = items
            .checked_mul(*size)
            .ok_or(KernelError::Corrupt("a fixed-size list is too wide"))?;
        validity.push(has_validity.then_some(prefix));
        if *has_validity {
            prefix += items.div_ceil(8);
        }
        node = values;
    }
    if let Encoding::Constant { .. } = node {
        // Where every list within is null, their own levels are left out.
        validity.resize(validity.len().max(out.item_validity.len()), None);
    }
    if validity.len() != out.item_validity.len() || out.variable || !out.fields.is_empty() {
        return Err(KernelError::Corrupt(
            "fixed-size lists nest differently than the column's type",
        ));
    }
    let item_bits = match node {
        Encoding::Flat { bits } => *bits,
        Encoding::Constant { .. } => 0,
        _ => return Err(KernelError::Unsupported("this encoding of full-zip values")),
    };
    // Booleans are zipped as bytes of 0 and 1.
    let is_widened_bit = validity.is_empty() && out.bits == 1 && item_bits == 8;
    if item_bits != 0 && !is_widened_bit && items.checked_mul(item_bits) != Some(out.bits) {
        return Err(KernelError::Corrupt(
            "values of another width than the column's type",
        ));
    }
    let value_bytes = if item_bits == 0 {
        0
    } else {
        out.bits.div_ceil(8)
    };
    let stride = prefix + value_bytes;
    if stride.checked_mul(count) != Some(data.len()) {
        return Err(KernelError::Corrupt("a row has the wrong size"));
    }
    if prefix == 0 && out.bits.is_multiple_of(8) && item_bits != 0 {
        out.append_fixed(data, 0, count)?;
        return super::mini_block::append_all_valid(out, count);
    }
    for row in 0..count {
        let raw = slice(data, row * stride, stride)?;
        if item_bits == 0 {
            out.append_zeros(1)?;
        } else {
            out.append_fixed(&raw[prefix..], 0, 1)?;
        }
        for (level, at) in validity.iter().enumerate() {
            out.append_item_validity(level, at.map(|at| (&raw[at..], 0)), 1)?;
        }
    }
    Ok(())
}
