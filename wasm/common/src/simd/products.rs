//! Sums over two vectors, for several rows at a time: the query is loaded once for all of them, and their chains of
//! additions overlap. A row's result never depends on the rows it was computed with.

use super::lanes::F32x4;

/// One term of a sum, over lanes and over single values.
trait Term {
    fn lanes(sum: F32x4, a: F32x4, b: F32x4) -> F32x4;
    fn single(a: f32, b: f32) -> f32;
}

struct Dot;
impl Term for Dot {
    #[inline(always)]
    fn lanes(sum: F32x4, a: F32x4, b: F32x4) -> F32x4 {
        sum.plus(a.times(b))
    }
    #[inline(always)]
    fn single(a: f32, b: f32) -> f32 {
        a * b
    }
}

struct SquaredDifference;
impl Term for SquaredDifference {
    #[inline(always)]
    fn lanes(sum: F32x4, a: F32x4, b: F32x4) -> F32x4 {
        let difference = a.minus(b);
        sum.plus(difference.times(difference))
    }
    #[inline(always)]
    fn single(a: f32, b: f32) -> f32 {
        (a - b) * (a - b)
    }
}

#[inline(always)]
unsafe fn sum_rows<const R: usize, T: Term>(
    query: *const f32,
    rows: [*const f32; R],
    dimension: usize,
) -> [f32; R] {
    let mut even = [F32x4::zero(); R];
    let mut odd = [F32x4::zero(); R];
    let mut i = 0;
    while i + 8 <= dimension {
        let (q0, q1) = (F32x4::load(query.add(i)), F32x4::load(query.add(i + 4)));
        for r in 0..R {
            even[r] = T::lanes(even[r], q0, F32x4::load(rows[r].add(i)));
            odd[r] = T::lanes(odd[r], q1, F32x4::load(rows[r].add(i + 4)));
        }
        i += 8;
    }
    if i + 4 <= dimension {
        let q0 = F32x4::load(query.add(i));
        for r in 0..R {
            even[r] = T::lanes(even[r], q0, F32x4::load(rows[r].add(i)));
        }
        i += 4;
    }
    let mut tail = [0f32; R];
    while i < dimension {
        let q = *query.add(i);
        for r in 0..R {
            tail[r] += T::single(q, *rows[r].add(i));
        }
        i += 1;
    }
    core::array::from_fn(|r| even[r].plus(odd[r]).sum() + tail[r])
}

/// Dot products of `query` with `R` rows.
///
/// # Safety
/// `dimension` f32 must be readable at each pointer.
#[inline(always)]
pub unsafe fn dot_rows<const R: usize>(
    query: *const f32,
    rows: [*const f32; R],
    dimension: usize,
) -> [f32; R] {
    sum_rows::<R, Dot>(query, rows, dimension)
}

/// Squared euclidean distances of `query` to `R` rows.
///
/// # Safety
/// `dimension` f32 must be readable at each pointer.
#[inline(always)]
pub unsafe fn l2_rows<const R: usize>(
    query: *const f32,
    rows: [*const f32; R],
    dimension: usize,
) -> [f32; R] {
    sum_rows::<R, SquaredDifference>(query, rows, dimension)
}

/// Dot products of `query` with `R` rows, and the squared norms of the rows.
///
/// # Safety
/// `dimension` f32 must be readable at each pointer.
#[inline(always)]
pub unsafe fn dot_and_norm_rows<const R: usize>(
    query: *const f32,
    rows: [*const f32; R],
    dimension: usize,
) -> [(f32, f32); R] {
    let mut dots = [F32x4::zero(); R];
    let mut norms = [F32x4::zero(); R];
    let mut i = 0;
    while i + 4 <= dimension {
        let q = F32x4::load(query.add(i));
        for r in 0..R {
            let row = F32x4::load(rows[r].add(i));
            dots[r] = dots[r].plus(q.times(row));
            norms[r] = norms[r].plus(row.times(row));
        }
        i += 4;
    }
    let mut tail = [(0f32, 0f32); R];
    while i < dimension {
        let q = *query.add(i);
        for r in 0..R {
            let value = *rows[r].add(i);
            tail[r].0 += q * value;
            tail[r].1 += value * value;
        }
        i += 1;
    }
    core::array::from_fn(|r| (dots[r].sum() + tail[r].0, norms[r].sum() + tail[r].1))
}

/// Dot product over the shorter length of the two.
pub fn dot(a: &[f32], b: &[f32]) -> f32 {
    // SAFETY: both slices hold the length given.
    unsafe { dot_rows(a.as_ptr(), [b.as_ptr()], a.len().min(b.len()))[0] }
}

/// Squared euclidean distance over the shorter length of the two.
pub fn squared_l2(a: &[f32], b: &[f32]) -> f32 {
    // SAFETY: both slices hold the length given.
    unsafe { l2_rows(a.as_ptr(), [b.as_ptr()], a.len().min(b.len()))[0] }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_does_not_depend_on_its_neighbours() {
        for dimension in 0..67 {
            let query: Vec<f32> = (0..dimension).map(|i| (i as f32 * 0.37).sin()).collect();
            let rows: Vec<Vec<f32>> = (0..4)
                .map(|r| (0..dimension).map(|i| ((i * 7 + r) as f32).cos()).collect())
                .collect();
            let pointers: [*const f32; 4] = core::array::from_fn(|r| rows[r].as_ptr());
            // SAFETY: every vector holds `dimension` values.
            let (dots, l2) = unsafe {
                (
                    dot_rows(query.as_ptr(), pointers, dimension),
                    l2_rows(query.as_ptr(), pointers, dimension),
                )
            };
            for r in 0..4 {
                assert_eq!(dots[r].to_bits(), dot(&query, &rows[r]).to_bits());
                assert_eq!(l2[r].to_bits(), squared_l2(&query, &rows[r]).to_bits());
            }
        }
    }
}
