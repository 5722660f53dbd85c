//! Ways a channel comes to the agent: the plugin's socket with its facts, and the socket that
//! an RDP client with a pipe proxy offers.

use nearside_channel::message::{DeviceMessage, HostMessage, PlayerEvent, ReasonCode};
use nearside_channel::plugin::{ConnectionFacts, MAX_PREAMBLE, preamble};
use nearside_tests::agent::Agent;
use nearside_tests::host::{Host, PAGE, hello};
use nearside_tests::place::Place;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixListener;

#[test]
fn a_plugin_says_its_facts_and_then_the_channel_begins() -> anyhow::Result<()> {
    let place = Place::new()?;
    let agent = Agent::start(&place)?;
    let mode = std::fs::metadata(agent.plugin_socket())?.permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let mut host = Host::connect(&agent.plugin_socket())?;
    host.send_raw(&preamble(&ConnectionFacts::default())?);
    host.greet(hello("0123456789abcdef"))?;
    host.open_page(PAGE)?;
    host.page_ready(PAGE)?;
    agent.check_healthy()
}

#[test]
fn a_plugin_without_facts_is_refused() -> anyhow::Result<()> {
    let place = Place::new()?;
    let agent = Agent::start(&place)?;
    let rows: [(&str, Vec<u8>); 4] = [
        ("no JSON", b"hello\n".to_vec()),
        ("a wrong value", b"{\"pid\":\"one\"}\n".to_vec()),
        ("a line without end", vec![b' '; MAX_PREAMBLE]),
        ("the channel at once", vec![0, 0, 0, 0, 1, 0, 0, 0, b'\n']),
    ];
    for (name, bytes) in rows {
        let mut host = Host::connect(&agent.plugin_socket())?;
        host.send_raw(&bytes);
        host.wait_closed().map_err(|error| error.context(name))?;
    }
    agent.check_healthy()
}

#[test]
fn sound_stays_remote_when_the_connection_says_so() -> anyhow::Result<()> {
    let place = Place::new()?;
    let agent = Agent::start(&place)?;
    let facts = ConnectionFacts { audio_mode: Some(1), ..ConnectionFacts::default() };
    let mut host = Host::connect(&agent.plugin_socket())?;
    host.send_raw(&preamble(&facts)?);
    host.greet(hello("0123456789abcdef"))?;
    host.open_player(&["video/mp4; codecs=\"avc1.42c00d, mp4a.40.2\""])?;
    let reason = host.wait("a refusal", |message| match message {
        DeviceMessage::Player { event: PlayerEvent::Failed { reason, .. }, .. } => {
            Some(reason.clone())
        }
        _ => None,
    })?;
    assert_eq!(reason.code, ReasonCode::Policy);
    assert!(reason.message.contains("audiomode:i:1"), "{reason:?}");
    // What was under way for it is no violation.
    host.begin_append(1, 200_000, 0)?;
    host.media(1, &[0; 200_000])?;
    host.pump_until("credit for all of it", || {
        let session = agent.status().ok().and_then(|status| status.session);
        session.is_some_and(|session| 200_000 <= session.received_bytes)
    })?;
    agent.check_healthy()
}

#[test]
fn a_pipe_proxy_is_found_whenever_it_listens() -> anyhow::Result<()> {
    let place = Place::new()?;
    let agent = Agent::start(&place)?;
    let path = agent.folder().join("ironrdp.sock");
    for round in 0..2 {
        // Each RDP connection makes the socket anew and serves it once.
        let listener = UnixListener::bind(&path)?;
        let (stream, _) = listener.accept()?;
        std::fs::remove_file(&path)?;
        drop(listener);
        let mut host = Host::on(stream)?;
        host.greet(hello(&format!("0123456789abcde{round}")))?;
        host.open_page(PAGE)?;
        host.page_ready(PAGE)?;
        host.send(&HostMessage::Goodbye { reason: "the test is over".to_owned() })?;
        host.wait_closed()?;
    }
    agent.check_healthy()
}
