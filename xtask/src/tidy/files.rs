//! What STYLE.md says of files and names.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::{Result, root};

/// STYLE.md asks for 500; from here on it is not a matter of taste.
const MAX_LINES: usize = 800;
/// Words that say nothing about what a type does.
const EMPTY_WORDS: [&str; 4] = ["Manager", "Helper", "Util", "Common"];

pub fn check() -> Result<Vec<String>> {
    let mut broken = Vec::new();
    for path in sources()? {
        let text = fs::read_to_string(root().join(&path))?;
        if !is_generated(&text) && !is_test(&path) {
            broken.extend(check_source(&path, &text));
        }
    }
    for entry in fs::read_dir(root().join("crates"))? {
        let entry = entry?;
        let folder = entry.path();
        if folder.join("Cargo.toml").exists() && !folder.join("README.md").exists() {
            let name = entry.file_name();
            broken.push(format!("crates/{}: has no README.md", name.to_string_lossy()));
        }
    }
    Ok(broken)
}

/// The Rust files that git knows and that are still there, from the root.
fn sources() -> Result<Vec<String>> {
    let output = Command::new("git").args(["ls-files", "*.rs"]).current_dir(root()).output()?;
    let list = String::from_utf8(output.stdout)?;
    Ok(list.lines().filter(|path| root().join(path).exists()).map(str::to_owned).collect())
}

fn is_generated(text: &str) -> bool {
    text.starts_with("// @generated")
}

fn is_test(path: &str) -> bool {
    path.ends_with("/tests.rs")
        || Path::new(path).components().any(|part| part.as_os_str() == "tests")
}

fn check_source(path: &str, text: &str) -> Vec<String> {
    let product = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    let mut broken = Vec::new();
    let lines = product.lines().count();
    if lines > MAX_LINES {
        broken.push(format!("{path}: {lines} lines, {MAX_LINES} at most"));
    }
    for (number, line) in product.lines().enumerate() {
        if let Some(word) = type_defined(line).and_then(empty_word) {
            broken.push(format!("{path}:{}: a type is called {word}", number + 1));
        }
    }
    broken
}

/// The name of the type that a line defines.
fn type_defined(line: &str) -> Option<&str> {
    let mut words = line.split_whitespace().skip_while(|word| word.starts_with("pub"));
    let keyword = words.next()?;
    let name = words.next()?;
    let defines = ["struct", "enum", "trait", "type", "union"].contains(&keyword);
    defines.then(|| name.split(|letter: char| !letter.is_alphanumeric()).next()).flatten()
}

/// The first of the empty words that a name in camel case contains.
fn empty_word(name: &str) -> Option<&'static str> {
    EMPTY_WORDS.into_iter().find(|word| {
        name.match_indices(word).any(|(at, _)| {
            let rest = &name[at + word.len()..];
            let rest = rest.strip_prefix('s').unwrap_or(rest);
            !rest.starts_with(|next: char| next.is_lowercase())
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn empty_words_are_found_as_words() {
        assert_eq!(empty_word("LogManager"), Some("Manager"));
        assert_eq!(empty_word("UtilsState"), Some("Util"));
        assert_eq!(empty_word("Utilization"), None);
        assert_eq!(empty_word("GroupState"), None);
    }

    #[test]
    fn definitions_are_recognised() {
        assert_eq!(type_defined("pub struct LogManager<T> {"), Some("LogManager"));
        assert_eq!(type_defined("    pub(crate) enum Helper {"), Some("Helper"));
        assert_eq!(type_defined("// struct of the Manager"), None);
        assert_eq!(type_defined("let helper = 1;"), None);
    }

    #[test]
    fn long_files_and_empty_names_break_a_rule() {
        assert_eq!(check_source("a.rs", &"\n".repeat(MAX_LINES)), [""; 0]);
        assert_eq!(check_source("a.rs", &"\n".repeat(MAX_LINES + 1)).len(), 1);
        let named = check_source("a.rs", "\npub trait FileHelper {}\n");
        assert_eq!(named, ["a.rs:2: a type is called Helper"]);
    }
}
