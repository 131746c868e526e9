//! Runs `testdata/*.txt`: commands, `----`, and what they cause. `UPDATE=1` writes down what they cause now.

mod format;
mod language;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use super::driver::Driver;
use crate::{Input, Marker, MarkerReport, MarkerRound, Outbox, Partitions, Settings};
use crate::{TransactionalId, names};
use language::Command;

#[test]
#[expect(clippy::disallowed_methods, reason = "test data")]
fn transcripts() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata");
    let files = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<_> =
        files.filter(|file| file.extension().is_some_and(|end| end == "txt")).collect();
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
    let mut stage = None;
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
            let stage = stage.get_or_insert_with(|| Stage::new(settings.clone()));
            stage.execute(line, &mut effects);
        }
        let separator = if effects.is_empty() { "" } else { "\n----\n" };
        blocks.push(format!("{}{separator}{}", commands.trim_end(), effects.trim_end()));
    }
    blocks.join("\n\n") + "\n"
}

struct Stage {
    driver: Driver,
    is_loaded: bool,
    /// Markers that nothing was reported about.
    markers: BTreeMap<TransactionalId, (MarkerRound, Partitions)>,
}

impl Stage {
    fn new(settings: Settings) -> Self {
        Self { driver: Driver::new(settings), is_loaded: false, markers: BTreeMap::new() }
    }

    fn execute(&mut self, line: &str, effects: &mut String) {
        let command = Command::parse(line);
        if let Command::Given(record) = command {
            return self.driver.log.push(record);
        }
        let wanted_before = self.driver.wanted;
        self.carry_out(command, effects);
        if self.driver.wanted > wanted_before {
            writeln!(effects, "producer ids wanted: {}", self.driver.wanted).unwrap();
        }
    }

    fn carry_out(&mut self, command: Command, effects: &mut String) {
        if !self.is_loaded {
            self.is_loaded = true;
            let out = self.driver.load();
            self.show(&out, effects);
        }
        let out = match command {
            Command::Given(_) => unreachable!(),
            Command::Request(request) => {
                let (reply_to, out) = self.driver.request(request);
                if self.driver.unanswered.contains(&reply_to) {
                    writeln!(effects, "#{} waits", reply_to.0).unwrap();
                }
                out
            }
            Command::Settled(id, partitions) => self.report(id, partitions, None, true),
            Command::Failed(id, partitions) => self.report(id, partitions, None, false),
            Command::Late(id, partitions, round) => self.report(id, partitions, Some(round), true),
            Command::Allocation(at_once) => {
                self.driver.allocates_at_once = at_once;
                return;
            }
            Command::Allocate => self.driver.allocate(),
            Command::NoId => self.driver.refuse_to_allocate(),
            Command::Advance(duration_ms) => {
                for (at, out) in self.driver.advance(duration_ms) {
                    if !out.is_empty() {
                        writeln!(effects, "at {at} ms").unwrap();
                        self.show(&out, effects);
                    }
                }
                return;
            }
            Command::Crash => {
                self.markers.clear();
                let lost: Vec<_> =
                    self.driver.unanswered.iter().map(|r| format!("#{}", r.0)).collect();
                writeln!(effects, "lost: {}", lost.join(" ")).unwrap();
                self.driver.crash(usize::MAX)
            }
            Command::State => {
                return format::write_durable(self.driver.machine.durable(), effects);
            }
        };
        self.show(&out, effects);
    }

    /// Reports on `named` partitions, or on all that have a marker under way.
    fn report(
        &mut self,
        id: TransactionalId,
        named: Partitions,
        round: Option<MarkerRound>,
        is_settled: bool,
    ) -> Outbox {
        let under_way = self.markers.get(&id).cloned().unwrap_or_default();
        let round = round.unwrap_or(under_way.0);
        let partitions = if named.is_empty() { under_way.1 } else { named };
        if let Some((_, left)) = self.markers.get_mut(&id) {
            names::remove_all(left, &partitions);
        }
        let (settled, failed) = if is_settled {
            (partitions, Partitions::new())
        } else {
            (Partitions::new(), partitions)
        };
        let report = MarkerReport { transactional_id: id, round, settled, failed };
        self.driver.step(Input::MarkersSettled(report))
    }

    fn show(&mut self, out: &Outbox, effects: &mut String) {
        for event in &out.events {
            format::write_event(event, effects);
        }
        for record in &out.records {
            format::write_record(record, effects);
        }
        for (reply_to, reply) in &out.replies {
            write!(effects, "#{} ", reply_to.0).unwrap();
            format::write_reply(reply, effects);
        }
        for marker in &out.markers {
            format::write_marker(marker, effects);
            self.send(marker);
        }
    }

    fn send(&mut self, marker: &Marker) {
        let under_way = self.markers.entry(marker.transactional_id.clone()).or_default();
        if under_way.0 != marker.round {
            under_way.1.clear();
        }
        under_way.0 = marker.round;
        names::add_all(&mut under_way.1, &marker.partitions);
    }
}
