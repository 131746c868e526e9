//! Bugs planted in the product on purpose: each has to be found, or the simulation proves nothing.

use thalweg_log::planted::{Bug, plant};

use crate::campaign::{Campaign, Failure};

/// Plants one bug after the other and runs `campaign` until a seed finds it. Tells each outcome.
pub fn hunt(campaign: &Campaign, mut tell: impl FnMut(Bug, Option<&Failure>)) {
    let campaign = Campaign { first_only: true, again: 0, ..campaign.clone() };
    for bug in Bug::ALL {
        plant(Some(*bug));
        let findings = campaign.run(|_, _| {});
        plant(None);
        tell(*bug, findings.failures.first());
    }
}
