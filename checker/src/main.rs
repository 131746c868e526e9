//! `thalweg-checker < history.jsonl`: prints what is wrong with a history; exit 1 if anything is.

use std::process::ExitCode;

use thalweg_checker::check_lines;

fn main() -> ExitCode {
    match check_lines(std::io::stdin().lock()) {
        Ok(report) => {
            println!("{report}");
            if report.is_clean() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::from(2)
        }
    }
}
