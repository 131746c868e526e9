//! Metrics and health over HTTP.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use thalweg_env::{Env, Task};
use tokio::net::TcpListener;

use super::metrics;
use super::wiring::Served;
use crate::address::Address;
use crate::error::Failure;

/// What Prometheus asks for by this name.
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// A listener for HTTP, and where it is bound.
pub async fn bind(address: &Address) -> Result<(TcpListener, SocketAddr), Failure> {
    let opened = async {
        let listener = TcpListener::bind((address.host.as_str(), address.port)).await?;
        let bound = listener.local_addr()?;
        Ok((listener, bound))
    };
    opened.await.map_err(|error: std::io::Error| {
        Failure::Failed(format!(
            "cannot listen on {address} for HTTP: {error}; choose another address with \
             --http-listen, such as 127.0.0.1:0 for any free port"
        ))
    })
}

/// Serves until the environment shuts down.
pub fn start(env: &Env, listener: TcpListener, served: Arc<Served>) -> Task<()> {
    let stop = env.shutdown().clone();
    let router = Router::new()
        .route("/metrics", get(show_metrics))
        .route("/health/live", get(|| async { "alive\n" }))
        .route("/health/ready", get(show_ready))
        .with_state(served);
    env.spawn("http", async move {
        let serving = axum::serve(listener, router);
        if let Err(error) = serving.with_graceful_shutdown(async move { stop.wait().await }).await {
            tracing::error!(%error, "HTTP has ended");
        }
    })
}

async fn show_metrics(State(served): State<Arc<Served>>) -> Response {
    match metrics::text(&served).await {
        Ok(text) => ([(header::CONTENT_TYPE, OPEN_METRICS)], text).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}

/// Ready means: requests are answered and writes are accepted.
async fn show_ready(State(served): State<Arc<Served>>) -> Response {
    if served.with_kafka(|_| ()).is_none() {
        return (StatusCode::SERVICE_UNAVAILABLE, "stopping\n").into_response();
    }
    match served.broker.trouble() {
        None => "ready\n".into_response(),
        Some(trouble) => (StatusCode::SERVICE_UNAVAILABLE, format!("{trouble}\n")).into_response(),
    }
}
