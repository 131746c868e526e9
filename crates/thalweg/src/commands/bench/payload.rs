//! Values to send: different ones, made in advance, so that making them does not count.

use thalweg_env::Env;

/// Distinct bytes that values are cut from.
const POOL: usize = 1 << 20;
/// Consecutive values begin this far apart: a prime, so that the pool is used evenly.
const STRIDE: usize = 4_099;

/// An endless supply of values of one length. They look like text of which every other byte is
/// random: compressible by about a third.
pub struct Payload {
    pool: Vec<u8>,
    length: usize,
    at: usize,
}

impl Payload {
    /// Values of `length` bytes.
    pub fn new(env: &Env, length: usize) -> Self {
        let size = POOL.max(2 * length);
        let mut pool = Vec::with_capacity(size + 8);
        while pool.len() < size {
            for byte in env.random_u64().to_le_bytes() {
                pool.push(b' ' + byte % 64);
                pool.push(b'e');
            }
        }
        Self { pool, length, at: 0 }
    }

    /// The next value.
    pub fn next(&mut self) -> &[u8] {
        self.at = (self.at + STRIDE) % (self.pool.len() - self.length);
        &self.pool[self.at..self.at + self.length]
    }
}
