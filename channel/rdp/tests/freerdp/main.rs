//! The built plugin in a process that plays FreeRDP 2 and 3, against agents of all kinds.
#![cfg(target_os = "linux")]
#![expect(unsafe_code, reason = "plays the C program that loads the plugin")]
#![expect(clippy::unwrap_used, reason = "a helper that fails fails its test")]

mod drdynvc;
mod facts;

use std::io::{Read as _, Write as _};
use std::net::Shutdown;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::sync::mpsc::sync_channel;
use std::thread;

use nearside_channel::plugin::{ConnectionFacts, read_preamble};

use drdynvc::{Session, VERSIONS, Version, wait_for_no_threads};

/// The agent's socket.
struct Agent {
    listener: UnixListener,
    dir: tempfile::TempDir,
}

impl Agent {
    fn path(dir: &tempfile::TempDir) -> PathBuf {
        dir.path().join("plugin.sock")
    }

    fn start() -> Agent {
        Self::start_in(tempfile::tempdir().unwrap())
    }

    fn start_in(dir: tempfile::TempDir) -> Agent {
        Agent { listener: UnixListener::bind(Self::path(&dir)).unwrap(), dir }
    }

    fn session(&self, version: Version) -> Session {
        Session::start(version, &Self::path(&self.dir))
    }

    /// The next plugin, after its first line.
    fn accept(&self) -> (UnixStream, ConnectionFacts) {
        let mut stream = self.listener.accept().unwrap().0;
        let mut line = Vec::new();
        loop {
            let mut byte = [0];
            stream.read_exact(&mut byte).unwrap();
            line.push(byte[0]);
            if let Some((facts, length)) = read_preamble(&line).unwrap() {
                assert_eq!(length, line.len());
                return (stream, facts);
            }
        }
    }
}

fn read(mut stream: &UnixStream, length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    stream.read_exact(&mut bytes).unwrap();
    bytes
}

/// Bytes that tell where they stand.
fn pattern(start: usize, length: usize) -> Vec<u8> {
    (start..start + length).map(|at| u8::try_from(at % 251).unwrap()).collect()
}

fn spawn<T: Send + 'static>(run: impl FnOnce() -> T + Send + 'static) -> thread::JoinHandle<T> {
    thread::Builder::new().name("test".to_owned()).spawn(run).unwrap()
}

#[test]
fn bytes_go_both_ways_whole_in_any_pieces() {
    for version in VERSIONS {
        let agent = Agent::start();
        let session = agent.session(version);
        let channel = session.open().expect("accepted");
        let (stream, facts) = agent.accept();
        assert_eq!(facts.pid, std::process::id());
        let mut at = 0;
        for length in [1, 2, 1590, 1591, 65_536, 1 << 20] {
            let bytes = pattern(at, length);
            if length % 2 == 0 {
                channel.deliver(&bytes)
            } else {
                channel.deliver_fragmented(&bytes)
            }
            assert_eq!(read(&stream, length), bytes);
            (&stream).write_all(&bytes).unwrap();
            assert_eq!(channel.received(length), bytes);
            at += length;
        }
        channel.deliver(&[]);
        channel.deliver_fragmented(&[]);
        channel.close();
        assert_eq!((&stream).read(&mut [0]).unwrap(), 0, "the agent sees the end");
        wait_for_no_threads();
        assert_eq!(channel.late_writes(), 0);
        session.end();
    }
}

#[test]
fn without_an_agent_the_channel_is_refused_and_a_later_agent_is_used() {
    for version in VERSIONS {
        let dir = tempfile::tempdir().unwrap();
        let session = Session::start(version, &Agent::path(&dir));
        assert!(session.open().is_none());
        assert!(session.open().is_none());
        let agent = Agent::start_in(dir);
        let channel = session.open().expect("an agent is there now");
        agent.accept();
        channel.close();
        let Agent { listener, dir } = agent;
        drop(listener);
        assert!(session.open().is_none(), "and gone again");
        wait_for_no_threads();
        drop(dir);
        session.end();
    }
}

#[test]
fn bulk_within_the_credits_arrives_whole() {
    const TOTAL: usize = 64 << 20;
    const MESSAGE: usize = 16 << 10;
    const IN_FLIGHT: usize = 16;
    let agent = Agent::start();
    let session = agent.session(Version::V2);
    let channel = session.open().expect("accepted");
    let (stream, _) = agent.accept();
    let (credit, credits) = sync_channel(IN_FLIGHT);
    let reader = spawn(move || {
        for at in (0..TOTAL).step_by(MESSAGE) {
            assert_eq!(read(&stream, MESSAGE), pattern(at, MESSAGE));
            credit.send(()).unwrap();
        }
        stream
    });
    for at in (0..TOTAL).step_by(MESSAGE) {
        if IN_FLIGHT * MESSAGE <= at {
            credits.recv().unwrap();
        }
        channel.deliver(&pattern(at, MESSAGE));
        assert!(!channel.closed());
    }
    drop(credits);
    drop(reader.join());
    session.end();
    channel.close();
}

#[test]
fn an_agent_that_does_not_read_loses_its_connection_and_nothing_else() {
    let agent = Agent::start();
    for version in VERSIONS {
        let session = agent.session(version);
        let channel = session.open().expect("accepted");
        let (mut stream, _) = agent.accept();
        let message = pattern(0, 16 << 10);
        let mut delivered = 0;
        while !channel.closed() {
            channel.deliver(&message);
            delivered += message.len();
            assert!(delivered < 64 << 20, "the queue has no end");
        }
        let mut rest = Vec::new();
        stream.read_to_end(&mut rest).unwrap();
        assert!(rest.iter().zip(0..).all(|(byte, at)| *byte == message[at % message.len()]));
        // The remote side tries anew.
        let channel = session.open().expect("accepted");
        let (stream, _) = agent.accept();
        channel.deliver(b"again");
        assert_eq!(read(&stream, 5), b"again");
        session.end();
        channel.close();
        wait_for_no_threads();
    }
}

#[test]
fn no_write_follows_a_close() {
    let agent = Agent::start();
    let session = agent.session(Version::V2);
    for round in 0..32 {
        let channel = session.open().expect("accepted");
        let (mut stream, _) = agent.accept();
        let flood = spawn(move || while stream.write_all(&[7; 4096]).is_ok() {});
        channel.received(1 + round * 1000);
        channel.close();
        wait_for_no_threads();
        flood.join().unwrap();
        assert_eq!(channel.late_writes(), 0);
    }
    session.end();
}

#[test]
fn the_channel_of_an_agent_that_goes_is_closed_with_the_next_whole_message() {
    let agent = Agent::start();
    for version in VERSIONS {
        let session = agent.session(version);
        for half in [None, Some(Shutdown::Write)] {
            let channel = session.open().expect("accepted");
            let (stream, _) = agent.accept();
            match half {
                None => drop(stream),
                Some(half) => stream.shutdown(half).unwrap(),
            }
            wait_for_no_threads();
            channel.deliver_fragmented(b"FreeRDP 2 touches the channel again after this one");
            assert!(!channel.closed());
            channel.deliver(b"but not after this one");
            assert!(channel.closed());
            channel.deliver(b"late");
            assert_eq!(channel.late_writes(), 0);
        }
        session.end();
    }
}

#[test]
fn an_agent_may_go_at_any_moment() {
    let agent = Agent::start();
    let session = agent.session(Version::V3);
    for round in 0..64 {
        let channel = session.open().expect("accepted");
        let (stream, _) = agent.accept();
        let short = spawn(move || {
            // Fewer if the pump gives up on this slow reader first.
            let mut bytes = Vec::new();
            (&stream).take(1 + round * 500).read_to_end(&mut bytes).unwrap();
            let _ = (&stream).write_all(b"partly");
        });
        while !channel.closed() {
            channel.deliver(&[1; 1000]);
        }
        short.join().unwrap();
        wait_for_no_threads();
        assert_eq!(channel.late_writes(), 0);
    }
    session.end();
}

#[test]
fn plugins_are_terminated_before_their_channels_are_closed() {
    for version in VERSIONS {
        let agent = Agent::start();
        let session = agent.session(version);
        let channel = session.open().expect("accepted");
        let (stream, _) = agent.accept();
        session.end();
        channel.deliver(b"still open");
        assert_eq!(read(&stream, 10), b"still open");
        (&stream).write_all(b"too").unwrap();
        assert_eq!(channel.received(3), b"too");
        channel.close();
        wait_for_no_threads();
    }
}

#[test]
fn odd_arguments_are_not_used() {
    assert_eq!(drdynvc::enter_with_nothing(), 0);
    let long = format!("sock:/{}", "x".repeat(5000));
    for arguments in [
        &["nearside", &long][..],
        &["nearside", "sock:/nowhere/plugin.sock"],
        &["nearside", "sock:/proc/self/mem"],
        &["nearside", "sock:/"],
    ] {
        let session = Session::start_with(Version::V2, arguments, std::ptr::null_mut());
        assert!(session.open().is_none(), "{arguments:?}");
        session.end();
    }
    // No arguments at all, or a relative path: the usual place, where nobody waits.
    for arguments in [&[][..], &["nearside"], &["nearside", "sock:relative", "other:1"]] {
        Session::start_with(Version::V3, arguments, std::ptr::null_mut()).end();
    }
}
