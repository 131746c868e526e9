//! What commands print: tables for people, JSON for programs.

use std::io::{self, Write};

use serde::Serialize;

/// A line of a table.
pub trait Row: Serialize {
    /// Titles of the columns.
    const TITLES: &'static [&'static str];

    /// The line, a text for each column.
    fn cells(&self) -> Vec<String>;
}

/// Prints rows as a table, or as a JSON array.
pub fn print_rows<R: Row>(json: bool, rows: &[R]) -> io::Result<()> {
    if json {
        return print_json(&rows);
    }
    let mut out = io::stdout().lock();
    write_table(&mut out, rows)?;
    out.flush()
}

/// Prints a value as JSON on lines of its own.
pub fn print_json<T: Serialize>(value: &T) -> io::Result<()> {
    let mut out = io::stdout().lock();
    serde_json::to_writer_pretty(&mut out, value)?;
    writeln!(out)?;
    out.flush()
}

/// Prints a line, unless JSON was asked for.
pub fn print_line(json: bool, line: &str) -> io::Result<()> {
    if json {
        return Ok(());
    }
    writeln!(io::stdout().lock(), "{line}")
}

fn write_table<R: Row>(out: &mut impl Write, rows: &[R]) -> io::Result<()> {
    let lines: Vec<Vec<String>> = rows.iter().map(Row::cells).collect();
    let mut widths: Vec<usize> = R::TITLES.iter().map(|title| title.len()).collect();
    for line in &lines {
        for (width, cell) in widths.iter_mut().zip(line) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let titles: Vec<String> = R::TITLES.iter().map(|title| title.to_uppercase()).collect();
    for line in std::iter::once(&titles).chain(&lines) {
        let padded = widths.iter().zip(line).map(|(width, cell)| format!("{cell:<width$}"));
        writeln!(out, "{}", padded.collect::<Vec<_>>().join("  ").trim_end())?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Serialize)]
    struct Planet(&'static str, u32);

    impl Row for Planet {
        const TITLES: &'static [&'static str] = &["planet", "moons"];

        fn cells(&self) -> Vec<String> {
            vec![self.0.to_owned(), self.1.to_string()]
        }
    }

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let mut out = Vec::new();
        write_table(&mut out, &[Planet("Mercury", 0), Planet("Mars", 2)]).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert_eq!(text, "PLANET   MOONS\nMercury  0\nMars     2\n");
    }
}
