//! `nearside agent` in a test's place, and the status of any agent.

use crate::place::Place;
use crate::process::{self, Running};
use crate::{LOOK, STEP};
use anyhow::{Context as _, bail, ensure};
use nearside::control::{Connection, Reply, Request};
use nearside::status::Status;
use nearside_channel::message::ReasonCode;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, Instant};

/// A running agent; dropping it kills it with its stages.
#[derive(Debug)]
pub struct Agent {
    running: Running,
    folder: PathBuf,
}

impl Agent {
    /// Starts a headless agent and waits until its sockets are open.
    ///
    /// # Errors
    /// It does not start; its words are in the error.
    pub fn start(place: &Place) -> anyhow::Result<Self> {
        Self::start_with(place, &["--headless"])
    }

    /// Starts one whose stages open windows by this renderer, as soon as they are told of a
    /// display, and waits until its sockets are open.
    ///
    /// # Errors
    /// It does not start; its words are in the error.
    pub fn start_with_windows(place: &Place, renderer: &str) -> anyhow::Result<Self> {
        Self::start_with(place, &["--renderer", renderer])
    }

    /// Starts a headless one under this device policy and waits until its sockets are open.
    ///
    /// # Errors
    /// It does not start; its words are in the error.
    pub fn start_with_policy(place: &Place, policy: &Path) -> anyhow::Result<Self> {
        let policy = policy.to_str().context("a path of ASCII")?;
        Self::start_with(place, &["--headless", "--device-policy", policy])
    }

    /// Starts a headless one in whose environment `proxy` is the way to the web, and waits until
    /// its sockets are open.
    ///
    /// # Errors
    /// It does not start; its words are in the error.
    pub fn start_behind_proxy(place: &Place, proxy: &str) -> anyhow::Result<Self> {
        let mut command = place.program("nearside")?;
        command.args(["agent", "--headless"]).env("http_proxy", proxy);
        Self::start_command(place, command)
    }

    /// Starts one with windows and a tray on this session bus, and waits until its sockets are
    /// open.
    ///
    /// # Errors
    /// It does not start; its words are in the error.
    pub fn start_on_bus(place: &Place, address: &str) -> anyhow::Result<Self> {
        let mut command = place.program("nearside")?;
        command.arg("agent").env("DBUS_SESSION_BUS_ADDRESS", address);
        Self::start_command(place, command)
    }

    fn start_with(place: &Place, arguments: &[&str]) -> anyhow::Result<Self> {
        let mut command = place.program("nearside")?;
        command.arg("agent").args(arguments);
        Self::start_command(place, command)
    }

    fn start_command(place: &Place, command: Command) -> anyhow::Result<Self> {
        let name = format!("agent-{}", unique());
        let mut running = Running::start(command, place.path(), &name)?;
        let lines = running.wait_for_lines(1, STEP).context("wait for the agent")?;
        ensure!(lines == ["ready"], "the agent says {lines:?}");
        Ok(Self { running, folder: place.runtime().join("nearside") })
    }

    pub fn pid(&self) -> u32 {
        self.running.pid()
    }

    /// What it and its stages have logged.
    pub fn log(&self) -> String {
        self.running.stderr()
    }

    /// The folder of its sockets.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    pub fn channel_socket(&self) -> PathBuf {
        self.folder.join("channel.sock")
    }

    pub fn plugin_socket(&self) -> PathBuf {
        self.folder.join("plugin.sock")
    }

    pub fn control_socket(&self) -> PathBuf {
        self.folder.join("control.sock")
    }

    /// One snapshot.
    ///
    /// # Errors
    /// The agent does not answer.
    pub fn status(&self) -> anyhow::Result<Status> {
        status(&self.control_socket())
    }

    /// Waits for a snapshot that `holds`.
    ///
    /// # Errors
    /// None comes; `what` and the last snapshot are in the error.
    pub fn wait_for(
        &self,
        what: &str,
        holds: impl FnMut(&Status) -> bool,
    ) -> anyhow::Result<Status> {
        wait_for(&self.control_socket(), what, holds)
    }

    /// Waits for a notice with this code.
    ///
    /// # Errors
    /// None comes.
    pub fn wait_for_notice(&self, code: ReasonCode) -> anyhow::Result<String> {
        let notice = |status: &Status| {
            let found = status.notices.iter().rev().find(|notice| notice.reason.code == code);
            found.map(|notice| notice.reason.message.clone())
        };
        let status = self.wait_for(&format!("a notice {code:?}"), |s| notice(s).is_some())?;
        notice(&status).context("the notice")
    }

    /// Waits until it has ended by itself; true when it ended well.
    ///
    /// # Errors
    /// It runs on.
    pub fn wait_ended(&mut self) -> anyhow::Result<bool> {
        Ok(self.running.wait(STEP)?.success())
    }

    /// Ends it as a crash would.
    ///
    /// # Errors
    /// It is gone already.
    pub fn crash(&mut self) -> anyhow::Result<()> {
        process::signal(self.pid(), rustix::process::Signal::KILL)?;
        self.running.wait(STEP)?;
        Ok(())
    }

    /// It lives, answers, and has never used more than a small program may.
    ///
    /// # Errors
    /// One of these does not hold.
    pub fn check_healthy(&self) -> anyhow::Result<()> {
        self.status().context("the agent's answer")?;
        let (_, peak) = process::resident_bytes(self.pid())?;
        ensure!(peak < 30_000_000, "the agent's memory had a peak of {peak} bytes");
        let log = self.log();
        ensure!(!log.contains("panicked"), "something panicked:\n{log}");
        Ok(())
    }
}

/// Runs `nearside ARGUMENTS` to its end.
///
/// # Errors
/// It does not end.
pub fn nearside(place: &Place, arguments: &[&str]) -> anyhow::Result<Output> {
    let mut command = place.program("nearside")?;
    command.args(arguments);
    let mut running = Running::start(command, place.path(), &format!("nearside-{}", unique()))?;
    let status = running.wait(STEP)?;
    let (stdout, stderr) = (running.stdout().into_bytes(), running.stderr().into_bytes());
    Ok(Output { status, stdout, stderr })
}

/// One snapshot of the agent behind `socket`.
///
/// # Errors
/// It does not answer.
pub fn status(socket: &Path) -> anyhow::Result<Status> {
    let mut connection = Connection::open_at(socket).context("connect to the agent")?;
    connection.set_patience(Some(STEP))?;
    connection.send(&Request::Status)?;
    match connection.receive()? {
        Reply::Status(status) => Ok(*status),
        other => bail!("the agent answers {other:?}"),
    }
}

/// Waits for a snapshot of the agent behind `socket` that `holds`; the agent may still be
/// starting.
///
/// # Errors
/// None comes; `what` and the last snapshot are in the error.
pub fn wait_for(
    socket: &Path,
    what: &str,
    mut holds: impl FnMut(&Status) -> bool,
) -> anyhow::Result<Status> {
    let since = Instant::now();
    let mut connection = loop {
        match Connection::open_at(socket) {
            Ok(connection) => break connection,
            Err(_) if since.elapsed() < STEP => std::thread::sleep(LOOK),
            Err(error) => return Err(error).context("connect to the agent"),
        }
    };
    connection.send(&Request::Watch)?;
    let mut last = String::from("no status");
    loop {
        let left = STEP.saturating_sub(since.elapsed()).max(Duration::from_millis(1));
        connection.set_patience(Some(left))?;
        match connection.receive() {
            Ok(Reply::Status(status)) if holds(&status) => return Ok(*status),
            Ok(Reply::Status(status)) => last = serde_json::to_string(&status)?,
            Ok(other) => bail!("the agent answers {other:?}"),
            Err(error) => bail!("waited for {what}: {error}; last: {last}"),
        }
        ensure!(since.elapsed() < STEP, "waited for {what}; last: {last}");
    }
}

/// For names of files within one test's process.
fn unique() -> usize {
    use std::sync::atomic::{AtomicUsize, Ordering};
    static NEXT: AtomicUsize = AtomicUsize::new(1);
    NEXT.fetch_add(1, Ordering::Relaxed)
}
