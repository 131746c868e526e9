//! The rules of ARCHITECTURE.md and STYLE.md that no compiler checks.

mod files;
mod layers;

use crate::Result;

/// Says what breaks a rule; fails if anything does.
pub fn check() -> Result<()> {
    let mut broken = layers::check()?;
    broken.extend(files::check()?);
    for rule in &broken {
        eprintln!("{rule}");
    }
    match broken.len() {
        0 => Ok(()),
        count => Err(format!("{count} broken rules").into()),
    }
}
