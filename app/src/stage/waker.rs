//! Wakes the stage's loop from any thread. Many wakes before it looks are one.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, OnceLock, PoisonError};
use std::time::Instant;
use winit::event_loop::EventLoopProxy;

/// Something happened: look at everything.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wake;

/// See the module.
#[derive(Default)]
pub(crate) struct Waker {
    raised: AtomicBool,
    signal: (Mutex<()>, Condvar),
    windows: OnceLock<EventLoopProxy<Wake>>,
}

impl Waker {
    /// From now on wakes go to the windows' event loop.
    pub(crate) fn use_event_loop(&self, proxy: EventLoopProxy<Wake>) {
        // Called once, by the loop's owner.
        let _ = self.windows.set(proxy);
        self.wake();
    }

    pub(crate) fn wake(&self) {
        if self.raised.swap(true, Ordering::AcqRel) {
            return;
        }
        match self.windows.get() {
            // Fails only while the loop ends.
            Some(proxy) => drop(proxy.send_event(Wake)),
            None => {
                let _guard = self.signal.0.lock().unwrap_or_else(PoisonError::into_inner);
                self.signal.1.notify_one();
            }
        }
    }

    /// Call before looking: a wake after this one is not lost.
    pub(crate) fn lower(&self) {
        self.raised.store(false, Ordering::Release);
    }

    /// Waits for a wake, or until `deadline`. For a loop without windows.
    pub(crate) fn wait(&self, deadline: Option<Instant>) {
        let mut guard = self.signal.0.lock().unwrap_or_else(PoisonError::into_inner);
        while !self.raised.load(Ordering::Acquire) {
            guard = match deadline {
                None => self.signal.1.wait(guard).unwrap_or_else(PoisonError::into_inner),
                Some(deadline) => {
                    let now = Instant::now();
                    if deadline <= now {
                        return;
                    }
                    let waited = self.signal.1.wait_timeout(guard, deadline - now);
                    waited.unwrap_or_else(PoisonError::into_inner).0
                }
            };
        }
    }
}
