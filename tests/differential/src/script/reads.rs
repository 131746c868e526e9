//! Readers of logs.

use super::Script;
use crate::apis::Place;
use crate::apis::fetch::{Fetch, From};
use crate::apis::offsets::{DeleteRecords, EpochEnds, ListOffsets, When};
use crate::failure::Failure;

/// Enough for all that a script writes, and little enough to be reached.
const MUCH: i32 = 8 << 20;
const LITTLE: i32 = 300;

impl Script {
    pub(super) async fn fetch(&mut self) -> Result<(), Failure> {
        let places = self.places(Self::any_place);
        let from: Vec<From> = places.into_iter().map(|place| self.fetch_from(place)).collect();
        let committed = self.chance(50);
        let bytes_max = if self.chance(25) {
            self.pick(&[(LITTLE, LITTLE), (MUCH, LITTLE), (LITTLE, MUCH), (0, 0), (1, 1)])
        } else {
            (MUCH, MUCH)
        };
        let session =
            if self.chance(4) { self.pick(&[(0, 5), (77, 3), (77, -1)]) } else { (0, -1) };
        self.step(Fetch { committed, bytes_max, session, from }).await?;
        Ok(())
    }

    fn fetch_from(&mut self, place: Place) -> From {
        let offset = self.offset(&place);
        let known = if self.chance(15) { self.pick(&[0, 0, 1, 5]) } else { -1 };
        let last = if self.chance(10) { self.pick(&[0, 0, 1, 5]) } else { -1 };
        From { place, offset, leader_epoch: known, last_epoch: last }
    }

    pub(super) async fn list_offsets(&mut self) -> Result<(), Failure> {
        let mut of = Vec::new();
        for place in self.places(Self::any_place) {
            let when = if self.chance(35) {
                When::Moment(self.rng.i64(0..self.moment + 100))
            } else {
                When::Named(self.pick(&[-1, -1, -2, -2, -3, -3, -4, -5, -6, -7, -9]))
            };
            let epoch = if self.chance(10) { self.pick(&[0, 1, 5]) } else { -1 };
            of.push((place, when, epoch));
        }
        if self.chance(3) {
            let twice = of[0].clone();
            of.push(twice);
        }
        let committed = self.chance(50);
        self.step(ListOffsets { committed, of }).await?;
        Ok(())
    }

    pub(super) async fn epoch_ends(&mut self) -> Result<(), Failure> {
        let mut of = Vec::new();
        for place in self.places(Self::any_place) {
            let known = self.pick(&[-1, -1, -1, 0, 1]);
            let asked = self.pick(&[0, 0, 0, 1, 7, -1]);
            of.push((place, known, asked));
        }
        self.step(EpochEnds { of }).await?;
        Ok(())
    }

    pub(super) async fn delete_records(&mut self) -> Result<(), Failure> {
        let mut before = Vec::new();
        for place in self.places(Self::any_place) {
            let offset = self.offset(&place);
            // Most of the log stays, so that there is something to read.
            let offset = if self.chance(70) { offset / 4 } else { offset };
            before.push((place, offset));
        }
        self.step(DeleteRecords { before }).await?;
        Ok(())
    }
}
