//! Any valid message, and the round trip of all of them.

use nearside_channel::codec;
use nearside_channel::message::*;
use nearside_channel::validate::{MAX_EXACT, MAX_EXTENT};
use nearside_channel::wire::HEADER_SIZE;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

use crate::samples::{
    APPEND_MODES, CAPTION_ALIGNS, PLAYBACK_STATES, PLAYER_KINDS, REASON_CODES, SWITCHES,
};

fn text(max_chars: usize) -> impl Strategy<Value = String> {
    vec(any::<char>(), 0..=max_chars).prop_map(String::from_iter)
}

fn nonce() -> impl Strategy<Value = String> {
    vec(proptest::char::range('!', '~'), 8..=64).prop_map(String::from_iter)
}

fn micros() -> impl Strategy<Value = i64> {
    -MAX_EXACT..=MAX_EXACT
}

/// Start and end, in order.
fn span() -> impl Strategy<Value = (i64, i64)> {
    (micros(), micros()).prop_map(|(a, b)| (a.min(b), a.max(b)))
}

/// Thousandths up to `max`: what JSON's text keeps exactly.
fn thousandths(min: u32, max: u32) -> impl Strategy<Value = f64> {
    (min..=max).prop_map(|thousandths| f64::from(thousandths) / 1000.0)
}

fn stream() -> impl Strategy<Value = StreamId> {
    (1..=u16::MAX).prop_map(StreamId)
}

fn page() -> impl Strategy<Value = PageId> {
    any::<u32>().prop_map(PageId)
}

fn player() -> impl Strategy<Value = PlayerId> {
    any::<u32>().prop_map(PlayerId)
}

fn reason() -> impl Strategy<Value = Reason> {
    (select(REASON_CODES), text(100), text(100)).prop_map(|(code, message, next_step)| Reason {
        code,
        message,
        next_step,
    })
}

prop_compose! {
    fn rect()(x: i32, y: i32, width: u32, height: u32) -> Rect {
        Rect { x, y, width, height }
    }
}

prop_compose! {
    fn layout()(
        rect in rect(), clip in rect(), covered in vec(rect(), 0..=MAX_COVERED),
        visible: bool, fullscreen: bool, control_bar in option::of(rect()),
        desktop in option::of((0..=MAX_EXTENT, 0..=MAX_EXTENT)),
    ) -> Layout {
        let desktop = desktop.map(|(width, height)| Size { width, height });
        Layout { rect, clip, covered, visible, fullscreen, desktop, control_bar }
    }
}

prop_compose! {
    fn hello()(
        protocol: u32, host_version in text(32), extension_version in text(32), nonce in nonce(),
        session_name in text(64), activity_id in text(32),
        desktop in option::of((0..=MAX_EXTENT, 0..=MAX_EXTENT)),
        policy in any::<[Option<bool>; 3]>(), services in vec(text(16), 0..8),
    ) -> Hello {
        let [disable_playback, disable_audio_capture, disable_camera] = policy;
        let policy = SessionPolicy { disable_playback, disable_audio_capture, disable_camera };
        let desktop = desktop.map(|(width, height)| Size { width, height });
        Hello {
            protocol, host_version, extension_version, nonce, session_name, activity_id, desktop,
            policy, services,
        }
    }
}

prop_compose! {
    fn settings()(switches: [bool; 5]) -> DeviceSettings {
        let [video_all_sites, video_outlines, video_status_overlay, call_all_sites, paused] =
            switches;
        DeviceSettings {
            video_all_sites, video_outlines, video_status_overlay, call_all_sites, paused,
        }
    }
}

prop_compose! {
    fn credits()(
        total_bytes in 65_536..=16_777_216u32, per_stream_bytes in 65_536..=16_777_216u32,
    ) -> CreditLimits {
        CreditLimits { total_bytes, per_stream_bytes }
    }
}

prop_compose! {
    fn welcome()(
        protocol: u32, client_version in text(32), nonce in nonce(), connection_id in text(32),
        credits in credits(),
        names in [vec(text(16), 0..8), vec(text(16), 0..8), vec(text(16), 0..8), vec(text(16), 0..8)],
        settings in settings(), playback_refused in option::of(reason()),
    ) -> Welcome {
        let [video, audio, containers, services] = names;
        let capabilities = Capabilities { video, audio, containers, services };
        Welcome {
            protocol, client_version, nonce, connection_id, credits, capabilities, settings,
            playback_refused,
        }
    }
}

fn caption_line() -> impl Strategy<Value = CaptionLine> {
    prop_oneof![
        Just(CaptionLine::Auto),
        any::<i32>().prop_map(|line| CaptionLine::Number { line }),
        thousandths(0, 100_000).prop_map(|percent| CaptionLine::Percent { percent }),
    ]
}

prop_compose! {
    fn caption_style()(
        from: u32, to: u32, bold: bool, italic: bool, underline: bool,
    ) -> CaptionStyle {
        CaptionStyle { from, to, bold, italic, underline }
    }
}

prop_compose! {
    fn caption()(
        text in text(100), line in caption_line(),
        position in option::of(thousandths(0, 100_000)),
        size in thousandths(0, 100_000), align in select(CAPTION_ALIGNS),
        styles in vec(caption_style(), 0..=3),
    ) -> Caption {
        Caption { text, line, position, size, align, styles }
    }
}

fn player_command() -> impl Strategy<Value = PlayerCommand> {
    use PlayerCommand as C;
    let source = prop_oneof![Just(Source::Mse), text(1000).prop_map(|url| Source::Url { url }),];
    prop_oneof![
        (select(PLAYER_KINDS), source).prop_map(|(kind, source)| C::Open { kind, source }),
        select(&[C::Close, C::Play, C::Pause][..]),
        (stream(), text(100)).prop_map(|(stream, mime)| C::AddStream { stream, mime }),
        stream().prop_map(|stream| C::RemoveStream { stream }),
        (micros(), any::<u32>()).prop_map(|(to_micros, token)| C::Seek { to_micros, token }),
        (thousandths(250, 4000), any::<bool>())
            .prop_map(|(rate, preserves_pitch)| C::Rate { rate, preserves_pitch }),
        (thousandths(0, 1000), any::<bool>())
            .prop_map(|(volume, muted)| C::Volume { volume, muted }),
        any::<bool>().prop_map(|enabled| C::Loop { enabled }),
        option::of(0..=MAX_EXACT).prop_map(|duration_micros| C::Duration { duration_micros }),
        layout().prop_map(C::Layout),
        vec(caption(), 0..=MAX_CAPTIONS).prop_map(|captions| C::Captions { captions }),
    ]
}

fn player_event() -> impl Strategy<Value = PlayerEvent> {
    use PlayerEvent as E;
    let count = || 0..=MAX_EXACT.unsigned_abs();
    prop_oneof![
        (0..=MAX_EXTENT, 0..=MAX_EXTENT).prop_map(|(width, height)| E::Resized { width, height }),
        (select(PLAYBACK_STATES), micros(), thousandths(0, 16_000))
            .prop_map(|(state, position_micros, rate)| E::State { state, position_micros, rate }),
        (any::<u32>(), micros())
            .prop_map(|(token, position_micros)| E::Seeked { token, position_micros }),
        micros().prop_map(|position_micros| E::FirstFrame { position_micros }),
        [count(), count(), count(), count()].prop_map(
            |[decoded, presented, dropped, corrupted]| E::Quality {
                decoded,
                presented,
                dropped,
                corrupted
            }
        ),
        (reason(), micros())
            .prop_map(|(reason, position_micros)| E::Failed { reason, position_micros }),
        reason().prop_map(|reason| E::Warning { reason }),
    ]
}

fn stream_event() -> impl Strategy<Value = StreamEvent> {
    use StreamEvent as E;
    let range =
        || span().prop_map(|(start_micros, end_micros)| TimeRange { start_micros, end_micros });
    prop_oneof![
        (any::<u32>(), vec(range(), 0..50))
            .prop_map(|(seq, buffered)| E::Appended { seq, buffered }),
        vec(range(), 0..50).prop_map(|buffered| E::Removed { buffered }),
        vec(range(), 0..50).prop_map(|buffered| E::Evicted { buffered }),
        (any::<u32>(), reason()).prop_map(|(seq, reason)| E::Refused { seq, reason }),
    ]
}

pub(crate) fn host_message() -> impl Strategy<Value = HostMessage> {
    use HostMessage as M;
    prop_oneof![
        hello().prop_map(M::Hello),
        any::<u32>().prop_map(|seq| M::Ping { seq }),
        any::<u32>().prop_map(|seq| M::Pong { seq }),
        text(200).prop_map(|reason| M::Goodbye { reason }),
        (page(), text(100), text(200)).prop_map(|(page, site, title)| M::PageOpen {
            page,
            site,
            title
        }),
        page().prop_map(|page| M::PageClose { page }),
        (select(SWITCHES), any::<bool>()).prop_map(|(switch, on)| M::Switch { switch, on }),
        any::<bool>().prop_map(|start| M::CollectLogs { start }),
        (page(), player(), player_command()).prop_map(|(page, player, command)| M::Player {
            page,
            player,
            command
        }),
    ]
}

pub(crate) fn device_message() -> impl Strategy<Value = DeviceMessage> {
    use DeviceMessage as M;
    prop_oneof![
        welcome().prop_map(M::Welcome),
        reason().prop_map(|reason| M::Refused { reason }),
        any::<u32>().prop_map(|seq| M::Ping { seq }),
        any::<u32>().prop_map(|seq| M::Pong { seq }),
        (stream(), 1..=16_777_216u32).prop_map(|(stream, bytes)| M::Credit { stream, bytes }),
        credits().prop_map(M::Credits),
        settings().prop_map(M::Settings),
        page().prop_map(|page| M::PageReady { page }),
        (page(), reason()).prop_map(|(page, reason)| M::PageFailed { page, reason }),
        (page(), player(), player_event()).prop_map(|(page, player, event)| M::Player {
            page,
            player,
            event
        }),
        (page(), stream(), stream_event()).prop_map(|(page, stream, event)| M::Stream {
            page,
            stream,
            event
        }),
        (page(), player(), player_command()).prop_map(|(page, player, command)| M::Steer {
            page,
            player,
            command
        }),
        (vec(text(100), 0..20), any::<bool>()).prop_map(|(lines, last)| M::Logs { lines, last }),
        text(200).prop_map(|reason| M::Goodbye { reason }),
    ]
}

pub(crate) fn stream_command() -> impl Strategy<Value = StreamCommand> {
    use StreamCommand as C;
    prop_oneof![
        (any::<u32>(), any::<u32>(), micros(), span(), any::<bool>(), select(APPEND_MODES))
            .prop_map(|(seq, bytes, offset, (start, end), has_end, mode)| C::Append {
                seq,
                bytes,
                timestamp_offset_micros: offset,
                window_start_micros: start,
                window_end_micros: has_end.then_some(end),
                mode,
            }),
        Just(C::Abort),
        (span(), any::<bool>()).prop_map(|((start, end), has_end)| C::Remove {
            start_micros: start,
            end_micros: has_end.then_some(end),
        }),
        text(100).prop_map(|mime| C::ChangeType { mime }),
        any::<bool>().prop_map(|failed| C::EndOfStream { failed }),
    ]
}

proptest! {
    #[test]
    fn host_messages_round_trip(message in host_message()) {
        let mut bytes = Vec::new();
        codec::encode_host(&message, &mut bytes).unwrap();
        prop_assert_eq!(codec::decode_host(&bytes[HEADER_SIZE..]), Ok(message));
    }

    #[test]
    fn device_messages_round_trip(message in device_message()) {
        let mut bytes = Vec::new();
        codec::encode_device(&message, &mut bytes).unwrap();
        prop_assert_eq!(codec::decode_device(&bytes[HEADER_SIZE..]), Ok(message));
    }

    #[test]
    fn stream_commands_round_trip(stream in stream(), command in stream_command()) {
        let mut bytes = Vec::new();
        codec::encode_command(stream, &command, &mut bytes).unwrap();
        prop_assert_eq!(codec::decode_command(&bytes[HEADER_SIZE..]), Ok(command));
    }
}
