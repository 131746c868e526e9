//! The least that producing can cost: a bare loop that receives batches over loopback, walks their
//! records as a broker's validation does, writes them to a preallocated file, and flushes in groups.
//! What a broker spends beyond this per GB is its own doing.

#![expect(
    clippy::disallowed_methods,
    reason = "a benchmark with threads and a clock, outside of any simulation"
)]

mod receive;
mod send;
mod store;

use std::error::Error;
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::Command;
use std::time::Instant;

use clap::{Args, Parser};
use rustix::time::{ClockId, clock_gettime};

/// Measures the bare loop.
#[derive(Debug, Parser)]
struct Options {
    #[command(flatten)]
    load: Load,
    /// Folder of the file that is written
    #[arg(long, default_value = ".")]
    dir: PathBuf,
    /// Write past the page cache
    #[arg(long)]
    direct: bool,
    /// Be the sender, to this port
    #[arg(long, hide = true)]
    send_to: Option<u16>,
}

/// What is sent.
#[derive(Clone, Copy, Debug, Args)]
struct Load {
    /// Bytes of a record's value
    #[arg(long, default_value_t = 1024)]
    size: usize,
    /// Bytes of a batch
    #[arg(long, default_value_t = 256_000)]
    batch: usize,
    /// MB of values in all
    #[arg(long, default_value_t = 1000)]
    mb: u64,
    /// Connections, each with five batches on the way
    #[arg(long, default_value_t = 1)]
    connections: u64,
}

fn main() -> Result<(), Box<dyn Error>> {
    let options = Options::parse();
    if let Some(port) = options.send_to {
        return send::run(port, &options.load);
    }
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let port = listener.local_addr()?.port();
    let load = options.load;
    // A process of its own, so that its CPU time does not count.
    let mut sender = Command::new(std::env::current_exe()?)
        .args(["--size", &load.size.to_string(), "--batch", &load.batch.to_string()])
        .args(["--mb", &load.mb.to_string(), "--connections", &load.connections.to_string()])
        .args(["--send-to", &port.to_string()])
        .spawn()?;
    let began = Instant::now();
    let totals = receive::run(&listener, load.connections, &options.dir, options.direct)?;
    let seconds = began.elapsed().as_secs_f64();
    sender.wait()?;
    let spent = clock_gettime(ClockId::ProcessCPUTime);
    let cpu = spent.tv_sec as f64 + spent.tv_nsec as f64 / 1e9;
    let gigabytes = totals.values(load.size) as f64 / 1e9;
    println!(
        "{} B values, {} kB batches, {} connections: {:.0} MB/s, {:.3} cpu-s/GB, {} flushes",
        load.size,
        load.batch / 1000,
        load.connections,
        gigabytes * 1000.0 / seconds,
        cpu / gigabytes,
        totals.flushes,
    );
    Ok(())
}
