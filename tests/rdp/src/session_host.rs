//! The real `nearside-host` in the leg's session: the process that has the channel.
//!
//! It runs in the foreground here, so that it ends with the test and its words are kept;
//! browsers find it as they find one that they have started themselves.

use crate::leg::Leg;
use crate::sockets::DISPLAY;
use anyhow::{Context as _, ensure};
use nearside_tests::STEP;
use nearside_tests::place::Place;
use nearside_tests::process::Running;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

/// Between two looks at something that cannot be waited for.
const LOOK: Duration = Duration::from_millis(10);

/// A broker that runs. Dropping it kills it.
pub struct SessionHost {
    running: Running,
}

impl SessionHost {
    /// Starts a broker whose channel is that of the leg's xrdp, and waits until browsers find
    /// it.
    ///
    /// # Errors
    /// It does not start.
    pub fn start(leg: &Leg) -> anyhow::Result<Self> {
        Self::start_with(leg, &[])
    }

    /// As [`Self::start`], with more arguments, e.g. another channel.
    ///
    /// # Errors
    /// It does not start.
    pub fn start_with(leg: &Leg, arguments: &[&str]) -> anyhow::Result<Self> {
        let mut command = command(leg)?;
        command.arg("broker").args(arguments);
        let mut running = Running::start(command, leg.place.path(), "nearside-host")?;
        let own = running.pid();
        let since = Instant::now();
        // An answer of another broker that is about to end does not count.
        while !status(leg).is_ok_and(|status| pid_of(&status) == Some(own)) {
            let ended = running.ended()?;
            ensure!(ended.is_none(), "nearside-host ended: {}", running.stderr());
            ensure!(since.elapsed() < STEP, "nearside-host opens no socket: {}", running.stderr());
            std::thread::sleep(LOOK);
        }
        Ok(Self { running })
    }

    pub fn pid(&self) -> u32 {
        self.running.pid()
    }

    /// What it has logged.
    pub fn log(&self) -> String {
        self.running.stderr()
    }

    /// It lives and answers, and nothing in it panicked.
    ///
    /// # Errors
    /// One of these does not hold.
    pub fn check_healthy(&self, leg: &Leg) -> anyhow::Result<()> {
        let status = status(leg)?;
        ensure!(pid_of(&status) == Some(self.pid()), "another answers: {status}");
        ensure!(!self.log().contains("panicked"), "something panicked:\n{}", self.log());
        Ok(())
    }
}

/// `nearside-host`, to run in the leg's session.
///
/// # Errors
/// The program is missing.
pub(crate) fn command(leg: &Leg) -> anyhow::Result<Command> {
    let mut command = leg.place.program("nearside-host")?;
    command
        .env("XRDP_SOCKET_PATH", leg.server.folder())
        .env("DISPLAY", format!(":{DISPLAY}"))
        .env("XDG_RUNTIME_DIR", runtime(&leg.place)?);
    Ok(command)
}

/// What the session's broker says of itself.
///
/// # Errors
/// There is none.
pub fn status(leg: &Leg) -> anyhow::Result<serde_json::Value> {
    let mut command = command(leg)?;
    command.args(["status", "--json"]);
    let mut running = Running::start(command, leg.place.path(), "nearside-host-status")?;
    let ended = running.wait(STEP)?;
    ensure!(ended.success(), "no status: {}", running.stderr());
    serde_json::from_str(&running.stdout()).context("the status")
}

/// The process that a status is of.
pub fn pid_of(status: &serde_json::Value) -> Option<u32> {
    u32::try_from(status.get("pid")?.as_u64()?).ok()
}

/// The session's own runtime folder: it is another machine than the device's.
fn runtime(place: &Place) -> anyhow::Result<PathBuf> {
    let folder = place.file("session-run");
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&folder)?;
    Ok(folder)
}
