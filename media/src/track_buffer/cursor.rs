//! Reading a track buffer in decoding order while it changes.
//!
//! ```text
//!             frame                      same group: next frame
//!  seek ───▶ Reading ──▶ end of group ──▶ contiguous group: its key frame
//!               │                     └─▶ gap: Wait, until one is appended
//!               └─ group replaced or cut: key frame of the group that covers the next time,
//!                  up to which frames are only decoded, not shown
//! ```
//!
//! A cursor is a plain value of the reader. It names its group by a number that is never used
//! twice, so it cannot be misled by appends, removals and evictions.

use std::sync::Arc;

use super::gop::{Gop, Stored};
use super::{START_TOLERANCE_MICROS, TrackBuffer, TrackConfig};
use crate::segment::CodedFrame;
use crate::time::Pts;

/// A reader's place in a [`TrackBuffer`].
#[derive(Clone, Debug)]
pub struct Cursor {
    key: Pts,
    gop_id: u64,
    /// Index in the group of the next frame.
    next: usize,
    /// End of what was read, in presentation time.
    reached: Pts,
    /// Up to where nothing is missing, reordered frames considered.
    complete: Pts,
    /// Frames that end at or before this were asked for only to decode others.
    show_from: Pts,
    /// The frame that is seen or heard there, where it is known: frames before it are not shown.
    first_shown: Option<Pts>,
    restart: bool,
}

/// What comes next.
#[derive(Clone, Debug)]
pub enum Read {
    Frame(ReadFrame),
    /// Nothing is buffered at the reader's time.
    Wait,
    /// All frames were read and the page ended the stream.
    EndOfStream,
}

/// A frame for the decoder.
#[derive(Clone, Debug)]
pub struct ReadFrame {
    pub frame: CodedFrame,
    pub config: Arc<TrackConfig>,
    /// This key frame does not continue what was read before: the decoder is flushed first.
    /// A few frames that were read before may come again.
    pub restart: bool,
    /// Shown before the time asked for: decoded because others need it, not shown.
    pub preroll: bool,
}

impl TrackBuffer {
    /// A cursor at the key frame from which the picture or sound at `time` is decoded.
    ///
    /// `None`: not buffered. Small gaps before the first frame are tolerated.
    #[must_use]
    pub fn seek(&self, time: Pts) -> Option<Cursor> {
        let gop = self.gop_for(time).or_else(|| self.gop_at_start(time))?;
        // Beyond the end of an ended stream its last frame is shown.
        let time = if self.ended { time.min(gop.end().plus(-1)) } else { time };
        Some(Cursor {
            key: gop.key(),
            gop_id: gop.id,
            next: 0,
            reached: time,
            complete: time,
            show_from: time,
            first_shown: self.shown_at(gop, time),
            restart: true,
        })
    }

    /// The frame of `gop` that is seen at `time`: the last one that begins by then. How long
    /// frames last says less: a file tells how far apart they are decoded.
    ///
    /// `None`: it may be one that is not in the group, or not yet.
    fn shown_at(&self, gop: &Gop, time: Pts) -> Option<Pts> {
        let frames = gop.frames();
        let (is_whole, leads) = match self.gop_after(gop.key()) {
            Some(next) => {
                let near = gop.end().plus(self.tolerance_micros());
                (next.start() <= near, next.start() <= time)
            }
            None => (self.ended, false),
        };
        // What is yet to come is shown no earlier than the last one is decoded.
        let is_there = is_whole || frames.last().is_some_and(|last| time < last.frame.dts);
        if leads || !is_there {
            return None;
        }
        frames.iter().map(|stored| stored.frame.pts).filter(|begin| *begin <= time).max()
    }

    /// Reads the next frame in decoding order.
    #[must_use]
    pub fn next(&self, cursor: &mut Cursor) -> Read {
        // A cursor moves at most to the next group or to the covering one; both have a frame.
        for _ in 0..3 {
            let own = self.gops.get(&cursor.key).filter(|gop| gop.id == cursor.gop_id);
            if let Some(stored) = own.and_then(|gop| gop.frames().get(cursor.next)) {
                return cursor.take(stored);
            }
            let moved = match own {
                Some(gop) if cursor.next == gop.frames().len() => self.follow(cursor, gop),
                _ => self.recover(cursor),
            };
            if !moved {
                return self.at_end(cursor);
            }
        }
        Read::Wait
    }

    /// Moves on to a group that continues where the last one ended.
    fn follow(&self, cursor: &mut Cursor, read: &Gop) -> bool {
        let near = cursor.reached.max(read.bridged_end()).plus(self.tolerance_micros());
        let next = self.gop_after(cursor.key).filter(|next| next.start() <= near);
        let Some(next) = next else { return false };
        cursor.enter(next);
        true
    }

    /// The group that was read is gone or was cut: decodes again up to where it was.
    fn recover(&self, cursor: &mut Cursor) -> bool {
        let Some(gop) = self.gop_for(cursor.complete) else { return false };
        cursor.enter(gop);
        cursor.show_from = cursor.show_from.max(cursor.complete);
        cursor.first_shown = None;
        cursor.restart = true;
        true
    }

    fn at_end(&self, cursor: &Cursor) -> Read {
        let rest = self.highest_end().is_some_and(|end| cursor.reached < end);
        if self.ended && !rest { Read::EndOfStream } else { Read::Wait }
    }

    /// The group from which `time` is decoded.
    fn gop_for(&self, time: Pts) -> Option<&Gop> {
        let near = time.plus(self.tolerance_micros());
        let before = self.gops.range(..=time).next_back().map(|(_, gop)| gop);
        if let Some(gop) = before {
            let is_last = || self.gop_after(gop.key()).is_none();
            if time < gop.end() || (self.ended && is_last()) {
                return Some(gop);
            }
            // Frames that lead the next key frame need this group.
            let leading = |next: &&Gop| next.start() <= time && time < next.key();
            let tolerance = self.tolerance_micros();
            if let Some(next) = self.gop_after(gop.key()).filter(leading)
                && next.start().since(gop.end()) <= tolerance
            {
                return Some(gop);
            }
        }
        let first_after = match before {
            Some(gop) => self.gop_after(gop.key()),
            None => self.gops.first_key_value().map(|(_, gop)| gop),
        };
        let bridged = before.map(Gop::bridged_end).filter(|end| time < *end);
        let near = bridged.map_or(near, |end| end.plus(self.tolerance_micros()));
        first_after.filter(|next| next.start() <= near)
    }

    /// The front of media that begins a little after zero, where a page starts to play.
    fn gop_at_start(&self, time: Pts) -> Option<&Gop> {
        let (_, first) = self.gops.first_key_value()?;
        (time <= first.start() && first.start() < Pts(START_TOLERANCE_MICROS)).then_some(first)
    }
}

impl Cursor {
    /// Up to where frames were read, or the time that was sought.
    #[must_use]
    pub fn reached(&self) -> Pts {
        self.reached
    }

    fn enter(&mut self, gop: &Gop) {
        self.key = gop.key();
        self.gop_id = gop.id;
        self.next = 0;
    }

    fn take(&mut self, stored: &Stored) -> Read {
        let Stored { frame, config } = stored.clone();
        self.next += 1;
        self.reached = self.reached.max(frame.end());
        // Later frames are shown no earlier than this one is decoded.
        let decoded = frame.dts.plus(frame.duration_micros).min(frame.end());
        self.complete = self.complete.max(decoded.min(self.reached));
        let restart = std::mem::take(&mut self.restart);
        let preroll = match self.first_shown {
            Some(first) => frame.pts < first,
            None => frame.end() <= self.show_from,
        };
        Read::Frame(ReadFrame { frame, config, restart, preroll })
    }
}
