//! The meeting place on Windows: a named pipe of the session, for its user only.

#![expect(unsafe_code, reason = "security descriptors and session ids have no safe interface")]

use std::ffi::c_void;
use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::os::windows::io::{AsRawHandle as _, RawHandle};
use std::os::windows::process::CommandExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context as _, bail};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::windows::named_pipe::{
    ClientOptions, NamedPipeClient, NamedPipeServer, ServerOptions,
};
use windows_sys::Win32::Foundation::{
    ERROR_PIPE_BUSY, HANDLE_FLAG_INHERIT, LocalFree, SetHandleInformation,
};
use windows_sys::Win32::Security::Authorization::{
    ConvertStringSecurityDescriptorToSecurityDescriptorW, SDDL_REVISION_1,
};
use windows_sys::Win32::Security::SECURITY_ATTRIBUTES;
use windows_sys::Win32::System::Pipes::{
    GetNamedPipeClientSessionId, GetNamedPipeServerSessionId, WaitNamedPipeW,
};
use windows_sys::Win32::System::RemoteDesktop::ProcessIdToSessionId;
use windows_sys::Win32::System::Threading::{
    CREATE_BREAKAWAY_FROM_JOB, CREATE_NEW_PROCESS_GROUP, DETACHED_PROCESS,
};

use super::{CONNECT_TRIES, READY_LINE};
use crate::port::{BROWSER_LINE, OK_LINE};

/// All rights for the owner, none for anyone else; nothing is inherited.
const OWNER_ONLY: &str = "D:P(A;;GA;;;OW)";

/// Longest wait for a free end of the pipe, in ms, and how often: others may be faster.
const BUSY_MS: u32 = 500;
const BUSY_TRIES: u32 = 20;

/// One client of the broker.
pub(crate) type Client = NamedPipeServer;

/// The broker's side.
#[derive(Debug)]
pub(crate) struct Listening {
    name: String,
    /// The instance that the next client gets.
    next: NamedPipeServer,
}

/// Takes the broker's place.
pub(crate) async fn listen() -> anyhow::Result<Listening> {
    let name = pipe_name()?;
    let next = instance(&name, true).context("another broker of this session runs")?;
    Ok(Listening { name, next })
}

impl Listening {
    /// The next client of this session. Cancel safe.
    pub(crate) async fn accept(&mut self) -> Client {
        loop {
            let connected = self.next.connect().await;
            let next = match instance(&self.name, false) {
                Ok(next) => next,
                Err(error) => {
                    tracing::warn!(kind = ?error.kind(), "a client cannot be accepted");
                    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
                    continue;
                }
            };
            let client = std::mem::replace(&mut self.next, next);
            if connected.is_ok() && is_of_this_session(client.as_raw_handle(), false) {
                return client;
            }
            tracing::warn!("a client of another session is refused");
        }
    }
}

/// In a relay: a connection to the session's broker, which is started if there is none.
pub(crate) async fn join(executable: &Path) -> anyhow::Result<NamedPipeClient> {
    let name = pipe_name()?;
    for _ in 0..CONNECT_TRIES {
        let open = || ClientOptions::new().open(&name);
        let mut client = match free_end(&name, open) {
            Ok(client) => client,
            Err(_) => {
                start(executable)?;
                free_end(&name, open).context("connect to the broker")?
            }
        };
        if !is_of_this_session(client.as_raw_handle(), true) {
            bail!("the broker's pipe belongs to another session");
        }
        let mut answer = [0; OK_LINE.len()];
        let greeted = client.write_all(BROWSER_LINE.as_bytes()).await.is_ok()
            && client.read_exact(&mut answer).await.is_ok();
        // Otherwise it was about to end.
        if greeted && answer == *OK_LINE.as_bytes() {
            return Ok(client);
        }
    }
    bail!("the session's broker ends as soon as it starts")
}

/// A connection for someone who asks.
pub(crate) fn find() -> anyhow::Result<File> {
    let name = pipe_name()?;
    let pipe = free_end(&name, || File::options().read(true).write(true).open(&name));
    let pipe = pipe.context("no browser of this session uses Nearside")?;
    if !is_of_this_session(pipe.as_raw_handle(), true) {
        bail!("the broker's pipe belongs to another session");
    }
    Ok(pipe)
}

/// A client's end of the pipe. There is one for the next client at a time: with several at once
/// the others wait until the broker has made one more.
fn free_end<T>(name: &str, open: impl Fn() -> io::Result<T>) -> io::Result<T> {
    let wide: Vec<u16> = name.encode_utf16().chain([0]).collect();
    let is_busy = |error: &io::Error| {
        error.raw_os_error().and_then(|code| u32::try_from(code).ok()) == Some(ERROR_PIPE_BUSY)
    };
    for _ in 0..BUSY_TRIES {
        match open() {
            // SAFETY: `wide` ends with 0.
            Err(error) if is_busy(&error) => unsafe { WaitNamedPipeW(wide.as_ptr(), BUSY_MS) },
            other => return other,
        };
    }
    open()
}

/// Starts a broker and waits until it listens; one that finds another ends, which is as good.
fn start(executable: &Path) -> anyhow::Result<()> {
    keep_to_oneself();
    let mut command = Command::new(executable);
    command
        .args(["broker", "--detached"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    let flags = DETACHED_PROCESS | CREATE_NEW_PROCESS_GROUP;
    // Browsers put what they start into a job that ends with the port.
    let mut broker = command
        .creation_flags(flags | CREATE_BREAKAWAY_FROM_JOB)
        .spawn()
        .or_else(|_| command.creation_flags(flags).spawn())
        .context("start the session's broker")?;
    let mut line = String::new();
    if let Some(output) = broker.stdout.take() {
        BufReader::new(output).read_line(&mut line).context("wait for the broker")?;
    }
    Ok(())
}

/// The browser's pipes end with this process: one that it starts does not get them, too.
fn keep_to_oneself() {
    let handles =
        [io::stdin().as_raw_handle(), io::stdout().as_raw_handle(), io::stderr().as_raw_handle()];
    for handle in handles {
        // SAFETY: the process's own handles are open; where there is none the call says so.
        unsafe { SetHandleInformation(handle, HANDLE_FLAG_INHERIT, 0) };
    }
}

/// A process with flags of its own has left already.
pub(crate) fn leave_the_starter() {}

/// In a detached broker: tells the relay that it listens.
pub(crate) fn tell_ready() -> io::Result<()> {
    let mut output = io::stdout().lock();
    writeln!(output, "{READY_LINE}")?;
    output.flush()
}

/// Name of the session host for people.
pub(crate) fn session_name() -> String {
    let name = std::env::var("COMPUTERNAME").unwrap_or_default();
    nearside_channel::validate::clipped(&name, 64).to_owned()
}

fn pipe_name() -> io::Result<String> {
    Ok(format!(r"\\.\pipe\nearside-host-{}", own_session()?))
}

/// One more instance of the pipe; `first`: there must be none yet.
fn instance(name: &str, first: bool) -> io::Result<NamedPipeServer> {
    let text: Vec<u16> = OWNER_ONLY.encode_utf16().chain([0]).collect();
    let mut descriptor: *mut c_void = std::ptr::null_mut();
    // SAFETY: `text` ends with 0, and `descriptor` is freed below.
    let made = unsafe {
        ConvertStringSecurityDescriptorToSecurityDescriptorW(
            text.as_ptr(),
            SDDL_REVISION_1,
            &raw mut descriptor,
            std::ptr::null_mut(),
        )
    };
    if made == 0 {
        return Err(io::Error::last_os_error());
    }
    let mut attributes = SECURITY_ATTRIBUTES {
        nLength: u32::try_from(size_of::<SECURITY_ATTRIBUTES>()).unwrap_or(0),
        lpSecurityDescriptor: descriptor,
        bInheritHandle: 0,
    };
    let mut options = ServerOptions::new();
    options.first_pipe_instance(first).reject_remote_clients(true);
    // SAFETY: `attributes` is a valid SECURITY_ATTRIBUTES and lives through the call.
    let server =
        unsafe { options.create_with_security_attributes_raw(name, (&raw mut attributes).cast()) };
    // SAFETY: the descriptor came from the conversion above and is used no more.
    unsafe { LocalFree(descriptor) };
    server
}

fn own_session() -> io::Result<u32> {
    let mut session = 0;
    // SAFETY: `session` is a valid place for the answer.
    let found = unsafe { ProcessIdToSessionId(std::process::id(), &raw mut session) };
    if found == 0 { Err(io::Error::last_os_error()) } else { Ok(session) }
}

/// Whether the other end of the pipe is in this session.
fn is_of_this_session(pipe: RawHandle, is_client: bool) -> bool {
    let mut session = 0;
    // SAFETY: the caller's pipe is open, and `session` is a valid place for the answer.
    let found = unsafe {
        if is_client {
            GetNamedPipeServerSessionId(pipe, &raw mut session)
        } else {
            GetNamedPipeClientSessionId(pipe, &raw mut session)
        }
    };
    found != 0 && own_session().is_ok_and(|own| own == session)
}
