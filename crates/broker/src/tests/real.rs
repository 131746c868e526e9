//! The same on the real machine: threads, files, a relative path.

use std::path::PathBuf;

use super::*;

/// A folder that goes away with the test.
struct Scratch(PathBuf);

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[test]
fn a_real_directory_is_opened_written_and_opened_again() {
    let name = format!("thalweg-broker-{}", std::process::id());
    let scratch = Scratch(std::env::temp_dir().join(name));
    let options = || BrokerOptions { data_dir: scratch.0.join("deep/data"), ..options() };
    let runtime = || tokio::runtime::Builder::new_multi_thread().enable_time().build().unwrap();
    runtime().block_on(async {
        let broker = Broker::open(&Env::real(), options()).await.unwrap().0;
        create(&broker, "t", 3, &[("retention.ms", "-1")]).await;
        let large = "x".repeat(100_000);
        let zipped =
            build(BatchBuilder::new().codec(thalweg_records::Compression::Gzip), &[&large]);
        append(&broker, "t", 0, zipped).await.unwrap().durable.wait().await.unwrap();
        broker.find_coordinator(&session(), "g").await.unwrap();
        broker.close().await;
    });
    runtime().block_on(async {
        let (broker, report) = Broker::open(&Env::real(), options()).await.unwrap();
        assert_eq!((report.topics, report.incarnation), (2, 2));
        assert_eq!(values(&broker, "t", 0, 0).await[0].len(), 100_000);
        broker.close().await;
    });
}
