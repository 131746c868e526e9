//! Panics of tasks end nothing but the task: they are counted, so that a run can fail for them.

use std::cell::Cell;
use std::sync::Once;

thread_local! {
    static PANICS: Cell<u64> = const { Cell::new(0) };
}

/// Counts the panics of this thread from now on, besides what is done about them anyway.
pub(crate) fn watch() {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let default = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            PANICS.with(|panics| panics.set(panics.get() + 1));
            default(info);
        }));
    });
    PANICS.with(|panics| panics.set(0));
}

/// How many there were.
pub(crate) fn count() -> u64 {
    PANICS.with(Cell::get)
}
