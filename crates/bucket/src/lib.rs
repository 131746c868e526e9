//! Numbered chains and named objects, created only if absent.
