//! The meeting place on Unix: a socket in an owner-only folder, and two locks beside it.
//!
//! A relay that finds nobody takes the start lock, looks again, and only then starts a
//! broker. The broker holds its own lock as long as it lives.

use std::fs::{File, OpenOptions};
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::os::unix::net::UnixStream as StdStream;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, bail};
use rustix::fs::{FlockOperation, flock};
use tokio::net::{UnixListener, UnixStream};

use super::paths::Meeting;
use super::{CONNECT_TRIES, READY_LINE};
use crate::port::{BROWSER_LINE, OK_LINE};

/// A broker that is about to end holds its lock a moment longer.
const LOCK_TRIES: u32 = 40;
const LOCK_PAUSE: Duration = Duration::from_millis(50);
/// Out of descriptors: others must end before there can be one more client.
const NO_DESCRIPTOR: Duration = Duration::from_secs(1);
/// A broker that does not answer by then hangs.
const ANSWER_LIMIT: Duration = Duration::from_secs(10);
/// One client of the broker.
pub(crate) type Client = UnixStream;

/// The broker's side, once it listens.
#[derive(Debug)]
pub(crate) struct Listening {
    listener: UnixListener,
    meeting: Meeting,
    /// Held until the process ends.
    _lock: File,
}

/// Takes the broker's place.
pub(crate) async fn listen() -> anyhow::Result<Listening> {
    let meeting = Meeting::of_this_session().context("prepare the runtime folder")?;
    let lock = lock_file(&meeting.broker_lock)?;
    let mut tries = 0;
    while flock(&lock, FlockOperation::NonBlockingLockExclusive).is_err() {
        tries += 1;
        if LOCK_TRIES < tries {
            bail!("another broker of this session runs");
        }
        tokio::time::sleep(LOCK_PAUSE).await;
    }
    // Left by a broker that was killed; nobody listens there, for its lock is free.
    match std::fs::remove_file(&meeting.socket) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            return Err(error).context("remove an old socket");
        }
        _ => {}
    }
    let listener = UnixListener::bind(&meeting.socket).context("open the broker's socket")?;
    // The folder is owner-only already.
    std::fs::set_permissions(&meeting.socket, std::fs::Permissions::from_mode(0o600))?;
    Ok(Listening { listener, meeting, _lock: lock })
}

impl Listening {
    /// The next client of this user. Cancel safe.
    pub(crate) async fn accept(&mut self) -> Client {
        loop {
            match self.listener.accept().await {
                Ok((stream, _)) if is_own(&stream) => return stream,
                Ok(_) => tracing::warn!("a client of another user is refused"),
                Err(error) => {
                    tracing::warn!(kind = ?error.kind(), "a client cannot be accepted");
                    tokio::time::sleep(NO_DESCRIPTOR).await; // no event tells of free ones
                }
            }
        }
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        // Before the lock goes: from here on a relay finds nobody and starts the next one.
        let _ = std::fs::remove_file(&self.meeting.socket);
    }
}

fn is_own(stream: &UnixStream) -> bool {
    let uid = rustix::process::getuid().as_raw();
    stream.peer_cred().is_ok_and(|peer| peer.uid() == uid)
}

/// In a relay: a connection to the session's broker, which is started if there is none.
pub(crate) fn join(executable: &std::path::Path) -> anyhow::Result<StdStream> {
    let meeting = Meeting::of_this_session().context("prepare the runtime folder")?;
    for _ in 0..CONNECT_TRIES {
        let stream = match StdStream::connect(&meeting.socket) {
            Ok(stream) => stream,
            Err(_) => start_or_find(&meeting, executable)?,
        };
        match greet(stream) {
            Ok(stream) => return Ok(stream),
            // It was about to end.
            Err(_) => continue,
        }
    }
    bail!("the session's broker ends as soon as it starts")
}

/// A connection for someone who asks.
pub(crate) fn find() -> anyhow::Result<StdStream> {
    let meeting = Meeting::of_this_session().context("find the runtime folder")?;
    let stream =
        StdStream::connect(&meeting.socket).context("no browser of this session uses Nearside")?;
    stream.set_read_timeout(Some(ANSWER_LIMIT))?;
    Ok(stream)
}

fn greet(mut stream: StdStream) -> io::Result<StdStream> {
    stream.write_all(BROWSER_LINE.as_bytes())?;
    let mut answer = [0; OK_LINE.len()];
    io::Read::read_exact(&mut stream, &mut answer)?;
    if answer != *OK_LINE.as_bytes() {
        return Err(io::ErrorKind::InvalidData.into());
    }
    Ok(stream)
}

fn start_or_find(meeting: &Meeting, executable: &std::path::Path) -> anyhow::Result<StdStream> {
    let lock = lock_file(&meeting.start_lock)?;
    flock(&lock, FlockOperation::LockExclusive).context("wait for the start of a broker")?;
    // Another relay may have started one while this one waited.
    if let Ok(stream) = StdStream::connect(&meeting.socket) {
        return Ok(stream);
    }
    let mut broker = Command::new(executable)
        .args(["broker", "--detached"])
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .context("start the session's broker")?;
    let mut line = String::new();
    if let Some(output) = broker.stdout.take() {
        BufReader::new(output).read_line(&mut line).context("wait for the broker")?;
    }
    if line.trim_end() != READY_LINE {
        bail!("the session's broker does not start");
    }
    StdStream::connect(&meeting.socket).context("connect to the broker")
}

fn lock_file(path: &std::path::Path) -> anyhow::Result<File> {
    OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .mode(0o600)
        .custom_flags(i32::try_from(rustix::fs::OFlags::NOFOLLOW.bits()).unwrap_or(0))
        .open(path)
        .context("open a lock file")
}

/// In a detached broker: its own session, so that it survives the browser's end of the relay.
pub(crate) fn leave_the_starter() {
    // Fails for a group leader, which a relay does not start.
    let _ = rustix::process::setsid();
}

/// In a detached broker: tells the relay, then holds nothing of it open.
pub(crate) fn tell_ready() -> io::Result<()> {
    let mut output = io::stdout().lock();
    writeln!(output, "{READY_LINE}")?;
    output.flush()?;
    let nothing = OpenOptions::new().read(true).write(true).open("/dev/null")?;
    rustix::stdio::dup2_stdout(&nothing)?;
    Ok(())
}

/// Name of the session host for people.
pub(crate) fn session_name() -> String {
    let system = rustix::system::uname();
    let name = system.nodename().to_string_lossy();
    nearside_channel::validate::clipped(&name, 64).to_owned()
}
