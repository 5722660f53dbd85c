//! The core between scripted browsers and a scripted device.

mod hostile;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use nearside_channel::codec;
use nearside_channel::extension::{
    EXTENSION_PROTOCOL_VERSION, ExtensionMessage, HostEvent, TAKEN_STEP,
};
use nearside_channel::log::LogRing;
use nearside_channel::message::{
    Capabilities, DeviceMessage, DeviceSettings, DeviceSwitch, HostMessage, PROTOCOL_VERSION,
    PageId, PlayerCommand, PlayerEvent, PlayerId, PlayerKind, Reason, ReasonCode, SessionPolicy,
    Source, StreamCommand, StreamEvent, StreamId, Welcome,
};
use nearside_channel::stream::CREDITS;
use nearside_channel::wire::{FrameReader, Kind};

use super::{BrowserId, Event, Identity, MAX_KEPT_STREAM, Session};

const A: BrowserId = BrowserId(1);
const B: BrowserId = BrowserId(2);
const PAGE: PageId = PageId(7);
const PLAYER: PlayerId = PlayerId(3);
const STREAM: StreamId = StreamId(9);

fn welcome() -> Welcome {
    Welcome {
        protocol: PROTOCOL_VERSION,
        client_version: "1".to_owned(),
        nonce: "0123456789".to_owned(),
        connection_id: "c".to_owned(),
        credits: CREDITS,
        capabilities: Capabilities::default(),
        settings: DeviceSettings::default(),
        playback_refused: None,
    }
}

fn hello() -> ExtensionMessage {
    ExtensionMessage::Hello {
        protocol: EXTENSION_PROTOCOL_VERSION,
        extension_version: "1".to_owned(),
        browser: "test".to_owned(),
    }
}

/// A session and what came out of it.
struct Rig {
    session: Session,
    now: Instant,
    frames: FrameReader,
    control: Vec<HostMessage>,
    commands: Vec<(StreamId, StreamCommand)>,
    media: BTreeMap<StreamId, Vec<u8>>,
    events: Vec<(BrowserId, HostEvent)>,
    closed: Vec<BrowserId>,
    /// Whether the device consumes.
    grants: bool,
}

impl Rig {
    fn new(policy: SessionPolicy) -> Self {
        let identity = Identity { host_version: "1", activity_id: "a".to_owned() };
        Self {
            session: Session::new(identity, policy, LogRing::default()),
            now: Instant::now(),
            frames: FrameReader::default(),
            control: Vec::new(),
            commands: Vec::new(),
            media: BTreeMap::new(),
            events: Vec::new(),
            closed: Vec::new(),
            grants: true,
        }
    }

    /// With a device and two browsers.
    fn connected() -> Self {
        let mut rig = Self::new(SessionPolicy::default());
        for browser in [A, B] {
            rig.session.browser_came(browser);
            rig.say(browser, hello());
        }
        rig.connect();
        rig
    }

    fn connect(&mut self) {
        self.frames = FrameReader::default();
        self.session.opened(welcome()).unwrap();
        self.pump();
    }

    fn say(&mut self, browser: BrowserId, message: ExtensionMessage) {
        self.session.on_browser(browser, message, self.now).unwrap();
        self.pump();
    }

    fn device(&mut self, message: DeviceMessage) {
        self.session.on_device(message, self.now).unwrap();
        self.pump();
    }

    fn player(&mut self, browser: BrowserId, command: PlayerCommand) {
        self.say(browser, ExtensionMessage::Player { page: PAGE, player: PLAYER, command });
    }

    /// A page with one player and one stream.
    fn open(&mut self, browser: BrowserId) {
        let (site, title) = ("site".to_owned(), "title".to_owned());
        self.say(browser, ExtensionMessage::PageOpen { page: PAGE, site, title });
        self.player(browser, PlayerCommand::Open { kind: PlayerKind::Video, source: Source::Mse });
        let mime = "video/webm; codecs=\"vp9\"".to_owned();
        self.player(browser, PlayerCommand::AddStream { stream: STREAM, mime });
    }

    fn append(&mut self, browser: BrowserId, seq: u32, media: &[u8]) {
        let command = append(seq, media.len());
        self.say(browser, ExtensionMessage::Stream { page: PAGE, stream: STREAM, command });
        for piece in media.chunks(1 << 20) {
            let data = STANDARD.encode(piece);
            self.say(browser, ExtensionMessage::Media { stream: STREAM, data });
        }
    }

    /// Moves everything that moves.
    fn pump(&mut self) {
        loop {
            self.session.fill();
            let mut out = Vec::new();
            if !self.session.next_frame(&mut out) {
                break;
            }
            let mut chunk = &out[..];
            let frame = self.frames.next_frame(&mut chunk).unwrap().unwrap();
            let stream = frame.stream();
            match frame.kind() {
                Kind::Control => self.control.push(codec::decode_host(&frame.body).unwrap()),
                Kind::Command => {
                    self.commands.push((stream, codec::decode_command(&frame.body).unwrap()));
                }
                Kind::Media => self.media.entry(stream).or_default().extend_from_slice(&frame.body),
            }
            if self.grants && frame.kind() != Kind::Control {
                let bytes = u32::try_from(frame.body.len()).unwrap();
                let credit = DeviceMessage::Credit { stream, bytes };
                self.session.on_device(credit, self.now).unwrap();
            }
        }
        while let Some((browser, event)) = self.session.next_event() {
            match event {
                Event::Say(event) => self.events.push((browser, *event)),
                Event::Close => self.closed.push(browser),
            }
        }
    }

    fn take_control(&mut self) -> Vec<HostMessage> {
        std::mem::take(&mut self.control)
    }

    fn take_events(&mut self) -> Vec<(BrowserId, HostEvent)> {
        std::mem::take(&mut self.events)
    }

    /// The channel's number of the page that was opened last.
    fn last_page(&self) -> PageId {
        let opened = self.control.iter().rev().find_map(|message| match message {
            HostMessage::PageOpen { page, .. } => Some(*page),
            _ => None,
        });
        opened.expect("a page was opened")
    }

    fn last_stream(&self) -> StreamId {
        let added = self.control.iter().rev().find_map(|message| match message {
            HostMessage::Player { command: PlayerCommand::AddStream { stream, .. }, .. } => {
                Some(*stream)
            }
            _ => None,
        });
        added.expect("a stream was added")
    }
}

fn append(seq: u32, bytes: usize) -> StreamCommand {
    StreamCommand::Append {
        seq,
        bytes: u32::try_from(bytes).unwrap(),
        timestamp_offset_micros: 0,
        window_start_micros: 0,
        window_end_micros: None,
        mode: Default::default(),
    }
}

fn reason(code: ReasonCode) -> Reason {
    Reason::new(code, "why", "what")
}

#[test]
fn the_same_numbers_in_two_browsers_are_two_pages() {
    let mut rig = Rig::connected();
    rig.open(A);
    let (page_a, stream_a) = (rig.last_page(), rig.last_stream());
    rig.open(B);
    let (page_b, stream_b) = (rig.last_page(), rig.last_stream());
    assert_ne!(page_a, page_b);
    assert_ne!(stream_a, stream_b);
    rig.append(A, 1, b"of A");
    rig.append(B, 1, b"of B");
    assert_eq!(rig.media[&stream_a], b"of A");
    assert_eq!(rig.media[&stream_b], b"of B");
    rig.take_events();
    let event = StreamEvent::Appended { seq: 1, buffered: Vec::new() };
    rig.device(DeviceMessage::Stream { page: page_b, stream: stream_b, event: event.clone() });
    let message = DeviceMessage::Stream { page: PAGE, stream: STREAM, event: event.clone() };
    assert_eq!(rig.take_events(), [(B, HostEvent::Device { message })]);
    // A stream of another page is nobody's.
    rig.device(DeviceMessage::Stream { page: page_b, stream: stream_a, event });
    assert_eq!(rig.take_events(), []);
    // One browser's end leaves the other's alone.
    rig.take_control();
    rig.session.browser_gone(A);
    rig.pump();
    assert_eq!(rig.take_control(), [HostMessage::PageClose { page: page_a }]);
    rig.append(B, 2, b" more");
    assert_eq!(rig.media[&stream_b], b"of B more");
}

#[test]
fn a_new_connection_is_given_everything_again() {
    let mut rig = Rig::connected();
    rig.open(A);
    rig.player(A, PlayerCommand::Duration { duration_micros: Some(5_000_000) });
    let media: Vec<u8> =
        (0..3_000_000_u32).map(|at| at.wrapping_mul(2_654_435_761).to_be_bytes()[0]).collect();
    rig.append(A, 1, &media);
    let first = rig.last_stream();
    assert_eq!(rig.media[&first], media, "byte for byte");
    rig.session.no_device(Some(reason(ReasonCode::Network)));
    rig.pump();
    rig.take_control();
    rig.take_events();
    rig.commands.clear();
    rig.media.clear();
    // What happens meanwhile counts, too.
    rig.append(A, 2, b"meanwhile");
    rig.connect();
    let stream = rig.last_stream();
    assert_eq!(rig.media[&stream], [&media[..], b"meanwhile"].concat());
    assert_eq!(rig.commands, [(stream, append(1, media.len())), (stream, append(2, 9))]);
    let page = rig.last_page();
    let of_player = |command| HostMessage::Player { page, player: PLAYER, command };
    let mime = "video/webm; codecs=\"vp9\"".to_owned();
    assert_eq!(
        rig.take_control(),
        [
            HostMessage::PageOpen { page, site: "site".to_owned(), title: "title".to_owned() },
            of_player(PlayerCommand::Open { kind: PlayerKind::Video, source: Source::Mse }),
            of_player(PlayerCommand::Duration { duration_micros: Some(5_000_000) }),
            of_player(PlayerCommand::AddStream { stream, mime }),
        ]
    );
    rig.device(DeviceMessage::PageReady { page });
    let ready = HostEvent::Device { message: DeviceMessage::PageReady { page: PAGE } };
    assert!(rig.take_events().contains(&(A, ready)));
}

#[test]
fn a_stage_that_dies_is_started_again_ever_more_slowly() {
    let mut rig = Rig::connected();
    rig.open(A);
    rig.append(A, 1, b"media");
    for seconds in [1, 5, 30] {
        let page = rig.last_page();
        rig.take_control();
        rig.media.clear();
        rig.device(DeviceMessage::PageReady { page });
        rig.device(DeviceMessage::PageFailed { page, reason: reason(ReasonCode::StageCrashed) });
        assert_eq!(rig.take_control(), [HostMessage::PageClose { page }]);
        let due = rig.now + Duration::from_secs(seconds);
        assert_eq!(rig.session.deadline(), Some(due));
        rig.session.on_time(due - Duration::from_millis(1)).unwrap();
        rig.pump();
        assert_eq!(rig.control, []);
        rig.session.on_time(due).unwrap();
        rig.pump();
        assert_ne!(rig.last_page(), page, "numbers are not used again");
        assert_eq!(rig.media[&rig.last_stream()], b"media");
        rig.now = due;
        // What the old stage still says is nobody's.
        rig.take_events();
        rig.device(DeviceMessage::PageFailed { page, reason: reason(ReasonCode::StageCrashed) });
        assert_eq!(rig.take_events(), []);
    }
    let page = rig.last_page();
    rig.device(DeviceMessage::PageFailed { page, reason: reason(ReasonCode::StageCrashed) });
    assert_eq!(rig.session.deadline(), None, "only a new connection helps");
    rig.session.no_device(None);
    rig.connect();
    assert_ne!(rig.last_page(), page);
}

#[test]
fn a_stage_that_lived_long_starts_at_once_again() {
    let mut rig = Rig::connected();
    rig.open(A);
    for _ in 0..10 {
        let page = rig.last_page();
        rig.device(DeviceMessage::PageReady { page });
        rig.now += Duration::from_secs(3600);
        rig.device(DeviceMessage::PageFailed { page, reason: reason(ReasonCode::StageCrashed) });
        let due = rig.now + Duration::from_secs(1);
        assert_eq!(rig.session.deadline(), Some(due));
        rig.session.on_time(due).unwrap();
        rig.pump();
    }
}

#[test]
fn a_pause_ends_with_the_settings() {
    let mut rig = Rig::connected();
    rig.open(A);
    rig.append(A, 1, b"media");
    let page = rig.last_page();
    let paused = DeviceSettings { paused: true, ..DeviceSettings::default() };
    rig.device(DeviceMessage::PageFailed { page, reason: reason(ReasonCode::PausedByUser) });
    rig.device(DeviceMessage::Settings(paused));
    assert_eq!(rig.session.deadline(), None);
    let state = rig.session.state();
    assert!(state.connected);
    assert_eq!(state.reason.map(|reason| reason.code), Some(ReasonCode::PausedByUser));
    rig.take_control();
    rig.media.clear();
    rig.device(DeviceMessage::Settings(DeviceSettings::default()));
    assert_eq!(rig.media[&rig.last_stream()], b"media");
    assert_eq!(rig.session.state().reason, None);
}

#[test]
fn policy_keeps_every_page_in_the_session() {
    let policy = SessionPolicy { disable_playback: Some(true), ..SessionPolicy::default() };
    let mut rig = Rig::new(policy);
    rig.session.browser_came(A);
    rig.say(A, hello());
    rig.connect();
    rig.open(A);
    assert_eq!(rig.control, [], "the device hears of no page");
    let failed = rig.events.iter().any(|(_, event)| match event {
        HostEvent::Device { message: DeviceMessage::PageFailed { page, reason } } => {
            *page == PAGE && reason.code == ReasonCode::Policy
        }
        _ => false,
    });
    assert!(failed);
}

#[test]
fn a_stream_that_keeps_too_much_goes_back_to_the_session() {
    let mut rig = Rig::connected();
    rig.grants = false;
    rig.open(A);
    rig.open(B);
    let piece = vec![0; 1 << 20];
    let data = STANDARD.encode(&piece);
    let total = MAX_KEPT_STREAM + (8 << 20);
    let command = append(1, total);
    rig.say(A, ExtensionMessage::Stream { page: PAGE, stream: STREAM, command });
    for _ in 0..total >> 20 {
        rig.say(A, ExtensionMessage::Media { stream: STREAM, data: data.clone() });
        assert!(rig.session.kept_bytes() <= MAX_KEPT_STREAM + (2 << 20));
    }
    assert_eq!(rig.session.kept_bytes(), 0, "its log is freed");
    let failed: Vec<_> = rig
        .events
        .iter()
        .filter_map(|(browser, event)| match event {
            HostEvent::Device {
                message:
                    DeviceMessage::Player { player, event: PlayerEvent::Failed { reason, .. }, .. },
            } => Some((*browser, *player, reason.code)),
            _ => None,
        })
        .collect();
    assert_eq!(failed, [(A, PLAYER, ReasonCode::BufferFull)], "once, and only this one");
    rig.append(B, 1, b"lives");
    assert_eq!(rig.closed, []);
}

#[test]
fn a_browser_hears_how_much_of_its_media_was_read() {
    let mut rig = Rig::connected();
    rig.open(A);
    rig.open(B);
    rig.take_events();
    let taken = |rig: &mut Rig| -> Vec<_> {
        let lengths = rig.take_events().into_iter().filter_map(|(browser, event)| match event {
            HostEvent::Taken { length } => Some((browser, usize::try_from(length).unwrap())),
            _ => None,
        });
        lengths.collect()
    };
    rig.append(A, 1, b"little");
    rig.append(B, 1, b"little");
    assert_eq!(taken(&mut rig), [], "what is under way anyway is not worth a message");
    rig.append(A, 2, &vec![0; TAKEN_STEP]);
    let little = STANDARD.encode("little").len();
    let much = STANDARD.encode(vec![0; TAKEN_STEP]).len();
    assert_eq!(taken(&mut rig), [(A, little + much)]);
    // Of a player that is gone it is read, too.
    rig.player(A, PlayerCommand::Close);
    let data = STANDARD.encode(vec![0; TAKEN_STEP]);
    rig.say(A, ExtensionMessage::Media { stream: STREAM, data });
    assert_eq!(taken(&mut rig), [(A, much)]);
}

#[test]
fn twenty_tabs_leave_nothing_behind() {
    let mut rig = Rig::connected();
    for round in 0..5 {
        for page in 0..20 {
            let (page, player) = (PageId(page), PLAYER);
            let (site, title) = (String::new(), "ä".repeat(3000));
            rig.say(A, ExtensionMessage::PageOpen { page, site, title });
            let open = PlayerCommand::Open { kind: PlayerKind::Audio, source: Source::Mse };
            rig.say(A, ExtensionMessage::Player { page, player, command: open });
            let stream = StreamId(u16::try_from(page.0).unwrap() + 1);
            let command = PlayerCommand::AddStream { stream, mime: "audio/mp4".to_owned() };
            rig.say(A, ExtensionMessage::Player { page, player, command });
            let command = append(1, 4);
            rig.say(A, ExtensionMessage::Stream { page, stream, command });
            rig.say(A, ExtensionMessage::Media { stream, data: "AAAAAA==".to_owned() });
        }
        assert_eq!(rig.session.page_count(), 20);
        for page in 0..20 {
            rig.say(A, ExtensionMessage::PageClose { page: PageId(page) });
        }
        assert_eq!((rig.session.page_count(), rig.session.kept_bytes()), (0, 0), "round {round}");
        assert!(rig.session.streams.is_empty());
        let device = rig.session.device.as_ref().unwrap();
        assert!(device.pages.is_empty() && device.streams.is_empty());
    }
}

#[test]
fn logs_and_switches_reach_a_device_that_takes_them() {
    let collect = |start| ExtensionMessage::CollectLogs { start };
    let switch = ExtensionMessage::Switch { switch: DeviceSwitch::VideoOutlines, on: true };
    let mut rig = Rig::connected();
    for message in [collect(true), switch.clone(), collect(false)] {
        rig.session.on_browser(A, message, rig.now).unwrap();
    }
    rig.pump();
    // One that says nothing of them is not sent what it would not understand.
    assert_eq!(rig.take_control(), []);
    let is_own = |event: &(BrowserId, HostEvent)| matches!(event, (A, HostEvent::Logs { .. }));
    assert!(rig.take_events().iter().any(is_own));

    let services = ["logs", "switches"].map(str::to_owned).to_vec();
    let capabilities = Capabilities { services, ..Capabilities::default() };
    rig.session.opened(Welcome { capabilities, ..welcome() }).unwrap();
    rig.session.on_browser(B, hello(), rig.now).unwrap();
    for message in [collect(true), switch, collect(false)] {
        rig.session.on_browser(A, message, rig.now).unwrap();
    }
    rig.pump();
    let on = HostMessage::Switch { switch: DeviceSwitch::VideoOutlines, on: true };
    let collect = |start| HostMessage::CollectLogs { start };
    assert_eq!(rig.take_control(), [collect(true), on, collect(false)]);
    rig.take_events();
    // Only who asked is answered, and only once.
    for last in [false, true, true] {
        rig.device(DeviceMessage::Logs { lines: vec!["a line".to_owned()], last });
    }
    let said = rig.take_events();
    assert_eq!(said.len(), 2, "{said:?}");
    assert!(said.iter().all(|(id, _)| *id == A));
}
