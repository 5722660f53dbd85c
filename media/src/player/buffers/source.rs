//! The side of [`Buffers`] that a source's worker speaks to: what to do next, and what came.

use super::{Buffers, Inner, NO_LOOK};
use crate::fetch::{Line, SourceError, SourceFacts};
use crate::player::fetched::{Fetched, Room};
use crate::segment::CodedFrame;
use crate::time::Pts;
use std::sync::atomic::{Ordering, fence};
use std::sync::{Arc, PoisonError};
use std::time::Instant;

/// What a source's worker does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Work {
    /// Read one frame.
    Read,
    /// Go where the player is.
    Seek(Pts),
    /// The player is gone.
    Stop,
}

impl Buffers {
    /// Media comes from a source from now on.
    pub(crate) fn attach(&self, line: Arc<Line>) {
        self.change(|inner| inner.fetched = Some(Fetched::new(line)));
    }

    /// Waits until there is something to do. `handled` is the seek that the worker has seen.
    pub(crate) fn next_work(&self, handled: &mut u64) -> Work {
        let mut inner = self.lock();
        loop {
            let order = inner.order;
            let Some(fetched) = &mut inner.fetched else { return Work::Stop };
            if order.stopped || fetched.is_closed() {
                return Work::Stop;
            }
            let moved = std::mem::replace(handled, order.generation) != order.generation;
            fetched.reading = true;
            if fetched.is_interrupted() || (moved && !fetched.leads_to(order.start)) {
                return Work::Seek(order.start);
            }
            if !fetched.has_ended() {
                match fetched.make_room(self.position(), order.started) {
                    Room::Yes => return Work::Read,
                    Room::From(position) => {
                        if self.plan_look(position) {
                            continue;
                        }
                    }
                    Room::Never => {
                        fetched.failure = Some(SourceError::TooLarge);
                        return Work::Stop;
                    }
                }
            }
            fetched.reading = false;
            inner = self.changed.wait(inner).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Has the worker woken when the position is at `at`. True when it is there already: it may
    /// have come there before it could know.
    pub(super) fn plan_look(&self, at: Pts) -> bool {
        let at = at.0.max(NO_LOOK + 1);
        self.look_at.store(at, Ordering::Relaxed);
        // Either this sees the position or `set_position` sees the plan.
        fence(Ordering::SeqCst);
        at <= self.position().0
    }

    /// The tracks are known.
    pub(crate) fn source_opened(&self, facts: SourceFacts) {
        self.with_fetched(|fetched| fetched.open(facts));
    }

    /// The next frame of the track with this index. True for the first one.
    pub(crate) fn source_frame(&self, track: usize, frame: CodedFrame) -> bool {
        self.change(|inner| {
            let fetched = inner.fetched.as_mut();
            let first = fetched.is_some_and(|fetched| fetched.insert(track, frame));
            if first {
                inner.first_keyframe.get_or_insert_with(Instant::now);
            }
            first
        })
    }

    /// The resource was read to its end.
    pub(crate) fn source_ended(&self) {
        self.with_fetched(Fetched::end);
    }

    /// What comes next is played from `to`; what is here is void.
    pub(crate) fn source_moves(&self, to: Pts) {
        self.with_fetched(|fetched| fetched.restart(to));
    }

    /// Nothing more comes.
    pub(crate) fn source_failed(&self, error: SourceError) {
        self.with_fetched(|fetched| fetched.failure = Some(error));
    }

    /// Why nothing more comes, if so.
    pub(crate) fn source_failure(&self) -> Option<SourceError> {
        self.lock().fetched.as_ref()?.failure.clone()
    }

    /// Where the source's media begins; `None`: there is no source, or it is not open yet.
    pub(crate) fn source_start(&self) -> Option<Pts> {
        self.lock().fetched.as_ref()?.start()
    }

    /// Duration that the source tells.
    pub(crate) fn source_duration(&self) -> Option<i64> {
        self.lock().fetched.as_ref()?.duration_micros
    }

    /// Whether the worker waits for the player to need more.
    #[cfg(test)]
    pub(crate) fn source_rests(&self) -> bool {
        let inner = self.lock();
        inner.fetched.as_ref().is_some_and(|fetched| !fetched.reading && fetched.is_open())
    }

    /// Memory that fetched frames take.
    #[cfg(test)]
    pub(crate) fn source_bytes(&self) -> usize {
        let inner = self.lock();
        inner.fetched.iter().flat_map(Fetched::buffers).map(|buffer| buffer.bytes()).sum()
    }

    fn with_fetched(&self, act: impl FnOnce(&mut Fetched)) {
        self.change(|inner| inner.fetched.as_mut().map(act));
    }
}

impl Inner {
    /// After a change of the order, whose generation was `before`: a worker that waits for the
    /// network in the wrong place is woken.
    pub(super) fn tell_source(&self, before: u64) {
        let (order, Some(fetched)) = (&self.order, &self.fetched) else { return };
        if order.stopped {
            fetched.close();
        } else if order.generation != before && fetched.reading && !fetched.leads_to(order.start) {
            fetched.interrupt();
        }
    }
}
