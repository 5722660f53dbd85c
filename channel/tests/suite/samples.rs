//! One message or more for every variant of every enum of the schema.
//!
//! INVARIANT: [`variants!`] matches exhaustively, so a new variant does not compile here
//! until it is listed, and a listed variant without a sample fails [`every_variant`].

use std::collections::BTreeSet;

use nearside_channel::message::*;

/// A name for the fixture and the message.
pub(crate) enum Sample {
    Host(HostMessage),
    Device(DeviceMessage),
    Command(StreamCommand),
}

macro_rules! variants {
    ($name:ident, $names:ident, $type:ident { $($variant:ident),* $(,)? }) => {
        const $names: &[&str] = &[$(concat!(stringify!($type), ".", stringify!($variant))),*];

        fn $name(value: &$type) -> &'static str {
            match value {
                $($type::$variant { .. } => {
                    concat!(stringify!($type), ".", stringify!($variant))
                })*
            }
        }
    };
}

macro_rules! values {
    ($all:ident, $type:ident { $($variant:ident),* $(,)? }) => {
        pub(crate) const $all: &[$type] = {
            // Refuses to compile when a variant is missing below.
            const fn _is_whole(value: $type) {
                match value {
                    $($type::$variant => {})*
                }
            }
            &[$($type::$variant),*]
        };
    };
}

variants!(
    host_name,
    HOST_NAMES,
    HostMessage { Hello, Ping, Pong, Goodbye, PageOpen, PageClose, Player, Switch, CollectLogs }
);
variants!(
    device_name,
    DEVICE_NAMES,
    DeviceMessage {
        Welcome,
        Refused,
        Ping,
        Pong,
        Credit,
        Credits,
        Settings,
        PageReady,
        PageFailed,
        Player,
        Stream,
        Steer,
        Logs,
        Goodbye,
    }
);
variants!(
    stream_command_name,
    STREAM_COMMAND_NAMES,
    StreamCommand { Append, Abort, Remove, ChangeType, EndOfStream }
);
variants!(
    player_command_name,
    PLAYER_COMMAND_NAMES,
    PlayerCommand {
        Open,
        Close,
        AddStream,
        RemoveStream,
        Play,
        Pause,
        Seek,
        Rate,
        Volume,
        Loop,
        Duration,
        Layout,
        Captions,
    }
);
variants!(source_name, SOURCE_NAMES, Source { Mse, Url });
variants!(caption_line_name, CAPTION_LINE_NAMES, CaptionLine { Auto, Number, Percent });
variants!(
    player_event_name,
    PLAYER_EVENT_NAMES,
    PlayerEvent { Resized, State, Seeked, FirstFrame, Quality, Failed, Warning }
);
variants!(
    stream_event_name,
    STREAM_EVENT_NAMES,
    StreamEvent { Appended, Removed, Evicted, Refused }
);
values!(PLAYER_KINDS, PlayerKind { Video, Audio });
values!(CAPTION_ALIGNS, CaptionAlign { Start, Center, End, Left, Right });
values!(SWITCHES, DeviceSwitch { VideoOutlines, VideoStatusOverlay });
values!(APPEND_MODES, AppendMode { Segments, Sequence });
values!(PLAYBACK_STATES, PlaybackState { Paused, Playing, Stalled, Seeking, Ended });
values!(
    REASON_CODES,
    ReasonCode {
        VersionMismatch,
        Busy,
        Policy,
        PausedByUser,
        SiteNotListed,
        ProtectedContent,
        UnsupportedCodec,
        UnsupportedContainer,
        MalformedMedia,
        MissingInitSegment,
        CodecMismatch,
        TooLarge,
        BufferFull,
        DecodeFailed,
        AudioDevice,
        Renderer,
        StageCrashed,
        StageUnavailable,
        ProtocolViolation,
        LimitReached,
        Network,
    }
);

impl Sample {
    /// The names of all variants in it, the outermost first.
    pub(crate) fn names(&self) -> Vec<&'static str> {
        match self {
            Self::Host(message) => {
                let mut names = vec![host_name(message)];
                if let HostMessage::Player { command, .. } = message {
                    names.push(player_command_name(command));
                    if let PlayerCommand::Open { source, .. } = command {
                        names.push(source_name(source));
                    }
                    if let PlayerCommand::Captions { captions } = command {
                        let lines = captions.iter().map(|caption| caption_line_name(&caption.line));
                        names.extend(lines);
                    }
                }
                names
            }
            Self::Device(message) => {
                let mut names = vec![device_name(message)];
                match message {
                    DeviceMessage::Player { event, .. } => names.push(player_event_name(event)),
                    DeviceMessage::Stream { event, .. } => names.push(stream_event_name(event)),
                    _ => {}
                }
                names
            }
            Self::Command(command) => vec![stream_command_name(command)],
        }
    }
}

pub(crate) fn hello() -> Hello {
    Hello {
        protocol: PROTOCOL_VERSION,
        host_version: "0.1.0".to_owned(),
        extension_version: "0.1.0".to_owned(),
        nonce: "0123456789abcdef".to_owned(),
        session_name: "SESSION-7".to_owned(),
        activity_id: "6f3c".to_owned(),
        desktop: Some(Size { width: 1920, height: 1080 }),
        policy: SessionPolicy { disable_playback: Some(false), ..SessionPolicy::default() },
        services: vec!["credits".to_owned()],
    }
}

pub(crate) fn welcome() -> Welcome {
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    Welcome {
        protocol: PROTOCOL_VERSION,
        client_version: "0.1.0".to_owned(),
        nonce: "0123456789abcdef".to_owned(),
        connection_id: "c-1".to_owned(),
        credits: nearside_channel::stream::CREDITS,
        capabilities: Capabilities {
            video: names(&["h264", "vp9"]),
            audio: names(&["aac", "opus"]),
            containers: names(&["mp4", "webm"]),
            services: names(&["captions"]),
        },
        settings: DeviceSettings { video_outlines: true, ..DeviceSettings::default() },
        playback_refused: None,
    }
}

fn reason(code: ReasonCode) -> Reason {
    Reason::new(code, "The cause.", "The next step.")
}

pub(crate) fn all() -> Vec<Sample> {
    let (page, player, stream) = (PageId(3), PlayerId(5), StreamId(9));
    let rect = Rect { x: -8, y: 16, width: 640, height: 360 };
    let range = TimeRange { start_micros: 0, end_micros: 2_000_000 };
    let append = |mode| StreamCommand::Append {
        seq: 1,
        bytes: 70_000,
        timestamp_offset_micros: -500_000,
        window_start_micros: 0,
        window_end_micros: (mode == AppendMode::Sequence).then_some(9_000_000),
        mode,
    };
    let mut player_commands = vec![
        PlayerCommand::Close,
        PlayerCommand::AddStream { stream, mime: "video/mp4; codecs=\"avc1.64001f\"".to_owned() },
        PlayerCommand::RemoveStream { stream },
        PlayerCommand::Play,
        PlayerCommand::Pause,
        PlayerCommand::Seek { to_micros: 7_000_000, token: 2 },
        PlayerCommand::Rate { rate: 1.5, preserves_pitch: true },
        PlayerCommand::Volume { volume: 0.25, muted: false },
        PlayerCommand::Loop { enabled: true },
        PlayerCommand::Duration { duration_micros: Some(10_000_000) },
        PlayerCommand::Duration { duration_micros: None },
        PlayerCommand::Layout(Layout {
            rect,
            clip: Rect { x: 0, ..rect },
            covered: vec![Rect { x: 4, y: 20, width: 10, height: 10 }],
            visible: true,
            fullscreen: false,
            desktop: Some(Size { width: 1024, height: 768 }),
            control_bar: Some(rect),
        }),
    ];
    player_commands.extend(
        PLAYER_KINDS.iter().map(|kind| PlayerCommand::Open { kind: *kind, source: Source::Mse }),
    );
    let lines = [
        CaptionLine::Auto,
        CaptionLine::Number { line: -2 },
        CaptionLine::Percent { percent: 12.5 },
    ];
    let caption = |line: &CaptionLine| Caption {
        text: "– Wo war \"er\"?\nいない".to_owned(),
        line: *line,
        position: None,
        size: 100.0,
        align: CaptionAlign::Center,
        styles: vec![CaptionStyle { from: 2, to: 4, italic: true, ..CaptionStyle::default() }],
    };
    player_commands.push(PlayerCommand::Captions { captions: lines.iter().map(caption).collect() });
    let aligned = |align: &CaptionAlign| Caption {
        position: Some(10.0),
        size: 35.5,
        align: *align,
        ..caption(&CaptionLine::Auto)
    };
    player_commands
        .push(PlayerCommand::Captions { captions: CAPTION_ALIGNS.iter().map(aligned).collect() });
    let url = "https://media.example/clip.mp4".to_owned();
    player_commands
        .push(PlayerCommand::Open { kind: PlayerKind::Video, source: Source::Url { url } });

    let mut player_events = vec![
        PlayerEvent::Resized { width: 1920, height: 1080 },
        PlayerEvent::Seeked { token: 2, position_micros: 7_000_000 },
        PlayerEvent::FirstFrame { position_micros: 0 },
        PlayerEvent::Quality { decoded: 300, presented: 298, dropped: 2, corrupted: 0 },
        PlayerEvent::Failed {
            reason: reason(ReasonCode::DecodeFailed),
            position_micros: 1_234_567,
        },
    ];
    player_events.extend(PLAYBACK_STATES.iter().map(|state| PlayerEvent::State {
        state: *state,
        position_micros: 1_234_567,
        rate: 0.5,
    }));
    player_events
        .extend(REASON_CODES.iter().map(|code| PlayerEvent::Warning { reason: reason(*code) }));

    let stream_events = [
        StreamEvent::Appended { seq: 1, buffered: vec![range] },
        StreamEvent::Removed { buffered: Vec::new() },
        StreamEvent::Evicted { buffered: vec![range] },
        StreamEvent::Refused { seq: 1, reason: reason(ReasonCode::BufferFull) },
    ];

    let host = [
        HostMessage::Hello(hello()),
        HostMessage::Ping { seq: 1 },
        HostMessage::Pong { seq: u32::MAX },
        HostMessage::Goodbye { reason: "browser closed".to_owned() },
        HostMessage::PageOpen {
            page,
            site: "video.example".to_owned(),
            title: "Straße \"7\" \u{1f3ac}".to_owned(),
        },
        HostMessage::PageClose { page },
        HostMessage::CollectLogs { start: true },
    ];
    let switches = SWITCHES.iter().map(|switch| HostMessage::Switch { switch: *switch, on: true });
    let host_players =
        player_commands.into_iter().map(|command| HostMessage::Player { page, player, command });
    let device = [
        DeviceMessage::Welcome(welcome()),
        DeviceMessage::Welcome(Welcome {
            playback_refused: Some(reason(ReasonCode::Policy)),
            ..welcome()
        }),
        DeviceMessage::Refused { reason: reason(ReasonCode::VersionMismatch) },
        DeviceMessage::Ping { seq: 0 },
        DeviceMessage::Pong { seq: 1 },
        DeviceMessage::Credit { stream, bytes: 16_384 },
        DeviceMessage::Credits(nearside_channel::stream::WIDEST),
        DeviceMessage::Settings(DeviceSettings { paused: true, ..DeviceSettings::default() }),
        DeviceMessage::PageReady { page },
        DeviceMessage::PageFailed { page, reason: reason(ReasonCode::StageCrashed) },
        DeviceMessage::Steer { page, player, command: PlayerCommand::Pause },
        DeviceMessage::Logs { lines: vec!["stage 1: ready".to_owned()], last: true },
        DeviceMessage::Goodbye { reason: "the agent is gone".to_owned() },
    ];
    let device_players =
        player_events.into_iter().map(|event| DeviceMessage::Player { page, player, event });
    let device_streams =
        stream_events.into_iter().map(|event| DeviceMessage::Stream { page, stream, event });
    let commands = APPEND_MODES.iter().map(|mode| append(*mode)).chain([
        StreamCommand::Abort,
        StreamCommand::Remove { start_micros: 0, end_micros: Some(4_000_000) },
        StreamCommand::Remove { start_micros: 4_000_000, end_micros: None },
        StreamCommand::ChangeType { mime: "video/webm; codecs=vp9".to_owned() },
        StreamCommand::EndOfStream { failed: false },
    ]);

    let host = host.into_iter().chain(switches).chain(host_players).map(Sample::Host);
    let device = device.into_iter().chain(device_players).chain(device_streams).map(Sample::Device);
    host.chain(device).chain(commands.map(Sample::Command)).collect()
}

#[test]
fn every_variant() {
    let sampled: BTreeSet<_> = all().iter().flat_map(Sample::names).collect();
    let lists = [
        HOST_NAMES,
        DEVICE_NAMES,
        STREAM_COMMAND_NAMES,
        PLAYER_COMMAND_NAMES,
        SOURCE_NAMES,
        CAPTION_LINE_NAMES,
        PLAYER_EVENT_NAMES,
        STREAM_EVENT_NAMES,
    ];
    let listed: BTreeSet<_> = lists.into_iter().flatten().copied().collect();
    assert_eq!(sampled, listed);
}
