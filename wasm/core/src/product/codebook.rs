use lancelet_common::error::{try_zeroed, KernelError, Result};
use lancelet_common::product::Shape;
use lancelet_common::simd::F32x4;

/// Codes that one byte of a row can hold.
pub const CODES: usize = 256;

/// Registers of sums: a sub-vector has 16 or 256 centroids.
const VECTORS: usize = 4;

/// How distances grow with the terms of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Terms {
    /// Squared differences.
    L2,
    /// Products, each taken off; the distance begins at 1.
    Dot,
}

/// A codebook, and the table of one query: what each byte of a row adds to the distance.
pub struct Codebook {
    terms: Terms,
    shape: Shape,
    /// `num_sub_vectors × width × k`, so that lanes run over centroids.
    columns: Vec<f32>,
    /// `num_sub_vectors × k`.
    table: Vec<f32>,
    /// Of 4-bit codes, `row_bytes × 256`: the sums of two sub-vectors. Empty for 8 bits.
    pairs: Vec<f32>,
}

impl Codebook {
    /// `centroids` is `num_sub_vectors × k × width` values.
    pub fn new(terms: Terms, shape: Shape, centroids: &[f32]) -> Result<Codebook> {
        let Shape { width, k, .. } = shape;
        if centroids.len() != shape.codebook_values() {
            return Err(KernelError::Invalid(
                "a codebook is sub-vectors × centroids × values",
            ));
        }
        let mut columns = try_zeroed(centroids.len())?;
        for (to, from) in columns
            .chunks_exact_mut(k * width)
            .zip(centroids.chunks_exact(k * width))
        {
            for (i, centroid) in from.chunks_exact(width).enumerate() {
                for (j, value) in centroid.iter().enumerate() {
                    to[j * k + i] = *value;
                }
            }
        }
        let pairs = if shape.is_paired() {
            try_zeroed(shape.row_bytes() * CODES)?
        } else {
            Vec::new()
        };
        Ok(Codebook {
            terms,
            shape,
            columns,
            table: try_zeroed(shape.num_sub_vectors * k)?,
            pairs,
        })
    }

    pub fn shape(&self) -> Shape {
        self.shape
    }

    /// `num_sub_vectors × k`: what each code adds.
    pub fn terms(&self) -> &[f32] {
        &self.table
    }

    /// Makes the table of a query of `dimension` values: of the residual to a partition's centroid for l2.
    pub fn prepare(&mut self, query: &[f32]) -> Result<()> {
        let Shape { width, k, .. } = self.shape;
        if query.len() != self.shape.dimension() {
            return Err(KernelError::Invalid("a query of another dimension"));
        }
        for ((sums, columns), values) in self
            .table
            .chunks_exact_mut(k)
            .zip(self.columns.chunks_exact(k * width))
            .zip(query.chunks_exact(width))
        {
            match self.terms {
                Terms::L2 => add_terms(sums, columns, values, |sum, value, centroid| {
                    let difference = value.minus(centroid);
                    sum.plus_product(difference, difference)
                }),
                Terms::Dot => add_terms(sums, columns, values, |sum, value, centroid| {
                    sum.minus_product(value, centroid)
                }),
            }
        }
        for (pairs, terms) in self
            .pairs
            .chunks_exact_mut(CODES)
            .zip(self.table.chunks_exact(2 * k))
        {
            let (low, high) = terms.split_at(k);
            for (pairs, high) in pairs.chunks_exact_mut(k).zip(high) {
                for (pair, low) in pairs.iter_mut().zip(low) {
                    *pair = low + high;
                }
            }
        }
        Ok(())
    }

    /// The query that was prepared last, as rows are compared with it.
    pub fn query(&self) -> ProductQuery<'_> {
        ProductQuery {
            table: if self.shape.is_paired() {
                &self.pairs
            } else {
                &self.table
            },
            offset: match self.terms {
                Terms::L2 => 0.0,
                Terms::Dot => 1.0,
            },
            width: self.shape.row_bytes(),
        }
    }
}

/// Adds up the terms of one sub-vector for all its centroids, 16 of them at once.
#[inline(always)]
fn add_terms(
    sums: &mut [f32],
    columns: &[f32],
    values: &[f32],
    term: impl Fn(F32x4, F32x4, F32x4) -> F32x4,
) {
    let k = sums.len();
    for (block, sums) in sums.chunks_exact_mut(4 * VECTORS).enumerate() {
        let mut lanes = [F32x4::zero(); VECTORS];
        for (column, &value) in columns.chunks_exact(k).zip(values) {
            let value = F32x4::splat(value);
            let column = &column[block * 4 * VECTORS..(block + 1) * 4 * VECTORS];
            for (v, sum) in lanes.iter_mut().enumerate() {
                // SAFETY: the block holds `VECTORS` times four values.
                let centroids = unsafe { F32x4::load(column.as_ptr().add(4 * v)) };
                *sum = term(*sum, value, centroids);
            }
        }
        for (v, sum) in lanes.into_iter().enumerate() {
            // SAFETY: as above.
            unsafe { sum.store(sums.as_mut_ptr().add(4 * v)) };
        }
    }
}

/// Rows of product codes: the distance is a sum of one table entry a byte.
#[derive(Clone, Copy)]
pub struct ProductQuery<'a> {
    /// `width × 256`.
    table: &'a [f32],
    offset: f32,
    width: usize,
}

impl ProductQuery<'_> {
    pub fn offset(&self) -> f32 {
        self.offset
    }

    /// The distance to the row whose byte `i` is `code(i)`, added up in one order wherever the row lies.
    #[inline(always)]
    pub fn sum(&self, code: impl Fn(usize) -> u8) -> f32 {
        debug_assert_eq!(self.table.len(), self.width * CODES);
        // SAFETY: the table has an entry for every byte.
        let term = |i: usize| unsafe { *self.table.get_unchecked(i * CODES + code(i) as usize) };
        let mut sums = [0f32; 4];
        let mut i = 0;
        while i + 4 <= self.width {
            sums[0] += term(i);
            sums[1] += term(i + 1);
            sums[2] += term(i + 2);
            sums[3] += term(i + 3);
            i += 4;
        }
        let mut tail = 0.0;
        while i < self.width {
            tail += term(i);
            i += 1;
        }
        self.offset + ((sums[0] + sums[2]) + (sums[1] + sums[3]) + tail)
    }
}

impl crate::distance::RowQuery for ProductQuery<'_> {
    type Value = u8;

    fn width(&self) -> usize {
        self.width
    }

    #[inline(always)]
    fn distance(&mut self, row: &[u8]) -> f32 {
        debug_assert_eq!(row.len(), self.width);
        // SAFETY: rows are of the query's width.
        self.sum(|i| unsafe { *row.get_unchecked(i) })
    }
}
