//! A zstd encoder (RFC 8878) for text: one frame a value, its size in the header, no checksum. About the ratio of the
//! original's level 3.

mod bits;
mod fse;
mod huffman;
mod matches;
mod sequences;

use huffman::write_literals;
use matches::MatchFinder;
use sequences::{write_sequences, Repeats, Sequence};

const MAGIC: u32 = 0xFD2F_B528;
const MAX_BLOCK: usize = 128 * 1024;
/// Readers need not keep more.
const WINDOW_LOG: u32 = 23;
const RAW: u32 = 0;
const REPEATED: u32 = 1;
const COMPRESSED: u32 = 2;

/// Keeps its memory from frame to frame; frames do not depend on each other.
#[derive(Default)]
pub struct Encoder {
    finder: MatchFinder,
    sequences: Vec<Sequence>,
    literals: Vec<u8>,
    block: Vec<u8>,
}

fn write_frame_header(size: usize, out: &mut Vec<u8>) {
    out.extend_from_slice(&MAGIC.to_le_bytes());
    let word = size as u64;
    if size > 1 << WINDOW_LOG {
        out.extend_from_slice(&[2 << 6, ((WINDOW_LOG - 10) << 3) as u8]);
        out.extend_from_slice(&word.to_le_bytes()[..4]);
        return;
    }
    // The whole value is the window.
    match size {
        0..=255 => out.extend_from_slice(&[1 << 5, size as u8]),
        256..=65791 => {
            out.push(1 << 6 | 1 << 5);
            out.extend_from_slice(&(word - 256).to_le_bytes()[..2]);
        }
        _ => {
            out.push(2 << 6 | 1 << 5);
            out.extend_from_slice(&word.to_le_bytes()[..4]);
        }
    }
}

fn write_block_header(is_last: bool, kind: u32, size: usize, out: &mut Vec<u8>) {
    let word = u32::from(is_last) | kind << 1 | (size as u32) << 3;
    out.extend_from_slice(&word.to_le_bytes()[..3]);
}

impl Encoder {
    /// Appends a frame.
    pub fn compress(&mut self, data: &[u8], out: &mut Vec<u8>) {
        write_frame_header(data.len(), out);
        if data.is_empty() {
            write_block_header(true, RAW, 0, out);
            return;
        }
        self.finder.start(data.len());
        let mut repeats = Repeats::START;
        let mut start = 0;
        while start < data.len() {
            let end = data.len().min(start + MAX_BLOCK);
            self.write_block(data, start, end, &mut repeats, out);
            start = end;
        }
    }

    fn write_block(
        &mut self,
        data: &[u8],
        start: usize,
        end: usize,
        repeats: &mut Repeats,
        out: &mut Vec<u8>,
    ) {
        let is_last = end == data.len();
        let plain = &data[start..end];
        if plain.iter().all(|byte| *byte == plain[0]) {
            write_block_header(is_last, REPEATED, plain.len(), out);
            out.push(plain[0]);
            return;
        }
        self.sequences.clear();
        self.literals.clear();
        self.block.clear();
        self.finder.cut(
            data,
            start,
            end,
            (1 << WINDOW_LOG, repeats.0[0]),
            &mut self.sequences,
            &mut self.literals,
        );
        let mut after = *repeats;
        write_literals(&self.literals, &mut self.block);
        write_sequences(&self.sequences, &mut after, &mut self.block);
        if self.block.len() >= plain.len() {
            write_block_header(is_last, RAW, plain.len(), out);
            out.extend_from_slice(plain);
            return;
        }
        *repeats = after;
        write_block_header(is_last, COMPRESSED, self.block.len(), out);
        out.extend_from_slice(&self.block);
    }
}

#[cfg(test)]
mod tests {
    use super::Encoder;
    use ruzstd::decoding::FrameDecoder;

    fn expand(frame: &[u8], size: usize) -> Vec<u8> {
        let mut out = Vec::with_capacity(size + 1);
        FrameDecoder::new()
            .decode_all_to_vec(frame, &mut out)
            .unwrap();
        out
    }

    /// Words of a small vocabulary, by a linear congruence.
    fn make_text(size: usize, words: u32, seed: u32) -> Vec<u8> {
        let mut state = seed;
        let mut text = Vec::new();
        while text.len() < size {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let word = (state >> 8) % words;
            text.extend_from_slice(format!("{:x} ", word.wrapping_mul(2_654_435_761)).as_bytes());
        }
        text.truncate(size);
        text
    }

    #[test]
    fn what_is_compressed_expands_to_itself() {
        let mut encoder = Encoder::default();
        for size in [
            0, 1, 2, 5, 31, 32, 33, 255, 256, 257, 1000, 5000, 65_791, 65_792, 131_072, 131_073,
            700_000,
        ] {
            for (words, seed) in [(1, 7), (3, 8), (40, 9), (3000, 10), (1 << 24, 11)] {
                let text = make_text(size, words, seed);
                let mut frame = Vec::new();
                encoder.compress(&text, &mut frame);
                assert_eq!(expand(&frame, size), text, "{size} bytes of {words} words");
                assert!(frame.len() <= text.len() + 32);
            }
        }
    }

    #[test]
    fn bytes_of_every_value_and_runs() {
        let mut encoder = Encoder::default();
        for case in 0..400u32 {
            let mut state = case.wrapping_mul(2_654_435_761) | 1;
            let size = 1 + case as usize * 37;
            let spread = 1 + case % 256;
            let bytes: Vec<u8> = (0..size)
                .map(|_| {
                    state ^= state << 13;
                    state ^= state >> 17;
                    state ^= state << 5;
                    ((state % spread) * (state >> 16 & 1)) as u8
                })
                .collect();
            let mut frame = Vec::new();
            encoder.compress(&bytes, &mut frame);
            assert_eq!(expand(&frame, size), bytes, "case {case}");
        }
    }
}
