//! What writers and readers of product codes share: how a vector is cut up, and where its codes lie in a row.

use crate::error::{KernelError, Result};
use crate::memory::count_values;

/// How a vector is cut up, and what a code holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    pub num_sub_vectors: usize,
    /// Values of a sub-vector.
    pub width: usize,
    /// Centroids of each: 16 or 256.
    pub k: usize,
}

impl Shape {
    /// At least one value, whose codebook a `usize` can count.
    pub fn new(dimension: usize, num_sub_vectors: usize, bits: u8) -> Result<Shape> {
        if num_sub_vectors == 0 || dimension == 0 || !dimension.is_multiple_of(num_sub_vectors) {
            return Err(KernelError::Invalid(
                "the dimension must be a multiple of the number of sub-vectors",
            ));
        }
        if !(bits == 8 || bits == 4 && num_sub_vectors.is_multiple_of(2)) {
            return Err(KernelError::Invalid(
                "codes have 8 bits, or 4 and an even number of sub-vectors",
            ));
        }
        let k = 1usize << bits;
        count_values(dimension, k)?;
        Ok(Shape {
            num_sub_vectors,
            width: dimension / num_sub_vectors,
            k,
        })
    }

    pub fn dimension(&self) -> usize {
        self.num_sub_vectors * self.width
    }

    /// Values of all centroids: `num_sub_vectors × k × width`.
    pub fn codebook_values(&self) -> usize {
        self.k * self.dimension()
    }

    /// Whether a byte of a row holds the codes of two sub-vectors.
    pub fn is_paired(&self) -> bool {
        self.k == 16
    }

    pub fn row_bytes(&self) -> usize {
        if self.is_paired() {
            self.num_sub_vectors / 2
        } else {
            self.num_sub_vectors
        }
    }

    /// The byte of a row that holds a sub-vector's code, and the bit the code begins at: of two, the even one is low.
    pub fn place(&self, sub: usize) -> (usize, usize) {
        if self.is_paired() {
            (sub / 2, sub % 2 * 4)
        } else {
            (sub, 0)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes_without_codes_are_refused() {
        for (dimension, num_sub_vectors, bits) in [
            (0, 1, 8),
            (8, 0, 8),
            (8, 3, 8),
            (9, 3, 4),
            (8, 4, 5),
            (8, 4, 200),
            (1 << (usize::BITS - 4), 2, 4),
        ] {
            assert!(Shape::new(dimension, num_sub_vectors, bits).is_err());
        }
        let shape = Shape::new(24, 6, 4).unwrap();
        assert_eq!((shape.row_bytes(), shape.place(5)), (3, (2, 4)));
        let shape = Shape::new(24, 6, 8).unwrap();
        assert_eq!((shape.row_bytes(), shape.place(5)), (6, (5, 0)));
        assert_eq!(shape.codebook_values(), 24 * 256);
    }
}
