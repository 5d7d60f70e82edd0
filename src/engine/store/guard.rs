//! Calls into the database engine that may meet bytes that nobody wrote.
//!
//! redb trusts the pages it reads: where one is damaged, it answers an error in some places and panics in others. Here a panic becomes an
//! error like any other. It is not printed where it happened, as panics are: what somebody needs to know is which file is damaged and
//! what to do, and the error says so.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Once;

use super::writer::panic_message;

thread_local! {
    /// Whether a panic on this thread is caught by [`guarded`].
    static GUARDED: Cell<bool> = const { Cell::new(false) };
}

/// Runs `act`; a panic is answered in words.
pub(super) fn guarded<T>(act: impl FnOnce() -> T) -> Result<T, String> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            if !GUARDED.get() {
                before(panic);
            }
        }));
    });
    let outer = GUARDED.replace(true);
    let outcome = catch_unwind(AssertUnwindSafe(act));
    GUARDED.set(outer);
    outcome.map_err(|panic| format!("reading it panicked: {}", panic_message(panic.as_ref())))
}
