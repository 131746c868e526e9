//! How a session asks brokers: again and again, over a connection that may be lost.

use thalweg_broker::{Broker, TransactionError};
use thalweg_env::Instant;

use super::weight::{Weight, weigh};
use super::{DEADLINE, Over, PAUSE, Session};
use crate::connection::{Connection, REQUEST_TIMEOUT};

/// Why a request came to nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Failed {
    /// It was refused, every time it was sent.
    Refused,
    /// An attempt may have been heard.
    Unclear,
}

impl From<Failed> for Over {
    fn from(_: Failed) -> Self {
        Self
    }
}

impl Session {
    /// Asks until there is an answer.
    pub(super) async fn insist<T, F, W>(&mut self, what: &str, work: F) -> Result<T, Failed>
    where
        T: Send + 'static,
        F: Fn(Broker) -> W + Clone + Send + 'static,
        W: Future<Output = Result<T, TransactionError>> + Send + 'static,
    {
        let deadline = self.deadline();
        let mut refusal = Failed::Refused;
        while self.stage.env.now() < deadline {
            match self.ask(work.clone()).await {
                Some(Ok(answer)) => return Ok(answer),
                // What the coordinator was at when it lost its state may be done.
                None | Some(Err(TransactionError::NotCoordinator)) => {
                    refusal = Failed::Unclear;
                }
                Some(Err(error)) => {
                    let history = &self.stage.history;
                    history.note(format_args!("{} {what}, is told: {error}", self.id));
                    match weigh(error) {
                        Weight::Later => {}
                        Weight::Over => {
                            self.stage.ledger.count("producers fenced");
                            return Err(refusal);
                        }
                        Weight::Wrong => {
                            history.complain(format_args!("{} {what}, is told: {error}", self.id));
                            return Err(Failed::Unclear);
                        }
                    }
                }
            }
            self.stage.env.sleep(PAUSE).await;
        }
        Err(Failed::Unclear)
    }

    /// One request; `None` if nobody can tell what came of it.
    pub(super) async fn ask<T, F, W>(&mut self, work: F) -> Option<T>
    where
        T: Send + 'static,
        F: FnOnce(Broker) -> W + Send + 'static,
        W: Future<Output = T> + Send + 'static,
    {
        let patience = self.plan.patience;
        let answer = self.connection().await?.call(patience, work).await;
        if answer.is_none() {
            self.lose_connection();
        }
        answer
    }

    pub(super) fn lose_connection(&mut self) {
        self.connection = None;
        self.is_unclear = true;
    }

    pub(super) async fn connection(&mut self) -> Option<&Connection> {
        if self.connection.is_none() {
            self.connection = self.stage.address.connect_within(REQUEST_TIMEOUT).await;
        }
        self.connection.as_ref()
    }

    pub(super) fn deadline(&self) -> Instant {
        self.stage.env.now() + DEADLINE
    }
}
