//! What a player's decode threads share with it, and how they are told to start anew.
//!
//! ```text
//!  player ── Order{generation, start, rate} ──▶ decode threads (condition variable of `Buffers`)
//!         ◀── Progress (atomics), wake() ─────
//! ```
//! INVARIANT: what a thread produced carries its generation; anything older is void.

use crate::time::Pts;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering, fence};
use std::sync::{Arc, Mutex, PoisonError};

/// What the player wants decoded. Changed under the buffers' lock, which wakes the threads.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Order {
    /// Raised by each seek; [`Order::NONE`] before the first one.
    pub(crate) generation: u64,
    /// Decode so that the picture and the sound at this position come first.
    pub(crate) start: Pts,
    /// The voice's generation that belongs to `generation`.
    pub(crate) voice_generation: u64,
    pub(crate) rate: f64,
    pub(crate) preserves_pitch: bool,
    /// It was played, or was to be, at some time.
    pub(crate) started: bool,
    pub(crate) stopped: bool,
}

impl Order {
    /// The generation of no order: nothing is decoded in it.
    pub(crate) const NONE: u64 = 0;
}

impl Default for Order {
    fn default() -> Self {
        Self {
            generation: Self::NONE,
            start: Pts::ZERO,
            voice_generation: 0,
            rate: 1.0,
            preserves_pitch: true,
            started: false,
            stopped: false,
        }
    }
}

/// Why a decode thread gives out nothing more for now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Rest {
    /// It is at work.
    #[default]
    No,
    /// It waits for media that is not there.
    Dry,
    /// It has given out everything up to the end of the stream.
    Done,
}

/// How far a decode thread has come; written by it, read by the player.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    /// Generation that waits for media that is not there; 0 is none (generations start at 1).
    dry: AtomicU64,
    /// Generation that has given out everything up to the end of the stream.
    done: AtomicU64,
    /// End of what was given out, and its generation.
    until: Mutex<(u64, Pts)>,
    pub(crate) decoded: AtomicU64,
    /// Of those, the ones that were not given out: they lie before the sought position.
    pub(crate) hidden: AtomicU64,
    pub(crate) corrupted: AtomicU64,
    /// Set by the player when it could take more; the thread then wakes it for each piece.
    hungry: AtomicBool,
    problem: Mutex<Option<super::Problem>>,
}

impl Progress {
    /// Says whether the player wants to hear of each piece. Said *before* it looks at what there
    /// is, so that a piece that comes in between is not missed.
    pub(crate) fn set_hungry(&self, hungry: bool) {
        self.hungry.store(hungry, Ordering::Release);
        fence(Ordering::SeqCst);
    }

    /// Asked *after* a piece was given out.
    pub(crate) fn is_hungry(&self) -> bool {
        fence(Ordering::SeqCst);
        self.hungry.load(Ordering::Acquire)
    }

    pub(crate) fn set_dry(&self, generation: Option<u64>) -> bool {
        self.dry.swap(generation.unwrap_or(0), Ordering::AcqRel) != generation.unwrap_or(0)
    }

    pub(crate) fn is_dry(&self, generation: u64) -> bool {
        self.dry.load(Ordering::Acquire) == generation
    }

    pub(crate) fn set_done(&self, generation: Option<u64>) {
        self.done.store(generation.unwrap_or(0), Ordering::Release);
    }

    pub(crate) fn is_done(&self, generation: u64) -> bool {
        self.done.load(Ordering::Acquire) == generation
    }

    pub(crate) fn set_until(&self, generation: u64, pts: Pts) {
        *self.until.lock().unwrap_or_else(PoisonError::into_inner) = (generation, pts);
    }

    /// What it gave out before it rested is there for whoever asks this first.
    pub(crate) fn rest(&self, generation: u64) -> Rest {
        match (self.is_done(generation), self.is_dry(generation)) {
            (true, _) => Rest::Done,
            (false, true) => Rest::Dry,
            (false, false) => Rest::No,
        }
    }

    /// End of what was given out in this generation, if anything was.
    pub(crate) fn until(&self, generation: u64) -> Option<Pts> {
        let (of, until) = *self.until.lock().unwrap_or_else(PoisonError::into_inner);
        (of == generation).then_some(until)
    }

    /// Keeps the newest problem until the player takes it.
    pub(crate) fn report(&self, problem: super::Problem) {
        *self.problem.lock().unwrap_or_else(PoisonError::into_inner) = Some(problem);
    }

    pub(crate) fn take_problem(&self) -> Option<super::Problem> {
        self.problem.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// Called by any thread when the player should look again. Must not block.
pub type Wake = Arc<dyn Fn() + Send + Sync>;
