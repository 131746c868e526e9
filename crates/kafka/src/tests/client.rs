//! A client that speaks frames.

use bytes::{Buf, BytesMut};
use thalweg_kafka_wire::{Request, decode_response, encode_request};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};

pub struct Client {
    stream: DuplexStream,
    next_id: i32,
}

impl Client {
    pub fn new(stream: DuplexStream) -> Self {
        Self { stream, next_id: 1 }
    }

    /// Asks and waits for the answer.
    pub async fn call<R: Request>(&mut self, version: i16, request: &R) -> R::Response {
        let id = self.send(version, request).await;
        let (answered, response) = self.receive::<R>(version).await;
        assert_eq!(answered, id, "the answer belongs to the request");
        response
    }

    /// Sends a request, returns its correlation id.
    pub async fn send<R: Request>(&mut self, version: i16, request: &R) -> i32 {
        let id = self.next_id;
        self.next_id += 1;
        let frame = encode_request(version, id, "test", request).unwrap();
        self.send_bytes(&frame.to_bytes().unwrap()).await;
        id
    }

    pub async fn send_bytes(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).await.unwrap();
    }

    pub async fn receive<R: Request>(&mut self, version: i16) -> (i32, R::Response) {
        let frame = self.frame().await.expect("the connection ended");
        decode_response::<R>(version, frame).unwrap()
    }

    /// The next response; `None` if the broker has closed the connection.
    pub async fn frame(&mut self) -> Option<BytesMut> {
        let mut prefix = [0; 4];
        self.stream.read_exact(&mut prefix).await.ok()?;
        let mut frame = BytesMut::zeroed((&prefix[..]).get_u32() as usize);
        self.stream.read_exact(&mut frame).await.unwrap();
        Some(frame)
    }

    /// Asserts that the broker has closed the connection without another word.
    pub async fn expect_closed(&mut self) {
        assert_eq!(self.frame().await, None, "the broker should have closed the connection");
    }
}
