//! What may be played on a connection: policy, and what this build can decode.

use super::Connection;
use crate::agent::hub::Update;
use nearside::status::PolicyValue;
use nearside_channel::message::{
    Capabilities, PlayerCommand, PlayerKind, Reason, ReasonCode, Source,
};
use nearside_channel::policy::{self, Playback, Resultant};

impl Connection {
    /// Weighs all policy sources anew; why nothing is played, if so.
    pub(super) async fn weigh(&mut self) -> Option<Reason> {
        self.inputs.user.paused = self.settings.paused;
        let resultant = policy::playback(&self.inputs);
        self.playback = resultant.value;
        let blocked = refused(&resultant);
        let policy = vec![
            row(&resultant),
            row(&policy::microphone(&self.inputs)),
            row(&policy::camera(&self.inputs)),
        ];
        let update = Update::Policy { id: self.id, policy, blocked: blocked.clone() };
        self.hub.report(update).await;
        blocked
    }
}

/// For people.
fn row<V: policy::Value>(resultant: &Resultant<V>) -> PolicyValue {
    let decider = resultant.decided_by();
    PolicyValue {
        feature: resultant.feature.to_owned(),
        value: resultant.value.to_string(),
        sources: resultant.statements.iter().map(ToString::to_string).collect(),
        decided_by: decider.map(ToString::to_string),
    }
}

/// Why the whole connection plays nothing, if so.
pub(super) fn refused(resultant: &Resultant<Playback>) -> Option<Reason> {
    match resultant.value {
        Playback::Off => resultant.reason(),
        Playback::On | Playback::Silent | Playback::SoundlessOnly => None,
    }
}

/// The command as the stage gets it, or why its player stays in the session.
///
/// # Errors
/// The player has sound, and sound plays on the remote computer (`audiomode:i:1`).
pub(super) fn checked(playback: Playback, command: PlayerCommand) -> Result<PlayerCommand, Reason> {
    match (playback, command) {
        (Playback::Silent, PlayerCommand::Volume { volume, muted: _ }) => {
            Ok(PlayerCommand::Volume { volume, muted: true })
        }
        (Playback::SoundlessOnly, command) if may_sound(&command) => Err(Reason::new(
            ReasonCode::Policy,
            "It has sound, and the RDP connection plays sound on the remote computer \
             (audiomode:i:1).",
            "Set the connection to play sound on this device and connect again.",
        )),
        (_, command) => Ok(command),
    }
}

/// Whether a player that is told this may make a sound. Where it cannot be known, it may.
fn may_sound(command: &PlayerCommand) -> bool {
    match command {
        PlayerCommand::Open { kind, source } => {
            *kind == PlayerKind::Audio || matches!(source, Source::Url { .. })
        }
        PlayerCommand::AddStream { mime, .. } => {
            let mime = mime.to_ascii_lowercase();
            let codecs = mime.split_once("codecs=").map(|(_, codecs)| codecs.trim_matches('"'));
            let is_video = |codec: &str| {
                let codec = codec.trim().trim_matches('"');
                ["avc", "hvc", "hev", "dvh", "vp", "av01"].iter().any(|it| codec.starts_with(it))
            };
            !codecs.is_some_and(|codecs| codecs.split(',').all(is_video))
        }
        _ => false,
    }
}

/// What stages of this build can play. The agent links no decoder, so this is the set that
/// every supported FFmpeg has; a stage that lacks one says so and the page falls back.
pub(super) fn capabilities() -> Capabilities {
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    Capabilities {
        video: names(&["h264", "h265", "vp8", "vp9", "av1"]),
        audio: names(&["aac", "mp3", "opus", "vorbis", "flac"]),
        containers: names(&["mp4", "webm", "mpeg", "aac"]),
        services: names(&["captions", "logs", "switches"]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nearside_channel::message::StreamId;
    use nearside_channel::policy::{
        AudioMode, ConnectionProperties, Inputs, Setting, UserSwitches,
    };

    #[test]
    fn media_with_sound_stays_where_the_sound_plays() {
        let stream =
            |mime: &str| PlayerCommand::AddStream { stream: StreamId(1), mime: mime.to_owned() };
        let url = Source::Url { url: "https://media.example/a.mp4".to_owned() };
        let cases = [
            (stream(r#"video/mp4; codecs="avc1.64001f""#), true),
            (stream(r#"video/webm;codecs=vp9"#), true),
            (stream(r#"video/mp4; codecs="avc1.64001f, mp4a.40.2""#), false),
            (stream(r#"audio/webm; codecs="opus""#), false),
            (stream("video/mp4"), false),
            (PlayerCommand::Open { kind: PlayerKind::Video, source: Source::Mse }, true),
            (PlayerCommand::Open { kind: PlayerKind::Audio, source: Source::Mse }, false),
            (PlayerCommand::Open { kind: PlayerKind::Video, source: url }, false),
            (PlayerCommand::Play, true),
        ];
        for (command, passes) in cases {
            let checked = checked(Playback::SoundlessOnly, command.clone());
            assert_eq!(checked.is_ok(), passes, "{command:?}");
        }
    }

    #[test]
    fn a_silent_connection_stays_mute() {
        let command = PlayerCommand::Volume { volume: 0.5, muted: false };
        let muted = PlayerCommand::Volume { volume: 0.5, muted: true };
        assert_eq!(checked(Playback::Silent, command.clone()), Ok(muted));
        assert_eq!(checked(Playback::On, command.clone()), Ok(command));
    }

    #[test]
    fn people_see_what_holds_and_who_says_so() {
        let inputs = Inputs {
            connection: ConnectionProperties {
                audio_mode: Setting::Is(AudioMode::Remote),
                ..ConnectionProperties::default()
            },
            ..Inputs::default()
        };
        let resultant = policy::playback(&inputs);
        assert_eq!(refused(&resultant), None);
        let row = row(&resultant);
        assert_eq!((&*row.feature, &*row.value), ("Video playback", "on for media without sound"));
        assert_eq!(row.decided_by.as_deref(), Some("the RDP connection says audiomode:i:1"));
        assert_eq!(row.sources.len(), 4, "each source: {row:?}");
        let paused = UserSwitches { paused: true, ..UserSwitches::default() };
        let paused = policy::playback(&Inputs { user: paused, ..inputs });
        assert_eq!(refused(&paused).unwrap().code, ReasonCode::PausedByUser);
    }
}
