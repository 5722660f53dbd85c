//! What agent and stage say to each other, over the stage's standard input and output.
//!
//! The frames are the channel's: control frames carry [`ToStage`] / [`FromStage`] as JSON,
//! media frames pass through the agent unchanged. The stage is the process that may crash, so
//! the agent trusts nothing that it sends either.

use nearside_channel::message::{
    DeviceSettings, PlayerCommand, PlayerEvent, PlayerId, Reason, StreamEvent, StreamId,
};
use nearside_channel::plugin::ConnectionFacts;
use serde::{Deserialize, Serialize};

use crate::status::{AudioStats, VideoStats};

/// How a stage shows and plays; fixed at its start.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct StageOptions {
    /// No window: pictures are drawn off-screen.
    pub headless: bool,
    /// Size of the picture's window in pixels, when there is no RDP window to lie over.
    pub window: Option<(u32, u32)>,
    pub renderer: RendererChoice,
    /// Measure the A/V offset at the sinks from flash and beep.
    pub measure: bool,
    /// Software decoding even where the device has hardware.
    pub software_decoding: bool,
    /// Media by URL may come from this device and its private networks.
    pub allow_private_addresses: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RendererChoice {
    #[default]
    Auto,
    Vulkan,
    Gl,
}

/// From the agent to a stage.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ToStage {
    /// First message.
    Start {
        options: StageOptions,
        settings: DeviceSettings,
        /// Its page comes later, and only then the sound device is opened.
        ahead: bool,
        /// The RDP connection as its client sees it: pictures go over that client's window.
        /// `None`: there is no RDP client, and pictures get windows of their own.
        #[serde(default)]
        facts: Option<Box<ConnectionFacts>>,
    },
    /// Its page: at once, or later for a stage that was started ahead. Players come after it.
    Page {
        title: String,
    },
    Settings(DeviceSettings),
    Player {
        player: PlayerId,
        command: PlayerCommand,
    },
    /// Writes what is on the screen as PNG; answered by `Screenshot`.
    Screenshot {
        path: String,
    },
    /// Answered by `Pong`: a stage that hangs is found by its silence.
    Ping {
        seq: u32,
    },
}

/// From a stage to the agent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum FromStage {
    /// Takes media from now on.
    Ready {
        renderer: RendererFacts,
    },
    Pong {
        seq: u32,
    },
    /// Media bytes were consumed.
    Credit {
        stream: StreamId,
        bytes: u32,
    },
    Player {
        player: PlayerId,
        event: PlayerEvent,
    },
    Stream {
        stream: StreamId,
        event: StreamEvent,
    },
    Stats {
        player: PlayerId,
        stats: Box<PlayerStats>,
    },
    Screenshot {
        error: Option<Reason>,
    },
    /// A log line of the stage, for "Collect logs".
    Log {
        line: String,
    },
    /// The stage cannot work at all (no renderer, broken input).
    Failed {
        reason: Reason,
    },
}

/// What draws.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct RendererFacts {
    /// `vulkan` or `gl`.
    pub backend: String,
    pub adapter: String,
    /// True when a processor draws, not a GPU.
    pub software: bool,
}

/// What one player did so far; sent about once a second while it plays and at its end.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct PlayerStats {
    /// Pictures or samples reached a sink since the last report.
    pub flowing: bool,
    pub position_micros: i64,
    pub duration_micros: Option<i64>,
    pub rate: f64,
    pub volume: f64,
    pub muted: bool,
    pub buffered: Vec<(i64, i64)>,
    pub bit_rate: f64,
    pub video: Option<VideoStats>,
    pub audio: Option<AudioStats>,
    /// From the first appended key frame to the first picture on the screen.
    pub first_frame_ms: Option<f64>,
    /// From the command to the sought picture on the screen, one value a seek.
    pub seeks_ms: Vec<f64>,
    /// Offsets of flash and beep at the sinks, positive when sound leads.
    pub av_offsets_ms: Vec<f64>,
    /// Root mean square of what was sent to the speaker, 0 to 1.
    pub audio_rms: f64,
}
