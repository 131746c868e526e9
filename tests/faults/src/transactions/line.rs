//! A connection that outlives brokers: when one is gone, the next request goes to its successor.

use std::time::Duration;

use thalweg_kafka_wire::{ApiKey, ErrorCode, Request};
use tokio::time::Instant;

use super::shared::Shared;
use crate::connection::Connection;
use crate::failure::Failure;

const PAUSE: Duration = Duration::from_millis(10);
/// Without the answer that is wanted for so long something hangs.
const PATIENCE: Duration = Duration::from_mins(2);

/// How long a client goes on with something that does not succeed.
pub struct Patience(Instant);

impl Patience {
    /// It begins now.
    pub fn new() -> Self {
        Self(Instant::now() + PATIENCE)
    }

    /// Waits before the next attempt; fails if there have been enough.
    pub async fn pause(&self, what: impl std::fmt::Display) -> Result<(), Failure> {
        if Instant::now() > self.0 {
            return Err(Failure::Other(format!("no success of {what} in {PATIENCE:?}")));
        }
        tokio::time::sleep(PAUSE).await;
        Ok(())
    }
}

/// What a refusal means to a transactional client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Weight {
    /// Not now, and nothing was done.
    Later,
    /// Not now, and perhaps it was done all the same.
    Unclear,
    /// The transaction, or the session, is over.
    Over,
    /// No client should be told so.
    Wrong,
}

/// Why a session comes to its end.
#[derive(Debug)]
pub enum Over {
    /// A request was refused, every time it was sent.
    Refused,
    /// A request was refused or given up, and an attempt may have been heard.
    Unclear,
    /// The test cannot go on.
    Failed(Failure),
}

impl<F: Into<Failure>> From<F> for Over {
    fn from(failure: F) -> Self {
        Self::Failed(failure.into())
    }
}

/// A client's way to the broker of the moment.
pub struct Line {
    shared: Shared,
    before_kip_890: bool,
    connection: Option<Connection>,
}

impl Line {
    /// A line that is not connected yet.
    pub fn new(shared: &Shared, before_kip_890: bool) -> Self {
        Self { shared: shared.clone(), before_kip_890, connection: None }
    }

    /// The connection, made if there is none.
    pub async fn connection(&mut self) -> Result<&mut Connection, Failure> {
        let patience = Patience::new();
        while self.connection.is_none() {
            match Connection::open(self.shared.address().await?).await {
                Ok(fresh) if self.before_kip_890 => self.connection = Some(fresh.before_kip_890()),
                Ok(fresh) => self.connection = Some(fresh),
                Err(failure) if failure.is_ended() => patience.pause(failure).await?,
                Err(failure) => return Err(failure),
            }
        }
        self.connection.as_mut().ok_or_else(|| Failure::Other("there is no connection".into()))
    }

    /// Ends the connection, whatever is on its way.
    pub fn hang_up(&mut self) {
        self.connection = None;
    }

    /// One request; nothing if the connection ended before the answer.
    pub async fn ask<R: Request>(&mut self, request: &R) -> Result<Option<R::Response>, Failure> {
        let answer = self.connection().await?.call(request).await;
        self.unless_ended(answer)
    }

    /// What was asked for over the connection; nothing if that ended.
    pub fn unless_ended<T>(&mut self, answer: Result<T, Failure>) -> Result<Option<T>, Failure> {
        match answer {
            Ok(answer) => Ok(Some(answer)),
            Err(failure) if failure.is_ended() => {
                self.hang_up();
                Ok(None)
            }
            Err(failure) => Err(failure),
        }
    }

    /// Asks until there is an answer without an error.
    pub async fn insist<R: Request>(
        &mut self,
        request: &R,
        code_of: impl Fn(&R::Response) -> ErrorCode,
    ) -> Result<R::Response, Over> {
        let patience = Patience::new();
        let mut is_unclear = false;
        loop {
            match self.ask(request).await? {
                Some(answer) => match code_of(&answer) {
                    ErrorCode::None => return Ok(answer),
                    code => is_unclear = self.go_on(R::KEY, code, is_unclear)?,
                },
                None => is_unclear = true,
            }
            patience.pause(R::KEY).await?;
        }
    }

    /// What an error means after attempts of which one may have been heard: an end, or whether one may
    /// have been heard now.
    pub fn go_on(&self, api: ApiKey, code: ErrorCode, is_unclear: bool) -> Result<bool, Over> {
        let over = || if is_unclear { Over::Unclear } else { Over::Refused };
        match weigh(code) {
            Weight::Later => Ok(is_unclear),
            Weight::Unclear => Ok(true),
            Weight::Over => Err(over()),
            Weight::Wrong => {
                self.shared.history.accuse(format!("{api} in a transaction: {code}"));
                Err(Over::Unclear)
            }
        }
    }
}

fn weigh(code: ErrorCode) -> Weight {
    match code {
        ErrorCode::ConcurrentTransactions
        | ErrorCode::CoordinatorLoadInProgress
        | ErrorCode::UnstableOffsetCommit => Weight::Later,
        ErrorCode::ProducerFenced
        | ErrorCode::InvalidProducerEpoch
        | ErrorCode::InvalidTxnState
        | ErrorCode::TransactionAbortable => Weight::Over,
        ErrorCode::UnknownTopicOrPartition | ErrorCode::CorruptMessage => Weight::Wrong,
        // What a coordinator was at when it lost its state may be done, and so may a write that failed.
        code if code.retriable() => Weight::Unclear,
        _ => Weight::Wrong,
    }
}

/// The error of a number on the wire.
pub fn error_of(code: i16) -> ErrorCode {
    ErrorCode::from_code(code).unwrap_or(ErrorCode::UnknownServerError)
}
