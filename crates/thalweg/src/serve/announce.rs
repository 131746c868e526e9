//! What the broker says on standard error when it has started.

use std::fmt::Write;
use std::path::PathBuf;
use std::time::Duration;

use crate::address::Address;
use crate::version;

/// A listener for Kafka clients.
#[derive(Clone, Debug)]
pub struct KafkaEndpoint {
    /// What clients are told to connect to.
    pub advertised: Address,
    /// Where it is bound.
    pub bound: String,
}

/// What there is to say.
#[derive(Clone, Debug)]
pub struct Announcement {
    /// This broker's number.
    pub node: i32,
    /// Where everything is kept.
    pub data_dir: PathBuf,
    /// Where Kafka clients connect.
    pub kafka: Vec<KafkaEndpoint>,
    /// Where metrics and health are.
    pub http: String,
    /// The setting `durability`.
    pub durability: String,
    /// From the start of the process.
    pub took: Duration,
}

impl Announcement {
    /// The text. The last line says that the broker is ready.
    pub fn text(&self) -> String {
        let mut text = String::new();
        let mut line = |label: &str, value: &str| {
            let _ = writeln!(text, "{label:<11} {value}"); // a String takes everything
        };
        line("thalweg", &format!("{}, broker {}", version::WITH_COMMIT, self.node));
        line("data", &self.data_dir.display().to_string());
        for KafkaEndpoint { advertised, bound } in &self.kafka {
            let advertised = advertised.to_string();
            if advertised == *bound {
                line("kafka", bound);
            } else {
                line("kafka", &format!("{advertised} (bound to {bound})"));
            }
        }
        line("http", &format!("http://{}/metrics", self.http));
        line("durability", durability_in_words(&self.durability));
        if let Some(KafkaEndpoint { advertised: address, .. }) = self.kafka.first() {
            line("send", &format!("echo hello | kcat -b {address} -t greetings -P"));
            line("read", &format!("thalweg consume greetings --bootstrap {address}"));
        }
        let _ = writeln!(text, "ready in {} ms", self.took.as_millis());
        text
    }
}

/// What an acknowledged record survives.
fn durability_in_words(durability: &str) -> &'static str {
    match durability {
        "os" => {
            "os: an acknowledged record survives: process kill yes · power cut no · disk loss no"
        }
        _ => {
            "flush: an acknowledged record survives: process kill yes · power cut yes · disk loss no"
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn endpoint(host: &str, port: u16, bound: &str) -> KafkaEndpoint {
        KafkaEndpoint { advertised: Address::new(host, port), bound: bound.to_owned() }
    }

    #[test]
    fn the_announcement_ends_with_ready() {
        let text = Announcement {
            node: 1,
            data_dir: "/data".into(),
            kafka: vec![
                endpoint("127.0.0.1", 9092, "127.0.0.1:9092"),
                endpoint("example.org", 9093, "0.0.0.0:9093"),
            ],
            http: "127.0.0.1:8080".to_owned(),
            durability: "flush".to_owned(),
            took: Duration::from_micros(42_500),
        }
        .text();
        let (first, rest) = text.split_once('\n').unwrap();
        assert!(first.starts_with("thalweg     0.") && first.ends_with(", broker 1"), "{first}");
        assert_eq!(
            rest,
            "data        /data\n\
             kafka       127.0.0.1:9092\n\
             kafka       example.org:9093 (bound to 0.0.0.0:9093)\n\
             http        http://127.0.0.1:8080/metrics\n\
             durability  flush: an acknowledged record survives: process kill yes · power cut yes · disk loss no\n\
             send        echo hello | kcat -b 127.0.0.1:9092 -t greetings -P\n\
             read        thalweg consume greetings --bootstrap 127.0.0.1:9092\n\
             ready in 42 ms\n"
        );
    }
}
