//! Resultant values of all policy sources.
//!
//! Four sources speak: the session host's policy, the properties of the RDP connection, the
//! device's managed policy and the user's switches. Each may only restrict, so the most
//! restrictive one decides and no source can widen what another has narrowed. "Not
//! configured" restricts nothing and is shown as such.
//!
//! A [`Resultant`] keeps what every source said, so that a page can name the one that
//! decided: "Microphone: off, because the .rdp file says audiocapturemode:i:0".
//! Consent of the user for a site is asked apart from this, and after it.

mod properties;

use serde::{Deserialize, Deserializer};
use std::fmt;

pub use self::properties::{AudioMode, CameraList, ConnectionProperties, Origin, PropertyError};
use crate::message::{Reason, ReasonCode, SessionPolicy};
use crate::validate::{MAX_SENTENCE, clipped};

/// A value that an administrator or a file may leave out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Setting<T> {
    #[default]
    NotConfigured,
    Is(T),
}

impl<T> From<Option<T>> for Setting<T> {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::NotConfigured, Self::Is)
    }
}

/// Null, or not there at all where the field has a default, is not configured.
impl<'de, T: Deserialize<'de>> Deserialize<'de> for Setting<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Option::deserialize(deserializer).map(Self::from)
    }
}

impl<T> Setting<T> {
    fn map<U>(self, map: impl FnOnce(T) -> U) -> Setting<U> {
        match self {
            Self::NotConfigured => Setting::NotConfigured,
            Self::Is(value) => Setting::Is(map(value)),
        }
    }
}

/// Managed policy of the device, as its file carries it: a JSON object, fields it lacks are not
/// configured. False switches a feature off.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct DevicePolicy {
    pub playback: Setting<bool>,
    pub microphone: Setting<bool>,
    pub camera: Setting<bool>,
    /// Media by URL may come from this device and its private networks. Only true allows it.
    pub allow_private_addresses: Setting<bool>,
}

/// What the user has switched off.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct UserSwitches {
    /// Redirection is paused: everything plays in the session.
    pub paused: bool,
    pub microphone_off: bool,
    pub camera_off: bool,
}

/// Everything the sources say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Inputs {
    pub session: SessionPolicy,
    pub connection: ConnectionProperties,
    pub device: DevicePolicy,
    pub user: UserSwitches,
}

/// Who says something. In the order in which equal restrictions are credited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// Policy of the session host.
    Session,
    /// The RDP connection.
    Connection(Origin),
    /// Managed policy of the device.
    Device,
    /// The user's switches.
    User,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Session => "the session host's policy",
            Self::Connection(Origin::Live) => "the RDP connection",
            Self::Connection(Origin::RdpFile) => "the .rdp file",
            Self::Device => "this device's policy",
            Self::User => "you",
        })
    }
}

/// Playback redirection. From the least to the most restrictive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Playback {
    On,
    /// Pictures are redirected, no sound is played (`audiomode:i:2`).
    Silent,
    /// Sound stays in the session (`audiomode:i:1`), so only media without sound is
    /// redirected.
    SoundlessOnly,
    Off,
}

/// Use of a microphone or camera. From the least to the most restrictive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Capture {
    On,
    /// Only the cameras that [`CameraList::allows`].
    Listed,
    Off,
}

/// A value with the least restriction, and words for people.
pub trait Value: Copy + Ord + fmt::Display {
    /// What holds when nobody restricts anything.
    const UNRESTRICTED: Self;
}

impl Value for Playback {
    const UNRESTRICTED: Self = Self::On;
}

impl Value for Capture {
    const UNRESTRICTED: Self = Self::On;
}

impl fmt::Display for Playback {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::On => "on",
            Self::Silent => "on without sound",
            Self::SoundlessOnly => "on for media without sound",
            Self::Off => "off",
        })
    }
}

impl fmt::Display for Capture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::On => "on",
            Self::Listed => "on for listed cameras",
            Self::Off => "off",
        })
    }
}

/// What one source says about one feature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement<V> {
    pub source: Source,
    /// Name of the setting, as administrators know it; of the user, what was done.
    pub setting: &'static str,
    /// The value as it is written there.
    pub written: Setting<String>,
    /// The most that this source lets happen.
    pub at_most: V,
}

/// The value that holds, with everything that led to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resultant<V> {
    pub feature: &'static str,
    pub value: V,
    /// All sources, configured or not.
    pub statements: Vec<Statement<V>>,
    /// Index of the statement that decided; `None` while nothing restricts.
    decided: Option<usize>,
}

impl<V: Value> Resultant<V> {
    fn new(feature: &'static str, statements: Vec<Statement<V>>) -> Self {
        let mut value = V::UNRESTRICTED;
        let mut decided = None;
        for (index, statement) in statements.iter().enumerate() {
            if value < statement.at_most {
                value = statement.at_most;
                decided = Some(index);
            }
        }
        Self { feature, value, statements, decided }
    }

    /// The statement that decided; `None` while nothing restricts.
    pub fn decided_by(&self) -> Option<&Statement<V>> {
        self.decided.and_then(|index| self.statements.get(index))
    }

    /// The restriction as a reason; `None` while nothing restricts.
    pub fn reason(&self) -> Option<Reason> {
        let decider = self.decided_by()?;
        let (code, next_step) = match decider.source {
            Source::Session => (ReasonCode::Policy, "Ask the administrator of the session host."),
            Source::Connection(_) => {
                (ReasonCode::Policy, "Change the setting of the RDP connection and connect again.")
            }
            Source::Device => (ReasonCode::Policy, "Ask the administrator of this device."),
            Source::User if decider.setting == PAUSED => {
                (ReasonCode::PausedByUser, "Resume redirection.")
            }
            Source::User => (ReasonCode::Policy, "Switch it on again."),
        };
        let message = format!("{self}.");
        Some(Reason::new(code, clipped(&message, MAX_SENTENCE), next_step))
    }
}

/// `Microphone: off, because the .rdp file says audiocapturemode:i:0`
impl<V: Value> fmt::Display for Resultant<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.feature, self.value)?;
        match self.decided_by() {
            None => Ok(()),
            Some(statement) => write!(f, ", because {statement}"),
        }
    }
}

/// `the .rdp file says audiocapturemode:i:0`, `you have paused redirection`
impl<V> fmt::Display for Statement<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { source, setting, written, at_most: _ } = self;
        if *source == Source::User {
            let is_set = *written == Setting::Is(true.to_string());
            return write!(f, "you have {}{setting}", if is_set { "" } else { "not " });
        }
        match (written, setting.ends_with(':')) {
            (Setting::NotConfigured, _) => {
                write!(f, "{source} does not configure {}", setting.trim_end_matches(':'))
            }
            (Setting::Is(written), true) => write!(f, "{source} says {setting}{written}"),
            (Setting::Is(written), false) => write!(f, "{source} says {setting} = {written}"),
        }
    }
}

const PAUSED: &str = "paused redirection";

/// Audio and video playback.
pub fn playback(inputs: &Inputs) -> Resultant<Playback> {
    let Inputs { session, connection, device, user } = inputs;
    let off_if = |off: &bool| if *off { Playback::Off } else { Playback::On };
    let audio = |mode: &AudioMode| match mode {
        AudioMode::Here => Playback::On,
        AudioMode::Remote => Playback::SoundlessOnly,
        AudioMode::Nowhere => Playback::Silent,
    };
    let origin = Source::Connection(connection.origin);
    Resultant::new(
        "Video playback",
        vec![
            statement(Source::Session, "fDisableCam", session.disable_playback.into(), off_if),
            statement(origin, "audiomode:i:", connection.audio_mode, audio),
            statement(Source::Device, "playback", device.playback, |on| off_if(&!on)),
            statement(Source::User, PAUSED, Setting::Is(user.paused), off_if),
        ],
    )
}

/// Recording by microphone.
pub fn microphone(inputs: &Inputs) -> Resultant<Capture> {
    let Inputs { session, connection, device, user } = inputs;
    let session_value = session.disable_audio_capture.into();
    let captures = connection.audio_capture.map(u8::from);
    let origin = Source::Connection(connection.origin);
    Resultant::new(
        "Microphone",
        vec![
            statement(Source::Session, "fDisableAudioCapture", session_value, off_if),
            statement(origin, "audiocapturemode:i:", captures, |on| off_if(&(*on == 0))),
            statement(Source::Device, "microphone", device.microphone, |on| off_if(&!on)),
            statement(Source::User, PAUSED, Setting::Is(user.paused), off_if),
            statement(
                Source::User,
                "switched the microphone off",
                Setting::Is(user.microphone_off),
                off_if,
            ),
        ],
    )
}

/// Cameras. With [`Capture::Listed`], ask [`CameraList::allows`] for each.
pub fn camera(inputs: &Inputs) -> Resultant<Capture> {
    let Inputs { session, connection, device, user } = inputs;
    let session_value = session.disable_camera.into();
    let origin = Source::Connection(connection.origin);
    Resultant::new(
        "Camera",
        vec![
            statement(Source::Session, "fDisableCameraRedir", session_value, off_if),
            statement(
                origin,
                "camerastoredirect:s:",
                connection.cameras.clone(),
                CameraList::capture,
            ),
            statement(Source::Device, "camera", device.camera, |on| off_if(&!on)),
            statement(Source::User, PAUSED, Setting::Is(user.paused), off_if),
            statement(
                Source::User,
                "switched the camera off",
                Setting::Is(user.camera_off),
                off_if,
            ),
        ],
    )
}

fn off_if(off: &bool) -> Capture {
    if *off { Capture::Off } else { Capture::On }
}

fn statement<T: fmt::Display, V: Value>(
    source: Source,
    setting: &'static str,
    value: Setting<T>,
    at_most: impl FnOnce(&T) -> V,
) -> Statement<V> {
    let at_most = match &value {
        Setting::NotConfigured => V::UNRESTRICTED,
        Setting::Is(value) => at_most(value),
    };
    Statement { source, setting, written: value.map(|value| value.to_string()), at_most }
}
