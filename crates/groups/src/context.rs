//! What a decision may look at and may cause.

use thalweg_coordination::{Producer, Timers, TooLarge};
use thalweg_types::Timestamp;

use crate::durable::DurableState;
use crate::record::Entry;
use crate::timer::Timer;
use crate::{Event, GroupId, Now, Outbox, Reply, ReplyTo, Settings, Write};

/// Handed to every decision of a step.
pub(crate) struct Context<'a> {
    pub now: Now,
    pub settings: &'a Settings,
    /// As it was before this decision: what is written now shows only afterwards.
    pub durable: &'a DurableState,
    pub timers: &'a mut Timers<Timer>,
    pub out: &'a mut Outbox,
}

impl Context<'_> {
    /// Sets `timer`. Never to now, or a step that serves what is due might not end.
    pub fn schedule(&mut self, timer: Timer, delay_ms: i32) {
        let delay_ms = delay_ms.max(1).unsigned_abs();
        self.timers.schedule(timer, self.now.monotonic.plus_ms(delay_ms.into()));
    }

    pub fn reply(&mut self, reply_to: ReplyTo, reply: Reply) {
        self.out.reply(reply_to, reply);
    }

    pub fn event(&mut self, event: Event) {
        self.out.events.push(event);
    }

    pub fn wall(&self) -> Timestamp {
        self.now.wall
    }

    /// Writes `entry`, unless it is too large.
    pub fn write(&mut self, entry: &Entry) -> Result<(), TooLarge> {
        self.write_within(None, entry)
    }

    /// Writes `entry` within a transaction, if there is one, unless it is too large.
    pub fn write_within(
        &mut self,
        transaction: Option<Producer>,
        entry: &Entry,
    ) -> Result<(), TooLarge> {
        let record = entry.encode(self.settings.record_bytes_max)?;
        self.out.records.push(Write { record, transaction });
        Ok(())
    }

    /// Writes an entry that says that something is gone. Its key has been in a record before, so it fits.
    pub fn write_tombstone(&mut self, entry: &Entry) {
        let written = self.write(entry);
        assert!(written.is_ok(), "a tombstone has the key of a record and no value");
    }

    /// Writes `entry` about `group_id`, or says that it was too large.
    pub fn write_or_report(&mut self, group_id: &GroupId, entry: &Entry) -> Result<(), TooLarge> {
        self.write(entry).inspect_err(|_| {
            self.out.events.push(Event::RecordTooLarge { group_id: group_id.clone() });
        })
    }
}
