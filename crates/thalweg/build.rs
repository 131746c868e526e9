//! Names the commit that is being built, for `--version`. `GIT_COMMIT` overrides it: for builds outside
//! a repository, and for those who commit often and build often.
//! (Cargo hands the name to what it runs, so it must not look like a setting.)

use std::process::Command;

fn main() {
    println!("cargo::rerun-if-env-changed=GIT_COMMIT");
    let commit = std::env::var("GIT_COMMIT").ok().or_else(checked_out);
    println!("cargo::rustc-env=GIT_COMMIT={}", commit.unwrap_or_else(|| "unknown".to_owned()));
}

/// The commit of the work tree; builds follow when it changes.
fn checked_out() -> Option<String> {
    if let Some(log) = git(&["rev-parse", "--git-path", "logs/HEAD"]) {
        println!("cargo::rerun-if-changed={log}"); // grows with every commit and checkout
    }
    git(&["rev-parse", "--short=12", "HEAD"])
}

fn git(arguments: &[&str]) -> Option<String> {
    let output = Command::new("git").args(arguments).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| text.trim().to_owned())
}
