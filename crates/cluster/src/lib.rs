//! Topics, configurations, brokers: one state machine fed by the metadata chain.
