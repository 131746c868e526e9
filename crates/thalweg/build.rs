//! Names the commit that is being built, for `--version`. `GIT_COMMIT` overrides it, for builds
//! outside a repository. (Cargo hands the name to what it runs, so it must not look like a setting.)

use std::process::Command;

fn main() {
    let git = |arguments: &[&str]| {
        let output = Command::new("git").args(arguments).output().ok()?;
        let text = String::from_utf8(output.stdout).ok()?;
        output.status.success().then(|| text.trim().to_owned())
    };
    let given = std::env::var("GIT_COMMIT").ok();
    let commit = given.or_else(|| git(&["rev-parse", "--short=12", "HEAD"]));
    println!("cargo::rustc-env=GIT_COMMIT={}", commit.unwrap_or_else(|| "unknown".to_owned()));
    println!("cargo::rerun-if-env-changed=GIT_COMMIT");
    if let Some(log) = git(&["rev-parse", "--git-path", "logs/HEAD"]) {
        println!("cargo::rerun-if-changed={log}"); // grows with every commit and checkout
    }
}
