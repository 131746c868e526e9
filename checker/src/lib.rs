//! One history checker for the simulation and for tests with real processes.
