//! Floats as whole numbers of the same order.

/// Floats in the order of their values: a smaller one has a smaller number. NaN comes last.
#[inline(always)]
pub fn key_of(value: f32) -> u32 {
    let bits = value.to_bits();
    if bits >> 31 == 0 {
        bits | 0x8000_0000
    } else if value.is_nan() {
        u32::MAX
    } else {
        !bits
    }
}

/// The inverse of [`key_of`].
pub fn value_of(key: u32) -> f32 {
    f32::from_bits(if key >> 31 == 0 {
        !key
    } else {
        key & 0x7fff_ffff
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_keep_the_order_of_floats() {
        let values = [
            f32::NEG_INFINITY,
            -2.0,
            -1e-40,
            0.0,
            1e-40,
            3.5,
            f32::INFINITY,
        ];
        for pair in values.windows(2) {
            assert!(key_of(pair[0]) < key_of(pair[1]));
        }
        for value in values {
            assert_eq!(value_of(key_of(value)), value);
        }
        assert!(key_of(f32::NAN) > key_of(f32::INFINITY));
        assert_eq!(key_of(-f32::NAN), u32::MAX);
    }
}
