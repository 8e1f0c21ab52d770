//! Repetition and definition levels to Arrow structure: one validity bitmap per layer, offsets per list layer.
//! Layers are listed leaf first; levels and their order are format page section 2.2.

use super::bits::Bits;
use lancelet_common::error::{KernelError, Result};

/// The layer kinds of the format.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Layer {
    AllValidItem,
    AllValidList,
    NullableItem,
    NullableList,
    EmptyableList,
    NullAndEmptyList,
}

impl Layer {
    pub fn parse(kind: usize) -> Result<Self> {
        Ok(match kind {
            1 => Layer::AllValidItem,
            2 => Layer::AllValidList,
            3 => Layer::NullableItem,
            4 => Layer::NullableList,
            5 => Layer::EmptyableList,
            6 => Layer::NullAndEmptyList,
            _ => {
                return Err(KernelError::Corrupt(
                    "an unknown repetition/definition layer",
                ))
            }
        })
    }

    pub fn is_list(self) -> bool {
        !matches!(self, Layer::AllValidItem | Layer::NullableItem)
    }

    fn num_levels(self) -> usize {
        match self {
            Layer::AllValidItem | Layer::AllValidList => 0,
            Layer::NullAndEmptyList => 2,
            _ => 1,
        }
    }
}

/// Definition levels up to this one occupy a value slot: the levels before the first list layer.
pub fn max_visible(layers: &[Layer]) -> usize {
    layers
        .iter()
        .take_while(|layer| !layer.is_list())
        .map(|layer| layer.num_levels())
        .sum()
}

/// Highest definition level the layers define.
pub fn max_definition(layers: &[Layer]) -> usize {
    layers.iter().map(|layer| layer.num_levels()).sum()
}

/// What one layer has accumulated over the pages of a batch.
#[derive(Default)]
pub struct LayerOut {
    pub is_list: bool,
    pub len: usize,
    pub validity: Option<Bits>,
    /// List layers: `len + 1` offsets into the layer below.
    pub offsets: Vec<u32>,
}

impl LayerOut {
    fn push_validity(&mut self, valid: bool) {
        if valid && self.validity.is_none() {
            return;
        }
        let len = self.len;
        let bits = self.validity.get_or_insert_with(Bits::default);
        if bits.len < len {
            bits.append_run(true, len - bits.len);
        }
        bits.push(valid);
    }

    /// Bits for entries after the last null are implied; make them real.
    pub fn finish(&mut self) {
        let len = self.len;
        if let Some(bits) = &mut self.validity {
            if bits.len < len {
                bits.append_run(true, len - bits.len);
            }
        }
    }
}

/// Appends the structure of `count` levels to `out`. Empty `def` means all zero; empty `rep` with list layers means
/// that every level starts a row.
pub fn unravel(
    layers: &[Layer],
    rep: &[u16],
    def: &[u16],
    count: usize,
    out: &mut [LayerOut],
) -> Result<()> {
    if layers.len() != out.len()
        || (!rep.is_empty() && rep.len() != count)
        || (!def.is_empty() && def.len() != count)
    {
        return Err(KernelError::Corrupt("levels do not match their layers"));
    }
    let max_def = max_definition(layers);
    if def.iter().any(|level| *level as usize > max_def) {
        return Err(KernelError::Corrupt(
            "a definition level is above its layers",
        ));
    }
    let num_lists = layers.iter().filter(|layer| layer.is_list()).count();
    if rep.iter().any(|level| *level as usize > num_lists) {
        return Err(KernelError::Corrupt(
            "a repetition level is above its layers",
        ));
    }
    if def.is_empty() && num_lists == 0 {
        for layer in out.iter_mut() {
            layer.len += count;
        }
        return Ok(());
    }
    // Entries that remain after collapsing the lists seen so far: positions into the level arrays.
    let mut entries: Option<Vec<u32>> = None;
    let mut lists_below = 0usize;
    let mut base = 0usize;
    for index in 0..layers.len() {
        let layer = layers[index];
        // Entries above this definition level have no slot in this layer: an outer list is null or empty.
        let slots = base + layer.num_levels() + max_visible(&layers[index + 1..]);
        let target = &mut out[index];
        if target.is_list != layer.is_list() {
            return Err(KernelError::Corrupt(
                "a page's layers do not match the column's type",
            ));
        }
        if layer.is_list() {
            let starts = start_lists(
                layer,
                base,
                slots,
                lists_below,
                rep,
                def,
                count,
                entries.as_deref(),
                target,
            )?;
            lists_below += 1;
            entries = Some(starts);
        } else {
            let null_level = (layer == Layer::NullableItem).then_some(base + 1);
            let mut visit = |position: usize| {
                let level = def.get(position).copied().unwrap_or(0) as usize;
                if level > slots {
                    return;
                }
                target.push_validity(null_level.is_none_or(|null| level < null));
                target.len += 1;
            };
            match &entries {
                None => (0..count).for_each(&mut visit),
                Some(positions) => positions
                    .iter()
                    .for_each(|position| visit(*position as usize)),
            }
        }
        base += layer.num_levels();
    }
    Ok(())
}

/// Collapses one list layer: appends offsets and validity, returns the entries that start a list.
#[allow(clippy::too_many_arguments)]
fn start_lists(
    layer: Layer,
    base: usize,
    slots: usize,
    lists_below: usize,
    rep: &[u16],
    def: &[u16],
    count: usize,
    entries: Option<&[u32]>,
    target: &mut LayerOut,
) -> Result<Vec<u32>> {
    let mut starts: Vec<u32> = Vec::new();
    let (null_level, empty_level) = match layer {
        Layer::NullableList => (Some(base + 1), None),
        Layer::EmptyableList => (None, Some(base + 1)),
        Layer::NullAndEmptyList => (Some(base + 1), Some(base + 2)),
        _ => (None, None),
    };
    let mut children = match target.offsets.last() {
        Some(end) => *end,
        None => {
            target.offsets.push(0);
            0
        }
    };
    let total = entries.map_or(count, <[u32]>::len);
    let mut open = false;
    for step in 0..total {
        let position = entries.map_or(step, |positions| positions[step] as usize);
        let level = def.get(position).copied().unwrap_or(0) as usize;
        // Each list layer already collapsed took one from the repetition level.
        let repetition = match rep.get(position) {
            Some(raw) => (*raw as usize).saturating_sub(lists_below),
            None => 1,
        };
        if repetition > 0 {
            starts.push(position as u32);
            open = level <= slots;
            if open {
                let valid = match null_level {
                    // Above both of its own levels an outer struct is null, and the list with it.
                    Some(null) => level < null || empty_level == Some(level),
                    None => true,
                };
                target.push_validity(valid);
                target.len += 1;
                target.offsets.push(children);
            }
        } else if step == 0 {
            return Err(KernelError::Corrupt("levels start inside a list"));
        }
        if level <= base {
            if !open {
                return Err(KernelError::Corrupt("an item outside of any list"));
            }
            children = children.checked_add(1).ok_or(KernelError::OutOfMemory)?;
            if let Some(last) = target.offsets.last_mut() {
                *last = children;
            }
        } else if repetition == 0 {
            return Err(KernelError::Corrupt("a null or empty list inside a list"));
        }
    }
    Ok(starts)
}
