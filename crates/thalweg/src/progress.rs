//! Progress on a terminal, for what takes longer than a second.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use thalweg_env::{Env, Instant, Task};

/// Nothing is shown before.
const PATIENCE: Duration = Duration::from_secs(1);

/// Counts towards a goal, or just counts. Shows itself on standard error if that is a terminal.
pub struct Progress {
    env: Env,
    bar: ProgressBar,
    show_at: Option<Instant>,
}

impl Progress {
    /// Progress in records; `goal` if it is known.
    pub fn records(env: &Env, goal: Option<u64>) -> Self {
        let template = match goal {
            Some(_) => "{wide_bar} {human_pos}/{human_len} records  {per_sec}  {msg}",
            None => "{spinner} {human_pos} records  {per_sec}  {msg}",
        };
        let bar = ProgressBar::with_draw_target(goal, ProgressDrawTarget::hidden());
        let style = ProgressStyle::with_template(template);
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        Self { env: env.clone(), bar, show_at: Some(env.now() + PATIENCE) }
    }

    /// So far.
    pub fn set(&mut self, position: u64) {
        if self.show_at.is_some_and(|at| self.env.now() >= at) {
            self.show_at = None;
            self.bar.set_draw_target(ProgressDrawTarget::stderr());
        }
        self.bar.set_position(position);
    }

    /// A word about how it goes.
    pub fn note(&self, text: String) {
        self.bar.set_message(text);
    }

    /// Takes it off the terminal.
    pub fn finish(self) {
        self.bar.finish_and_clear();
    }
}

/// Shows that something is going on that cannot be counted.
pub struct Waiting {
    bar: ProgressBar,
    task: Task<()>,
}

impl Waiting {
    /// Begins; shown only after a while, as [`Progress`] is.
    pub fn start(env: &Env, what: String) -> Self {
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden());
        bar.set_message(what);
        let style = ProgressStyle::with_template("{spinner} {msg}  {elapsed}");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
        let task = env.spawn("waiting", turn(env.clone(), bar.clone()));
        Self { bar, task }
    }

    /// Takes it off the terminal.
    pub fn finish(self) {
        self.task.abort();
        self.bar.finish_and_clear();
    }
}

async fn turn(env: Env, bar: ProgressBar) {
    const TURN: Duration = Duration::from_millis(100);
    env.sleep(PATIENCE).await;
    bar.set_draw_target(ProgressDrawTarget::stderr());
    loop {
        bar.tick();
        env.sleep(TURN).await;
    }
}
