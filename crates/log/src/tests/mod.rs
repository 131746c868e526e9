//! The log in the simulated world: what was acknowledged is there after every kind of crash.

mod crash;
mod damage;
mod harness;
mod semantics;
