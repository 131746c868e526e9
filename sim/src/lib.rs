//! Seeded simulation of a whole broker.
