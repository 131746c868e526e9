//! Passes that nothing was wrong with, for each cell and each build of the broker, in a file: a run goes
//! on where the last one stopped.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::cell::Cell;
use crate::failure::Failure;

/// The passes so far. One line for each cell and build: `cell build passes`.
pub struct Tally {
    file: Option<PathBuf>,
    build: String,
    passes: BTreeMap<(String, String), u64>,
}

impl Tally {
    /// Reads what is in `file`, if there is one; what comes is of `build`.
    pub fn open(file: Option<&Path>, build: &str) -> Result<Self, Failure> {
        let mut tally = Self {
            file: file.map(Path::to_path_buf),
            build: build.split_whitespace().collect::<Vec<_>>().join("-"),
            passes: BTreeMap::new(),
        };
        let Some(file) = file else { return Ok(tally) };
        match std::fs::read_to_string(file) {
            Ok(text) => tally.passes = parse(&text)?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(Failure::io(format!("reading {}", file.display()))(error)),
        }
        Ok(tally)
    }

    /// Passes of a cell, of all builds.
    pub fn passes(&self, cell: Cell) -> u64 {
        let cell = cell.to_string();
        let of_cell = self.passes.iter().filter(|((other, _), _)| *other == cell);
        of_cell.map(|(_, passes)| passes).sum()
    }

    /// Builds that have passed.
    pub fn builds(&self) -> usize {
        let builds = self.passes.keys().map(|(_, build)| build);
        builds.collect::<std::collections::BTreeSet<_>>().len()
    }

    /// Counts one more, and writes it down.
    pub fn add(&mut self, cell: Cell) -> Result<(), Failure> {
        *self.passes.entry((cell.to_string(), self.build.clone())).or_default() += 1;
        let Some(file) = &self.file else { return Ok(()) };
        // Whoever ends the run at any moment finds the old file or the new one.
        let fresh = file.with_extension("new");
        let write = || {
            std::fs::write(&fresh, self.to_string())?;
            std::fs::rename(&fresh, file)
        };
        write().map_err(Failure::io(format!("writing {}", file.display())))
    }
}

impl std::fmt::Display for Tally {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut passes = self.passes.iter();
        passes.try_for_each(|((cell, build), passes)| writeln!(f, "{cell} {build} {passes}"))
    }
}

fn parse(text: &str) -> Result<BTreeMap<(String, String), u64>, Failure> {
    let line = |line: &str| {
        let mut words = line.split_whitespace();
        let (cell, build) = (words.next()?, words.next()?);
        Some(((cell.to_owned(), build.to_owned()), words.next()?.parse().ok()?))
    };
    let wrong = |text: &str| Failure::Other(format!("no line of passes: {text}"));
    text.lines().map(|text| line(text).ok_or_else(|| wrong(text))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transactions::cell::{Fault, Workload};

    #[test]
    fn passes_add_up_over_builds() {
        let file = std::env::temp_dir().join(format!("thalweg-tally-{}", std::process::id()));
        let cell = Cell { workload: Workload::Copies, fault: Fault::Power };
        for build in ["one", "two words"] {
            let mut tally = Tally::open(Some(&file), build).unwrap();
            tally.add(cell).unwrap();
            tally.add(cell).unwrap();
        }
        let tally = Tally::open(Some(&file), "three").unwrap();
        assert_eq!((tally.passes(cell), tally.builds()), (4, 2));
        assert_eq!(tally.passes(Cell { fault: Fault::Kill, ..cell }), 0);
        std::fs::remove_file(&file).unwrap();
    }

    #[test]
    fn what_is_no_tally_is_refused() {
        assert!(parse("Copies/Power one two").is_err());
        assert!(parse("nothing").is_err());
    }
}
