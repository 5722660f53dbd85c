//! Sound: from decoded audio frames to the device, and back to the time it is heard at.
//!
//! ```text
//!  decode thread                    callback (device, or the system-clock thread)
//!  Converter ─▶ Stretch ─▶ VoiceWriter ══ ring, 200 ms ══▶ Mixer ─▶ device
//!                             │ (frame, pts, rate)           │ (frame, heard at)
//!                             └──────────▶ VoiceClock ◀──────┘
//! ```
//!
//! Units: samples are `f32` at full scale ±1, interleaved, [`CHANNELS`] to an audio frame, at
//! [`OutputFacts::rate_hz`]; instants inside are microseconds since the output was opened.
//! Owner: one [`Output`] per process; each player owns one voice.
//!
//! INVARIANT: the callback does not allocate, free, log, or wait for a lock. What it shares with
//! other threads are atomics, rings, and one mutex that every side only ever *tries*.

mod clock;
pub(crate) mod convert;
mod depth;
mod device;
mod device_thread;
mod level;
mod mixer;
mod num;
mod output;
mod policy;
mod resample;
mod shared;
mod stretch;
mod system;
mod timeline;
mod voice;

#[cfg(test)]
mod no_alloc;
#[cfg(test)]
mod pulse_tests;
#[cfg(test)]
mod tone;

pub use clock::{Clock, ClockCore, Heard, SystemClock};
pub use level::Level;
pub use output::{Output, OutputConfig, OutputEvent, OutputFacts, TooManyVoices};
pub use stretch::{Stretch, Stretched};
pub use voice::{VoiceClock, VoiceControl, VoiceWriter, WriteError};

/// Channels of the mix, and of everything written to a voice: left, right.
pub const CHANNELS: usize = 2;

/// Slowest rate at which sound is played.
pub const RATE_MIN: f64 = 0.25;

/// Fastest rate at which sound is played.
pub const RATE_MAX: f64 = 4.0;
