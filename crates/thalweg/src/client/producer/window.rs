//! The unacknowledged batches of one partition, in order.
//!
//! Several may be on their way at a time. If one has to be sent again, nothing new is sent until
//! the answers to all others are there; then everything that is not acknowledged is sent again, in
//! order. A broker recognises what it has already by its sequence.
//!
//! The very first batch goes alone: a broker that knows nothing of the producer takes whichever
//! sequence comes first, and would take the second batch if the first one failed.

use std::collections::VecDeque;

use bytes::BytesMut;
use thalweg_env::Instant;

/// Batches of a partition on their way at a time. Brokers remember as many of an idempotent
/// producer (KIP-98).
const IN_FLIGHT_MAX: usize = 5;

/// A batch that takes no more records.
#[derive(Debug)]
pub(super) struct Sealed {
    pub partition: i32,
    pub records: u32,
    pub bytes: BytesMut,
    pub opened: Instant,
}

/// Names a batch within its window.
pub(super) type Number = u64;

#[derive(Debug, Default)]
pub(super) struct Window {
    /// The batches from `first` on; `None` is an acknowledged one behind one that is not.
    batches: VecDeque<Option<Sealed>>,
    first: Number,
    /// The next to be sent.
    next: Number,
    in_flight: usize,
    rewinding: bool,
}

impl Window {
    pub fn push(&mut self, batch: Sealed) {
        self.batches.push_back(Some(batch));
    }

    pub fn is_empty(&self) -> bool {
        self.batches.is_empty()
    }

    /// True if all batches before this one are acknowledged.
    pub fn is_first(&self, number: Number) -> bool {
        number <= self.first
    }

    /// Takes the next batch to be sent, if one may be sent now.
    pub fn start(&mut self) -> Option<(Number, &Sealed)> {
        let limit = if self.first == 0 { 1 } else { IN_FLIGHT_MAX };
        if self.rewinding || self.in_flight >= limit {
            return None;
        }
        loop {
            let number = self.next;
            let slot = self.batches.get((number - self.first) as usize)?;
            self.next += 1;
            if slot.is_some() {
                self.in_flight += 1;
                return self.get(number).map(|batch| (number, batch));
            }
        }
    }

    /// The batch arrived. It is returned the first time that is known.
    pub fn acknowledged(&mut self, number: Number) -> Option<Sealed> {
        let index = number.checked_sub(self.first)? as usize;
        let batch = self.batches.get_mut(index).and_then(Option::take);
        while let Some(None) = self.batches.front() {
            self.batches.pop_front();
            self.first += 1;
        }
        self.landed();
        batch
    }

    /// The batch has to be sent again.
    pub fn failed(&mut self) {
        self.rewinding = true;
        self.landed();
    }

    fn landed(&mut self) {
        self.in_flight -= 1;
        if self.rewinding && self.in_flight == 0 {
            self.rewinding = false;
            self.next = self.first;
        }
        self.next = self.next.max(self.first);
    }

    fn get(&self, number: Number) -> Option<&Sealed> {
        self.batches.get((number - self.first) as usize)?.as_ref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window(batches: usize) -> Window {
        let mut window = Window::default();
        for number in 0..batches {
            window.push(Sealed {
                partition: 0,
                records: number as u32,
                bytes: BytesMut::new(),
                opened: thalweg_env::Env::real().now(),
            });
        }
        window
    }

    fn started(window: &mut Window) -> Vec<Number> {
        std::iter::from_fn(|| window.start().map(|(number, _)| number)).collect()
    }

    #[test]
    fn a_window_sends_one_and_then_five_at_a_time_in_order() {
        let mut window = window(8);
        assert_eq!(started(&mut window), [0]);
        assert!(window.acknowledged(0).is_some());
        assert_eq!(started(&mut window), [1, 2, 3, 4, 5]);
        assert!(window.acknowledged(1).is_some());
        assert_eq!(started(&mut window), [6]);
        for number in 2..=6 {
            assert!(window.acknowledged(number).is_some());
        }
        assert_eq!(started(&mut window), [7]);
        assert!(!window.is_empty());
        window.acknowledged(7);
        assert!(window.is_empty());
    }

    #[test]
    fn a_failure_sends_everything_again_once_all_answers_are_there() {
        let mut window = window(4);
        assert_eq!(started(&mut window), [0]);
        window.acknowledged(0);
        assert_eq!(started(&mut window), [1, 2, 3]);
        window.failed();
        assert!(window.is_first(1) && !window.is_first(2));
        assert!(started(&mut window).is_empty());
        window.failed();
        assert!(window.acknowledged(3).is_some());
        assert_eq!(started(&mut window), [1, 2]);
        window.acknowledged(1);
        window.acknowledged(2);
        assert!(window.is_empty());
    }
}
