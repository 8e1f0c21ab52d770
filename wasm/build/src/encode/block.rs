//! Block encoding: one self-contained buffer, as dictionaries are stored (format page section 2.2).

use super::bitpack::{
    inline_bytes, measure_width, out_of_line_bytes, write_inline, write_out_of_line, BLOCK,
};
use super::compression::{compress, Scheme};
use super::program::Encoding;
use super::values::{FixedValues, VariableValues};

/// Fixed-width values: packed where that saves, plain otherwise.
pub fn encode_fixed(values: &FixedValues, scheme: Option<Scheme>) -> (Vec<u8>, Encoding) {
    let FixedValues { bits, count, data } = values;
    let (bits, count) = (*bits, *count);
    if matches!(bits, 8 | 16 | 32 | 64) {
        let width = measure_width(data, bits).max(1);
        let mut out = Vec::new();
        if width < bits && count <= BLOCK && inline_bytes(bits, width) < data.len() {
            write_inline(data, bits, &mut out);
            return (out, Encoding::InlineBitpacking(bits));
        }
        if width < bits && count > BLOCK && out_of_line_bytes(count, bits, width) < data.len() {
            write_out_of_line(data, bits, width, &mut out);
            return (
                out,
                Encoding::OutOfLineBitpacking {
                    word_bits: bits,
                    width,
                },
            );
        }
    }
    wrap(data.clone(), Encoding::Flat(bits), scheme)
}

/// Strings: width of the offsets and start of the bytes, the offsets, the bytes.
pub fn encode_variable(values: &VariableValues, scheme: Option<Scheme>) -> (Vec<u8>, Encoding) {
    let VariableValues {
        offset_bits,
        ends,
        data,
    } = values;
    let offset_bytes = offset_bits / 8;
    let header = (2 + ends.len()) * offset_bytes;
    let mut out = Vec::with_capacity(header + data.len());
    for word in [*offset_bits as u64, header as u64]
        .into_iter()
        .chain(ends.iter().map(|end| u64::from(*end)))
    {
        out.extend_from_slice(&word.to_le_bytes()[..offset_bytes]);
    }
    out.extend_from_slice(data);
    wrap(out, Encoding::Variable(*offset_bits), scheme)
}

/// Compresses the payload if that makes it smaller.
fn wrap(plain: Vec<u8>, encoding: Encoding, scheme: Option<Scheme>) -> (Vec<u8>, Encoding) {
    let Some(scheme) = scheme else {
        return (plain, encoding);
    };
    let mut compressed = Vec::new();
    compress(scheme, &plain, &mut compressed);
    if compressed.len() >= plain.len() {
        return (plain, encoding);
    }
    let values = Box::new(encoding);
    (compressed, Encoding::General { scheme, values })
}
