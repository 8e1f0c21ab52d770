use super::{Compare, Graph, GraphSearch};
use crate::distance::{
    count_values, with_query, CodeDotQuery, CodeL2Query, Element, Metric, RowQuery, WithQuery,
};
use crate::product::ProductCodebook;
use crate::search::{BestK, Range, TopK};
use lancelet_common::error::{KernelError, Result};
use lancelet_common::memory::view;
use wasm_bindgen::prelude::wasm_bindgen;

/// Rows of a partition in host buffers, and what is looked for among them. `mask` 0 = every row.
struct Search<'a> {
    best: &'a mut BestK,
    graph: &'a Graph,
    ef: usize,
    needed: usize,
    vectors: usize,
    row_ids: usize,
    mask: usize,
    range: Range,
    has_ties: bool,
    /// Distances computed.
    computed: &'a mut usize,
}

/// Stored rows under a query.
struct QueriedRows<'a, Q: RowQuery> {
    query: &'a mut Q,
    vectors: &'a [Q::Value],
    width: usize,
}

/// Bytes that memory gives at once.
const LINE: usize = 64;

impl<Q: RowQuery> Compare for QueriedRows<'_, Q> {
    #[inline(always)]
    fn distance(&mut self, row: u32) -> f32 {
        let start = row as usize * self.width;
        self.query
            .distance(&self.vectors[start..start + self.width])
    }

    #[inline(always)]
    fn touch(&self, row: u32) {
        let start = row as usize * self.width;
        let step = LINE / core::mem::size_of::<Q::Value>();
        for value in self.vectors[start..start + self.width].iter().step_by(step) {
            // SAFETY: it is a value of the slice; the read is kept although nothing takes it.
            unsafe { core::ptr::read_volatile(value) };
        }
    }
}

impl WithQuery for Search<'_> {
    fn run<Q: RowQuery>(self, mut query: Q) -> Result<()> {
        let graph = self.graph.loaded();
        let (num_rows, width) = (graph.num_rows(), query.width());
        let values = count_values(num_rows, width)?;
        // SAFETY: the typed face passes live buffers that it does not touch during the call.
        let (vectors, row_ids, mask) = unsafe {
            (
                view::<Q::Value>(self.vectors, values)?,
                view::<u64>(self.row_ids, num_rows)?,
                match self.mask {
                    0 => None,
                    _ => Some(view::<u8>(self.mask, num_rows.div_ceil(8))?),
                },
            )
        };
        let search = GraphSearch {
            graph,
            row_ids,
            ef: self.ef,
            needed: self.needed,
            mask,
            range: self.range,
            has_ties: self.has_ties,
        };
        let mut rows = QueriedRows {
            query: &mut query,
            vectors,
            width,
        };
        *self.computed = search.run(self.best, &mut rows)?;
        Ok(())
    }
}

/// As the scans of these rows, by the graph over all of them: the `ef` nearest rows that `mask` lets through are offered.
/// Each gives the number of distances computed, or 0 where fewer than `needed` rows were found: then none is offered.
#[wasm_bindgen]
impl TopK {
    #[allow(clippy::too_many_arguments)]
    #[wasm_bindgen(js_name = searchFlat)]
    pub fn search_flat(
        &mut self,
        graph: &Graph,
        ef: usize,
        needed: usize,
        element: u8,
        metric: u8,
        query: usize,
        vectors: usize,
        row_ids: usize,
        dimension: usize,
        mask: usize,
        lower: f64,
        upper: f64,
    ) -> Result<usize> {
        let mut computed = 0;
        let search = Search {
            best: &mut self.best,
            graph,
            ef,
            needed,
            vectors,
            row_ids,
            mask,
            range: Range::new(lower, upper),
            has_ties: Element::from_code(element)? == Element::U8,
            computed: &mut computed,
        };
        // SAFETY: the typed face passes live buffers that it does not touch during the call.
        unsafe { with_query(element, metric, query, dimension, search)? }
        Ok(computed)
    }

    #[allow(clippy::too_many_arguments)]
    #[wasm_bindgen(js_name = searchScalarCodes)]
    pub fn search_scalar_codes(
        &mut self,
        graph: &Graph,
        ef: usize,
        needed: usize,
        metric: u8,
        query: usize,
        scale: f32,
        offset: f32,
        codes: usize,
        row_ids: usize,
        dimension: usize,
        mask: usize,
        lower: f64,
        upper: f64,
    ) -> Result<usize> {
        let mut computed = 0;
        let search = Search {
            best: &mut self.best,
            graph,
            ef,
            needed,
            vectors: codes,
            row_ids,
            mask,
            range: Range::new(lower, upper),
            has_ties: false,
            computed: &mut computed,
        };
        // SAFETY: as above.
        unsafe {
            match Metric::from_code(metric)? {
                Metric::L2 => search.run(CodeL2Query::new(view(query, dimension)?, scale)?),
                Metric::Dot => {
                    search.run(CodeDotQuery::new(view(query, dimension)?, scale, offset)?)
                }
                _ => Err(KernelError::Invalid("scalar codes take l2 and dot")),
            }?;
        }
        Ok(computed)
    }

    /// Of rows one after another, by the query the codebook was prepared for.
    #[allow(clippy::too_many_arguments)]
    #[wasm_bindgen(js_name = searchProductCodes)]
    pub fn search_product_codes(
        &mut self,
        graph: &Graph,
        ef: usize,
        needed: usize,
        codebook: &ProductCodebook,
        codes: usize,
        row_ids: usize,
        mask: usize,
        lower: f64,
        upper: f64,
    ) -> Result<usize> {
        let mut computed = 0;
        let search = Search {
            best: &mut self.best,
            graph,
            ef,
            needed,
            vectors: codes,
            row_ids,
            mask,
            range: Range::new(lower, upper),
            has_ties: false,
            computed: &mut computed,
        };
        search.run(codebook.codebook().query())?;
        Ok(computed)
    }
}
