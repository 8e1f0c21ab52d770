use super::subspace::Subspace;
use lancelet_common::error::{try_with_capacity, Result};
use lancelet_common::product::Shape;

/// Values of the rows that meet one sub-vector's centroids before the next ones do: they fit the first-level cache.
const TILE_VALUES: usize = 6 << 10;

/// A codebook prepared for encoding.
pub struct Encoder {
    shape: Shape,
    subspaces: Vec<Subspace>,
}

impl Encoder {
    /// `codebook` is `num_sub_vectors × k × width` values.
    pub fn new(shape: Shape, codebook: &[f32]) -> Result<Encoder> {
        let Shape { width, k, .. } = shape;
        let mut subspaces = try_with_capacity(shape.num_sub_vectors)?;
        for centroids in codebook.chunks_exact(k * width) {
            let mut subspace = Subspace::new(width, k)?;
            subspace.set(centroids);
            subspaces.push(subspace);
        }
        Ok(Encoder { shape, subspaces })
    }

    pub fn shape(&self) -> Shape {
        self.shape
    }

    /// Codes of each row: a byte a sub-vector, or half a byte, the even ones low.
    pub fn encode(&self, vectors: &[f32], codes: &mut [u8]) {
        let Shape { width, .. } = self.shape;
        let dimension = self.shape.dimension();
        let row_bytes = self.shape.row_bytes();
        let tile_rows = (TILE_VALUES / dimension).max(2);
        for (rows, codes) in vectors
            .chunks(tile_rows * dimension)
            .zip(codes.chunks_mut(tile_rows * row_bytes))
        {
            codes.fill(0);
            for (sub, subspace) in self.subspaces.iter().enumerate() {
                let (byte, shift) = self.shape.place(sub);
                subspace.find_nearest(
                    rows.len() / dimension,
                    |row| rows[row * dimension + sub * width..].as_ptr(),
                    |row, centroid, _| {
                        codes[row * row_bytes + byte] |= (centroid as u8) << shift;
                    },
                );
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kmeans::Random;

    #[test]
    fn codes_are_those_of_a_plain_search() {
        let mut random = Random::new(1);
        for (num_sub_vectors, bits, width) in [(4, 4, 3), (3, 8, 4), (48, 8, 8), (2, 4, 1)] {
            let mut draw = |count: usize| -> Vec<f32> {
                (0..count)
                    .map(|_| random.next_unit() as f32 * 2.0 - 1.0)
                    .collect()
            };
            let shape = Shape::new(num_sub_vectors * width, num_sub_vectors, bits).unwrap();
            let codebook = draw(shape.k * shape.dimension());
            let encoder = Encoder::new(shape, &codebook).unwrap();
            let rows = 131;
            let vectors = draw(rows * shape.dimension());
            let mut codes = vec![0xff; rows * shape.row_bytes()];
            encoder.encode(&vectors, &mut codes);
            for row in 0..rows {
                for sub in 0..num_sub_vectors {
                    let start = row * shape.dimension() + sub * width;
                    let values = &vectors[start..start + width];
                    let distance = |c: usize| -> f32 {
                        let start = (sub * shape.k + c) * width;
                        let centroid = &codebook[start..start + width];
                        let square = |(a, b): (&f32, &f32)| (a - b).powi(2);
                        values.iter().zip(centroid).map(square).sum()
                    };
                    let (byte, shift) = shape.place(sub);
                    let code = codes[row * shape.row_bytes() + byte] >> shift;
                    let code = code as usize & (shape.k - 1);
                    let least = (0..shape.k).map(distance).fold(f32::INFINITY, f32::min);
                    assert!(distance(code) <= least + 1e-5);
                }
            }
        }
    }
}
