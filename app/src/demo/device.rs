//! The private device side: a folder, an agent in it, a panel if there is a display.

use super::Options;
use anyhow::{Context as _, bail};
use nearside::control::{Connection, Reply, Request};
use nearside::paths;
use nearside::stage_link::RendererChoice;
use nearside::status::{Process, Status};
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// An agent that takes longer to start has failed.
const START_LIMIT: Duration = Duration::from_secs(10);

/// An owner-only folder, removed when dropped.
pub(crate) struct PrivateFolder(PathBuf);

impl PrivateFolder {
    pub(crate) fn create() -> std::io::Result<Self> {
        let parent = std::env::var_os("XDG_RUNTIME_DIR")
            .map(PathBuf::from)
            .filter(|path| path.is_dir())
            .unwrap_or_else(std::env::temp_dir);
        let path = parent.join(format!("nearside-demo-{}", std::process::id()));
        std::fs::DirBuilder::new().mode(0o700).create(&path)?;
        Ok(Self(path))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for PrivateFolder {
    fn drop(&mut self) {
        // What cannot be removed is in a temporary folder anyway.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// The running processes. Dropping it ends them.
pub(crate) struct Device {
    agent: Child,
    panel: Option<Child>,
    folder: PathBuf,
}

impl Device {
    /// Starts the agent and waits until its sockets are open, then the panel.
    pub(crate) fn start(folder: &PrivateFolder, options: &Options) -> anyhow::Result<Self> {
        let mut command = Command::new(paths::sibling("nearside").context("find the agent")?);
        command.arg("agent").arg("--measure").stdout(Stdio::piped()).stdin(Stdio::null());
        command.env(paths::RUNTIME_DIR_VARIABLE, folder.path());
        if options.headless {
            command.arg("--headless");
        }
        if let Some((width, height)) = options.window {
            command.arg("--window").arg(format!("{width}x{height}"));
        }
        if options.software_decoding {
            command.arg("--software-decoding");
        }
        command.arg("--renderer").arg(match options.renderer {
            RendererChoice::Auto => "auto",
            RendererChoice::Vulkan => "vulkan",
            RendererChoice::Gl => "gl",
        });
        let mut agent = command.spawn().context("start the agent")?;
        let stdout = agent.stdout.take();
        let mut device = Self { agent, panel: None, folder: folder.path().to_owned() };
        // The agent says "ready" in a line of its own, or ends.
        let mut line = String::new();
        let since = Instant::now();
        BufReader::new(stdout.context("the agent has no output")?).read_line(&mut line)?;
        if line.trim() != "ready" || START_LIMIT < since.elapsed() {
            bail!("the agent did not start; its reason is above");
        }
        if !options.headless && !options.no_panel {
            let panel = Command::new(paths::sibling("nearside-panel").context("find the panel")?)
                .env(paths::RUNTIME_DIR_VARIABLE, folder.path())
                .spawn()
                .context("start the panel")?;
            device.panel = Some(panel);
        }
        Ok(device)
    }

    /// This side's socket folder, for the channel and the control socket.
    pub(crate) fn sockets(&self) -> Sockets {
        Sockets(self.folder.clone())
    }

    /// The panel's process while it runs.
    pub(crate) fn panel(&mut self) -> Option<Process> {
        let panel = self.panel.as_mut()?;
        let running = matches!(panel.try_wait(), Ok(None));
        running.then(|| Process { role: "panel".to_owned(), pid: panel.id() })
    }

    /// True when there was a panel and the user closed it.
    pub(crate) fn panel_closed(&mut self) -> bool {
        self.panel.is_some() && self.panel().is_none()
    }
}

impl Drop for Device {
    fn drop(&mut self) {
        if let Some(panel) = &mut self.panel {
            // It may have ended already.
            let _ = panel.kill();
            let _ = panel.wait();
        }
        let asked = self.sockets().request(&Request::Quit).is_ok();
        let since = Instant::now();
        while asked && since.elapsed() < Duration::from_secs(4) {
            if matches!(self.agent.try_wait(), Ok(Some(_)) | Err(_)) {
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        let _ = self.agent.kill();
        let _ = self.agent.wait();
    }
}

/// Where the private agent listens.
#[derive(Clone)]
pub(crate) struct Sockets(PathBuf);

impl Sockets {
    pub(crate) fn channel(&self) -> PathBuf {
        self.0.join("channel.sock")
    }

    /// One request and its reply. Blocks.
    pub(crate) fn request(&self, request: &Request) -> anyhow::Result<Reply> {
        let mut connection =
            Connection::open_at(&self.0.join("control.sock")).context("connect to the agent")?;
        connection.send(request)?;
        Ok(connection.receive()?)
    }

    pub(crate) fn status(&self) -> anyhow::Result<Status> {
        match self.request(&Request::Status)? {
            Reply::Status(status) => Ok(*status),
            Reply::Done | Reply::Logs { .. } => bail!("the agent gave no status"),
            Reply::Refused { message } => bail!(message),
        }
    }
}
