//! What the host takes from a finished builder: lengths and Arrow buffers, copied out of WASM memory once.

use super::builder::ColumnBuilder;
use lancelet_common::error::{KernelError, Result};
use wasm_bindgen::prelude::wasm_bindgen;

#[wasm_bindgen]
impl ColumnBuilder {
    /// Entries of layer `index`, leaf first.
    #[wasm_bindgen(js_name = layerLength)]
    pub fn layer_length(&self, index: usize) -> usize {
        self.layers.get(index).map_or(0, |layer| layer.len)
    }

    /// Validity bitmap of a layer, or nothing when all entries are valid.
    #[wasm_bindgen(js_name = layerValidity)]
    pub fn layer_validity(&mut self, index: usize) -> Option<Vec<u8>> {
        let layer = self.layers.get_mut(index)?;
        layer.finish();
        layer.validity.as_ref().map(|bits| bits.bytes.clone())
    }

    /// Null entries of a layer. Call after `layerValidity`.
    #[wasm_bindgen(js_name = layerNullCount)]
    pub fn layer_null_count(&self, index: usize) -> usize {
        self.layers
            .get(index)
            .and_then(|layer| layer.validity.as_ref())
            .map_or(0, |bits| bits.count_zeros())
    }

    /// `length + 1` offsets of a list layer.
    #[wasm_bindgen(js_name = layerOffsets)]
    pub fn layer_offsets(&self, index: usize) -> Result<Vec<i32>> {
        match self.layers.get(index) {
            Some(layer) if layer.is_list && !layer.offsets.is_empty() => to_i32(&layer.offsets),
            Some(layer) if layer.is_list => Ok(vec![0]),
            _ => Err(KernelError::Invalid("not a list layer")),
        }
    }

    /// Items validity of one fixed-size list level, outermost first, or nothing when all are valid.
    #[wasm_bindgen(js_name = itemValidity)]
    pub fn item_validity(&mut self, level: usize) -> Option<Vec<u8>> {
        let len = self.values.len;
        let (per_value, bits) = self.values.item_validity.get_mut(level)?;
        let bits = bits.as_mut()?;
        let total = len * *per_value;
        if bits.len < total {
            bits.append_run(true, total - bits.len);
        }
        Some(bits.bytes.clone())
    }

    /// Number of leaf values.
    #[wasm_bindgen(js_name = valueCount)]
    pub fn value_count(&self) -> usize {
        self.values.len
    }

    /// Fixed width: the values, bit-packed for booleans. Variable width: the bytes.
    #[wasm_bindgen(js_name = valueData)]
    pub fn value_data(&mut self) -> Vec<u8> {
        if !self.values.variable && !self.values.bits.is_multiple_of(8) {
            return core::mem::take(&mut self.values.packed.bytes);
        }
        core::mem::take(&mut self.values.data)
    }

    /// Packed structs: the values of one field, as `valueData` gives them.
    #[wasm_bindgen(js_name = fieldData)]
    pub fn field_data(&mut self, index: usize) -> Result<Vec<u8>> {
        let field = self
            .values
            .fields
            .get_mut(index)
            .ok_or(KernelError::Invalid("no such field"))?;
        if !field.variable && !field.bits.is_multiple_of(8) {
            return Ok(core::mem::take(&mut field.packed.bytes));
        }
        Ok(core::mem::take(&mut field.data))
    }

    /// Packed structs: the offsets of a field of variable width.
    #[wasm_bindgen(js_name = fieldOffsets)]
    pub fn field_offsets(&self, index: usize) -> Result<Vec<i32>> {
        match self.values.fields.get(index) {
            Some(field) if field.variable => to_i32(&field.offsets),
            _ => Err(KernelError::Invalid("no such field of variable width")),
        }
    }

    /// Variable width: `valueCount + 1` offsets.
    #[wasm_bindgen(js_name = valueOffsets)]
    pub fn value_offsets(&self) -> Result<Vec<i32>> {
        to_i32(&self.values.offsets)
    }
}

fn to_i32(offsets: &[u32]) -> Result<Vec<i32>> {
    if offsets.last().is_some_and(|end| *end > i32::MAX as u32) {
        return Err(KernelError::Unsupported(
            "a batch of more than 2 GiB in one column; read fewer rows at a time",
        ));
    }
    Ok(offsets.iter().map(|offset| *offset as i32).collect())
}
