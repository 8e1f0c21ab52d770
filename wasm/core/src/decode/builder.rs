//! Builds one column of one batch: pages append to it, the host takes Arrow buffers from it.

use super::bits::slice;
use super::levels::{max_definition, unravel, LayerOut};
use super::mini_block::decode_chunk;
use super::page::{read_shape, Layout, PageDecoder};
use super::per_value::decode_items;
use super::program::ProgramReader;
use super::values::{Shape, Values};
use lancelet_common::error::{KernelError, Result};
use wasm_bindgen::prelude::wasm_bindgen;

/// Values per chunk are a power of two below 2^15 in every writer; the last chunk holds the remainder.
const MAX_CHUNK_VALUES: usize = 1 << 16;

/// Accumulates values and structure.
#[wasm_bindgen]
pub struct ColumnBuilder {
    shape: Shape,
    pub(super) values: Values,
    pub(super) layers: Vec<LayerOut>,
    rep: Vec<u16>,
    def: Vec<u16>,
    scratch_rep: Vec<u16>,
    scratch_def: Vec<u16>,
}

/// One run: consecutive chunks and the rows wanted from them.
struct Run<'a> {
    chunks: &'a [u32],
    first_row: usize,
    ranges: &'a [u32],
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

    /// Rows are values: copy the wanted part of each chunk. Returns the number of rows.
    fn append_flat_run(&mut self, page: &PageDecoder, input: &[u8], run: &Run) -> Result<usize> {
        let Layout::MiniBlock { format, .. } = &page.layout else {
            return Err(KernelError::Invalid("not a mini-block page"));
        };
        if format.rep.is_some() {
            return Err(KernelError::Corrupt("repetition levels without lists"));
        }
        let mut row = run.first_row;
        let mut rows = 0;
        let mut ranges = run
            .ranges
            .chunks_exact(2)
            .map(|pair| (pair[0] as usize, pair[1] as usize))
            .peekable();
        for chunk in run.chunks.chunks_exact(3) {
            let count = chunk[2] as usize;
            let bytes = chunk_bytes(input, chunk)?;
            let end = row + count;
            let whole = matches!(ranges.peek(), Some((from, to)) if *from <= row && *to >= end);
            if whole && page.dictionary.is_none() {
                let levels = decode_chunk(
                    format,
                    bytes,
                    count,
                    &mut self.rep,
                    &mut self.def,
                    &mut self.values,
                )?;
                if levels != count {
                    return Err(KernelError::Corrupt(
                        "a chunk holds another number of levels than values",
                    ));
                }
                rows += count;
            } else {
                let mut scratch = scratch_values(page)?;
                self.scratch_def.clear();
                decode_chunk(
                    format,
                    bytes,
                    count,
                    &mut self.scratch_rep,
                    &mut self.scratch_def,
                    &mut scratch,
                )?;
                if format.def.is_some() && self.scratch_def.len() != count {
                    return Err(KernelError::Corrupt(
                        "a chunk holds another number of levels than values",
                    ));
                }
                let mut pending = ranges.clone();
                while let Some((from, to)) = pending.next().filter(|(from, _)| *from < end) {
                    let (from, to) = (from.max(row), to.min(end));
                    if from >= to {
                        continue;
                    }
                    append_values(page, &scratch, from - row, to - from, &mut self.values)?;
                    if format.def.is_some() {
                        self.def
                            .extend_from_slice(&self.scratch_def[from - row..to - row]);
                    }
                    rows += to - from;
                }
            }
            while ranges.peek().is_some_and(|(_, to)| *to <= end) {
                ranges.next();
            }
            row = end;
        }
        if ranges.peek().is_some() || (format.def.is_some() && self.def.len() < rows) {
            return Err(KernelError::Corrupt(
                "a page holds fewer rows than its index says",
            ));
        }
        Ok(rows)
    }

    /// Rows span levels: decode the run, then copy levels and visible values of the wanted rows. Returns levels.
    fn append_list_run(&mut self, page: &PageDecoder, input: &[u8], run: &Run) -> Result<usize> {
        let Layout::MiniBlock { format, .. } = &page.layout else {
            return Err(KernelError::Invalid("not a mini-block page"));
        };
        if format.rep.is_none() {
            return Err(KernelError::Corrupt("lists without repetition levels"));
        }
        let mut scratch = scratch_values(page)?;
        self.scratch_rep.clear();
        self.scratch_def.clear();
        for chunk in run.chunks.chunks_exact(3) {
            let bytes = chunk_bytes(input, chunk)?;
            decode_chunk(
                format,
                bytes,
                chunk[2] as usize,
                &mut self.scratch_rep,
                &mut self.scratch_def,
                &mut scratch,
            )?;
        }
        let (rep, def) = (&self.scratch_rep, &self.scratch_def);
        if format.def.is_some() && rep.len() != def.len() {
            return Err(KernelError::Corrupt("level streams of different lengths"));
        }
        let visible = page.max_visible();
        let top = page.num_lists() as u16;
        let is_visible = |index: usize| {
            def.get(index)
                .is_none_or(|level| *level as usize <= visible)
        };
        let mut level = 0;
        let mut value = 0;
        let mut row = run.first_row;
        // Levels of a row that started in an earlier run.
        while level < rep.len() && rep[level] != top {
            value += usize::from(is_visible(level));
            level += 1;
        }
        let mut levels = 0;
        for range in run.ranges.chunks_exact(2) {
            let (from, to) = (range[0] as usize, range[1] as usize);
            let mut skip = |target: usize, level: &mut usize, value: &mut usize| -> Result<()> {
                while row < target {
                    if *level >= rep.len() {
                        return Err(KernelError::Corrupt(
                            "a page holds fewer rows than its index says",
                        ));
                    }
                    *value += usize::from(is_visible(*level));
                    *level += 1;
                    while *level < rep.len() && rep[*level] != top {
                        *value += usize::from(is_visible(*level));
                        *level += 1;
                    }
                    row += 1;
                }
                Ok(())
            };
            skip(from, &mut level, &mut value)?;
            let (first_level, first_value) = (level, value);
            skip(to, &mut level, &mut value)?;
            append_values(
                page,
                &scratch,
                first_value,
                value - first_value,
                &mut self.values,
            )?;
            self.rep.extend_from_slice(&rep[first_level..level]);
            if format.def.is_some() {
                self.def.extend_from_slice(&def[first_level..level]);
            }
            levels += level - first_level;
        }
        Ok(levels)
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

fn chunk_bytes<'a>(input: &'a [u8], chunk: &[u32]) -> Result<&'a [u8]> {
    if chunk[2] as usize > MAX_CHUNK_VALUES {
        return Err(KernelError::Corrupt("a chunk of too many values"));
    }
    slice(input, chunk[0] as usize, chunk[1] as usize)
}

/// Room for one run: values, or dictionary indices.
fn scratch_values(page: &PageDecoder) -> Result<Values> {
    let Layout::MiniBlock {
        format, dictionary, ..
    } = &page.layout
    else {
        return Err(KernelError::Invalid("not a mini-block page"));
    };
    if dictionary.is_none() {
        return Values::new(&page.shape);
    }
    if page.dictionary.is_none() {
        return Err(KernelError::Invalid("the dictionary was not set"));
    }
    match format.values.fixed_bits() {
        Some(bits @ (8 | 16 | 32 | 64)) => Values::new(&Shape {
            variable: false,
            item_bits: bits,
            dimensions: Vec::new(),
            fields: Vec::new(),
        }),
        _ => Err(KernelError::Corrupt("dictionary indices of a bad width")),
    }
}

/// Appends `count` decoded values, through the dictionary where the page has one.
fn append_values(
    page: &PageDecoder,
    decoded: &Values,
    first: usize,
    count: usize,
    out: &mut Values,
) -> Result<()> {
    let Some(dictionary) = &page.dictionary else {
        return out.append_range(decoded, first, count);
    };
    let width = decoded.bits / 8;
    for raw in slice(&decoded.data, first * width, count * width)?.chunks_exact(width) {
        let mut word = [0u8; 8];
        word[..width].copy_from_slice(raw);
        let index = u64::from_le_bytes(word);
        if index >= dictionary.len as u64 {
            return Err(KernelError::Corrupt("a dictionary index is out of range"));
        }
        out.append_range(dictionary, index as usize, 1)?;
    }
    Ok(())
}
