mod chain;
mod directory;
mod flaky;

use std::sync::Arc;

use thalweg_env::Env;

use crate::{Memory, conformance};

/// Runs a test's future on a runtime of its own.
fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap()
        .block_on(future)
}

#[test]
fn memory_conforms() {
    block_on(async { conformance::all(&Env::real(), Arc::new(Memory::default())).await.unwrap() });
}
