//! Creating and deleting topics, and what the ledger has to know of it.

use std::time::Duration;

use thalweg_broker::{Broker, BrokerError, ClusterError, NewTopic, TopicKey};
use thalweg_types::TopicId;

use crate::connection::{Connection, session};
use crate::ledger::Presence;
use crate::stage::Stage;

/// An administrator waits until the answer comes or the connection breaks, so that nothing it asked
/// for happens behind its back.
pub(crate) const PATIENCE: Duration = Duration::from_mins(2);

/// What a change of metadata came to, as far as anybody knows.
pub(crate) enum Outcome<T> {
    Done(T),
    Refused(BrokerError),
    Unclear,
}

impl<T> From<Option<Result<T, BrokerError>>> for Outcome<T> {
    fn from(answer: Option<Result<T, BrokerError>>) -> Self {
        match answer {
            Some(Ok(done)) => Self::Done(done),
            // The entry may stand on the chain all the same.
            None | Some(Err(BrokerError::Metadata(_) | BrokerError::Closing)) => Self::Unclear,
            Some(Err(error)) => Self::Refused(error),
        }
    }
}

/// Creates a topic. The ledger knows of it, whatever comes of it.
pub(crate) async fn create(
    stage: &Stage,
    connection: &Connection,
    new: &NewTopic,
) -> Outcome<TopicId> {
    let before = stage.ledger.presence(&new.name);
    // One that exists goes on to, whatever comes of this.
    if !matches!(before, Presence::Here(..)) {
        stage.ledger.topic(&new.name, Presence::Unclear);
    }
    let asked = new.clone();
    let work = |broker: Broker| async move {
        let mut created = broker.create_topics(&session(), vec![asked], false).await?;
        created.pop().unwrap_or(Err(BrokerError::Closing)).map(|topic| topic.id)
    };
    let outcome = Outcome::from(connection.call(PATIENCE, work).await);
    let name = &new.name;
    match (&outcome, before) {
        (Outcome::Done(id), Presence::Gone | Presence::Unclear) => {
            stage.ledger.topic(name, Presence::Here(*id, new.partitions));
            stage.ledger.count("topics created");
        }
        (Outcome::Done(_), Presence::Here(..)) => {
            stage.history.complain(format_args!("{name} was created while it existed"));
        }
        (Outcome::Refused(BrokerError::Cluster(ClusterError::TopicExists(_))), Presence::Gone) => {
            stage
                .history
                .complain(format_args!("{name} exists, though it was deleted or never made"));
        }
        (Outcome::Refused(BrokerError::Cluster(ClusterError::TopicExists(_))), before) => {
            stage.ledger.topic(name, before);
        }
        (Outcome::Refused(error), _) => {
            stage.history.complain(format_args!("creating {name} is refused: {error}"));
        }
        (Outcome::Unclear, _) => {}
    }
    stage.history.note(format_args!("topic {name} is {:?}", stage.ledger.presence(name)));
    outcome
}

/// Deletes a topic. Nothing of it is missed from now on, whatever comes of it.
pub(crate) async fn delete(stage: &Stage, connection: &Connection, name: &str) {
    let before = stage.ledger.presence(name);
    if let Presence::Here(id, _) = before {
        stage.history.dropped(&id.to_string());
    }
    stage.ledger.topic(name, Presence::Unclear);
    let asked = name.to_owned();
    let work = |broker: Broker| async move {
        let mut deleted = broker.delete_topics(&session(), &[TopicKey::Name(&asked)]).await?;
        deleted.pop().unwrap_or(Err(BrokerError::Closing))
    };
    match (Outcome::from(connection.call(PATIENCE, work).await), before) {
        (Outcome::Done(_), Presence::Gone) => {
            stage.history.complain(format_args!("{name} was deleted, though it did not exist"));
        }
        (Outcome::Done(_), _) => {
            stage.ledger.topic(name, Presence::Gone);
            stage.ledger.count("topic deletions");
        }
        (Outcome::Refused(BrokerError::UnknownTopicOrPartition), Presence::Here(..)) => {
            stage.history.complain(format_args!("{name} is gone, though nobody deleted it"));
        }
        (Outcome::Refused(BrokerError::UnknownTopicOrPartition), _) => {
            stage.ledger.topic(name, Presence::Gone);
        }
        (Outcome::Refused(error), _) => {
            stage.history.complain(format_args!("deleting {name} is refused: {error}"));
        }
        (Outcome::Unclear, _) => {}
    }
    stage.history.note(format_args!("topic {name} is {:?}", stage.ledger.presence(name)));
}
