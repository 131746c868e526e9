//! Requests to their rules.

use crate::producer_ids::NoProducerId;
use crate::state::CoordinatorState;
use crate::{Now, Outbox, Reply, ReplyTo, Request, TransactionError, admin};

/// Why a request is not served now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unserved {
    /// For good.
    Refused(TransactionError),
    /// It needs a producer id. Nothing was done so far.
    NoProducerId,
}

impl From<TransactionError> for Unserved {
    fn from(error: TransactionError) -> Self {
        Self::Refused(error)
    }
}

impl From<NoProducerId> for Unserved {
    fn from(_: NoProducerId) -> Self {
        Self::NoProducerId
    }
}

impl CoordinatorState {
    /// Serves one request. Its answer may come with a later step.
    pub(crate) fn serve(
        &mut self,
        now: Now,
        reply_to: ReplyTo,
        request: Request,
        out: &mut Outbox,
    ) {
        match self.answer(now, &request, out) {
            Ok(reply) => out.reply(reply_to, reply),
            Err(Unserved::Refused(error)) => out.reply(reply_to, request.refusal(error)),
            Err(Unserved::NoProducerId) => self.wait_for_producer_id(reply_to, request, out),
        }
    }

    fn answer(&mut self, now: Now, request: &Request, out: &mut Outbox) -> Result<Reply, Unserved> {
        let reply = match request {
            Request::InitProducerId(init) => {
                Reply::InitProducerId(Ok(self.init_producer_id(now, init, out)?))
            }
            Request::AddPartitions(batch) => {
                let add = |one| self.add_or_verify(now, one, out);
                Reply::AddPartitions(Ok(batch.iter().map(add).collect()))
            }
            Request::AddOffsets(add) => Reply::AddOffsets(self.add_offsets(now, add, out)),
            Request::EndTransaction(end) => {
                Reply::EndTransaction(Ok(self.end_transaction(now, end, out)?))
            }
            Request::DescribeTransactions(ids) => {
                Reply::DescribeTransactions(Ok(ids.iter().map(|id| self.describe(id)).collect()))
            }
            Request::ListTransactions(list) => {
                Reply::ListTransactions(admin::list(&self.durable, list, now.wall))
            }
            Request::AbortTransaction(id) => {
                self.abort_transaction(now, id, out)?;
                Reply::AbortTransaction(Ok(()))
            }
        };
        Ok(reply)
    }
}
