use lancelet_common::error::{KernelError, Result};

/// How exactly distances are told, by native's names.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Mode {
    /// By the formula.
    Accurate,
    /// Products with signs of whole blocks are sums of shared tables: the very errors that native's answers have.
    Normal,
    /// So, and by the signs alone, whatever other bits there are.
    Fast,
}

impl Mode {
    pub fn from_code(code: u8) -> Result<Mode> {
        match code {
            0 => Ok(Mode::Accurate),
            1 => Ok(Mode::Normal),
            2 => Ok(Mode::Fast),
            _ => Err(KernelError::Invalid("an unknown mode")),
        }
    }
}

/// How a product with a code becomes a distance: product × scale factor × `scale_by` + `add_by` × (add factor −
/// `add_from`) + `constant`. `error_by` × error factor is how far that may be off by the signs alone.
pub struct Estimate {
    pub scale_by: f32,
    add_by: f32,
    add_from: f32,
    constant: f32,
    pub error_by: f32,
    pub mode: Mode,
}

impl Estimate {
    /// The first five of the numbers; missing ones are 0.
    pub fn new(numbers: &[f32], mode: Mode) -> Estimate {
        let number = |index: usize| numbers.get(index).copied().unwrap_or(0.0);
        Estimate {
            scale_by: number(0),
            add_by: number(1),
            add_from: number(2),
            constant: number(3),
            error_by: number(4),
            mode,
        }
    }

    /// What is added to a product of a row with this add factor.
    #[inline(always)]
    pub fn offset(&self, add: f32) -> f32 {
        self.add_by * (add - self.add_from) + self.constant
    }
}
