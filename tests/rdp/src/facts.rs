//! What a thread tells the test about itself, and how the test waits for it.

use anyhow::ensure;
use nearside_tests::STEP;
use std::fmt::Debug;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Instant;

/// A value that one thread changes and others wait for.
#[derive(Debug, Default)]
pub(crate) struct Facts<T>(Arc<(Mutex<T>, Condvar)>);

impl<T> Clone for Facts<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T: Clone + Debug> Facts<T> {
    pub(crate) fn change(&self, change: impl FnOnce(&mut T)) {
        let (facts, changed) = &*self.0;
        change(&mut facts.lock().unwrap_or_else(PoisonError::into_inner));
        changed.notify_all();
    }

    pub(crate) fn now(&self) -> T {
        self.0.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Waits until it `holds`.
    ///
    /// # Errors
    /// It does not; `what` and the last value are in the error.
    pub(crate) fn wait(&self, what: &str, holds: impl Fn(&T) -> bool) -> anyhow::Result<T> {
        let until = Instant::now() + STEP;
        let (facts, changed) = &*self.0;
        let mut facts = facts.lock().unwrap_or_else(PoisonError::into_inner);
        while !holds(&facts) {
            let left = until.saturating_duration_since(Instant::now());
            ensure!(!left.is_zero(), "waited for {what}; last: {facts:?}");
            (facts, _) = changed.wait_timeout(facts, left).unwrap_or_else(PoisonError::into_inner);
        }
        Ok(facts.clone())
    }
}
