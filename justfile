# Short names for what one does daily. `just --list` shows them.

# Everything that has to pass.
test:
    ./test

# Format, lints and dependency direction: a minute.
check:
    cargo fmt --all --check
    cargo clippy --workspace --all-targets -- -D warnings
    cargo xtask tidy

# The platform on its embedded defaults.
run *ARGS:
    cargo run --release -- {{ARGS}}

# One seed of the simulation, told in full.
sim SEED:
    cargo run --release -p thalweg-sim -- --seed {{SEED}} --trace

# Regenerate Kafka's messages from the jar on Maven Central.
gen-kafka:
    cargo xtask gen-kafka
