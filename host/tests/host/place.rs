//! A session of its own: folder, environment, processes that end with it.

use std::path::{Path, PathBuf};
#[cfg(unix)]
use std::process::Stdio;
use std::process::{Child, Command};
#[cfg(windows)]
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use nearside_host::status::Status;
use tempfile::TempDir;

use crate::STEP;

/// The display that these sessions claim to have; nothing connects to it.
pub(crate) const DISPLAY: u32 = 97;

/// A broker's pipe has the name of its session, and this is one.
#[cfg(windows)]
static ALONE: Mutex<()> = Mutex::new(());

/// See the module.
pub(crate) struct Place {
    folder: TempDir,
    variables: Vec<(&'static str, String)>,
    brokers: Vec<Child>,
    #[cfg(windows)]
    _alone: MutexGuard<'static, ()>,
}

impl Place {
    /// A session without any device.
    pub(crate) fn new() -> Self {
        Self {
            #[cfg(windows)]
            _alone: ALONE.lock().unwrap_or_else(PoisonError::into_inner),
            folder: tempfile::tempdir().unwrap(),
            variables: Vec::new(),
            brokers: Vec::new(),
        }
    }

    /// A session with the device's socket forwarded to [`Place::channel`].
    pub(crate) fn forwarded() -> Self {
        let mut place = Self::new();
        let channel = place.channel().display().to_string();
        if cfg!(windows) {
            place.set("NEARSIDE_WTS_STAND_IN", channel);
        } else {
            place.set("NEARSIDE_CHANNEL", format!("unix:{channel}"));
        }
        place
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn channel(&self) -> PathBuf {
        self.path().join("channel.sock")
    }

    pub(crate) fn broker_socket(&self) -> PathBuf {
        self.path().join("run").join(format!("host-_{DISPLAY}.sock"))
    }

    pub(crate) fn set(&mut self, name: &'static str, value: String) {
        self.variables.push((name, value));
    }

    /// `nearside-host` in this session.
    pub(crate) fn program(&self) -> Command {
        let mut command = Command::new(executable());
        command
            .env_remove("NEARSIDE_CHANNEL")
            .env_remove("XRDP_SOCKET_PATH")
            .env("NEARSIDE_RUNTIME_DIR", self.path().join("run"))
            .env("DISPLAY", format!(":{DISPLAY}.0"))
            .envs(self.variables.iter().map(|(name, value)| (*name, value)));
        command
    }

    /// A broker as a person starts it.
    #[cfg(unix)]
    pub(crate) fn start_broker(&mut self, arguments: &[&str]) {
        let mut command = self.program();
        if arguments.is_empty() {
            command.arg("broker");
        }
        command.args(arguments);
        self.brokers.push(command.stderr(Stdio::null()).spawn().unwrap());
        self.status_when("the broker listens", |_| true);
    }

    /// `nearside-host status --json`; `None`: there is no broker.
    pub(crate) fn status(&self) -> Option<Status> {
        let output = self.program().args(["status", "--json"]).output().unwrap();
        output.status.success().then(|| serde_json::from_slice(&output.stdout).unwrap())
    }

    /// Asks until the answer is such.
    pub(crate) fn status_when(&self, what: &str, holds: impl Fn(&Status) -> bool) -> Status {
        let since = Instant::now();
        loop {
            let status = self.status();
            if let Some(status) = status.as_ref().filter(|status| holds(status)) {
                return status.clone();
            }
            assert!(since.elapsed() < STEP, "not so: {what}; but {status:?}");
        }
    }

    /// Waits until the broker has ended by itself.
    pub(crate) fn wait_for_end(&self) {
        let since = Instant::now();
        while self.status().is_some() || self.broker_socket().exists() {
            assert!(since.elapsed() < STEP, "the broker goes on");
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        for broker in &mut self.brokers {
            // It may have ended by itself.
            let _ = broker.kill();
            let _ = broker.wait();
        }
        // One that a relay started ends by itself, seconds later; a test need not wait.
        if let Some(status) = self.status() {
            kill(status.pid);
            // The next test's would have its name.
            if cfg!(windows) {
                self.wait_for_end();
            }
        }
    }
}

#[cfg(unix)]
fn executable() -> &'static str {
    env!("CARGO_BIN_EXE_nearside-host")
}

/// A copy in a folder with the stand-in for Remote Desktop Services.
#[cfg(windows)]
fn executable() -> &'static Path {
    static COPY: std::sync::OnceLock<PathBuf> = std::sync::OnceLock::new();
    COPY.get_or_init(|| {
        let built = Path::new(env!("CARGO_BIN_EXE_nearside-host"));
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("host-windows");
        std::fs::create_dir_all(&folder).unwrap();
        let copy = folder.join("nearside-host.exe");
        std::fs::copy(built, &copy).unwrap();
        let stand_in = built.with_file_name("nearside_wts_stand_in.dll");
        std::fs::copy(stand_in, folder.join("wtsapi32.dll"))
            .expect("to be built before: cargo build -p nearside-wts-stand-in");
        copy
    })
}

/// Ends a process of this test at once.
#[cfg(windows)]
pub(crate) fn kill(pid: u32) {
    // It may have ended by itself.
    let _ = Command::new("taskkill").args(["/F", "/PID", &pid.to_string()]).output();
}

/// Ends a process of this test at once.
#[cfg(unix)]
pub(crate) fn kill(pid: u32) {
    let pid = i32::try_from(pid).ok().and_then(rustix::process::Pid::from_raw).unwrap();
    // It may have ended by itself.
    let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
}
