use super::subspace::Subspace;
use super::Shape;
use lancelet_common::error::{try_with_capacity, try_zeroed, Result};

/// Residuals held at once: with the centroids of one sub-vector they fit the second-level cache.
const TILE_VALUES: usize = 12 << 10;

/// Partitions' centroids, and the partition of each row.
#[derive(Clone, Copy)]
pub struct Placement<'a> {
    pub centroids: &'a [f32],
    pub partitions: &'a [u32],
}

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

    /// Codes of each row: a byte a sub-vector, or half a byte, the even ones low. `placement`: of the residual to the
    /// partition's centroid; a partition beyond the centroids takes none off.
    pub fn encode(
        &self,
        vectors: &[f32],
        placement: Option<Placement>,
        codes: &mut [u8],
    ) -> Result<()> {
        let Shape { width, .. } = self.shape;
        let dimension = self.shape.dimension();
        let row_bytes = self.shape.row_bytes();
        let tile_rows = (TILE_VALUES / dimension).max(2);
        let mut residuals = match placement {
            Some(_) => try_zeroed::<f32>(tile_rows * dimension)?,
            None => Vec::new(),
        };
        for (tile, (rows, codes)) in vectors
            .chunks(tile_rows * dimension)
            .zip(codes.chunks_mut(tile_rows * row_bytes))
            .enumerate()
        {
            let num_rows = rows.len() / dimension;
            let rows = match placement {
                Some(placement) => {
                    let first = tile * tile_rows;
                    let partitions = &placement.partitions[first..first + num_rows];
                    subtract(rows, placement.centroids, partitions, &mut residuals);
                    &residuals[..rows.len()]
                }
                None => rows,
            };
            codes.fill(0);
            for (sub, subspace) in self.subspaces.iter().enumerate() {
                let (byte, shift) = self.shape.place(sub);
                subspace.find_nearest(
                    num_rows,
                    |row| rows[row * dimension + sub * width..].as_ptr(),
                    |row, centroid, _| {
                        codes[row * row_bytes + byte] |= (centroid as u8) << shift;
                    },
                );
            }
        }
        Ok(())
    }
}

fn subtract(rows: &[f32], centroids: &[f32], partitions: &[u32], residuals: &mut [f32]) {
    let dimension = rows.len() / partitions.len().max(1);
    for ((row, to), &partition) in rows
        .chunks_exact(dimension)
        .zip(residuals.chunks_exact_mut(dimension))
        .zip(partitions)
    {
        let start = (partition as usize).saturating_mul(dimension);
        match centroids.get(start..start.saturating_add(dimension)) {
            Some(centroid) => {
                for ((to, value), centre) in to.iter_mut().zip(row).zip(centroid) {
                    *to = value - centre;
                }
            }
            None => to.copy_from_slice(row),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kmeans::Random;

    fn draw(random: &mut Random, count: usize) -> Vec<f32> {
        (0..count)
            .map(|_| random.next_unit() as f32 * 2.0 - 1.0)
            .collect()
    }

    #[test]
    fn codes_are_those_of_a_plain_search_of_residuals() {
        let mut random = Random::new(1);
        for (num_sub_vectors, bits, width) in [(4, 4, 3), (3, 8, 4), (48, 8, 8), (2, 4, 1)] {
            let shape = Shape::new(num_sub_vectors * width, num_sub_vectors, bits).unwrap();
            let dimension = shape.dimension();
            let codebook = draw(&mut random, shape.k * dimension);
            let encoder = Encoder::new(shape, &codebook).unwrap();
            let rows = 131;
            let vectors = draw(&mut random, rows * dimension);
            let centroids = draw(&mut random, 5 * dimension);
            let partitions: Vec<u32> = (0..rows).map(|_| random.next_below(5) as u32).collect();
            for placement in [
                None,
                Some(Placement {
                    centroids: &centroids,
                    partitions: &partitions,
                }),
            ] {
                let mut codes = vec![0xff; rows * shape.row_bytes()];
                encoder.encode(&vectors, placement, &mut codes).unwrap();
                for row in 0..rows {
                    let value = |i: usize| {
                        let centre = placement.map_or(0.0, |p| {
                            p.centroids[p.partitions[row] as usize * dimension + i]
                        });
                        vectors[row * dimension + i] - centre
                    };
                    for sub in 0..num_sub_vectors {
                        let distance = |c: usize| -> f32 {
                            let start = (sub * shape.k + c) * width;
                            (0..width)
                                .map(|j| (value(sub * width + j) - codebook[start + j]).powi(2))
                                .sum()
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
}
