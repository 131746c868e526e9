//! One seed, from an empty disk to a verdict.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use thalweg_broker::NewTopic;
use thalweg_env::Shutdown;
use thalweg_env::simulated::{SimWorld, run};
use tokio::task::JoinSet;

use crate::admin::administer;
use crate::audit::Audit;
use crate::connection::Address;
use crate::counts::Counts;
use crate::group::belong;
use crate::history::{History, Judgement};
use crate::ledger::Ledger;
use crate::nemesis::Nemesis;
use crate::panics;
use crate::producer::produce;
use crate::reader::follow;
use crate::scenario::{Scenario, TopicPlan};
use crate::stage::{Stage, Target};
use crate::topics::{self, Outcome};
use crate::transactor::transact;

/// No run takes longer than this: one that does hangs.
const PATIENCE: Duration = Duration::from_hours(1);

/// What became of a seed.
#[derive(Clone, Debug)]
pub struct Run {
    /// The seed.
    pub seed: u64,
    /// What clients saw.
    pub judgement: Judgement,
    /// How often everything happened.
    pub counts: Counts,
    /// Virtual time from start to verdict.
    pub simulated: Duration,
}

impl Run {
    /// What is wrong, one violation a line; empty if nothing is.
    pub fn violations(&self) -> Vec<String> {
        let report = &self.judgement.report;
        let mut violations: Vec<String> = report.verdicts.iter().map(ToString::to_string).collect();
        violations.extend(self.judgement.complaints.iter().cloned());
        if violations.is_empty() && report.unread > 0 {
            violations.push(format!("{} acknowledged records were never read", report.unread));
        }
        violations
    }
}

/// Runs a seed. `tells` prints what happens.
pub fn run_seed(seed: u64, tells: bool) -> std::io::Result<Run> {
    panics::watch();
    run(async move {
        let (env, world) = SimWorld::new(seed);
        let scenario = Scenario::new(&mut world.fork_random());
        let stage = Stage {
            address: Address::new(&env, &world),
            history: History::new(&env, tells),
            ledger: Ledger::default(),
            scenario: Arc::new(scenario),
            stop: Shutdown::default(),
            env,
        };
        stage.history.note(format_args!("seed {seed}: {:?}", stage.scenario));
        let mut nemesis = Nemesis::new(&stage, &world);
        let play = Box::pin(play(&stage, &world, &mut nemesis));
        if stage.env.timeout(PATIENCE, play).await.is_err() {
            stage.history.complain("the run does not come to an end");
        }
        if panics::count() > 0 {
            stage.history.complain("something panicked");
        }
        finish(seed, &stage, &world, nemesis.counts)
    })
}

fn finish(seed: u64, stage: &Stage, world: &SimWorld, mut counts: Counts) -> Run {
    let simulated = stage.history.elapsed();
    let judgement = stage.history.finish();
    counts.add("seeds", 1);
    counts.add("simulated seconds", simulated.as_secs());
    counts.add("retention trims", stage.history.trims(|trims| trims.by_retention()));
    counts.add_disk(&world.disk().stats());
    counts.merge(&stage.ledger.counts());
    counts.add_history(&judgement.report);
    Run { seed, judgement, counts, simulated }
}

/// The run's acts: peace, torment, and an audit before and after a clean stop.
async fn play(stage: &Stage, world: &SimWorld, nemesis: &mut Nemesis) {
    if !nemesis.heal().await {
        return stage.history.complain("the broker does not start on an empty disk");
    }
    let mut targets = Vec::new();
    for plan in &stage.scenario.topics {
        targets.push(create(stage, plan).await);
    }
    // On an empty directory the broker has to believe the wall clock. From now on it knows better.
    nemesis.stop().await;
    nemesis.heal().await;
    let mut actors = actors(stage, world, &targets);
    nemesis.torment(stage.scenario.torment).await;
    nemesis.heal().await;
    stage.stop.start();
    while let Some(ended) = actors.join_next().await {
        if ended.is_err() {
            stage.history.complain("an actor panicked");
        }
    }
    let mut audit = Audit::new(stage, &targets, world.fork_random());
    audit.liveness().await;
    audit.completeness().await;
    audit.retention().await;
    nemesis.stop().await;
    if !nemesis.heal().await {
        return stage.history.complain("the broker does not start after a clean stop");
    }
    audit.completeness().await;
    nemesis.stop().await;
}

/// Starts the clients. They belong to no incarnation of the broker.
fn actors(stage: &Stage, world: &SimWorld, targets: &[Target]) -> JoinSet<()> {
    let mut actors = JoinSet::new();
    let scenario = &stage.scenario;
    for plan in &scenario.producers {
        let target = targets[plan.topic].clone();
        start(&mut actors, produce(stage.clone(), target, *plan, world.fork_random()));
    }
    for topic in &scenario.readers {
        start(&mut actors, follow(stage.clone(), targets[*topic].clone(), world.fork_random()));
    }
    for plan in &scenario.groups {
        for at in 0..plan.members {
            let target = targets[plan.topic].clone();
            let member = belong(stage.clone(), target, plan.clone(), at, world.fork_random());
            start(&mut actors, member);
        }
    }
    for plan in &scenario.transactors {
        for _ in 0..plan.clients {
            let (targets, random) = (targets.to_vec(), world.fork_random());
            start(&mut actors, transact(stage.clone(), targets, plan.clone(), random));
        }
    }
    start(&mut actors, administer(stage.clone(), targets.to_vec(), world.fork_random()));
    actors
}

fn start(actors: &mut JoinSet<()>, actor: impl Future<Output = ()> + Send + 'static) {
    actors.spawn(Box::pin(actor));
}

/// Creates a topic of the scenario. The broker is in peace still.
async fn create(stage: &Stage, plan: &TopicPlan) -> Target {
    let configs = plan.configs.iter().map(|(name, value)| (name.to_string(), Some(value.clone())));
    let new = NewTopic {
        name: plan.name.clone(),
        partitions: plan.partitions,
        replication_factor: 1,
        assignments: Vec::new(),
        configs: configs.collect(),
    };
    if let Some(age) = plan.kind.shortest_age() {
        stage.history.trims(|trims| trims.allow(&plan.name, age));
    }
    let created = match stage.address.connect() {
        Some(connection) => topics::create(stage, &connection, &new).await,
        None => Outcome::Unclear,
    };
    if !matches!(created, Outcome::Done(_)) {
        stage.history.complain(format_args!("{} is not created", plan.name));
    }
    Target {
        name: plan.name.as_str().into(),
        id: None,
        partitions: plan.partitions,
        kind: plan.kind,
    }
}
