//! One page ready to decode: its program, and what is decoded once and kept (dictionary, constant, levels).

use super::bits::{read_u32, read_u64, slice};
use super::block::{decode_levels, decode_values};
use super::layout::{read_layout, Layout};
use super::levels::{max_definition, max_visible, Layer};
use super::program::{Encoding, ProgramReader};
use super::shape::{read_shape, Shape, MAX_LAYERS};
use super::values::Values;
use lancelet_common::error::{KernelError, Result};
use wasm_bindgen::prelude::wasm_bindgen;

/// Level streams of constant pages are bounded by their bytes; this bounds what one run may claim.
const MAX_CONSTANT_LEVELS: usize = 1 << 26;

/// A page as the host holds it between reads.
#[wasm_bindgen]
pub struct PageDecoder {
    pub(super) shape: Shape,
    pub(super) layers: Vec<Layer>,
    pub(super) layout: Layout,
    pub(super) dictionary: Option<Values>,
    /// Constant pages: one value, or none for all null.
    pub(super) constant: Option<Values>,
    pub(super) rep: Vec<u16>,
    pub(super) def: Vec<u16>,
    /// Constant pages with lists: the level at which each row starts, and the end.
    pub(super) row_starts: Vec<u32>,
    /// Pages of blob descriptors: the layers that the descriptors themselves hold levels for.
    pub(super) blob_layers: Option<Vec<Layer>>,
}

impl PageDecoder {
    /// The layers of the column, wherever their levels are.
    pub(super) fn column_layers(&self) -> &[Layer] {
        self.blob_layers.as_deref().unwrap_or(&self.layers)
    }

    pub(super) fn num_lists(&self) -> usize {
        self.layers.iter().filter(|layer| layer.is_list()).count()
    }

    pub(super) fn max_visible(&self) -> usize {
        max_visible(&self.layers)
    }
}

#[wasm_bindgen]
impl PageDecoder {
    /// `program` and its byte strings, as src/format/read/decode-program.ts writes them.
    #[wasm_bindgen(constructor)]
    pub fn new(program: &[u32], table: &[u8]) -> Result<PageDecoder> {
        let mut words = ProgramReader::new(program, table);
        let shape = read_shape(&mut words)?;
        let num_layers = words.word()?;
        if num_layers > MAX_LAYERS {
            return Err(KernelError::Corrupt(
                "too many repetition/definition layers",
            ));
        }
        let mut layers = Vec::with_capacity(num_layers);
        for _ in 0..num_layers {
            layers.push(Layer::parse(words.word()?)?);
        }
        let layout = read_layout(&mut words)?;
        Ok(PageDecoder {
            shape,
            layers,
            layout,
            dictionary: None,
            constant: None,
            rep: Vec::new(),
            def: Vec::new(),
            row_starts: Vec::new(),
            blob_layers: None,
        })
    }

    /// Pages of blob descriptors: a descriptor without bytes tells its own levels (format page section 2.2, Blob).
    #[wasm_bindgen(js_name = setBlobLayers)]
    pub fn set_blob_layers(&mut self, layers: &[u32]) -> Result<()> {
        if layers.len() > MAX_LAYERS || self.shape.fields.len() != 2 {
            return Err(KernelError::Corrupt("a blob page of another shape"));
        }
        let mut parsed = Vec::with_capacity(layers.len());
        for layer in layers {
            let layer = Layer::parse(*layer as usize)?;
            if layer.is_list() {
                return Err(KernelError::Unsupported("blobs in lists"));
            }
            parsed.push(layer);
        }
        self.blob_layers = Some(parsed);
        Ok(())
    }

    /// Mini-block pages with a dictionary: decodes it, once.
    #[wasm_bindgen(js_name = setDictionary)]
    pub fn set_dictionary(&mut self, bytes: &[u8]) -> Result<()> {
        let Layout::MiniBlock {
            dictionary: Some(encoding),
            num_items,
            ..
        } = &self.layout
        else {
            return Err(KernelError::Invalid("a page without a dictionary"));
        };
        let mut values = Values::new(&self.shape)?;
        decode_values(encoding, bytes, *num_items, &mut values)?;
        self.dictionary = Some(values);
        Ok(())
    }

    /// Constant pages: the value's own bytes, or the buffers of a one-element Arrow array (`u32 n, n × u32 length, bytes`).
    #[wasm_bindgen(js_name = setConstant)]
    pub fn set_constant(&mut self, bytes: &[u8], array: bool) -> Result<()> {
        let mut first: &[u8] = bytes;
        let mut second: Option<&[u8]> = None;
        if array {
            let count = read_u32(bytes, 0)?;
            if count == 0 || count > 2 {
                return Err(KernelError::Unsupported(
                    "a constant of more than two buffers",
                ));
            }
            let length = read_u32(bytes, 4)?;
            let at = 4 + 4 * count;
            first = slice(bytes, at, length)?;
            if count == 2 {
                second = Some(slice(bytes, at + length, read_u32(bytes, 8)?)?);
            }
        }
        let mut value = Values::new(&self.shape)?;
        if !self.shape.fields.is_empty() {
            value.append_rows(first, 1)?;
        } else if self.shape.variable {
            let text = match second {
                None => first,
                Some(data) => {
                    let (start, end) = match first.len() {
                        8..=15 => (read_u32(first, 0)?, read_u32(first, 4)?),
                        _ => (read_u64(first, 0)?, read_u64(first, 8)?),
                    };
                    let length = end
                        .checked_sub(start)
                        .ok_or(KernelError::Corrupt("value offsets decrease"))?;
                    slice(data, start, length)?
                }
            };
            value.reserve(text.len())?;
            value.data.extend_from_slice(text);
            value.close_value()?;
        } else {
            value.append_fixed(first, 0, 1)?;
        }
        self.constant = Some(value);
        Ok(())
    }

    /// Constant pages: the level buffers. Without an encoding they are plain u16.
    #[wasm_bindgen(js_name = setLevels)]
    pub fn set_levels(&mut self, rep_bytes: &[u8], def_bytes: &[u8]) -> Result<()> {
        let Layout::Constant {
            rep,
            def,
            num_rep,
            num_def,
        } = &self.layout
        else {
            return Err(KernelError::Invalid(
                "only constant pages have level buffers",
            ));
        };
        self.rep = decode_level_buffer(rep.as_ref(), rep_bytes, *num_rep)?;
        self.def = decode_level_buffer(def.as_ref(), def_bytes, *num_def)?;
        if !self.rep.is_empty() && !self.def.is_empty() && self.rep.len() != self.def.len() {
            return Err(KernelError::Corrupt("level streams of different lengths"));
        }
        if self
            .def
            .iter()
            .any(|level| *level as usize > max_definition(&self.layers))
        {
            return Err(KernelError::Corrupt(
                "a definition level is above its layers",
            ));
        }
        let top = self.num_lists() as u16;
        if !self.rep.is_empty() {
            let starts = self
                .rep
                .iter()
                .enumerate()
                .filter(|(_, level)| **level == top);
            self.row_starts = starts.map(|(index, _)| index as u32).collect();
            if self.row_starts.first() != Some(&0) {
                return Err(KernelError::Corrupt("levels start inside a list"));
            }
            self.row_starts.push(self.rep.len() as u32);
        }
        Ok(())
    }

    /// Bytes this page keeps in WASM memory beyond its program.
    #[wasm_bindgen(js_name = cachedBytes)]
    pub fn cached_bytes(&self) -> usize {
        let held = |values: &Option<Values>| values.as_ref().map_or(0, Values::held_bytes);
        held(&self.dictionary)
            + held(&self.constant)
            + 2 * (self.rep.len() + self.def.len())
            + 4 * self.row_starts.len()
    }
}

fn decode_level_buffer(
    encoding: Option<&Encoding>,
    bytes: &[u8],
    count: usize,
) -> Result<Vec<u16>> {
    let mut levels = Vec::new();
    match encoding {
        Some(encoding) if count > 0 => {
            if count > MAX_CONSTANT_LEVELS {
                return Err(KernelError::Corrupt("a page with too many levels"));
            }
            decode_levels(encoding, bytes, count, &mut levels)?;
        }
        _ => {
            if !bytes.len().is_multiple_of(2) {
                return Err(KernelError::Corrupt("a level buffer of an odd length"));
            }
            levels.extend(
                bytes
                    .chunks_exact(2)
                    .map(|raw| u16::from_le_bytes([raw[0], raw[1]])),
            );
        }
    }
    Ok(levels)
}
