//! Consumer group rules as state machines without I/O.
