//! A world of one process that one seed decides: virtual time, seeded chance, a disk that loses
//! what was not flushed, and crashes.
//!
//! [`run`] gives a scenario a single-threaded runtime whose clock stands still while any task can
//! run and otherwise jumps to the next timer. [`SimWorld::new`] makes the world and the [`Env`] of
//! its first incarnation; [`SimWorld::crash`] stops every task that incarnation started, and
//! [`SimWorld::restart`] boots the next one on what the disk kept.
//!
//! The same seed gives the same run as long as the code inside takes nothing from elsewhere. Two
//! things of tokio do: `select!` without `biased`, and the order in which several waiters of one
//! `watch` channel wake.

mod contents;
mod device;
mod disk;
mod faults;
mod names;
#[cfg(test)]
mod tests;
mod world;

pub use device::DiskStats;
pub use disk::SimDisk;
pub use faults::{Crash, Failure, Operation};
pub use world::{SimWorld, run};
