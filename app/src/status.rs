//! What everyone may see: the agent's state as one value, streamed to the panel and printed
//! by `nearside status --json`.
//!
//! Owner: the agent. Everything else reads copies. Times are Unix milliseconds, sizes pixels.
//! INVARIANT: an item is `flowing` only while pictures or samples really reached a sink within
//! the last two seconds; the green indicators derive from that and from nothing else.

use nearside_channel::message::{DeviceSettings, Reason};
use serde::{Deserialize, Serialize};

/// One snapshot.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Status {
    pub client_version: String,
    /// Raised with every change.
    pub revision: u64,
    pub session: Option<Session>,
    /// Why nothing can be redirected although a session is connected (policy, versions).
    pub blocked: Option<Reason>,
    /// Redirected items, oldest first.
    pub items: Vec<Item>,
    pub settings: DeviceSettings,
    /// What went wrong lately, newest last, at most [`MAX_NOTICES`].
    pub notices: Vec<Notice>,
    pub processes: Vec<Process>,
}

/// Bound on [`Status::notices`].
pub const MAX_NOTICES: usize = 16;

/// A connected remote session.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Session {
    pub name: String,
    pub connected_unix_ms: u64,
    pub host_version: String,
    pub extension_version: String,
    pub activity_id: String,
    pub connection_id: String,
    /// Round trip of the heartbeat.
    pub round_trip_ms: Option<f64>,
    /// Media bytes received.
    pub received_bytes: u64,
    /// What all sources of policy together allow.
    pub policy: Vec<PolicyValue>,
}

/// The most restrictive of what the sources of policy say of one feature. In words for people.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct PolicyValue {
    pub feature: String,
    pub value: String,
    /// What each source says, also that it says nothing.
    pub sources: Vec<String>,
    /// The one of them that decided; `None`: nothing restricts.
    pub decided_by: Option<String>,
}

/// One redirected video or audio.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Item {
    pub page: u32,
    pub player: u32,
    pub site: String,
    pub title: String,
    pub kind: ItemKind,
    pub playback: Playback,
    pub flowing: bool,
    pub since_unix_ms: u64,
    pub position_micros: i64,
    pub duration_micros: Option<i64>,
    /// Buffered spans of media time, in microseconds.
    pub buffered: Vec<(i64, i64)>,
    pub rate: f64,
    pub volume: f64,
    pub muted: bool,
    pub video: Option<VideoStats>,
    pub audio: Option<AudioStats>,
    /// Media bits per second over the last seconds.
    pub bit_rate: f64,
    /// Why the item fell back to native playback, if it did.
    pub failed: Option<Reason>,
    /// What is off although it plays.
    pub warning: Option<Reason>,
    /// True when the panel may steer it: its page takes the user's wishes.
    pub steerable: bool,
    pub measurements: Measurements,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ItemKind {
    #[default]
    Video,
    Audio,
    Call,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Playback {
    #[default]
    Paused,
    Playing,
    Stalled,
    Seeking,
    Ended,
}

/// Counters and facts of a picture stream.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct VideoStats {
    pub codec: String,
    pub width: u32,
    pub height: u32,
    /// For people: `software` or the hardware's name, e.g. `VAAPI`.
    pub decoder: String,
    pub hardware: bool,
    pub decoded: u64,
    pub presented: u64,
    pub dropped: u64,
    pub late: u64,
    pub corrupted: u64,
    /// Audio minus video position in milliseconds; positive when sound leads.
    pub av_offset_ms: Option<f64>,
    /// `vulkan` or `gl`.
    pub renderer_backend: String,
    /// The adapter's name.
    pub renderer: String,
    pub renderer_software: bool,
    /// `None` until the first picture has a place.
    pub placement: Option<Placement>,
}

/// Where a video's pictures are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Placement {
    /// In the RDP client's window, over the video's place in the remote page.
    OverSession,
    /// In a window of its own, because the RDP client's window takes no pictures.
    PlayerWindow,
    /// In a window of its own: there is no RDP client.
    FreeStanding,
    /// Nowhere: drawn off-screen.
    Offscreen,
}

impl Placement {
    /// For people, after a verb: "plays over the session".
    pub const fn for_people(self) -> &'static str {
        match self {
            Self::OverSession => "over the session",
            Self::PlayerWindow | Self::FreeStanding => "in a window of its own",
            Self::Offscreen => "off-screen",
        }
    }
}

/// Counters and facts of a sound stream.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct AudioStats {
    pub codec: String,
    pub rate_hz: u32,
    pub channels: u32,
    /// For people; `None` when there is no device and the system clock keeps time.
    pub device: Option<String>,
    pub underruns: u64,
}

/// What was measured while an item played.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Measurements {
    /// From the first appended key frame to the first picture on the screen.
    pub first_frame_ms: Option<f64>,
    /// From the command to the sought picture on the screen, one value a seek.
    pub seeks_ms: Vec<f64>,
    /// Offsets of flash and beep at the sinks, positive when sound leads; only when asked for.
    pub av_offsets_ms: Vec<f64>,
    /// Root mean square of what was sent to the speaker, 0 to 1.
    pub audio_rms: f64,
}

/// Something the user should know.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Notice {
    pub unix_ms: u64,
    pub severity: Severity,
    pub reason: Reason,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    Info,
    Warning,
    Error,
}

/// A process of this program.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Process {
    pub role: String,
    pub pid: u32,
}

/// The state of the indicator, as in the extension's icon.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Indicator {
    NotLoaded,
    Failed,
    Loaded,
    RedirectingVideo,
    RedirectingCall,
    RedirectingVideoAndCall,
}

impl Status {
    /// Numbers of the processes with this role, in the order of their starts.
    pub fn pids(&self, role: &str) -> Vec<u32> {
        let of_role = self.processes.iter().filter(|process| process.role == role);
        of_role.map(|process| process.pid).collect()
    }

    /// The one derivation that tray, panel and scripts show.
    pub fn indicator(&self) -> Indicator {
        let flowing = |call: bool| {
            self.items.iter().any(|item| item.flowing && (item.kind == ItemKind::Call) == call)
        };
        match (flowing(false), flowing(true)) {
            (true, true) => Indicator::RedirectingVideoAndCall,
            (true, false) => Indicator::RedirectingVideo,
            (false, true) => Indicator::RedirectingCall,
            (false, false) if self.session.is_none() => Indicator::NotLoaded,
            (false, false) if self.blocked.is_some() => Indicator::NotLoaded,
            (false, false)
                if !self.items.is_empty()
                    && self.items.iter().all(|item| item.failed.is_some()) =>
            {
                Indicator::Failed
            }
            (false, false) => Indicator::Loaded,
        }
    }

    /// Headlines in the documented words, at most two.
    pub fn headlines(&self) -> Vec<&'static str> {
        match self.indicator() {
            Indicator::NotLoaded => vec!["Not loaded"],
            Indicator::Failed => vec!["Failed to load correctly"],
            Indicator::Loaded => vec!["Loaded"],
            Indicator::RedirectingVideo => vec!["A video is being redirected."],
            Indicator::RedirectingCall => vec!["A call is being redirected."],
            Indicator::RedirectingVideoAndCall => {
                vec!["A video is being redirected.", "A call is being redirected."]
            }
        }
    }

    /// A sentence if the parts that are known are of different versions.
    pub fn version_warning(&self) -> Option<String> {
        let session = self.session.as_ref()?;
        let parts = [
            ("extension", &session.extension_version),
            ("host", &session.host_version),
            ("client", &self.client_version),
        ];
        let mut known = parts.iter().filter(|(_, version)| !version.is_empty());
        let (_, first) = known.next()?;
        if known.all(|(_, version)| version == first) {
            return None;
        }
        let known = parts.iter().filter(|(_, version)| !version.is_empty());
        let list: Vec<String> = known.map(|(part, version)| format!("{part} {version}")).collect();
        let list = list.join(", ");
        Some(format!(
            "The parts of Nearside are of different versions ({list}). Update the older ones."
        ))
    }

    /// The line under the headline: where, or why not and what to do.
    pub fn subtitle(&self) -> String {
        match (&self.session, &self.blocked) {
            (None, _) => "Waiting for a session".to_owned(),
            (Some(_), Some(reason)) => format!("{} {}", reason.message, reason.next_step),
            (Some(session), None) => {
                match self.items.iter().rev().find_map(|i| i.failed.as_ref()) {
                    Some(reason) if self.indicator() == Indicator::Failed => {
                        format!("{} {}", reason.message, reason.next_step)
                    }
                    _ => self
                        .version_warning()
                        .unwrap_or_else(|| format!("Session on {}", session.name)),
                }
            }
        }
    }
}
