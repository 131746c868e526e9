//! Asking a coordinator, and waiting for what it says.

use thalweg_groups::GroupError;
use thalweg_transactions::TransactionError;
use tokio::sync::oneshot;

use super::{Coordinator, Coordinators};

/// Why there is no reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NoReply {
    /// There is no such coordinator, or its queue is full.
    NotAvailable,
    /// The coordinator has lost its machine, and the question with it.
    Lost,
}

impl From<NoReply> for GroupError {
    fn from(reason: NoReply) -> Self {
        match reason {
            NoReply::NotAvailable => Self::CoordinatorNotAvailable,
            NoReply::Lost => Self::NotCoordinator,
        }
    }
}

impl From<NoReply> for TransactionError {
    fn from(reason: NoReply) -> Self {
        match reason {
            NoReply::NotAvailable => Self::CoordinatorNotAvailable,
            NoReply::Lost => Self::NotCoordinator,
        }
    }
}

/// A question on its way.
pub(crate) struct Asked<R>(Result<oneshot::Receiver<R>, NoReply>);

impl<R> Asked<R> {
    /// Waits for the reply as long as it takes.
    pub async fn reply(self) -> Result<R, NoReply> {
        self.0?.await.map_err(|_| NoReply::Lost)
    }
}

impl<C: Coordinator> Coordinators<C> {
    /// Asks the coordinator of a partition, if its queue has room.
    pub fn ask<R>(
        &self,
        partition: usize,
        question: impl FnOnce(oneshot::Sender<R>) -> C::Command,
    ) -> Asked<R> {
        let Some(sender) = self.senders().get(partition) else {
            return Asked(Err(NoReply::NotAvailable));
        };
        let (reply, receiver) = oneshot::channel();
        let sent = sender.try_send(question(reply));
        Asked(sent.map(|()| receiver).map_err(|_| NoReply::NotAvailable))
    }
}
