//! Numbers of the channel.

use std::collections::BTreeSet;

use nearside_channel::message::StreamId;

/// Gives numbers to streams. None is used again before all others have been.
#[derive(Debug)]
pub(super) struct StreamIds {
    next: u16,
    taken: BTreeSet<StreamId>,
}

impl StreamIds {
    pub(super) fn new() -> Self {
        Self { next: 1, taken: BTreeSet::new() }
    }

    /// A free number, never 0. `None`: `limit` streams are open.
    pub(super) fn take(&mut self, limit: usize) -> Option<StreamId> {
        if limit.min(usize::from(u16::MAX)) <= self.taken.len() {
            return None;
        }
        loop {
            let id = StreamId(self.next);
            self.next = self.next.checked_add(1).unwrap_or(1);
            if self.taken.insert(id) {
                return Some(id);
            }
        }
    }

    pub(super) fn free(&mut self, id: StreamId) {
        self.taken.remove(&id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_come_round_and_skip_what_is_taken() {
        let mut ids = StreamIds::new();
        assert_eq!(ids.take(2), Some(StreamId(1)));
        for expected in 2..=u16::MAX {
            assert_eq!(ids.take(2), Some(StreamId(expected)));
            assert_eq!(ids.take(2), None, "there may be two at a time");
            ids.free(StreamId(expected));
        }
        assert_eq!(ids.take(2), Some(StreamId(2)), "0 is the control stream, 1 is taken");
    }
}
