//! A player's pictures: from the decode thread to the refresh that shows them.

use super::Player;
use super::event::Event;
use crate::picture::VideoFrame;
use crate::present::{Pick, refresh_span_micros};
use crate::time::{Pts, micros_of};
use std::time::{Duration, Instant};

/// Decoded pictures waiting for their refresh.
pub(super) const PRESENTER_DEPTH: usize = 5;

/// Between a pick and the screen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lead {
    /// Time to draw and present a picture.
    pub draw: Duration,
    /// The screen shows what is presented at its next refresh; else at once.
    pub refreshes: bool,
}

impl Default for Lead {
    fn default() -> Self {
        Self { draw: Duration::ZERO, refreshes: true }
    }
}

impl Player {
    /// How long it takes from a pick to the screen, and whether the screen waits for a refresh.
    /// Pictures are picked that much ahead, so that they are seen when they are due.
    pub fn set_lead(&mut self, lead: Lead) {
        self.lead = lead;
    }

    /// The picture to draw now, if it is another than the last one. `interval` is the time
    /// between refreshes.
    pub fn pick(&mut self, now: Instant, interval: Duration) -> Option<VideoFrame> {
        if self.failed {
            return None;
        }
        self.pump();
        let running = self.transport.running();
        if !running && self.presenter.shown().is_some() {
            return None;
        }
        let span = if running { refresh_span_micros(micros_of(interval), self.rate) } else { 0 };
        let seen = self.clock(now).plus(self.lead_micros(span));
        let picked = self.presenter.pick(seen, span);
        self.span = span;
        self.pump();
        match picked {
            Pick::Show { frame, .. } => Some(frame),
            Pick::Hold => None,
        }
    }

    /// The picture from [`Player::pick`], of this time and size, reached the screen at `at`.
    pub fn presented(&mut self, pts: Pts, size: (u32, u32), at: Instant) {
        if self.size != Some(size) {
            self.size = Some(size);
            self.events.push(Event::Resized { width: size.0, height: size.1 });
        }
        if !self.first_frame_shown {
            self.first_frame_shown = true;
            self.measured.first_frame(self.buffers.first_keyframe_at(), at);
            self.events.push(Event::FirstFrame { position: pts });
        }
        self.announce_seeked(at);
    }

    /// When the presenter's next picture is due, as an instant.
    pub fn next_picture(&self, now: Instant) -> Option<Instant> {
        let due = self.presenter.next_due()?;
        if self.presenter.shown().is_none() {
            return Some(now);
        }
        if !self.transport.running() {
            return None;
        }
        let seen = self.clock(now).plus(self.lead_micros(self.span));
        Some(now + self.media_span(due.since(seen)))
    }

    /// Media time between a pick and the screen, for refreshes `span` apart.
    fn lead_micros(&self, span: i64) -> i64 {
        let draw = refresh_span_micros(micros_of(self.lead.draw), self.rate);
        // The presenter picks for the nearest refresh; a screen without one shows at once.
        if self.lead.refreshes { draw } else { draw - span / 2 }
    }

    /// Takes decoded pictures as far as there is room, drops those of before a seek.
    pub(super) fn pump(&mut self) {
        let Some(decoded) = &self.video.decoded else { return };
        self.video.progress.set_hungry(true);
        self.picture_rest = self.video.progress.rest(self.generation);
        while self.wants_picture() {
            let Ok(item) = decoded.try_recv() else { break };
            if item.generation != self.generation {
                self.measured.picture_overtaken();
                continue;
            }
            let (pts, duration) = (item.frame.pts(), item.frame.duration_micros());
            self.picture_until = Some(pts.plus(duration.max(0)));
            // There is room: only a picture that does not advance time is left out.
            let _ = self.presenter.push(pts, duration, item.frame);
        }
        if !self.wants_picture() {
            self.video.progress.set_hungry(false);
        }
    }

    fn wants_picture(&self) -> bool {
        let has_one = !self.presenter.is_empty() || self.presenter.shown().is_some();
        !self.presenter.is_full() && (self.begun || !has_one)
    }
}
