//! What befalls the broker: one life after another, each with its faults and its end.

use std::time::Duration;

use thalweg_broker::{
    Broker, BrokerError, Isolation, ListOffset, OffsetSpec, StartReport, TopicKey,
};
use thalweg_checker::Event;
use thalweg_env::simulated::{Crash, Failure, Operation, SimWorld};
use thalweg_env::{Env, Instant};
use thalweg_types::LeaderEpoch;

use crate::connection::session;
use crate::counts::Counts;
use crate::scenario::{Faults, Kind};
use crate::stage::Stage;

/// Starts that may fail in a row while nothing hinders them.
const FAILED_STARTS_MAX: u32 = 3;

/// Longest time that opening or closing may take.
const OPEN_PATIENCE: Duration = Duration::from_mins(2);

/// Years in milliseconds, roughly.
const YEAR_MS: i64 = 365 * 24 * 3_600_000;

/// Calls of the write path and around it.
const OPERATIONS: [Operation; 11] = [
    Operation::Write,
    Operation::Write,
    Operation::Sync,
    Operation::Sync,
    Operation::Create,
    Operation::Allocate,
    Operation::SyncDir,
    Operation::Rename,
    Operation::Link,
    Operation::Remove,
    Operation::Read,
];

/// Starts, torments and ends the broker's incarnations.
pub(crate) struct Nemesis {
    stage: Stage,
    world: SimWorld,
    random: fastrand::Rng,
    pub counts: Counts,
    broker: Option<Broker>,
    /// True if something on the disk fails, or may.
    has_faults: bool,
    /// True if the last end was no clean one.
    has_crashed: bool,
    /// Power cuts before the last start.
    power_cuts: u64,
}

/// How a life ends, unless a planned crash comes first.
#[derive(Clone, Copy, Debug)]
enum End {
    Crash(Crash),
    Close,
}

impl Nemesis {
    pub fn new(stage: &Stage, world: &SimWorld) -> Self {
        world.disk().set_recycling(stage.scenario.recycling);
        Self {
            stage: stage.clone(),
            world: world.clone(),
            random: world.fork_random(),
            counts: Counts::default(),
            broker: None,
            has_faults: false,
            has_crashed: false,
            power_cuts: 0,
        }
    }

    fn faults(&self) -> Faults {
        self.stage.scenario.faults
    }

    /// Lives until `duration` has passed.
    pub async fn torment(&mut self, duration: Duration) {
        let until = self.stage.env.now() + duration;
        while self.stage.env.now() < until && !self.stage.history.is_spoiled() {
            self.plan_crash();
            if self.is_running() || self.start().await {
                self.live(until).await;
            }
            let end = self.any_end();
            self.end(end).await;
            let pause = Duration::from_millis(self.random.u64(..3000));
            self.stage.env.sleep(pause).await;
        }
    }

    /// Takes every fault back and starts the broker, if it does not run. False if it does not start.
    pub async fn heal(&mut self) -> bool {
        self.clear();
        for _ in 0..FAILED_STARTS_MAX {
            if self.is_running() || self.start().await {
                break;
            }
        }
        self.is_running()
    }

    fn is_running(&self) -> bool {
        self.broker.is_some() && self.world.is_up()
    }

    /// Stops the broker as an administrator does.
    pub async fn stop(&mut self) {
        self.end(End::Close).await;
    }

    fn plan_crash(&mut self) {
        if self.random.u8(..4) == 0 {
            return;
        }
        let nth = match self.random.u8(..3) {
            0 => self.random.u64(1..60),
            1 => self.random.u64(1..400),
            _ => self.random.u64(1..4000),
        };
        let crash = self.any_crash(2);
        self.stage.history.note(format_args!("nemesis: {crash:?} at disk call {nth}"));
        self.world.disk().crash_at(nth, crash);
        self.has_faults = true;
    }

    /// A power cut in so many of three cases, if there are any.
    fn any_crash(&mut self, power_cuts: u8) -> Crash {
        let cut = self.faults().power_cuts && self.random.u8(..3) < power_cuts;
        if cut { Crash::PowerCut } else { Crash::Kill }
    }

    fn any_end(&mut self) -> End {
        if self.random.u8(..5) == 0 { End::Close } else { End::Crash(self.any_crash(1)) }
    }

    /// Starts the next incarnation; false if that failed.
    async fn start(&mut self) -> bool {
        let mut failed = 0;
        loop {
            let env = self.world.restart();
            self.stage.history.add(&Event::Crash);
            match self.open(&env).await {
                Some(Ok((broker, report))) => {
                    self.began(broker, &report).await;
                    return true;
                }
                Some(Err(error)) if self.world.is_up() => {
                    self.stage.history.note(format_args!("the broker does not start: {error}"));
                    self.counts.add("failed starts", 1);
                    failed += u32::from(!self.has_faults);
                    if failed >= FAILED_STARTS_MAX {
                        let history = &self.stage.history;
                        history.complain(format_args!("the broker does not start: {error}"));
                        return false;
                    }
                }
                Some(Err(_)) | None => self.counts.add("crashes while starting", 1),
            }
            self.note_crash();
            self.clear();
            self.stage.env.sleep(Duration::from_secs(1)).await;
        }
    }

    /// Opens the broker, in a task of its incarnation, so that a crash ends that too.
    async fn open(&self, env: &Env) -> Option<Result<(Broker, StartReport), BrokerError>> {
        let (inside, options) = (env.clone(), self.stage.scenario.broker.clone());
        let opening = env.spawn("open", async move { Broker::open(&inside, options).await });
        let opened = self.stage.env.timeout(OPEN_PATIENCE, opening.join()).await;
        opened.unwrap_or_else(|_| {
            self.stage.history.complain("the broker does not come to an end of starting");
            None
        })
    }

    async fn began(&mut self, broker: Broker, report: &StartReport) {
        self.stage.history.note(format_args!("nemesis: started, {:?}", report.recovery));
        self.counts.add("starts", 1);
        self.counts.add("recoveries", u64::from(self.has_crashed));
        self.counts.add("torn tails", u64::from(report.recovery.torn_tail));
        self.counts.add("torn ends mended", report.recovery.damage.len() as u64);
        self.has_crashed = false;
        let power_cuts = self.world.disk().stats().power_cuts;
        if power_cuts > std::mem::replace(&mut self.power_cuts, power_cuts) {
            self.note_cuts(&broker).await;
        }
        self.stage.address.set(Some(broker.clone()));
        self.broker = Some(broker);
    }

    /// Tells the history where topics end that a power cut may have cut.
    async fn note_cuts(&self, broker: &Broker) {
        let plans = &self.stage.scenario.topics;
        for plan in plans.iter().filter(|plan| plan.kind == Kind::Os) {
            for partition in 0..plan.partitions {
                let asked = ListOffset {
                    topic: TopicKey::Name(&plan.name),
                    partition,
                    spec: OffsetSpec::Latest,
                    isolation: Isolation::ReadUncommitted,
                    current_leader_epoch: LeaderEpoch::NONE,
                };
                let Ok(end) = broker.list_offset(&session(), asked).await else { continue };
                let topic = plan.name.as_str().into();
                self.stage.history.add(&Event::Cut { topic, partition, offset: end.offset.0 });
            }
        }
    }

    /// Spends a life with troubles, which ends at `latest`.
    async fn live(&mut self, latest: Instant) {
        let life = Duration::from_millis(self.random.u64(200..12_000));
        let until = latest.min(self.stage.env.now() + life);
        while self.stage.env.now() < until && self.world.is_up() {
            let pause = Duration::from_millis(self.random.u64(100..4000));
            let env = self.stage.env.clone();
            let left = until - env.now();
            let _ = env.timeout(pause.min(left), self.world.down()).await;
            if self.world.is_up() && env.now() < until {
                self.trouble().await;
            }
        }
    }

    /// One trouble, perhaps.
    async fn trouble(&mut self) {
        match self.random.u8(..7) {
            0 if self.faults().wall_jumps => self.jump(),
            1 if self.faults().disk_errors => self.fail_once(),
            2 if self.faults().disk_errors => self.fail_for_a_while().await,
            3 if self.faults().disk_errors => self.fill_disk().await,
            4 => self.pause(),
            _ => {}
        }
    }

    /// Clients hear nothing for a while, and are not heard. What is under way goes on.
    fn pause(&mut self) {
        let pause = Duration::from_millis(self.random.u64(200..6000));
        self.stage.history.note(format_args!("nemesis: silence for {pause:?}"));
        self.stage.address.silence(pause);
        self.counts.add("pauses", 1);
    }

    fn jump(&mut self) {
        let size = match self.random.u8(..4) {
            0 => 10 * YEAR_MS,
            1 => YEAR_MS,
            2 => 24 * 3_600_000,
            _ => 20_000,
        };
        let millis = self.random.i64(-size..=size);
        self.stage.history.note(format_args!("nemesis: the wall clock jumps by {millis} ms"));
        self.world.jump_wall(millis);
        let now = self.stage.env.now();
        self.stage.history.trims(|trims| trims.ahead().jump(now, millis));
        self.counts.add("wall jumps", 1);
    }

    fn any_failure(&mut self) -> (Operation, Failure) {
        let operation = OPERATIONS[self.random.usize(..OPERATIONS.len())];
        (operation, if self.random.bool() { Failure::Io } else { Failure::NoSpace })
    }

    fn fail_once(&mut self) {
        let (operation, failure) = self.any_failure();
        let nth = self.random.u64(1..30);
        self.stage.history.note(format_args!("nemesis: {operation:?} {nth} fails: {failure:?}"));
        self.world.disk().fail_nth(operation, nth, failure);
        self.has_faults = true;
    }

    async fn fail_for_a_while(&mut self) {
        let (operation, failure) = self.any_failure();
        let chance = self.random.f64();
        self.stage.history.note(format_args!("nemesis: {operation:?} often fails: {failure:?}"));
        self.world.disk().fail_often(operation, chance, failure);
        self.has_faults = true;
        self.linger().await;
        self.world.disk().fail_often(operation, 0.0, failure);
    }

    /// Leaves less room than the broker keeps in reserve, or none at all.
    async fn fill_disk(&mut self) {
        let Some(broker) = &self.broker else { return };
        let free = broker.log_dir().await.free_bytes;
        let most = if self.random.bool() { 2 << 20 } else { 16 << 10 };
        let (Some(free), left) = (free, self.random.u64(..most)) else { return };
        self.stage.history.note(format_args!("nemesis: {left} bytes are left on the disk"));
        self.world.disk().set_capacity(CAPACITY - free + left);
        self.has_faults = true;
        self.linger().await;
        self.world.disk().set_capacity(CAPACITY);
    }

    async fn linger(&mut self) {
        let pause = Duration::from_millis(self.random.u64(100..5000));
        let _ = self.stage.env.timeout(pause, self.world.down()).await;
    }

    async fn end(&mut self, end: End) {
        if let (End::Close, Some(broker), true) = (end, self.broker.clone(), self.world.is_up()) {
            self.close(&broker).await;
        }
        if self.world.is_up()
            && let End::Crash(crash) = end
        {
            self.stage.history.note(format_args!("nemesis: {crash:?}"));
            self.world.crash(crash);
        }
        self.note_crash();
        self.stage.address.set(None);
        if let Some(broker) = self.broker.take() {
            self.counts.add_broker(&broker);
        }
        self.clear();
    }

    async fn close(&mut self, broker: &Broker) {
        self.stage.history.note("nemesis: stop");
        let (closing, env) = (broker.clone(), broker.env().clone());
        let task = env.spawn("close", async move { closing.close().await });
        if self.stage.env.timeout(OPEN_PATIENCE, task.join()).await.is_err() {
            self.stage.history.complain("the broker does not come to an end of stopping");
        }
        self.counts.add("clean stops", u64::from(self.world.is_up()));
    }

    fn note_crash(&mut self) {
        if !self.world.is_up() {
            self.has_crashed = true;
        }
    }

    /// Nothing on the disk fails from now on.
    fn clear(&mut self) {
        self.world.disk().clear_faults();
        self.world.disk().set_capacity(CAPACITY);
        self.stage.address.silence(Duration::ZERO);
        self.has_faults = false;
    }
}

/// Room on the disk while it is not full.
const CAPACITY: u64 = 1 << 40;
