//! Peers that break the rules, on either side of an RDP connection.

use anyhow::Context as _;
use nearside_channel::message::{HostMessage, ReasonCode, StreamId};
use nearside_channel::wire::{self, Kind};
use nearside_channel::{codec, plugin};
use nearside_rdp_tests::device::noise;
use nearside_rdp_tests::leg::Leg;
use nearside_tests::agent::Agent;
use nearside_tests::host::{Host, PAGE, hello};
use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;

#[test]
fn a_session_that_sends_nonsense_loses_its_channel_only() -> anyhow::Result<()> {
    let leg = Leg::new()?;
    let agent = Agent::start(&leg.place)?;
    let _client = leg.connect()?;
    let mut greeting = Vec::new();
    codec::encode_host(&HostMessage::Hello(hello("0123456789abcdef")), &mut greeting)?;
    let mut unpaid = Vec::new();
    for _ in 0..64 {
        wire::encode(Kind::Media, StreamId(1), &[0; wire::MAX_STREAM_BODY], &mut unpaid)?;
    }
    let giant = [0xff, 0xff, 0xff, 0xff, 3, 0, 1, 0];
    let rows: [(&str, Vec<u8>); 7] = [
        ("noise", noise(100_000)),
        ("text", b"GET / HTTP/1.1\r\n\r\n".to_vec()),
        ("a giant length", giant.to_vec()),
        ("media before the greeting", unpaid.clone()),
        ("media on a stream that is not open", [greeting.clone(), unpaid].concat()),
        ("a greeting and a giant length", [&greeting[..], &giant].concat()),
        ("a greeting and noise", [greeting.clone(), noise(1000)].concat()),
    ];
    for (name, bytes) in rows {
        let mut host = Host::connect(&leg.server.plain_socket())?;
        host.send_raw(&bytes);
        host.wait_closed().with_context(|| name.to_owned())?;
        leg.check_alive().with_context(|| name.to_owned())?;
    }
    // Half a frame is no crime: the rest may come.
    let mut half = Host::connect(&leg.server.plain_socket())?;
    let (first, rest) = greeting.split_at(greeting.len() / 2);
    half.send_raw(first);
    let (mut other, _) = Host::open(&leg.server.plain_socket())?;
    half.send_raw(rest);
    half.open_page(PAGE)?;
    other.open_page(PAGE)?;
    other.page_ready(PAGE)?;
    agent.wait_for_notice(ReasonCode::ProtocolViolation)?;
    agent.check_healthy()
}

#[test]
fn a_session_that_opens_and_leaves_many_channels_harms_nobody() -> anyhow::Result<()> {
    let leg = Leg::new()?;
    let agent = Agent::start(&leg.place)?;
    let _client = leg.connect()?;
    for round in 0..40 {
        let stream = leg.open().with_context(|| format!("channel {round}"))?;
        drop(stream);
    }
    // Those before may still be ending.
    agent.wait_for("no session", |status| status.session.is_none())?;
    let (mut host, _) = Host::open(&leg.server.plain_socket())?;
    host.open_page(PAGE)?;
    host.page_ready(PAGE)?;
    agent.check_healthy()
}

#[test]
fn a_plugin_that_says_nonsense_is_refused() -> anyhow::Result<()> {
    let leg = Leg::new()?;
    let agent = Agent::start(&leg.place)?;
    let rows: [(&str, Vec<u8>); 4] = [
        ("noise", [noise(1000), b"\n".to_vec()].concat()),
        ("a line without an end", vec![b' '; plugin::MAX_PREAMBLE + 1]),
        ("a process number that is none", b"{\"pid\":-1}\n".to_vec()),
        ("nothing", Vec::new()),
    ];
    for (name, bytes) in rows {
        let mut stream = UnixStream::connect(leg.plugin_socket())?;
        stream.set_read_timeout(Some(nearside_tests::STEP))?;
        // It may have closed before it has read all.
        let _ = stream.write_all(&bytes);
        let mut end = Vec::new();
        let closed = stream.read_to_end(&mut end);
        let reset = |error: &std::io::Error| error.kind() == std::io::ErrorKind::ConnectionReset;
        assert!(closed.as_ref().map_or_else(reset, |_| true), "{name}: {closed:?}");
        assert!(end.is_empty(), "{name}");
    }
    let _client = leg.connect()?;
    let (mut host, _) = Host::open(&leg.server.plain_socket())?;
    host.open_page(PAGE)?;
    host.page_ready(PAGE)?;
    agent.check_healthy()
}
