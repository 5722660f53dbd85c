//! A session host that breaks the rules: its connection ends with a reason, the agent lives on.

use nearside_channel::codec;
use nearside_channel::message::{
    DeviceMessage, HostMessage, PageId, PlayerCommand, PlayerKind, ReasonCode, Source, StreamId,
};
use nearside_channel::wire::{self, Kind};
use nearside_tests::agent::Agent;
use nearside_tests::host::{Host, PAGE, hello};
use nearside_tests::place::Place;
use nearside_tests::process;
use rustix::process::Signal;
use std::io::Write as _;
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

/// Stages that the agent has at a time, those that are ending among them.
const MAX_PROCESSES: usize = 24;

/// Pages that one session may have on the device.
const MAX_PAGES: u32 = 16;

/// Sessions that the device serves.
const MAX_SESSIONS: usize = 8;

const MP4: &str = "video/mp4; codecs=\"avc1.42c00d\"";

#[test]
fn another_protocol_version_is_refused_with_what_to_update() -> anyhow::Result<()> {
    let place = Place::new()?;
    let agent = Agent::start(&place)?;
    for (protocol, older) in [(0, "session host"), (2, "device"), (u32::MAX, "device")] {
        let mut host = Host::connect(&agent.channel_socket())?;
        let mut greeting = hello("0123456789abcdef");
        greeting.protocol = protocol;
        host.send(&HostMessage::Hello(greeting))?;
        let reason = host.wait("a refusal", |message| match message {
            DeviceMessage::Refused { reason } => Some(reason.clone()),
            _ => None,
        })?;
        assert_eq!(reason.code, ReasonCode::VersionMismatch);
        assert!(reason.next_step.contains(older), "{protocol}: {reason:?}");
        host.wait_closed()?;
    }
    agent.check_healthy()
}

#[test]
fn bytes_that_are_no_frames_end_their_connection_only() -> anyhow::Result<()> {
    let place = Place::new()?;
    let agent = Agent::start(&place)?;
    let (mut other, _) = Host::open(&agent.channel_socket())?;
    let mut control = Vec::new();
    wire::encode(Kind::Control, StreamId(0), b"{\"type\":\"fly\"}", &mut control)?;
    let mut early = Vec::new();
    wire::encode(Kind::Media, StreamId(1), b"media", &mut early)?;
    let mut ping = Vec::new();
    codec::encode_host(&HostMessage::Ping { seq: 1 }, &mut ping)?;
    let giant = [0xff, 0xff, 0xff, 0xff, 1, 0, 0, 0];
    let rows: [(&str, &[u8]); 8] = [
        ("text", b"GET / HTTP/1.1\r\n\r\n"),
        ("zeros", &[0; 4096]),
        ("ones", &[0xff; 4096]),
        ("a giant length", &giant),
        ("an empty body", &[0, 0, 0, 0, 1, 0, 0, 0]),
        ("an unknown message", &control),
        ("media before the greeting", &early),
        ("a message before the greeting", &ping),
    ];
    for (name, bytes) in rows {
        let mut host = Host::connect(&agent.channel_socket())?;
        host.send_raw(bytes);
        host.wait_closed().map_err(|error| error.context(name))?;
    }
    agent.wait_for_notice(ReasonCode::ProtocolViolation)?;
    // The honest session next to them still works.
    other.open_page(PAGE)?;
    other.page_ready(PAGE)?;
    agent.check_healthy()
}

#[test]
fn media_on_a_stream_that_is_not_open_ends_the_connection() -> anyhow::Result<()> {
    let place = Place::new()?;
    let agent = Agent::start(&place)?;
    let (mut host, _) = Host::open(&agent.channel_socket())?;
    let mut frame = Vec::new();
    wire::encode(Kind::Media, StreamId(9), b"media", &mut frame)?;
    host.send_raw(&frame);
    host.wait_closed()?;
    let words = agent.wait_for_notice(ReasonCode::ProtocolViolation)?;
    assert!(words.contains("stream 9"), "{words}");
    agent.check_healthy()
}

#[test]
fn media_beyond_the_credit_ends_the_connection_and_its_stage() -> anyhow::Result<()> {
    let place = Place::new()?;
    let agent = Agent::start(&place)?;
    let (mut host, welcome) = Host::open(&agent.channel_socket())?;
    host.open_player(&[MP4])?;
    host.begin_append(1, 64 << 20, 0)?;
    // A stage that stands still takes nothing, so no credit can come back.
    let status = agent.wait_for("a stage", |status| status.pids("stage").len() == 1)?;
    let stage = status.pids("stage").first().copied().unwrap_or_default();
    process::signal(stage, Signal::STOP)?;
    let mut frame = Vec::new();
    wire::encode(Kind::Media, StreamId(1), &[0; wire::MAX_STREAM_BODY], &mut frame)?;
    for _ in 0..=welcome.credits.per_stream_bytes / (16 << 10) {
        host.send_raw(&frame);
    }
    host.wait_closed()?;
    let words = agent.wait_for_notice(ReasonCode::ProtocolViolation)?;
    assert!(words.contains("credit"), "{words}");
    process::wait_gone(stage, nearside_tests::STEP)?;
    agent.check_healthy()
}

#[test]
fn a_new_greeting_drops_everything_of_the_old_connection() -> anyhow::Result<()> {
    let place = Place::new()?;
    let agent = Agent::start(&place)?;
    let (mut host, first) = Host::open(&agent.channel_socket())?;
    host.open_player(&[MP4])?;
    let before = agent.wait_for("an item", |status| status.items.len() == 1)?;
    let second = host.greet(hello("fedcba9876543210"))?;
    assert_ne!(first.connection_id, second.connection_id);
    agent.wait_for("an empty status", |status| {
        status.items.is_empty() && status.pids("stage").is_empty()
    })?;
    for stage in before.pids("stage") {
        process::wait_gone(stage, nearside_tests::STEP)?;
    }
    // The same numbers mean new things now.
    host.open_player(&[MP4])?;
    agent.wait_for("an item", |status| status.items.len() == 1)?;
    agent.check_healthy()
}

#[test]
fn a_page_too_many_is_refused_and_the_others_stay() -> anyhow::Result<()> {
    let place = Place::new()?;
    let agent = Agent::start(&place)?;
    let (mut host, _) = Host::open(&agent.channel_socket())?;
    for page in 1..=MAX_PAGES {
        host.open_page(PageId(page))?;
        host.page_ready(PageId(page))?;
    }
    host.open_page(PageId(MAX_PAGES + 1))?;
    let reason = host.page_failed(PageId(MAX_PAGES + 1))?;
    assert_eq!(reason.code, ReasonCode::LimitReached);
    assert!(reason.message.contains("16 pages"), "{reason:?}");
    // One less, one more.
    host.send(&HostMessage::PageClose { page: PageId(1) })?;
    host.open_page(PageId(MAX_PAGES + 2))?;
    host.page_ready(PageId(MAX_PAGES + 2))?;
    agent.wait_for("16 stages", |status| status.pids("stage").len() == 16)?;
    drop(host);
    agent.wait_for("the end of the session and all stages", |status| {
        status.processes.len() == 1 && status.session.is_none()
    })?;
    agent.check_healthy()
}

#[test]
fn a_session_too_many_hears_so_and_is_served_after_another() -> anyhow::Result<()> {
    let place = Place::new()?;
    let agent = Agent::start(&place)?;
    let open = || Host::open(&agent.channel_socket()).map(|(host, _)| host);
    let mut hosts = (0..MAX_SESSIONS).map(|_| open()).collect::<anyhow::Result<Vec<_>>>()?;
    let mut another = Host::connect(&agent.channel_socket())?;
    let reason = another.wait("a refusal", |message| match message {
        DeviceMessage::Refused { reason } => Some(reason.clone()),
        _ => None,
    })?;
    assert_eq!(reason.code, ReasonCode::LimitReached);
    assert!(reason.message.contains("8 sessions"), "{reason:?}");
    another.wait_closed()?;
    drop(hosts.pop());
    agent.wait_for("room for another", |_| open().is_ok())?;
    agent.check_healthy()
}

#[test]
fn pages_opened_and_closed_at_once_start_a_bounded_number_of_processes() -> anyhow::Result<()> {
    let place = Place::new()?;
    let agent = Agent::start(&place)?;
    let (mut host, _) = Host::open(&agent.channel_socket())?;
    for page in (1..=100).map(PageId) {
        host.open_page(page)?;
        host.send(&HostMessage::PageClose { page })?;
    }
    let refused = |message: &DeviceMessage| match message {
        DeviceMessage::PageFailed { reason, .. } => Some(Some(reason.code)),
        DeviceMessage::PageReady { page: PageId(200..) } => Some(None),
        _ => None,
    };
    assert_eq!(host.wait("a refusal", refused)?, Some(ReasonCode::LimitReached));
    let stages = process::children(agent.pid())?.len();
    assert!(stages <= MAX_PROCESSES, "{stages} processes");
    // When those have ended there is room again.
    for page in (200..).map(PageId) {
        host.open_page(page)?;
        if host.wait("an answer", refused)?.is_none() {
            break;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    agent.check_healthy()
}

#[test]
fn a_page_that_sends_nothing_waits_and_closes() -> anyhow::Result<()> {
    let place = Place::new()?;
    let agent = Agent::start(&place)?;
    let (mut host, _) = Host::open(&agent.channel_socket())?;
    host.open_player(&[MP4])?;
    let kind = PlayerKind::Video;
    host.player(PlayerCommand::Open { kind, source: Source::Mse })?;
    host.player(PlayerCommand::Play)?;
    let status = agent.wait_for("the item", |status| status.items.len() == 1)?;
    assert!(status.items.iter().all(|item| !item.flowing && item.failed.is_none()), "{status:?}");
    assert_eq!(status.headlines(), ["Loaded"]);
    host.send(&HostMessage::PageClose { page: PAGE })?;
    agent.wait_for("an empty status", |status| {
        status.items.is_empty() && status.pids("stage").is_empty()
    })?;
    agent.check_healthy()
}

#[test]
fn a_host_that_falls_silent_is_given_up_with_its_stages() -> anyhow::Result<()> {
    let place = Place::new()?;
    let agent = Agent::start(&place)?;
    let (mut host, _) = Host::open(&agent.channel_socket())?;
    host.open_player(&[MP4])?;
    let status = agent.wait_for("the item", |status| status.items.len() == 1)?;
    // From here on it answers no ping, and its end of the socket stays open.
    agent.wait_for("the end of the session", |status| {
        status.session.is_none() && status.processes.len() == 1
    })?;
    for stage in status.pids("stage") {
        process::wait_gone(stage, nearside_tests::STEP)?;
    }
    host.wait_closed()?;
    agent.check_healthy()
}

#[test]
fn a_host_that_takes_nothing_leaves_nothing_behind() -> anyhow::Result<()> {
    let place = Place::new()?;
    let agent = Agent::start(&place)?;
    let files = || -> anyhow::Result<usize> {
        Ok(std::fs::read_dir(format!("/proc/{}/fd", agent.pid()))?.count())
    };
    let before = files()?;
    let mut pings = Vec::new();
    for seq in 0..1000 {
        codec::encode_host(&HostMessage::Ping { seq }, &mut pings)?;
    }
    let mut held = Vec::new();
    for _ in 0..8 {
        let mut greeting = Vec::new();
        codec::encode_host(&HostMessage::Hello(hello("0123456789abcdef")), &mut greeting)?;
        let mut stream = UnixStream::connect(agent.channel_socket())?;
        stream.set_write_timeout(Some(Duration::from_millis(500)))?;
        stream.write_all(&greeting)?;
        // Until nobody reads it any more.
        let since = Instant::now();
        while stream.write_all(&pings).is_ok() {
            assert!(since.elapsed() < nearside_tests::STEP, "it is read for ever");
        }
        held.push(stream);
    }
    let since = Instant::now();
    while before < files()? {
        assert!(since.elapsed() < nearside_tests::STEP, "{} files stay open", files()?);
        std::thread::sleep(Duration::from_millis(20));
    }
    drop(held);
    agent.check_healthy()
}

#[test]
fn a_page_number_used_again_means_the_new_page() -> anyhow::Result<()> {
    let place = Place::new()?;
    let agent = Agent::start(&place)?;
    let (mut host, _) = Host::open(&agent.channel_socket())?;
    for _ in 0..5 {
        host.open_page(PAGE)?;
        host.page_ready(PAGE)?;
        host.send(&HostMessage::PageClose { page: PAGE })?;
    }
    host.open_player(&[MP4])?;
    // The old pages' stages end meanwhile, which says nothing of the new one.
    agent.wait_for("one item", |status| status.items.len() == 1)?;
    let seq = host.append(1, b"no media at all")?;
    assert!(host.append_answer(seq)?.is_some());
    let status = agent
        .wait_for("its failure", |status| status.items.iter().any(|item| item.failed.is_some()))?;
    let codes: Vec<_> = status.notices.iter().map(|notice| notice.reason.code).collect();
    assert!(!codes.contains(&ReasonCode::StageCrashed), "{codes:?}");
    agent.check_healthy()
}
