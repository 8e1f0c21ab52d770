//! Runs of mini-block chunks: decodes them and keeps the rows that are wanted.

use super::bits::slice;
use super::builder::ColumnBuilder;
use super::layout::Layout;
use super::mini_block::decode_chunk;
use super::page::PageDecoder;
use super::shape::Shape;
use super::values::Values;
use lancelet_common::error::{KernelError, Result};

/// Values per chunk are a power of two below 2^15 in every writer; the last chunk holds the remainder.
const MAX_CHUNK_VALUES: usize = 1 << 16;

/// One run: consecutive chunks and the rows wanted from them.
pub(super) struct Run<'a> {
    pub chunks: &'a [u32],
    pub first_row: usize,
    pub ranges: &'a [u32],
}

impl ColumnBuilder {
    /// Rows are values: copy the wanted part of each chunk. Returns the number of rows.
    pub(super) fn append_flat_run(
        &mut self,
        page: &PageDecoder,
        input: &[u8],
        run: &Run,
    ) -> Result<usize> {
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
    pub(super) fn append_list_run(
        &mut self,
        page: &PageDecoder,
        input: &[u8],
        run: &Run,
    ) -> Result<usize> {
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
