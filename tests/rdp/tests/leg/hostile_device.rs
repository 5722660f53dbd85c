//! A device that breaks the rules: the real session host lets go of it and lives on.

use anyhow::{Context as _, ensure};
use nearside_channel::codec;
use nearside_channel::message::{
    Capabilities, DeviceMessage, DeviceSettings, HostMessage, PROTOCOL_VERSION, PageId, Reason,
    ReasonCode, StreamId, Welcome,
};
use nearside_channel::stream::CREDITS;
use nearside_channel::wire::FrameReader;
use nearside_rdp_tests::browser::Browser;
use nearside_rdp_tests::device::{FakeDevice, noise};
use nearside_rdp_tests::leg::Leg;
use nearside_rdp_tests::session_host::{self, SessionHost};
use nearside_tests::{STEP, check_rows, process};
use std::io::{ErrorKind, Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::time::Instant;

/// More than a host needs that keeps no media.
const MAX_MEMORY: u64 = 64 << 20;

struct Row {
    name: &'static str,
    act: fn(&mut UnixStream) -> anyhow::Result<()>,
}

const fn row(name: &'static str, act: fn(&mut UnixStream) -> anyhow::Result<()>) -> Row {
    Row { name, act }
}

const ROWS: [Row; 12] = [
    row("noise", |device| send(device, &noise(100_000))),
    row("text", |device| send(device, b"HTTP/1.1 400 Bad Request\r\n\r\n")),
    row("a giant length", |device| send(device, &GIANT)),
    row("an empty body", |device| send(device, &[0, 0, 0, 0, 1, 0, 0, 0])),
    row("half a frame and silence", |device| send(device, &[16, 0, 0, 0, 1])),
    row("an answer to another greeting", |device| {
        welcome(device, |welcome| welcome.nonce = "fedcba9876543210".to_owned())
    }),
    row("another version", |device| welcome(device, |welcome| welcome.protocol = 99)),
    row("a refusal", |device| {
        let reason = Reason::new(ReasonCode::Busy, "Busy.", "Try again.");
        say(device, &DeviceMessage::Refused { reason })
    }),
    row("a welcome and silence", |device| welcome(device, |_| {})),
    row("a welcome and noise", |device| {
        welcome(device, |_| {})?;
        send(device, &noise(1000))
    }),
    row("a welcome, half a frame and the end", |device| {
        welcome(device, |_| {})?;
        send(device, &[16, 0, 0, 0, 1])?;
        Ok(device.shutdown(std::net::Shutdown::Write)?)
    }),
    row("a welcome and a flood", |device| {
        welcome(device, |_| {})?;
        let mut flood = Vec::new();
        for number in 0..50_000_u32 {
            // Pages and streams that never were, settings, answers that nobody asked for.
            let (page, stream) = (PageId(number), StreamId(7));
            codec::encode_device(&DeviceMessage::PageReady { page }, &mut flood)?;
            codec::encode_device(&DeviceMessage::Pong { seq: number }, &mut flood)?;
            codec::encode_device(&DeviceMessage::Credit { stream, bytes: 1 }, &mut flood)?;
            let settings = DeviceSettings { paused: number % 2 == 0, ..Default::default() };
            codec::encode_device(&DeviceMessage::Settings(settings), &mut flood)?;
        }
        send(device, &flood)?;
        send(device, &GIANT)
    }),
];

const GIANT: [u8; 8] = [0xff, 0xff, 0xff, 0xff, 1, 0, 0, 0];

#[test]
fn a_device_that_breaks_the_rules_is_let_go_of() -> anyhow::Result<()> {
    check_rows(&ROWS, |row| row.name, check)
}

fn check(row: &Row) -> anyhow::Result<()> {
    let leg = Leg::new()?;
    let device = FakeDevice::listen(&leg.plugin_socket())?;
    let _client = leg.connect()?;
    let host = SessionHost::start(&leg)?;
    let _browser = Browser::start(&leg)?;
    let (mut stream, _) = device.accept()?;
    (row.act)(&mut stream).context("act")?;
    wait_let_go(&mut stream)?;
    let status = wait_not_connected(&leg)?;
    ensure!(status.get("reason").is_some_and(serde_json::Value::is_object), "{status}");
    host.check_healthy(&leg)?;
    let (_, peak) = process::resident_bytes(host.pid())?;
    ensure!(peak < MAX_MEMORY, "the host's memory had a peak of {peak} bytes");
    leg.check_alive()
}

/// Waits until the session host says that there is no device: of a channel's end it learns
/// from silence only.
fn wait_not_connected(leg: &Leg) -> anyhow::Result<serde_json::Value> {
    let since = Instant::now();
    loop {
        let status = session_host::status(leg)?;
        if status.get("connected") == Some(&false.into()) {
            return Ok(status);
        }
        ensure!(since.elapsed() < STEP, "the host keeps a device that has gone: {status}");
    }
}

/// Waits until the channel has been closed.
fn wait_let_go(device: &mut UnixStream) -> anyhow::Result<()> {
    let mut buffer = [0; 4096];
    loop {
        match device.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::ConnectionReset => return Ok(()),
            Err(error) => return Err(error).context("wait for the channel's end"),
        }
    }
}

fn send(device: &mut UnixStream, bytes: &[u8]) -> anyhow::Result<()> {
    match device.write_all(bytes) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(error).context("write"),
        _ => Ok(()), // the host may have had enough already
    }
}

fn say(device: &mut UnixStream, message: &DeviceMessage) -> anyhow::Result<()> {
    let mut frame = Vec::new();
    codec::encode_device(message, &mut frame)?;
    send(device, &frame)
}

/// Waits for the greeting and answers it, but for what `edit` does.
fn welcome(device: &mut UnixStream, edit: impl FnOnce(&mut Welcome)) -> anyhow::Result<()> {
    let mut frames = FrameReader::default();
    let nonce = loop {
        let mut byte = [0];
        device.read_exact(&mut byte).context("wait for the greeting")?;
        if let Some(frame) = frames.next_frame(&mut byte.as_slice())? {
            match codec::decode_host(&frame.body)? {
                HostMessage::Hello(hello) => break hello.nonce,
                other => anyhow::bail!("{other:?} before the greeting"),
            }
        }
    };
    let mut welcome = Welcome {
        protocol: PROTOCOL_VERSION,
        client_version: "1.2.3".to_owned(),
        nonce,
        connection_id: "test".to_owned(),
        credits: CREDITS,
        capabilities: Capabilities::default(),
        settings: DeviceSettings::default(),
        playback_refused: None,
    };
    edit(&mut welcome);
    say(device, &DeviceMessage::Welcome(welcome))
}
