//! The cluster's metadata: a chain read at the start, then changed by one task that decides on the
//! newest state and creates the next entry; and the table that everybody else reads.

mod chain;
mod driver;
mod proposal;
mod table;

pub(crate) use chain::{CHAIN, Followed};
pub(crate) use driver::{Driver, MetadataHandle};
pub(crate) use proposal::{Outcomes, each};
pub use table::ClusterTable;
pub(crate) use table::{TableBuilder, TableCell};
