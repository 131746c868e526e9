//! The clients of a pass, from its beginning to its end. They live through all that happens to brokers.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::task::JoinSet;

use super::reader::Reader;
use super::shared::Shared;
use super::transactor::Transactor;
use crate::failure::Failure;
use crate::member::Member;
use crate::producer::{Producer, Until};

/// Time until those that live as long as a connection look for another broker.
const PAUSE: Duration = Duration::from_millis(10);

/// One of them.
pub enum Client {
    /// Sends records without transactions.
    Producer(Box<Producer>),
    /// Reads as one of a group.
    Member(Box<Member>),
    /// Sends records in transactions.
    Transactor(Box<Transactor>),
    /// Reads as nobody in particular.
    Reader(Box<Reader>),
}

impl Client {
    async fn run(mut self, shared: Shared) -> Result<Self, Failure> {
        match &mut self {
            Self::Transactor(transactor) => transactor.run().await?,
            Self::Reader(reader) => reader.run().await?,
            Self::Producer(_) | Self::Member(_) => {
                while !shared.is_stopped() {
                    self.meet(shared.address().await?, &shared).await?;
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
        Ok(self)
    }

    /// Deals with one broker until it is gone.
    async fn meet(&mut self, address: SocketAddr, shared: &Shared) -> Result<(), Failure> {
        let (history, stop) = (&shared.history, shared.stop_flag());
        match self {
            Self::Producer(producer) => producer.run(address, history, &Until::Stopped(stop)).await,
            Self::Member(member) => member.run(address, history, &stop).await,
            Self::Transactor(_) | Self::Reader(_) => Ok(()),
        }
    }
}

/// Clients at work.
pub struct Clients {
    shared: Shared,
    tasks: JoinSet<Result<Client, Failure>>,
}

impl Clients {
    /// Lets them loose.
    pub fn start(shared: &Shared, clients: Vec<Client>) -> Self {
        let mut tasks = JoinSet::new();
        for client in clients {
            tasks.spawn(client.run(shared.clone()));
        }
        Self { shared: shared.clone(), tasks }
    }

    /// Lets them finish what they have begun; what has to be sent again is, to the broker at `address`.
    pub async fn end(mut self, address: SocketAddr) -> Result<(), Failure> {
        self.shared.stop();
        let mut clients = Vec::new();
        while let Some(client) = self.tasks.join_next().await {
            let crashed = |error| Failure::Other(format!("a client of the test: {error}"));
            clients.push(client.map_err(crashed)??);
        }
        for client in clients {
            if let Client::Producer(mut producer) = client {
                producer.run(address, &self.shared.history, &Until::Settled).await?;
            }
        }
        Ok(())
    }
}
