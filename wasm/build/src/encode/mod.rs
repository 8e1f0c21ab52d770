//! Encoders of Lance file pages: one call a page, from the values and levels of a column to the page's buffers.

mod bitpack;
mod block;
mod choose;
mod chunk;
mod compression;
mod constant;
mod dictionary;
mod fixed;
mod fsst;
mod full_zip;
mod general;
mod levels;
mod lists;
mod mini_block;
mod page;
mod program;
mod run_length;
mod values;
mod variable;
mod zstd;

pub use page::EncodedPage;

use choose::{Choice, PageContext, Request, Splitting};
use compression::Scheme;
use lancelet_common::error::{KernelError, Result};
use levels::Levels;
use values::{FixedValues, Items, ListLayer, ListValues, VariableValues};
use variable::VariablePage;
use wasm_bindgen::prelude::wasm_bindgen;

/// Collects what a page is made of; the last call encodes it and ends the object.
#[wasm_bindgen]
pub struct PageEncoder {
    context: PageContext,
    layers: Vec<ListLayer>,
    dictionary: Option<Items>,
    variable: Option<VariablePage>,
}

#[wasm_bindgen]
impl PageEncoder {
    /// Minor version, text, opaque, request, splitting, structure (0 by width, 1 mini-block, 2 zipped), as
    /// src/kernels/encode.ts numbers them.
    #[wasm_bindgen(constructor)]
    pub fn new(options: &[u32]) -> Result<PageEncoder> {
        let &[minor, is_text, is_opaque, request, splitting, structure] = options else {
            return Err(KernelError::Invalid("six words of options"));
        };
        let choice = Choice {
            is_modern: minor >= 2,
            is_text: is_text != 0,
            is_opaque: is_opaque != 0,
            request: match request {
                _ if is_opaque != 0 => Request::Plain,
                0 => Request::Default,
                1 => Request::Plain,
                2 => Request::Fsst,
                3 => Request::General(Scheme::Lz4),
                4 => Request::General(Scheme::Zstd),
                _ => return Err(KernelError::Unsupported("this compression")),
            },
            splitting: match splitting {
                0 => Splitting::Auto,
                1 => Splitting::Always,
                _ => Splitting::Never,
            },
            full_zip: match structure {
                0 => None,
                1 => Some(false),
                _ => Some(true),
            },
        };
        Ok(PageEncoder {
            context: PageContext {
                choice,
                levels: Levels::default(),
                nulls: Vec::new(),
            },
            layers: Vec::new(),
            dictionary: None,
            variable: None,
        })
    }

    /// A byte a value, 1 = null.
    #[wasm_bindgen(js_name = setNulls)]
    pub fn set_nulls(&mut self, nulls: Vec<u8>) {
        self.context.nulls = nulls;
    }

    /// Either stream may be empty.
    #[wasm_bindgen(js_name = setLevels)]
    pub fn set_levels(
        &mut self,
        repetition: Vec<u16>,
        definition: Vec<u16>,
        max_repetition: u16,
        max_visible: u16,
    ) -> Result<()> {
        self.context.levels = Levels::new(repetition, definition, max_repetition, max_visible)?;
        Ok(())
    }

    /// Adds a layer of fixed-size lists, outermost first. `validity`: a byte an element, 1 = null, or empty.
    #[wasm_bindgen(js_name = addListLayer)]
    pub fn add_list_layer(&mut self, dimension: usize, nulls: Vec<u8>) {
        let validity = (!nulls.is_empty())
            .then(|| nulls.into_iter().map(|null| u8::from(null == 0)).collect());
        self.layers.push(ListLayer {
            dimension,
            validity,
        });
    }

    /// The values that the values of the page are indices of.
    #[wasm_bindgen(js_name = setFixedDictionary)]
    pub fn set_fixed_dictionary(
        &mut self,
        bits: usize,
        count: usize,
        first_bit: usize,
        data: Vec<u8>,
    ) -> Result<()> {
        let items = FixedValues::new(bits, count, first_bit, data, &[])?;
        self.dictionary = Some(Items::Fixed(items));
        Ok(())
    }

    /// As above, of strings.
    #[wasm_bindgen(js_name = setVariableDictionary)]
    pub fn set_variable_dictionary(
        &mut self,
        offset_bits: usize,
        ends: &[u32],
        data: Vec<u8>,
    ) -> Result<()> {
        let items = VariableValues::new(offset_bits, ends, data, &[])?;
        self.dictionary = Some(Items::Variable(items));
        Ok(())
    }

    /// Encodes values of one width: lists where layers were added, indices where a dictionary was set.
    #[wasm_bindgen(js_name = encodeFixed)]
    pub fn encode_fixed(
        self,
        bits: usize,
        count: usize,
        first_bit: usize,
        data: Vec<u8>,
    ) -> Result<EncodedPage> {
        let nulls = &self.context.nulls;
        if !nulls.is_empty() && nulls.len() != count {
            return Err(KernelError::Invalid("nulls of another number of values"));
        }
        if !self.layers.is_empty() {
            let values = ListValues::new(self.layers, bits, count, first_bit, data)?;
            return self.context.encode_lists(&values);
        }
        let values = FixedValues::new(bits, count, first_bit, data, nulls)?;
        match &self.dictionary {
            Some(items) => self.context.encode_dictionary(&values, items),
            None => self.context.encode_fixed(&values),
        }
    }

    /// Sets values of any length; `ends` has one more than there are values.
    #[wasm_bindgen(js_name = setVariable)]
    pub fn set_variable(&mut self, offset_bits: usize, ends: &[u32], data: Vec<u8>) -> Result<()> {
        let nulls = &self.context.nulls;
        if !nulls.is_empty() && nulls.len() + 1 != ends.len() {
            return Err(KernelError::Invalid("nulls of another number of values"));
        }
        let values = VariableValues::new(offset_bits, ends, data, nulls)?;
        self.variable = Some(VariablePage::new(values));
        Ok(())
    }

    /// Works through about `budget` bytes of the values that were set. Returns whether they can be encoded now.
    pub fn advance(&mut self, budget: usize) -> bool {
        match &mut self.variable {
            Some(page) => page.advance(&self.context, budget),
            None => true,
        }
    }

    /// Encodes the values that were set, once they are ready.
    #[wasm_bindgen(js_name = encodeVariable)]
    pub fn encode_variable(self) -> Result<EncodedPage> {
        match &self.variable {
            Some(page) => page.encode(&self.context),
            None => Err(KernelError::Invalid("no values were set")),
        }
    }

    /// Encodes levels that lead to no value at all. Files 2.2.
    #[wasm_bindgen(js_name = encodeNulls)]
    pub fn encode_nulls(self) -> EncodedPage {
        EncodedPage::of_nulls(&self.context.levels)
    }
}
