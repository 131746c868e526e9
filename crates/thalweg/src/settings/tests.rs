use std::path::PathBuf;

use super::*;

/// A file in a folder of the test's own.
struct File(PathBuf);

impl File {
    fn new(test: &str, content: &str) -> Self {
        let dir = std::env::temp_dir().join(format!("thalweg-{test}-{}", std::process::id()));
        let disk = Env::real().disk();
        disk.create_dir_all(&dir).unwrap();
        let path = dir.join("thalweg.toml");
        disk.replace(&path, content.as_bytes()).unwrap();
        Self(path)
    }

    fn load(&self) -> Result<Settings, SettingsError> {
        load(&Inputs { file: Some(self.0.clone()), ..Default::default() })
    }
}

impl Drop for File {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(self.0.parent().unwrap());
    }
}

fn load(inputs: &Inputs) -> Result<Settings, SettingsError> {
    Settings::load(&Env::real(), inputs)
}

fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect()
}

fn sets(sets: &[(&str, &str)]) -> Inputs {
    Inputs { sets: pairs(sets), ..Default::default() }
}

fn error(inputs: &Inputs) -> String {
    load(inputs).unwrap_err().to_string()
}

#[test]
fn later_sources_win() {
    let file = File::new(
        "precedence",
        "num.partitions = 2\nmessage.max.bytes = 2000\nnode.id = 2\nlog.retention.ms = 2\n",
    );
    let inputs = Inputs {
        file: Some(file.0.clone()),
        variables: pairs(&[
            ("THALWEG_MESSAGE_MAX_BYTES", "3000"),
            ("thalweg_node_id", "3"),
            ("Thalweg_Log_Retention_Ms", "3"),
            ("HOME", "/"),
        ]),
        sets: pairs(&[("node.id", "4"), ("log.retention.ms", "4")]),
        flags: vec![("--node", "log.retention.ms", "5".to_owned())],
    };
    let settings = load(&inputs).unwrap();
    assert_eq!(settings.get("num.partitions"), "2");
    assert_eq!(settings.get("message.max.bytes"), "3000");
    assert_eq!(settings.get("node.id"), "4");
    assert_eq!(settings.get("log.retention.ms"), "5");
    assert_eq!(settings.0["node.id"].source, Source::Flag("--set"));
    assert_eq!(settings.get("durability"), "flush");
}

#[test]
fn a_file_may_quote_nest_or_dot() {
    for content in [
        "\"num.partitions\" = 7\n\"log.cleanup.policy\" = \"delete,compact\"",
        "num.partitions = 7\nlog.cleanup.policy = [\"delete\", \"compact\"]",
        "[num]\npartitions = 7\n[log.cleanup]\npolicy = [\"delete\", \"compact\"]",
    ] {
        let settings = File::new("shapes", content).load().unwrap();
        assert_eq!(settings.get("num.partitions"), "7", "{content}");
        assert_eq!(settings.get("log.cleanup.policy"), "delete,compact", "{content}");
    }
}

#[test]
fn an_unknown_name_is_an_error_that_suggests_the_nearest() {
    let flag = error(&sets(&[("num.partition", "1")]));
    assert!(flag.starts_with("--set: ") && flag.contains("num.partitions"), "{flag}");
    let variable = error(&Inputs {
        variables: pairs(&[("THALWEG_NUM_PARTITION", "1")]),
        ..Default::default()
    });
    assert!(variable.contains("THALWEG_NUM_PARTITION: "), "{variable}");
    assert!(variable.contains("num.partitions"), "{variable}");
    let file = File::new("unknown", "num.partition = 1");
    let in_file = file.load().unwrap_err().to_string();
    assert!(in_file.contains("thalweg.toml: ") && in_file.contains("num.partitions"), "{in_file}");
}

#[test]
fn illegal_values_name_their_source_and_the_reason() {
    let text = error(&sets(&[("num.partitions", "many")]));
    assert!(text.starts_with("--set: ") && text.contains("many"), "{text}");
    let text = error(&sets(&[("logging.level", "loud=very")]));
    assert!(text.contains("error, warn, info"), "{text}");
    let text = error(&sets(&[("logging.format", "xml")]));
    assert!(text.contains("text, json"), "{text}");
}

#[test]
fn what_cannot_be_enforced_is_refused() {
    for (name, why) in [("authorizer.class.name", "built in"), ("ssl.client.auth", "encrypted")] {
        let text = error(&sets(&[(name, "mine")]));
        assert!(text.contains(name) && text.contains(why), "{text}");
    }
}

#[test]
fn files_that_are_no_settings_say_so() {
    let missing = Inputs { file: Some("/no/such/file".into()), ..Default::default() };
    assert!(error(&missing).contains("/no/such/file"));
    let broken = File::new("broken", "num.partitions 7").load().unwrap_err().to_string();
    assert!(broken.contains("is not a TOML file"), "{broken}");
    let date = File::new("date", "num.partitions = 2024-01-01").load().unwrap_err().to_string();
    assert!(date.contains("num.partitions is a datetime"), "{date}");
}

#[test]
fn a_reload_tells_what_can_change_and_what_cannot() {
    let before = load(&sets(&[("node.id", "1"), ("logging.level", "info"), ("durability", "os")]));
    let after = load(&sets(&[("node.id", "2"), ("logging.level", "debug")]));
    let changes = before.unwrap().changes(&after.unwrap());
    let change = |name: &str, value: Option<&str>, dynamic| Change {
        name: name.to_owned(),
        value: value.map(str::to_owned),
        dynamic,
    };
    assert_eq!(
        changes,
        [
            change("durability", None, true),
            change("logging.level", Some("debug"), true),
            change("node.id", Some("2"), false),
        ]
    );
}

#[test]
fn the_process_keeps_its_own_settings_from_the_broker() {
    let settings = load(&sets(&[("logging.level", "debug"), ("num.partitions", "3")])).unwrap();
    assert_eq!(settings.overrides().into_keys().collect::<Vec<_>>(), ["num.partitions"]);
}
