//! Which Thalweg this is.

/// The version of the package.
pub const NUMBER: &str = env!("CARGO_PKG_VERSION");

/// The version and the commit it was built from, as `--version` prints them.
pub const WITH_COMMIT: &str = concat!(env!("CARGO_PKG_VERSION"), " (", env!("GIT_COMMIT"), ")");
