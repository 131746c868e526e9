//! Runs `testdata/*.txt`: commands, `----`, and what they cause. `UPDATE=1` writes down what they cause now.

mod format;
mod language;

use std::fmt::Write as _;
use std::path::Path;

use super::driver::Driver;
use crate::{Input, Outbox, Reply, Request, Settings};
use language::Command;

const BEAT_INTERVAL_MS: u64 = 300_000;

#[test]
#[expect(clippy::disallowed_methods, reason = "test data")]
fn transcripts() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata");
    let mut files: Vec<_> =
        std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(!files.is_empty());
    let mut changed = Vec::new();
    for file in files {
        println!("{}", file.display());
        let expected = std::fs::read_to_string(&file).unwrap();
        let actual = run(&expected);
        if std::env::var_os("UPDATE").is_some() {
            std::fs::write(&file, &actual).unwrap();
        } else if actual != expected {
            let difference = expected.lines().zip(actual.lines()).find(|(e, a)| e != a);
            changed.push((file.file_name().unwrap().to_owned(), difference.map(own)));
        }
    }
    assert!(changed.is_empty(), "first differences (expected, actual): {changed:#?}");
}

fn own((a, b): (&str, &str)) -> (String, String) {
    (a.to_owned(), b.to_owned())
}

/// The transcript with the effects as they are: blocks apart by empty lines, `#` for comments.
fn run(transcript: &str) -> String {
    let mut driver = None;
    let mut settings = Settings::default();
    let mut blocks = Vec::new();
    for block in transcript.trim_end().split("\n\n") {
        let commands = block.split("----").next().unwrap_or_default();
        let mut effects = String::new();
        for line in commands.lines().filter(|line| !line.starts_with('#')) {
            if let Some(setting) = line.strip_prefix("set ") {
                language::set(&mut settings, setting);
                continue;
            }
            let driver = driver.get_or_insert_with(|| {
                let mut driver = Driver::new(settings.clone());
                driver.step(Input::Loaded);
                driver
            });
            execute(driver, line, &mut effects);
        }
        let separator = if effects.is_empty() { "" } else { "\n----\n" };
        blocks.push(format!("{}{separator}{}", commands.trim_end(), effects.trim_end()));
    }
    blocks.join("\n\n") + "\n"
}

fn execute(driver: &mut Driver, line: &str, effects: &mut String) {
    match Command::parse(line) {
        Command::Request(request) => {
            let (reply_to, out) = driver.request(request);
            if driver.unanswered.contains(&reply_to) {
                writeln!(effects, "#{} waits", reply_to.0).unwrap();
            }
            write_outbox(&out, effects);
        }
        Command::Input(input) => write_outbox(&driver.step(input), effects),
        Command::Advance(duration_ms) => advance(driver, duration_ms, effects),
        Command::Beat(heartbeat, duration_ms) => {
            for _ in 0..duration_ms / BEAT_INTERVAL_MS {
                advance(driver, BEAT_INTERVAL_MS, effects);
                let (_, out) = driver.request(Request::Heartbeat(heartbeat.clone()));
                assert_eq!(out.replies[0].1, Reply::Heartbeat(Ok(())));
            }
        }
        Command::Crash => {
            let lost: Vec<_> = driver.unanswered.iter().map(|r| format!("#{}", r.0)).collect();
            let out = driver.crash(driver.log.len());
            writeln!(effects, "lost: {}", lost.join(" ")).unwrap();
            write_outbox(&out, effects);
        }
        Command::State => format::write_durable(driver.machine.durable(), effects),
    }
}

fn advance(driver: &mut Driver, duration_ms: u64, effects: &mut String) {
    for (at, out) in driver.advance(duration_ms) {
        if !out.is_empty() {
            writeln!(effects, "at {at} ms").unwrap();
            write_outbox(&out, effects);
        }
    }
}

fn write_outbox(out: &Outbox, effects: &mut String) {
    for event in &out.events {
        format::write_event(event, effects);
    }
    for write in &out.records {
        format::write_record(write, effects);
    }
    for (reply_to, reply) in &out.replies {
        write!(effects, "#{} ", reply_to.0).unwrap();
        format::write_reply(reply, effects);
    }
}
