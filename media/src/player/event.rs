//! What a player tells its owner.

use crate::decode::DecodeError;
use crate::fetch::SourceError;
use crate::time::Pts;

/// What the player tells its owner.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    State {
        state: State,
        position: Pts,
        rate: f64,
    },
    /// The sought picture is on the screen.
    Seeked {
        token: Option<u32>,
        position: Pts,
    },
    /// Size in square pixels.
    Resized {
        width: u32,
        height: u32,
    },
    FirstFrame {
        position: Pts,
    },
    /// Playing goes on.
    Warning(Problem),
    /// Playing cannot go on.
    Failed {
        problem: Problem,
        position: Pts,
    },
}

/// As in `PlaybackState` of the channel, from the player's view.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    Paused,
    Playing,
    Stalled,
    Seeking,
    Ended,
}

/// What is wrong.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    #[error(transparent)]
    Decoder(#[from] DecodeError),
    #[error("some of the media is damaged and was left out")]
    Damaged,
    #[error("a decode thread does not start")]
    Thread,
    #[error("too many players make sound at once")]
    TooManyVoices,
    /// Of media by URL.
    #[error(transparent)]
    Source(#[from] SourceError),
}
