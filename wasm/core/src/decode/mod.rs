//! Decoders of Lance file pages.
