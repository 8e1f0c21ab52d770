//! The bits a code has beyond its sign, packed in blocks of 64 values (index page, section 4; the layout is that of the
//! RaBitQ library). Codes come out of a block in the order of their values.

/// Values of a block. The last one is filled up with zeroes.
pub const EX_BLOCK: usize = 64;

/// Where the plane of the top bits has that of value 16k + b.
#[inline(always)]
fn top_position(value: usize) -> usize {
    let (k, b) = (value / 16, value % 16);
    8 * (b % 8) + 2 * k + b / 8
}

fn pack_top(codes: &[u8; EX_BLOCK], bit: u8) -> [u8; 8] {
    let plane = codes.iter().enumerate().fold(0u64, |plane, (value, code)| {
        plane | u64::from(code >> bit & 1) << top_position(value)
    });
    plane.to_le_bytes()
}

/// Adds the top bits to codes that lack them.
#[inline(always)]
fn unpack_top(plane: &[u8], bit: u32, codes: &mut [u8; EX_BLOCK]) {
    for k in 0..4 {
        for b in 0..16 {
            codes[16 * k + b] |= (plane[b % 8] >> (2 * k + b / 8) & 1) << bit;
        }
    }
}

fn pack_block(bits: u8, codes: &[u8; EX_BLOCK], out: &mut [u8]) {
    match bits {
        1 => {
            for (value, code) in codes.iter().enumerate() {
                out[value / 8] |= (code & 1) << (value % 8);
            }
        }
        2 | 3 => {
            for (value, code) in codes.iter().enumerate() {
                out[value % 16] |= (code & 3) << (2 * (value / 16));
            }
        }
        4 => {
            for (value, code) in codes.iter().enumerate() {
                out[8 * (value / 16) + value % 8] |= (code & 15) << (4 * (value / 8 % 2));
            }
        }
        5 => {
            for (value, code) in codes.iter().enumerate() {
                out[16 * (value / 32) + value % 16] |= (code & 15) << (4 * (value / 16 % 2));
            }
        }
        6 | 7 => {
            for (value, code) in codes.iter().enumerate() {
                if value < 48 {
                    out[value] |= code & 63;
                } else {
                    // The fourth run has no bytes of its own: two bits in each of the others.
                    for k in 0..3 {
                        out[16 * k + value % 16] |= (code >> (2 * k) & 3) << 6;
                    }
                }
            }
        }
        _ => out.copy_from_slice(codes),
    }
    let plane = 8 * (bits as usize - 1);
    if matches!(bits, 3 | 5 | 7) {
        out[plane..plane + 8].copy_from_slice(&pack_top(codes, bits - 1));
    }
}

/// Packs one code a value, of `bits` bits (1 to 8), into zeroed blocks.
pub fn pack_ex_codes(codes: &[u8], bits: u8, out: &mut [u8]) {
    for (codes, out) in codes
        .chunks(EX_BLOCK)
        .zip(out.chunks_exact_mut(8 * bits as usize))
    {
        let mut block = [0; EX_BLOCK];
        block[..codes.len()].copy_from_slice(codes);
        pack_block(bits, &block, out);
    }
}

/// The codes of one block of `8 × BITS` bytes.
#[inline(always)]
pub fn unpack_ex_block<const BITS: usize>(block: &[u8], codes: &mut [u8; EX_BLOCK]) {
    let block = &block[..8 * BITS];
    match BITS {
        1 => {
            for value in 0..EX_BLOCK {
                codes[value] = block[value / 8] >> (value % 8) & 1;
            }
        }
        2 | 3 => {
            for run in 0..4 {
                for b in 0..16 {
                    codes[16 * run + b] = block[b] >> (2 * run) & 3;
                }
            }
        }
        4 => {
            for run in 0..4 {
                for b in 0..8 {
                    codes[16 * run + b] = block[8 * run + b] & 15;
                    codes[16 * run + 8 + b] = block[8 * run + b] >> 4;
                }
            }
        }
        5 => {
            for half in 0..2 {
                for b in 0..16 {
                    codes[32 * half + b] = block[16 * half + b] & 15;
                    codes[32 * half + 16 + b] = block[16 * half + b] >> 4;
                }
            }
        }
        6 | 7 => {
            for value in 0..48 {
                codes[value] = block[value] & 63;
            }
            for b in 0..16 {
                codes[48 + b] = block[b] >> 6 | block[16 + b] >> 6 << 2 | block[32 + b] >> 6 << 4;
            }
        }
        _ => codes.copy_from_slice(block),
    }
    if matches!(BITS, 3 | 5 | 7) {
        unpack_top(&block[8 * (BITS - 1)..], BITS as u32 - 1, codes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn round_trip<const BITS: usize>() {
        let codes: Vec<u8> = (0..80u32)
            .map(|i| (i * 151 % 256) as u8 & ((1u16 << BITS) - 1) as u8)
            .collect();
        let mut packed = vec![0; 16 * BITS];
        pack_ex_codes(&codes, BITS as u8, &mut packed);
        let mut unpacked = Vec::new();
        for block in packed.chunks_exact(8 * BITS) {
            let mut values = [0xff; EX_BLOCK];
            unpack_ex_block::<BITS>(block, &mut values);
            unpacked.extend(values);
        }
        assert_eq!(unpacked[..80], codes);
        assert!(unpacked[80..].iter().all(|&code| code == 0));
    }

    #[test]
    fn every_width_comes_back() {
        round_trip::<1>();
        round_trip::<2>();
        round_trip::<3>();
        round_trip::<4>();
        round_trip::<5>();
        round_trip::<6>();
        round_trip::<7>();
        round_trip::<8>();
    }

    /// Bits of the layout, by hand.
    #[test]
    fn places() {
        let place = |bits: u8, value: usize, code: u8| {
            let mut codes = [0; EX_BLOCK];
            codes[value] = code;
            let mut packed = vec![0; 8 * bits as usize];
            pack_ex_codes(&codes, bits, &mut packed);
            let at = packed.iter().position(|&byte| byte != 0).unwrap();
            (at, packed[at])
        };
        assert_eq!(place(1, 13, 1), (1, 1 << 5));
        assert_eq!(place(2, 17, 3), (1, 3 << 2));
        // Value 16 × 2 + 9: bit 8 × 1 + 4 + 1 of the plane.
        assert_eq!(place(3, 41, 4), (17, 1 << 5));
        assert_eq!(place(4, 29, 15), (13, 15 << 4));
        assert_eq!(place(5, 49, 15), (17, 15 << 4));
        assert_eq!(place(6, 50, 3 << 4), (34, 3 << 6));
        assert_eq!(place(7, 0, 64), (48, 1));
        assert_eq!(place(8, 63, 200), (63, 200));
    }
}
