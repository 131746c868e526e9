//! `thalweg produce`.

use std::io::{self, BufRead, IsTerminal, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use clap::Args;
use thalweg_env::Env;
use thalweg_records::{Compression, Header};
use tokio::sync::mpsc;

use super::record_json::{InputRecord, from_json};
use crate::cli::Bootstrap;
use crate::client::{Acks, Delivery, Producer, ProducerOptions, ProducerRecord};
use crate::error::Failure;
use crate::progress::Progress;

/// Lines that may wait while batches are on their way.
const LINES_MAX: usize = 1024;
/// Longest line, and so the longest record.
const LINE_BYTES_MAX: u64 = 64 << 20;

/// How records are made of lines, and how they are sent.
#[derive(Debug, Args)]
pub struct ProduceArgs {
    /// Topic to send to
    topic: String,
    /// Read a JSON object a line: key, value, headers, timestamp
    #[arg(long)]
    json: bool,
    /// Take what comes before this text as the key
    #[arg(long, short = 'K', value_name = "TEXT", conflicts_with = "json",
          value_parser = clap::builder::NonEmptyStringValueParser::new())]
    key_separator: Option<String>,
    /// Give every record this key
    #[arg(long, short, conflicts_with_all = ["json", "key_separator"])]
    key: Option<String>,
    /// Give every record this header; may be repeated
    #[arg(long, short = 'H', value_name = "NAME=VALUE", value_parser = header)]
    header: Vec<Header>,
    /// Send each JSON record to the partition that it names
    #[arg(long, requires = "json", conflicts_with = "partition")]
    keep_partitions: bool,
    /// Send everything to this partition
    #[arg(long, short)]
    partition: Option<i32>,
    #[command(flatten)]
    sending: SendingArgs,
    #[command(flatten)]
    bootstrap: Bootstrap,
}

/// How records are sent.
#[derive(Clone, Debug, Args)]
pub struct SendingArgs {
    /// Compression of batches: none, gzip, snappy, lz4 or zstd
    #[arg(long, short = 'z', default_value = "none", value_parser = compression)]
    compression: Compression,
    /// Who has to have a record before it counts as sent
    #[arg(long, value_enum, default_value = "all")]
    acks: Acks,
    /// Do without the numbers that let a broker drop what was sent twice
    #[arg(long)]
    no_idempotence: bool,
    /// Size at which a batch is sent
    #[arg(long, value_name = "BYTES", default_value_t = 128 << 10,
          value_parser = clap::builder::RangedU64ValueParser::<usize>::new().range(1..=64 << 20))]
    batch_bytes: usize,
    /// How long a record may wait for others to share a batch with
    #[arg(long, value_name = "MS", default_value_t = 5)]
    linger_ms: u64,
}

impl SendingArgs {
    /// The producer's options. Idempotence needs the acknowledgement of all replicas.
    pub fn options(&self) -> ProducerOptions {
        ProducerOptions {
            acks: self.acks,
            idempotent: !self.no_idempotence && self.acks == Acks::All,
            codec: self.compression.into(),
            batch_bytes: self.batch_bytes,
            linger: Duration::from_millis(self.linger_ms),
            ..Default::default()
        }
    }
}

fn compression(text: &str) -> Result<Compression, String> {
    Compression::from_name(text).ok_or_else(|| "use none, gzip, snappy, lz4 or zstd".to_owned())
}

fn header(text: &str) -> Result<Header, String> {
    let (name, value) = crate::cli::assignment(text)?;
    Ok(Header { key: name.into(), value: Some(value.into()) })
}

/// Runs the command.
pub async fn run(env: &Env, args: &ProduceArgs) -> Result<(), Failure> {
    let sent = Arc::new(AtomicU64::new(0));
    let counter = Arc::clone(&sent);
    let mut options = args.sending.options();
    options.on_delivery = Arc::new(move |delivery: &Delivery| {
        counter.fetch_add(u64::from(delivery.records), Ordering::Relaxed);
    });
    let client = Arc::new(args.bootstrap.client(env));
    let mut producer = Producer::start(&client, &args.topic, options).await?;
    let (lines, mut input) = mpsc::channel(LINES_MAX);
    let reader = env.spawn("stdin", {
        let env = env.clone();
        async move { env.blocking(move || read_lines(io::stdin().lock(), &lines)).await }
    });
    let pumped = pump(env, args, &mut input, &mut producer, &sent).await;
    // What came before a line that is wrong is sent all the same.
    producer.close().await?;
    pumped?;
    drop(input);
    reader.join().await.unwrap_or(Ok(()))?;
    eprintln!("sent {} records to '{}'", sent.load(Ordering::Relaxed), args.topic);
    Ok(())
}

/// Sends line after line. When none comes for a while, what waits in open batches is sent.
async fn pump(
    env: &Env,
    args: &ProduceArgs,
    input: &mut mpsc::Receiver<Bytes>,
    producer: &mut Producer,
    sent: &AtomicU64,
) -> Result<(), Failure> {
    let linger = Duration::from_millis(args.sending.linger_ms);
    let mut progress = (!io::stdin().is_terminal()).then(|| Progress::records(env, None));
    for number in 1u64.. {
        let mut line = env.timeout(linger, input.recv()).await;
        if line.is_err() {
            producer.seal_all().await?;
            line = Ok(input.recv().await);
        }
        let Ok(Some(line)) = line else { break };
        let record = parse(args, &line)
            .map_err(|reason| Failure::Failed(format!("line {number}: {reason}")))?;
        send(producer, args, &record).await?;
        if let Some(progress) = &mut progress {
            progress.set(sent.load(Ordering::Relaxed));
        }
    }
    if let Some(progress) = progress {
        progress.finish();
    }
    Ok(())
}

async fn send(
    producer: &mut Producer,
    args: &ProduceArgs,
    record: &InputRecord,
) -> Result<(), Failure> {
    let record = ProducerRecord {
        partition: args.partition.or(record.partition.filter(|_| args.keep_partitions)),
        timestamp: record.timestamp,
        key: record.key.as_deref(),
        value: record.value.as_deref(),
        headers: &record.headers,
    };
    Ok(producer.send(&record).await?)
}

fn parse(args: &ProduceArgs, line: &[u8]) -> Result<InputRecord, String> {
    let mut record = if args.json {
        from_json(std::str::from_utf8(line).map_err(|error| error.to_string())?)?
    } else {
        from_line(args, line)?
    };
    record.headers.extend_from_slice(&args.header);
    Ok(record)
}

fn from_line(args: &ProduceArgs, line: &[u8]) -> Result<InputRecord, String> {
    let Some(separator) = &args.key_separator else {
        let key = args.key.clone().map(Bytes::from);
        let value = Some(Bytes::copy_from_slice(line));
        return Ok(InputRecord { key, value, ..Default::default() });
    };
    let at = line
        .windows(separator.len())
        .position(|window| window == separator.as_bytes())
        .ok_or_else(|| format!("no '{separator}' between key and value"))?;
    Ok(InputRecord {
        key: Some(Bytes::copy_from_slice(&line[..at])),
        value: Some(Bytes::copy_from_slice(&line[at + separator.len()..])),
        ..Default::default()
    })
}

/// Reads line by line until the input ends. Waits while nobody takes the lines.
fn read_lines(mut input: impl BufRead, lines: &mpsc::Sender<Bytes>) -> Result<(), Failure> {
    let mut line = Vec::new();
    loop {
        line.clear();
        let mut bounded = input.by_ref().take(LINE_BYTES_MAX + 1);
        if bounded.read_until(b'\n', &mut line)? == 0 {
            return Ok(());
        }
        let ended = line.pop_if(|last| *last == b'\n').is_some();
        if !ended && line.len() as u64 > LINE_BYTES_MAX {
            return Err(Failure::Failed(format!("a line has more than {LINE_BYTES_MAX} bytes")));
        }
        if ended {
            line.pop_if(|last| *last == b'\r');
        }
        if lines.blocking_send(Bytes::copy_from_slice(&line)).is_err() {
            return Ok(()); // the producer failed and says why
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Command {
        #[command(flatten)]
        args: ProduceArgs,
    }

    fn args(flags: &[&str]) -> ProduceArgs {
        Command::try_parse_from([&["produce", "t"], flags].concat()).unwrap().args
    }

    #[test]
    fn a_line_is_a_value() {
        let record = parse(&args(&[]), b"a:b").unwrap();
        assert_eq!((record.key, record.value), (None, Some("a:b".into())));
        let record = parse(&args(&["--key", "k"]), b"").unwrap();
        assert_eq!((record.key, record.value), (Some("k".into()), Some("".into())));
    }

    #[test]
    fn a_separator_parts_key_and_value() {
        let args = args(&["-K", "::", "-H", "h=1=2"]);
        let record = parse(&args, b"a:b::c::d").unwrap();
        assert_eq!((record.key, record.value), (Some("a:b".into()), Some("c::d".into())));
        assert_eq!(record.headers, [Header { key: "h".into(), value: Some("1=2".into()) }]);
        assert!(parse(&args, b"a:b").unwrap_err().contains("'::'"));
    }

    #[test]
    fn lines_end_as_they_do_on_either_system() {
        let (lines, mut read) = mpsc::channel(8);
        read_lines(&b"a\nb\r\n\nc"[..], &lines).unwrap();
        drop(lines);
        let all: Vec<Bytes> = std::iter::from_fn(|| read.blocking_recv()).collect();
        assert_eq!(all, ["a", "b", "", "c"]);
    }

    #[test]
    fn idempotence_goes_with_full_acknowledgement() {
        assert!(args(&[]).sending.options().idempotent);
        assert!(!args(&["--acks", "1"]).sending.options().idempotent);
        assert!(!args(&["--no-idempotence"]).sending.options().idempotent);
    }
}
