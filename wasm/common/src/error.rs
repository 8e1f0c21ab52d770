//! The one error of the kernels. It crosses the boundary as a thrown string `CODE:message`, which the typed face turns
//! into a `LanceError`; nothing here ever panics.

use wasm_bindgen::JsValue;

/// Why a kernel refused its input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KernelError {
    /// Bytes read from a file break the format.
    Corrupt(&'static str),
    /// The caller broke the contract: a length, a pointer, an unknown option.
    Invalid(&'static str),
    /// An encoding that is valid but not implemented.
    Unsupported(&'static str),
    /// The module's memory cannot grow any further.
    OutOfMemory,
}

pub type Result<T> = core::result::Result<T, KernelError>;

impl From<KernelError> for JsValue {
    fn from(error: KernelError) -> JsValue {
        let (code, message) = match error {
            KernelError::Corrupt(message) => ("CORRUPT:", message),
            KernelError::Invalid(message) => ("INVALID_ARGUMENT:", message),
            KernelError::Unsupported(message) => ("UNSUPPORTED:", message),
            KernelError::OutOfMemory => ("QUOTA_EXCEEDED:", "WASM memory cannot grow"),
        };
        let mut text = String::with_capacity(code.len() + message.len());
        text.push_str(code);
        text.push_str(message);
        JsValue::from_str(&text)
    }
}

/// A `Vec` of `len` zeroes, or `OutOfMemory` instead of an abort.
pub fn try_zeroed<T: Copy + Default>(len: usize) -> Result<Vec<T>> {
    let mut values = try_with_capacity(len)?;
    values.resize(len, T::default());
    Ok(values)
}

/// An empty `Vec` with room for `capacity` values, or `OutOfMemory` instead of an abort.
pub fn try_with_capacity<T>(capacity: usize) -> Result<Vec<T>> {
    let mut values = Vec::new();
    values
        .try_reserve_exact(capacity)
        .map_err(|_| KernelError::OutOfMemory)?;
    Ok(values)
}
