//! FastLanes bit packing in blocks of 1024 values (format page section 2.2; FastLanes, Afroozeh and Boncz, VLDB 2023).

/// Values in a packed block, always.
pub const BLOCK: usize = 1024;

const ORDER: [usize; 8] = [0, 4, 2, 6, 1, 5, 3, 7];

macro_rules! pack_words {
    ($name:ident, $word:ty) => {
        fn $name(values: &[$word; BLOCK], width: usize, out: &mut Vec<u8>) {
            const BITS: usize = <$word>::BITS as usize;
            const LANES: usize = BLOCK / BITS;
            let mut packed = [0 as $word; BLOCK];
            for row in 0..BITS {
                let first = ORDER[row / 8] * 16 + (row % 8) * 128;
                let lane_values = &values[first..first + LANES];
                let (word, shift) = (row * width / BITS, row * width % BITS);
                for (slot, value) in packed[word * LANES..(word + 1) * LANES]
                    .iter_mut()
                    .zip(lane_values)
                {
                    *slot |= value << shift;
                }
                if shift + width > BITS {
                    let rest = BITS - shift;
                    for (slot, value) in packed[(word + 1) * LANES..(word + 2) * LANES]
                        .iter_mut()
                        .zip(lane_values)
                    {
                        *slot |= value >> rest;
                    }
                }
            }
            for word in &packed[..width * LANES] {
                out.extend_from_slice(&word.to_le_bytes());
            }
        }
    };
}

pack_words!(pack_8, u8);
pack_words!(pack_16, u16);
pack_words!(pack_32, u32);
pack_words!(pack_64, u64);

macro_rules! load_block {
    ($word:ty, $data:expr) => {{
        let mut block = [0 as $word; BLOCK];
        for (slot, raw) in block
            .iter_mut()
            .zip($data.chunks_exact(core::mem::size_of::<$word>()))
        {
            let mut bytes = [0; core::mem::size_of::<$word>()];
            bytes.copy_from_slice(raw);
            *slot = <$word>::from_le_bytes(bytes);
        }
        block
    }};
}

/// Packs up to 1024 little-endian values, the rest of the block as zeros. No value may be wider than `width`.
pub fn pack_block(data: &[u8], word_bits: usize, width: usize, out: &mut Vec<u8>) {
    if width == 0 {
        return;
    }
    match word_bits {
        8 => pack_8(&load_block!(u8, data), width, out),
        16 => pack_16(&load_block!(u16, data), width, out),
        32 => pack_32(&load_block!(u32, data), width, out),
        _ => pack_64(&load_block!(u64, data), width, out),
    }
}

/// Bits the widest of these little-endian values needs.
pub fn measure_width(data: &[u8], word_bits: usize) -> usize {
    let bytes = word_bits / 8;
    let mut any = [0u8; 8];
    let mut words = data.chunks_exact(8);
    for word in &mut words {
        for (slot, byte) in any.iter_mut().zip(word) {
            *slot |= byte;
        }
    }
    for (at, byte) in words.remainder().iter().enumerate() {
        any[at] |= byte;
    }
    let mut folded = 0u64;
    for (at, byte) in any.iter().enumerate() {
        folded |= (*byte as u64) << (at % bytes * 8);
    }
    64 - folded.leading_zeros() as usize
}

/// The width of each block.
pub fn measure_blocks(data: &[u8], word_bits: usize) -> Vec<usize> {
    data.chunks(BLOCK * word_bits / 8)
        .map(|block| measure_width(block, word_bits))
        .collect()
}

/// Bytes of an inline block: a word that tells the width, then the packed words.
pub fn inline_bytes(word_bits: usize, width: usize) -> usize {
    word_bits / 8 + BLOCK / 8 * width
}

/// At most 1024 values with their width in front.
pub fn write_inline(data: &[u8], word_bits: usize, out: &mut Vec<u8>) {
    let width = measure_width(data, word_bits);
    out.push(width as u8);
    out.resize(out.len() + word_bits / 8 - 1, 0);
    pack_block(data, word_bits, width, out);
}

/// Bytes of `count` values packed without widths: whole blocks, and a tail packed or plain, whichever is smaller.
pub fn out_of_line_bytes(count: usize, word_bits: usize, width: usize) -> usize {
    let tail = count % BLOCK * word_bits / 8;
    count / BLOCK * (BLOCK / 8 * width) + tail.min(BLOCK / 8 * width)
}

/// Values of one width for all. A reader tells a packed tail from a plain one by the size, so equal sizes stay plain.
pub fn write_out_of_line(data: &[u8], word_bits: usize, width: usize, out: &mut Vec<u8>) {
    for block in data.chunks(BLOCK * word_bits / 8) {
        if block.len() == BLOCK * word_bits / 8 || BLOCK / 8 * width < block.len() {
            pack_block(block, word_bits, width, out);
        } else {
            out.extend_from_slice(block);
        }
    }
}
