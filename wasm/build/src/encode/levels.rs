//! Repetition and definition levels of a page: where its values lie among them, and their compression.

use super::bitpack::{
    inline_bytes, measure_width, out_of_line_bytes, write_inline, write_out_of_line, BLOCK,
};
use super::program::Encoding;
use super::run_length;
use lancelet_common::error::{KernelError, Result};

/// Both level streams; one that is absent is empty.
#[derive(Default)]
pub struct Levels {
    pub repetition: Vec<u16>,
    pub definition: Vec<u16>,
    pub max_repetition: u16,
    /// Levels at most this stand for a value.
    pub max_visible: u16,
}

impl Levels {
    pub fn new(
        repetition: Vec<u16>,
        definition: Vec<u16>,
        max_repetition: u16,
        max_visible: u16,
    ) -> Result<Self> {
        if !repetition.is_empty() && !definition.is_empty() && repetition.len() != definition.len()
        {
            return Err(KernelError::Invalid(
                "repetition and definition of different lengths",
            ));
        }
        Ok(Self {
            repetition,
            definition,
            max_repetition,
            max_visible,
        })
    }

    pub fn is_visible(&self, level: usize) -> bool {
        self.definition.is_empty() || self.definition[level] <= self.max_visible
    }

    /// Number of levels of a page of `num_values` values.
    pub fn count(&self, num_values: usize) -> usize {
        self.repetition.len().max(self.definition.len()).max(
            if self.repetition.is_empty() && self.definition.is_empty() {
                num_values
            } else {
                0
            },
        )
    }

    /// The level of each value, where some levels have none.
    pub fn positions(&self, num_values: usize) -> Result<Option<Vec<u32>>> {
        let count = self.count(num_values);
        if count == num_values
            && self
                .definition
                .iter()
                .all(|level| *level <= self.max_visible)
        {
            return Ok(None);
        }
        let positions: Vec<u32> = (0..count as u32)
            .filter(|level| self.is_visible(*level as usize))
            .collect();
        if positions.len() != num_values {
            return Err(KernelError::Invalid("levels of another number of values"));
        }
        Ok(Some(positions))
    }

    pub fn starts_row(&self, level: usize) -> bool {
        self.repetition.is_empty() || self.repetition[level] == self.max_repetition
    }
}

/// Levels as the bytes that are compressed.
pub fn level_bytes(levels: &[u16]) -> Vec<u8> {
    levels
        .iter()
        .flat_map(|level| level.to_le_bytes())
        .collect()
}

/// Bits of the highest level.
pub fn measure_levels(levels: &[u16]) -> usize {
    let any = levels.iter().fold(0, |any, level| any | level);
    (u16::BITS - any.leading_zeros()) as usize
}

/// The smallest way to store a level stream that is cut into runs of these lengths. All runs share it.
/// `max_run_bytes`: what a run may take as run lengths; `None` where files do not know those.
pub fn choose_codec(bytes: &[u8], runs: &[usize], max_run_bytes: Option<usize>) -> Encoding {
    let width = measure_width(bytes, 16).max(1);
    let mut best = (Encoding::Flat(16), bytes.len());
    let mut offer = |encoding: Encoding, size: usize| {
        if size < best.1 {
            best = (encoding, size);
        }
    };
    if width < 16 {
        let packed = runs
            .iter()
            .map(|run| out_of_line_bytes(*run, 16, width))
            .sum();
        offer(
            Encoding::OutOfLineBitpacking {
                word_bits: 16,
                width,
            },
            packed,
        );
        if runs.iter().all(|run| *run <= BLOCK) {
            let mut at = 0;
            let mut size = 0;
            for run in runs {
                size += inline_bytes(16, measure_width(&bytes[at..at + run * 2], 16));
                at += run * 2;
            }
            offer(Encoding::InlineBitpacking(16), size);
        }
    }
    if let Some(max_run_bytes) = max_run_bytes {
        let mut at = 0;
        let mut size = 0;
        let mut fits = true;
        for run in runs {
            let bytes = run_length::block_bytes(&bytes[at..at + run * 2], 2);
            fits &= bytes <= max_run_bytes;
            size += bytes;
            at += run * 2;
        }
        if fits {
            offer(Encoding::RunLength(16), size);
        }
    }
    best.0
}

/// Writes one run of a level stream.
pub fn write_levels(codec: &Encoding, bytes: &[u8], out: &mut Vec<u8>) {
    match codec {
        Encoding::OutOfLineBitpacking { width, .. } => write_out_of_line(bytes, 16, *width, out),
        Encoding::InlineBitpacking(_) => write_inline(bytes, 16, out),
        Encoding::RunLength(_) => run_length::write_block(bytes, 2, out),
        _ => out.extend_from_slice(bytes),
    }
}
