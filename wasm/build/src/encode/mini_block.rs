//! Mini-block pages: chunks that are read and decoded as a whole (format page section 2.2).

use super::chunk::ChunkSource;
use super::levels::{choose_codec, level_bytes, measure_levels, write_levels, Levels};
use super::program::Encoding;
use lancelet_common::error::{KernelError, Result};

/// Packed levels of a chunk: this leaves room for the values within the 32 KiB a 16-bit chunk word can say.
const MAX_LEVEL_BYTES: usize = 16 * 1024;
/// A chunk says the number of its levels in 16 bits.
const MAX_CHUNK_LEVELS: usize = 60_000;
/// And the bytes of a level stream as well.
const MAX_STREAM_BYTES: usize = 0xffff;
const MAX_SMALL_CHUNK: usize = 32 * 1024;
/// Chunks that tell how long others will be.
const SAMPLE_CHUNKS: usize = 16;

/// One chunk: how many values, and the levels that go with them.
struct Chunk {
    first_value: usize,
    num_values: usize,
    first_level: usize,
    num_levels: usize,
    is_last: bool,
}

/// A page, ready to be described.
pub struct MiniBlockPage {
    pub num_buffers: usize,
    pub repetition: Option<Encoding>,
    pub definition: Option<Encoding>,
    pub words: Vec<u8>,
    pub data: Vec<u8>,
    pub repetition_index: Option<Vec<u8>>,
}

/// Which of the format's two grammars.
#[derive(Clone, Copy)]
pub struct Grammar {
    /// 32-bit chunk words and value lengths.
    pub large_chunks: bool,
    /// Levels may be stored as runs.
    pub level_runs: bool,
}

fn plan_chunks(
    source: &dyn ChunkSource,
    levels: &Levels,
    num_values: usize,
) -> Result<Option<Vec<Chunk>>> {
    let positions = levels.positions(num_values)?;
    let level_count = levels.count(num_values);
    let end_level = |value: usize| match &positions {
        Some(positions) => positions[value - 1] as usize + 1,
        None => value,
    };
    let widths = [&levels.repetition, &levels.definition].map(|stream| measure_levels(stream));
    let max_levels =
        (MAX_LEVEL_BYTES * 8 / widths.iter().sum::<usize>().max(1)).min(MAX_CHUNK_LEVELS);
    let mut chunks = Vec::new();
    let (mut value, mut level) = (0, 0);
    while value < num_values {
        let remaining = num_values - value;
        let mut count = source.choose_count(value, remaining);
        let mut is_last = count == remaining;
        let mut end = if is_last {
            level_count
        } else {
            end_level(value + count)
        };
        while end - level > max_levels && count > 2 {
            count = 1 << (count - 1).ilog2();
            is_last = false;
            end = end_level(value + count);
        }
        if end - level > max_levels {
            return Ok(None);
        }
        chunks.push(Chunk {
            first_value: value,
            num_values: count,
            first_level: level,
            num_levels: end - level,
            is_last,
        });
        value += count;
        level = end;
    }
    Ok(Some(chunks))
}

/// Per chunk: rows that end in it, and levels of the row it leaves unfinished.
fn build_repetition_index(levels: &Levels, chunks: &[Chunk]) -> Vec<u8> {
    let mut index = Vec::with_capacity(chunks.len() * 16);
    for chunk in chunks {
        let end = chunk.first_level + chunk.num_levels;
        let starts = (chunk.first_level + 1..end)
            .filter(|level| levels.starts_row(*level))
            .count();
        let goes_on = !chunk.is_last && !levels.starts_row(end);
        let leftover = if goes_on {
            (chunk.first_level..end)
                .rev()
                .find(|level| levels.starts_row(*level))
                .map_or(chunk.num_levels, |start| end - start)
        } else {
            0
        };
        index.extend_from_slice(&((starts + usize::from(!goes_on)) as u64).to_le_bytes());
        index.extend_from_slice(&(leftover as u64).to_le_bytes());
    }
    index
}

/// Makes room for all chunks once a few are there, by their mean: to double would take twice the page at its end.
fn reserve_chunks(data: &mut Vec<u8>, done: usize, total: usize) {
    if done < SAMPLE_CHUNKS {
        return;
    }
    let mean = data.len().div_ceil(done);
    if data.capacity() - data.len() < mean {
        data.reserve_exact(mean * (total - done));
    }
}

fn align(out: &mut Vec<u8>) {
    out.resize(out.len().next_multiple_of(8), 0);
}

/// Encodes a page, or says that its levels do not fit chunks.
pub fn encode_mini_block(
    source: &dyn ChunkSource,
    levels: &Levels,
    num_values: usize,
    grammar: Grammar,
) -> Result<Option<MiniBlockPage>> {
    let Some(chunks) = plan_chunks(source, levels, num_values)? else {
        return Ok(None);
    };
    let runs: Vec<usize> = chunks.iter().map(|chunk| chunk.num_levels).collect();
    let streams: Vec<(Vec<u8>, Encoding)> = [&levels.repetition, &levels.definition]
        .into_iter()
        .filter(|stream| !stream.is_empty())
        .map(|stream| {
            let bytes = level_bytes(stream);
            let codec = choose_codec(
                &bytes,
                &runs,
                grammar.level_runs.then_some(MAX_STREAM_BYTES),
            );
            (bytes, codec)
        })
        .collect();
    let num_buffers = source.num_buffers();
    let mut buffers = vec![Vec::new(); num_buffers];
    let mut level_buffers = vec![Vec::new(); streams.len()];
    let (mut words, mut data) = (Vec::new(), Vec::new());
    for (done, chunk) in chunks.iter().enumerate() {
        reserve_chunks(&mut data, done, chunks.len());
        let start = data.len();
        for ((bytes, codec), out) in streams.iter().zip(&mut level_buffers) {
            out.clear();
            let end = chunk.first_level + chunk.num_levels;
            write_levels(codec, &bytes[chunk.first_level * 2..end * 2], out);
        }
        buffers.iter_mut().for_each(Vec::clear);
        source.write(chunk.first_value, chunk.num_values, &mut buffers);
        let num_levels = if streams.is_empty() {
            0
        } else {
            chunk.num_levels
        };
        data.extend_from_slice(&(num_levels as u16).to_le_bytes());
        for out in &level_buffers {
            let length = u16::try_from(out.len())
                .map_err(|_| KernelError::Invalid("too many levels in a chunk"))?;
            data.extend_from_slice(&length.to_le_bytes());
        }
        for buffer in &buffers {
            let bytes = if grammar.large_chunks { 4 } else { 2 };
            data.extend_from_slice(&(buffer.len() as u32).to_le_bytes()[..bytes]);
        }
        align(&mut data);
        for buffer in level_buffers.iter().chain(&buffers) {
            data.extend_from_slice(buffer);
            align(&mut data);
        }
        let size = data.len() - start;
        if !grammar.large_chunks && size > MAX_SMALL_CHUNK {
            return Ok(None);
        }
        let log = if chunk.is_last {
            0
        } else {
            chunk.num_values.ilog2()
        };
        let word = ((size / 8 - 1) as u32) << 4 | log;
        words.extend_from_slice(&word.to_le_bytes()[..if grammar.large_chunks { 4 } else { 2 }]);
    }
    let mut codecs = streams.into_iter().map(|(_, codec)| codec);
    let has_repetition = !levels.repetition.is_empty();
    Ok(Some(MiniBlockPage {
        num_buffers,
        repetition: if has_repetition { codecs.next() } else { None },
        definition: codecs.next(),
        words,
        data,
        repetition_index: has_repetition.then(|| build_repetition_index(levels, &chunks)),
    }))
}
