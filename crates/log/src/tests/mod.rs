//! The log in the simulated world: what was acknowledged is there after every kind of crash.

mod clock;
mod compact;
mod crash;
mod damage;
mod files;
mod harness;
mod retention;
mod rewrite;
mod semantics;
mod verify;
