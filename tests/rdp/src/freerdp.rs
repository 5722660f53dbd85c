//! The real xfreerdp with the real plugin, on a display of its own.
//!
//! FreeRDP loads plugins from one folder of the system only. The client runs in a mount
//! namespace in which the built plugin lies there, so nothing is installed and nothing has to
//! be removed; root is not needed where the kernel lets users have namespaces.

use crate::leg::Leg;
use anyhow::{Context as _, bail, ensure};
use nearside_tests::STEP;
use nearside_tests::place::Place;
use nearside_tests::process::{self, Running};
use rustix::process::Signal;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Displays that are tried, one after the other.
const DISPLAYS: std::ops::Range<u32> = 80..100;

/// What the client opens.
pub const CONNECTION_FILE: &str = "desk.rdp";

/// For an X server to end by itself.
const LEAVE: Duration = Duration::from_secs(5);

/// Puts the folder `$1` over the folder `$2` for the program that follows.
const OVERLAY: &str = r#"
above=$1 below=$2
shift 2
mount -t overlay overlay -o "lowerdir=$above:$below" "$below" && exec "$@"
"#;

/// An X server without a screen that ends with the test.
pub struct Display {
    number: u32,
    server: Running,
}

impl Display {
    /// Starts one on a number that is free.
    ///
    /// # Errors
    /// None is free, or there is no Xvfb.
    pub fn start(place: &Place) -> anyhow::Result<Self> {
        for number in DISPLAYS {
            let mut command = place.command("Xvfb");
            command.arg(format!(":{number}")).args(["-displayfd", "1", "-nolisten", "tcp"]);
            command.args(["-screen", "0", "1280x960x24"]);
            let mut server = Running::start(command, place.path(), &format!("xvfb-{number}"))?;
            // It says its number when it is ready and ends when another has it.
            if server.wait_for_lines(1, STEP).is_ok() {
                return Ok(Self { number, server });
            }
            ensure!(server.ended()?.is_some(), "Xvfb neither starts nor ends");
        }
        bail!("no display from {} to {} is free", DISPLAYS.start, DISPLAYS.end)
    }

    /// As programs name it.
    pub fn name(&self) -> String {
        format!(":{}", self.number)
    }
}

impl Drop for Display {
    fn drop(&mut self) {
        // Asked to end it removes its lock and its socket; killed, as it is after that, not.
        if process::signal(self.server.pid(), Signal::TERM).is_ok() {
            let _ = self.server.wait(LEAVE);
        }
    }
}

/// A client that is connected to the leg's server. Dropping it kills it.
pub struct FreeRdp {
    running: Running,
    display: Display,
}

impl FreeRdp {
    /// Starts it, and returns when the session is there. It connects again by itself.
    ///
    /// # Errors
    /// It does not connect; what it says is in the error.
    pub fn connect(leg: &Leg) -> anyhow::Result<Self> {
        let display = Display::start(&leg.place)?;
        let before = leg.server.facts().accepted;
        let mut running = start(leg, &display)?;
        let connected = leg.server.wait("xfreerdp", |facts| before < facts.accepted);
        if let Err(error) = connected {
            let hint = match running.ended()? {
                Some(_) => "it has ended; it takes root, or user namespaces, to show it the plugin",
                None => "it runs on",
            };
            return Err(error).with_context(|| format!("{hint}:\n{}", words(&running)));
        }
        Ok(Self { running, display })
    }

    pub fn pid(&self) -> u32 {
        self.running.pid()
    }

    pub fn display(&self) -> &Display {
        &self.display
    }

    /// What it has said.
    pub fn words(&self) -> String {
        words(&self.running)
    }

    /// Ends it as a crash would.
    ///
    /// # Errors
    /// It is gone already.
    pub fn crash(&mut self) -> anyhow::Result<()> {
        process::signal(self.pid(), Signal::KILL)?;
        self.running.wait(STEP)?;
        Ok(())
    }
}

fn start(leg: &Leg, display: &Display) -> anyhow::Result<Running> {
    let above = leg.place.file("freerdp");
    let folder = above.join("freerdp2");
    std::fs::create_dir_all(&folder)?;
    std::fs::copy(plugin()?, folder.join("libnearside-client.so"))?;
    let mut command = leg.place.command("unshare");
    if !rustix::process::geteuid().is_root() {
        command.args(["--user", "--map-root-user"]);
    }
    let below = format!("/usr/lib/{}-linux-gnu", std::env::consts::ARCH);
    command.args(["--mount", "sh", "-c", OVERLAY, "sh"]).arg(above).arg(below);
    let file = leg.place.file(CONNECTION_FILE);
    std::fs::write(&file, "audiomode:i:2\r\n")?;
    command.arg("xfreerdp").arg(file).arg(format!("/v:{}", leg.server.address()));
    command.args(["/u:test", "/p:test", "/cert:ignore", "/sec:tls", "/size:1024x768"]);
    command.args(["/dvc:nearside", "/echo", "+auto-reconnect", "/auto-reconnect-max-retries:20"]);
    command.env("DISPLAY", display.name());
    Running::start(command, leg.place.path(), "xfreerdp")
}

fn words(running: &Running) -> String {
    format!("{}{}", running.stdout(), running.stderr())
}

/// The plugin as the tests' build has made it.
fn plugin() -> anyhow::Result<PathBuf> {
    let test = std::env::current_exe().context("find the running test")?;
    let path = test.with_file_name("libnearside_rdp.so");
    ensure!(path.is_file(), "there is no {}: it is built with the tests", path.display());
    Ok(path)
}

/// Whether the programs are there that this takes.
///
/// # Errors
/// The first one that is not.
pub fn check_installed() -> anyhow::Result<()> {
    let folders = std::env::var_os("PATH").unwrap_or_default();
    for program in ["Xvfb", "xfreerdp", "unshare", "mount"] {
        let mut candidates = std::env::split_paths(&folders).map(|folder| folder.join(program));
        ensure!(
            candidates.any(|path| Path::is_file(&path)),
            "{program} is missing: packaging/install-deps.sh session"
        );
    }
    Ok(())
}
