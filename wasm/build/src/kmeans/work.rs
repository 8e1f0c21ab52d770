/// Multiplications of one step: about 5 ms where SIMD runs at 8 a nanosecond, under 20 ms on a slow phone.
pub const WORK_PER_STEP: usize = 40_000_000;
/// Preparing a value takes as long as this many multiplications that find their operands in the cache.
pub const SCALAR_COST: usize = 24;
/// So does a multiplication whose operands come from memory.
pub const STREAM_COST: usize = 4;
