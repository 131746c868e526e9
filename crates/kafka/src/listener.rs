//! Addresses to listen on, and the names under which clients find them.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use tokio::net::{TcpListener, TcpSocket, lookup_host};

use crate::KafkaOptions;

/// A listener to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListenerOptions {
    /// Its name, such as `PLAINTEXT`.
    pub name: String,
    /// The name or address to bind to.
    pub host: String,
    /// The port; 0 takes a free one.
    pub port: u16,
    /// What clients are told to connect to; the bound address if none. Port 0 is the bound one.
    pub advertised: Option<(String, u16)>,
}

/// A listener that is bound.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// Its name.
    pub name: Arc<str>,
    /// Where it listens.
    pub bound: SocketAddr,
    /// The host that clients are told.
    pub host: String,
    /// The port that clients are told.
    pub port: u16,
}

/// Why a listener cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    /// The address does not resolve, or cannot be bound.
    #[error("cannot listen on {host}:{port} for {name}: {source}")]
    Bind {
        /// The listener's name.
        name: String,
        /// Its host.
        host: String,
        /// Its port.
        port: u16,
        /// The system's answer.
        source: io::Error,
    },
    /// Clients cannot connect to "every address".
    #[error(
        "{name} listens on all addresses ({host}): say with an advertised address where clients find it"
    )]
    NotAdvertised {
        /// The listener's name.
        name: String,
        /// Its host.
        host: String,
    },
    /// There is nothing to listen on.
    #[error("no listener is given")]
    None,
}

impl ListenerOptions {
    pub(crate) async fn open(
        self,
        options: &KafkaOptions,
    ) -> Result<(TcpListener, Endpoint), ListenError> {
        let opened = self.bind(options).await.and_then(|listener| {
            let bound = listener.local_addr()?;
            Ok((listener, bound))
        });
        let (listener, bound) = opened.map_err(|source| ListenError::Bind {
            name: self.name.clone(),
            host: self.host.clone(),
            port: self.port,
            source,
        })?;
        let endpoint = self.endpoint(bound)?;
        Ok((listener, endpoint))
    }

    /// Binds to the first address of the host that can be bound.
    async fn bind(&self, options: &KafkaOptions) -> io::Result<TcpListener> {
        let mut error = io::Error::from(io::ErrorKind::AddrNotAvailable);
        for address in lookup_host((self.host.as_str(), self.port)).await? {
            match listen(address, options) {
                Ok(listener) => return Ok(listener),
                Err(refused) => error = refused,
            }
        }
        Err(error)
    }

    fn endpoint(self, bound: SocketAddr) -> Result<Endpoint, ListenError> {
        let (host, port) = match self.advertised {
            Some((host, 0)) => (host, bound.port()),
            Some(advertised) => advertised,
            None if bound.ip().is_unspecified() => {
                return Err(ListenError::NotAdvertised { name: self.name, host: self.host });
            }
            None => (self.host, bound.port()),
        };
        Ok(Endpoint { name: self.name.into(), bound, host, port })
    }
}

fn listen(address: SocketAddr, options: &KafkaOptions) -> io::Result<TcpListener> {
    let socket = match address.ip() {
        IpAddr::V4(_) => TcpSocket::new_v4()?,
        IpAddr::V6(_) => TcpSocket::new_v6()?,
    };
    socket.set_reuseaddr(true)?;
    // Accepted connections inherit the sizes.
    if let Some(bytes) = options.receive_buffer_bytes {
        socket.set_recv_buffer_size(bytes)?;
    }
    if let Some(bytes) = options.send_buffer_bytes {
        socket.set_send_buffer_size(bytes)?;
    }
    socket.bind(address)?;
    socket.listen(options.backlog)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listener(host: &str, advertised: Option<(&str, u16)>) -> ListenerOptions {
        ListenerOptions {
            name: "PLAINTEXT".to_owned(),
            host: host.to_owned(),
            port: 0,
            advertised: advertised.map(|(host, port)| (host.to_owned(), port)),
        }
    }

    #[tokio::test]
    async fn a_free_port_is_taken_and_told() {
        let options = KafkaOptions::default();
        let (_, endpoint) = listener("127.0.0.1", None).open(&options).await.unwrap();
        assert_ne!(endpoint.bound.port(), 0);
        assert_eq!((endpoint.host.as_str(), endpoint.port), ("127.0.0.1", endpoint.bound.port()));

        let advertised = Some(("broker.example", 0));
        let (_, endpoint) = listener("127.0.0.1", advertised).open(&options).await.unwrap();
        assert_eq!(endpoint.host, "broker.example");
        assert_eq!(endpoint.port, endpoint.bound.port());
    }

    #[tokio::test]
    async fn all_addresses_need_a_name_for_clients() {
        let options = KafkaOptions::default();
        let error = listener("0.0.0.0", None).open(&options).await.unwrap_err();
        assert!(matches!(error, ListenError::NotAdvertised { .. }), "{error}");
        let advertised = listener("0.0.0.0", Some(("broker.example", 9092)));
        assert_eq!(advertised.open(&options).await.unwrap().1.port, 9092);
    }

    #[tokio::test]
    async fn an_address_in_use_is_named() {
        let options = KafkaOptions::default();
        let (_first, endpoint) = listener("127.0.0.1", None).open(&options).await.unwrap();
        let mut second = listener("127.0.0.1", None);
        second.port = endpoint.port;
        let error = second.open(&options).await.unwrap_err().to_string();
        assert!(error.contains(&endpoint.port.to_string()), "{error}");
    }
}
