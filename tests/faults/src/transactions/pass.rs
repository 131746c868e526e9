//! One pass: a broker on an empty directory, clients, faults, and an audit of everything.

use std::sync::Arc;

use fastrand::Rng;

use super::cell::{Cell, Fault};
use super::client::Clients;
use super::closing;
use super::plan::Plan;
use super::shared::{Counts, Shared};
use super::site::Site;
use super::writer::Output;
use crate::admin;
use crate::connection::Connection;
use crate::coverage::Coverage;
use crate::failure::Failure;
use crate::history::Outcome;
use crate::stage::Stage;

/// What a pass came to.
pub struct Passed {
    /// What clients did and saw.
    pub outcome: Outcome,
    /// What they did that says how much the pass is worth.
    pub counts: Arc<Counts>,
    /// What brokers did.
    pub coverage: Coverage,
    /// Records read by the audit.
    pub audited: u64,
    /// How often something went wrong on purpose.
    pub strikes: u64,
}

/// How much happens between and around the faults of a pass.
#[derive(Clone, Copy, Debug)]
pub struct Load {
    /// Transactions before each fault and after the last, at least.
    pub transactions: u64,
    /// Faults, of the kind that is the quickest.
    pub strikes: u64,
}

impl Load {
    /// What takes longer happens less often.
    fn strikes(self, fault: Fault) -> u64 {
        match fault {
            Fault::Kill => self.strikes,
            Fault::Power => self.strikes.div_ceil(2),
            Fault::Pause | Fault::Errors => self.strikes.div_ceil(3),
        }
    }
}

/// Runs a pass of a cell, whose dice are `stage.seed`.
pub async fn run(stage: &Stage, cell: Cell, load: Load) -> Result<Passed, Failure> {
    let plan = Plan::of(cell.workload);
    let mut random = Rng::with_seed(stage.seed);
    let mut site = Site::new(stage, cell).await?;
    let shared = Shared::new(site.address());
    let load = Load { strikes: load.strikes(cell.fault), ..load };
    let ran = go(&mut site, &shared, &plan, load, &mut random).await;
    let audited = ran.map_err(|failure| site.broker().explain(&failure))?;
    let strikes = site.strikes;
    let coverage = site.finish(&shared).await?;
    let (outcome, counts) = (shared.history.finish(), shared.counts);
    Ok(Passed { outcome, counts, coverage, audited, strikes })
}

/// Faults, with clients at work before, between and after them; returns what the audit has read.
async fn go(
    site: &mut Site,
    shared: &Shared,
    plan: &Plan,
    load: Load,
    random: &mut Rng,
) -> Result<u64, Failure> {
    let address = site.broker().kafka;
    let mut connection = Connection::open(address).await?;
    for output in &plan.topics {
        let Output { topic, partitions, .. } = output;
        admin::create_topic(&mut connection, topic, *partitions, output.configs()).await?;
    }
    let clients = Clients::start(shared, plan.clients(shared)?);
    for strikes in 0..=load.strikes {
        plan.wait_for(shared, load.transactions).await?;
        if !shared.history.is_clean() {
            return Ok(0);
        }
        if strikes < load.strikes {
            site.strike(shared, plan, random).await?;
        }
    }
    clients.end(site.broker().kafka).await?;
    closing::audit(shared, plan).await
}
