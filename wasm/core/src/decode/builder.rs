//! Builds one column of one batch: pages append to it, the host takes Arrow buffers from it.

use super::bits::slice;
use super::layout::Layout;
use super::levels::{max_definition, unravel, LayerOut};
use super::page::PageDecoder;
use super::per_value::decode_items;
use super::program::ProgramReader;
use super::runs::Run;
use super::shape::{read_shape, Shape};
use super::values::Values;
use lancelet_common::error::{KernelError, Result};
use wasm_bindgen::prelude::wasm_bindgen;

/// Accumulates values and structure.
#[wasm_bindgen]
pub struct ColumnBuilder {
    shape: Shape,
    pub(super) values: Values,
    pub(super) layers: Vec<LayerOut>,
    pub(super) rep: Vec<u16>,
    pub(super) def: Vec<u16>,
    pub(super) scratch_rep: Vec<u16>,
    pub(super) scratch_def: Vec<u16>,
}

#[wasm_bindgen]
impl ColumnBuilder {
    /// Shape words, then one word per layer, leaf first: 1 for a list.
    #[wasm_bindgen(constructor)]
    pub fn new(program: &[u32]) -> Result<ColumnBuilder> {
        let mut words = ProgramReader::new(program, &[]);
        let shape = read_shape(&mut words)?;
        let count = words.word()?;
        let mut layers = Vec::new();
        for _ in 0..count {
            layers.push(LayerOut {
                is_list: words.word()? != 0,
                ..LayerOut::default()
            });
        }
        let values = Values::new(&shape)?;
        Ok(ColumnBuilder {
            shape,
            values,
            layers,
            rep: Vec::new(),
            def: Vec::new(),
            scratch_rep: Vec::new(),
            scratch_def: Vec::new(),
        })
    }

    /// `chunks`: offset in `input`, length and number of values of each. `runs`: first chunk, number of chunks, the page
    /// row that starts first in it, number of ranges, then start and end row of each, ascending.
    #[wasm_bindgen(js_name = appendMiniBlock)]
    pub fn append_mini_block(
        &mut self,
        page: &PageDecoder,
        input: &[u8],
        chunks: &[u32],
        runs: &[u32],
    ) -> Result<()> {
        self.check_page(page)?;
        self.rep.clear();
        self.def.clear();
        let mut rows = 0;
        let mut at = 0;
        while at < runs.len() {
            let header = runs
                .get(at..at + 4)
                .ok_or(KernelError::Invalid("a run list ends early"))?;
            let (first, count) = (header[0] as usize * 3, header[1] as usize * 3);
            let run = Run {
                chunks: chunks
                    .get(first..first + count)
                    .ok_or(KernelError::Invalid("a run beyond the chunks"))?,
                first_row: header[2] as usize,
                ranges: runs
                    .get(at + 4..at + 4 + header[3] as usize * 2)
                    .ok_or(KernelError::Invalid("a run list ends early"))?,
            };
            at += 4 + run.ranges.len();
            rows += if page.num_lists() == 0 {
                self.append_flat_run(page, input, &run)?
            } else {
                self.append_list_run(page, input, &run)?
            };
        }
        self.close(page, rows)
    }

    /// `segments`: offset in `input` and length of each, whole rows; `rows` of them in all.
    #[wasm_bindgen(js_name = appendFullZip)]
    pub fn append_full_zip(
        &mut self,
        page: &PageDecoder,
        input: &[u8],
        segments: &[u32],
        rows: usize,
    ) -> Result<()> {
        self.check_page(page)?;
        let Layout::FullZip { format } = &page.layout else {
            return Err(KernelError::Invalid("not a full-zip page"));
        };
        self.rep.clear();
        self.def.clear();
        let mut items = 0;
        for segment in segments.chunks_exact(2) {
            let bytes = slice(input, segment[0] as usize, segment[1] as usize)?;
            items += decode_items(
                format,
                bytes,
                page.max_visible(),
                &mut self.rep,
                &mut self.def,
                &mut self.values,
            )?;
        }
        let top = page.num_lists() as u16;
        let found = if format.bits_rep == 0 {
            items
        } else {
            self.rep.iter().filter(|level| **level == top).count()
        };
        if found != rows {
            return Err(KernelError::Corrupt(
                "a page holds another number of rows than its index says",
            ));
        }
        self.close(page, items)
    }

    /// `ranges`: start and end row of each range of the page.
    #[wasm_bindgen(js_name = appendConstant)]
    pub fn append_constant(&mut self, page: &PageDecoder, ranges: &[u32]) -> Result<()> {
        self.check_page(page)?;
        self.rep.clear();
        self.def.clear();
        let nothing = page.constant.is_none() && page.rep.is_empty() && page.def.is_empty();
        // No value and no levels: every row is null at its only level.
        let all_null = nothing && max_definition(&page.layers) > 0;
        let mut levels = 0;
        for range in ranges.chunks_exact(2) {
            let (start, end) = (range[0] as usize, range[1] as usize);
            let (from, to) = if page.row_starts.is_empty() {
                (start, end)
            } else {
                match (page.row_starts.get(start), page.row_starts.get(end)) {
                    (Some(from), Some(to)) => (*from as usize, *to as usize),
                    _ => {
                        return Err(KernelError::Corrupt(
                            "a page holds fewer rows than declared",
                        ))
                    }
                }
            };
            let count = to
                .checked_sub(from)
                .ok_or(KernelError::Invalid("a range that decreases"))?;
            if !page.rep.is_empty() {
                self.rep.extend_from_slice(&page.rep[from..to]);
            }
            if !page.def.is_empty() {
                let part = page.def.get(from..to).ok_or(KernelError::Corrupt(
                    "a page holds fewer rows than declared",
                ))?;
                self.def.extend_from_slice(part);
            } else if all_null {
                self.def.resize(self.def.len() + count, 1);
            }
            levels += count;
        }
        let visible = page.max_visible();
        let slots = if self.def.is_empty() {
            levels
        } else {
            self.def
                .iter()
                .filter(|level| **level as usize <= visible)
                .count()
        };
        match &page.constant {
            Some(value)
                if self.shape.variable
                    || !self.shape.fields.is_empty()
                    || !self.values.bits.is_multiple_of(8) =>
            {
                self.values.reserve(
                    slots
                        .checked_mul(value.held_bytes())
                        .ok_or(KernelError::OutOfMemory)?,
                )?;
                for _ in 0..slots {
                    self.values.append_range(value, 0, 1)?;
                }
            }
            Some(value) => {
                self.values.reserve(
                    slots
                        .checked_mul(value.data.len())
                        .ok_or(KernelError::OutOfMemory)?,
                )?;
                for _ in 0..slots {
                    self.values.data.extend_from_slice(&value.data);
                }
                self.values.len += slots;
            }
            None => self.values.append_zeros(slots)?,
        }
        self.close(page, levels)
    }
}

impl ColumnBuilder {
    fn check_page(&self, page: &PageDecoder) -> Result<()> {
        if page.column_layers().len() != self.layers.len() {
            return Err(KernelError::Corrupt(
                "a page's layers do not match the column's type",
            ));
        }
        Ok(())
    }

    fn close(&mut self, page: &PageDecoder, levels: usize) -> Result<()> {
        if page.blob_layers.is_some() {
            self.def = read_blob_levels(&self.values, levels)?;
            self.rep.clear();
        }
        unravel(
            page.column_layers(),
            &self.rep,
            &self.def,
            levels,
            &mut self.layers,
        )?;
        if self
            .layers
            .first()
            .is_some_and(|leaf| leaf.len != self.values.len)
        {
            return Err(KernelError::Corrupt(
                "a page holds another number of values than its levels say",
            ));
        }
        Ok(())
    }
}

/// Definition levels of the last `count` descriptors: in the position of those without bytes, unless that is 0 too.
fn read_blob_levels(values: &Values, count: usize) -> Result<Vec<u16>> {
    let corrupt = KernelError::Corrupt("a blob page of another shape");
    let [positions, sizes] = values.fields.as_slice() else {
        return Err(corrupt);
    };
    let first = values.len.checked_sub(count).ok_or(corrupt)? * 8;
    let words = |field: &Values| field.data.get(first..first + count * 8).map(<[u8]>::to_vec);
    let (Some(positions), Some(sizes)) = (words(positions), words(sizes)) else {
        return Err(corrupt);
    };
    Ok(positions
        .chunks_exact(8)
        .zip(sizes.chunks_exact(8))
        .map(|(position, size)| {
            if size.iter().any(|byte| *byte != 0) {
                0
            } else {
                u16::from_le_bytes([position[2], position[3]])
            }
        })
        .collect())
}
