//! What pictures and sound can deliver at a player's position.

use super::Player;
use super::threads::Rest;
use super::transport::{Feed, Phase};
use crate::segment::TrackKind;
use std::time::{Duration, Instant};

/// Less sound than this ahead, with nothing more to decode, is a stall.
pub(super) const SOUND_DRY: Duration = Duration::from_millis(20);

/// Sound ahead before playback starts or goes on.
const SOUND_START: Duration = Duration::from_millis(100);

impl Player {
    pub(super) fn picture_feed(&self, now: Instant) -> Feed {
        if !self.buffers.has_track(TrackKind::Video) {
            return self.missing();
        }
        if !self.presenter.is_empty() {
            return Feed::Ready;
        }
        let shown = self.presenter.shown().is_some();
        let position = self.clock(now);
        let seen_all = self.picture_until.is_none_or(|until| until <= position);
        if self.picture_rest == Rest::Done {
            return if seen_all || !self.transport.running() && !shown {
                Feed::Done
            } else {
                Feed::Ready
            };
        }
        let running = self.transport.phase() == Phase::Running;
        if self.picture_rest == Rest::Dry && (seen_all || !running) {
            return if shown && !running && !seen_all { Feed::Ready } else { Feed::Dry };
        }
        let seeking = matches!(self.transport.phase(), Phase::Seeking { .. });
        if shown && seeking { Feed::Ready } else { Feed::Filling }
    }

    pub(super) fn sound_feed(&self, now: Instant) -> Feed {
        if !self.buffers.has_track(TrackKind::Audio) {
            return self.missing();
        }
        let progress = &self.audio.progress;
        let rest = progress.rest(self.generation);
        if rest == Rest::Done {
            return if self.voice.is_drained(now) { Feed::Done } else { Feed::Ready };
        }
        let until = progress.until(self.generation).unwrap_or(self.anchor);
        let ahead = until.since(self.clock(now));
        let running = self.transport.phase() == Phase::Running;
        let enough = if running { SOUND_DRY } else { SOUND_START };
        if enough <= self.media_span(ahead) {
            return Feed::Ready;
        }
        if rest == Rest::Dry { Feed::Dry } else { Feed::Filling }
    }

    /// No such track, or none yet.
    fn missing(&self) -> Feed {
        if self.buffers.awaits_tracks() { Feed::Filling } else { Feed::Absent }
    }
}
