//! The newest offset of each key, in bounded memory.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hasher};

use thalweg_types::Offset;

/// Keys by their hash. Two keys with one hash would cost a record, so the hash has 128 bits and a
/// random seed: nobody can choose keys that collide.
pub(crate) struct KeyMap {
    seed: u64,
    newest: BTreeMap<u128, Offset>,
}

impl KeyMap {
    pub(crate) fn new(seed: u64) -> Self {
        Self { seed, newest: BTreeMap::new() }
    }

    pub(crate) fn len(&self) -> usize {
        self.newest.len()
    }

    /// Notes a record. They come in the order of offsets.
    pub(crate) fn note(&mut self, key: &[u8], offset: Offset) {
        self.newest.insert(self.hash(key), offset);
    }

    /// The offset of the newest record with this key, if one was noted.
    pub(crate) fn newest(&self, key: &[u8]) -> Option<Offset> {
        self.newest.get(&self.hash(key)).copied()
    }

    fn hash(&self, key: &[u8]) -> u128 {
        let half = |number: u8| {
            let mut hasher = DefaultHasher::new();
            hasher.write_u64(self.seed);
            hasher.write_u8(number);
            hasher.write(key);
            u128::from(hasher.finish())
        };
        half(0) << 64 | half(1)
    }
}
