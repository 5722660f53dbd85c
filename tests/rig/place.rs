//! A folder of a test's own, and commands that know no other.

use crate::programs;
use anyhow::Context as _;
use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use tempfile::TempDir;

/// What would lead a program to something outside of the place.
const FOREIGN: [&str; 17] = [
    "DISPLAY",
    "WAYLAND_DISPLAY",
    "NEARSIDE_RUNTIME_DIR",
    "NEARSIDE_LOG",
    "PULSE_SERVER",
    "PULSE_RUNTIME_PATH",
    "PULSE_STATE_PATH",
    "PULSE_COOKIE",
    "DBUS_SESSION_BUS_ADDRESS",
    "ALL_PROXY",
    "all_proxy",
    "HTTPS_PROXY",
    "https_proxy",
    "HTTP_PROXY",
    "http_proxy",
    "NO_PROXY",
    "no_proxy",
];

/// Runtime folder, home and files of one test; removed when dropped.
#[derive(Debug)]
pub struct Place {
    folder: TempDir,
}

impl Place {
    /// A new one.
    ///
    /// # Errors
    /// The temporary folder cannot be written.
    pub fn new() -> anyhow::Result<Self> {
        let folder = tempfile::Builder::new().prefix("nearside-test-").tempdir();
        let place = Self { folder: folder.context("create the test's folder")? };
        for folder in [place.runtime(), place.home()] {
            DirBuilder::new().mode(0o700).create(&folder).context("create the test's folder")?;
        }
        Ok(place)
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// A file of the test.
    pub fn file(&self, name: &str) -> PathBuf {
        self.path().join(name)
    }

    /// `XDG_RUNTIME_DIR` of everything that runs here.
    pub fn runtime(&self) -> PathBuf {
        self.file("run")
    }

    /// `HOME` of everything that runs here.
    pub fn home(&self) -> PathBuf {
        self.file("home")
    }

    /// A program of this workspace, to run here.
    ///
    /// # Errors
    /// There is no such program.
    pub fn program(&self, name: &str) -> anyhow::Result<Command> {
        Ok(self.command(programs::program(name)?))
    }

    /// Any program, to run here: no display, no sound server, no session but its own.
    pub fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new(program);
        for name in FOREIGN {
            command.env_remove(name);
        }
        command
            .env("XDG_RUNTIME_DIR", self.runtime())
            .env("HOME", self.home())
            .env("XDG_CONFIG_HOME", self.home().join(".config"))
            .env("NO_COLOR", "1")
            .env("LC_ALL", "C.UTF-8")
            .current_dir(self.path())
            .stdin(Stdio::null());
        command
    }
}
