//! A program that runs, and what the kernel counts of it.

use crate::LOOK;
use anyhow::{Context as _, bail};
use rustix::process::{Pid, Signal};
use std::fs::File;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus};
use std::time::{Duration, Instant};

/// A child in a process group of its own, its output in files. Dropping it kills the group.
#[derive(Debug)]
pub struct Running {
    child: Child,
    ended: Option<ExitStatus>,
    stdout: PathBuf,
    stderr: PathBuf,
}

impl Running {
    /// Starts `command`; its output goes to `NAME.out` and `NAME.err` in `folder`.
    ///
    /// # Errors
    /// The program does not start.
    pub fn start(mut command: Command, folder: &Path, name: &str) -> anyhow::Result<Self> {
        let stdout = folder.join(format!("{name}.out"));
        let stderr = folder.join(format!("{name}.err"));
        command.stdout(File::create(&stdout)?).stderr(File::create(&stderr)?).process_group(0);
        let child = command.spawn().with_context(|| format!("start {name}"))?;
        Ok(Self { child, ended: None, stdout, stderr })
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// What it has written to standard output so far.
    pub fn stdout(&self) -> String {
        read_lossy(&self.stdout)
    }

    /// What it and its children have written to standard error so far.
    pub fn stderr(&self) -> String {
        read_lossy(&self.stderr)
    }

    /// Its end, if it has come.
    ///
    /// # Errors
    /// The kernel does not say.
    pub fn ended(&mut self) -> anyhow::Result<Option<ExitStatus>> {
        if self.ended.is_none() {
            self.ended = self.child.try_wait()?;
        }
        Ok(self.ended)
    }

    /// Waits for its end.
    ///
    /// # Errors
    /// It runs on for `limit`.
    pub fn wait(&mut self, limit: Duration) -> anyhow::Result<ExitStatus> {
        let since = Instant::now();
        loop {
            if let Some(status) = self.ended()? {
                return Ok(status);
            }
            if limit < since.elapsed() {
                bail!("still runs after {} s:\n{}", limit.as_secs(), self.stderr());
            }
            std::thread::sleep(LOOK);
        }
    }

    /// Waits until standard output has `count` whole lines, and returns what is there.
    ///
    /// # Errors
    /// It ends first, or `limit` passes.
    pub fn wait_for_lines(&mut self, count: usize, limit: Duration) -> anyhow::Result<Vec<String>> {
        let since = Instant::now();
        loop {
            let ended = self.ended()?;
            let text = self.stdout();
            // The last line may still be written.
            let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
            let lines: Vec<String> = whole.lines().map(str::to_owned).collect();
            if count <= lines.len() {
                return Ok(lines);
            }
            if ended.is_some() || limit < since.elapsed() {
                bail!("{} lines instead of {count}:\n{text}{}", lines.len(), self.stderr());
            }
            std::thread::sleep(LOOK);
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // What has ended already needs no signal.
        if let Ok(group) = pid(self.child.id()) {
            let _ = rustix::process::kill_process_group(group, Signal::KILL);
        }
        let _ = self.child.wait();
    }
}

/// Sends `signal` to a process that the test has started.
///
/// # Errors
/// There is no such process.
pub fn signal(process: u32, signal: Signal) -> anyhow::Result<()> {
    rustix::process::kill_process(pid(process)?, signal).context("send a signal")
}

fn pid(process: u32) -> anyhow::Result<Pid> {
    let raw = i32::try_from(process).context("a process number")?;
    Pid::from_raw(raw).context("a process number")
}

fn read_lossy(path: &Path) -> String {
    std::fs::read(path).map_or_else(
        |error| format!("(not readable: {error})"),
        |bytes| String::from_utf8_lossy(&bytes).into_owned(),
    )
}

/// Whether the process still runs; one that waits to be reaped does not.
pub fn is_alive(process: u32) -> bool {
    stat(process).is_some_and(|fields| fields.first().is_some_and(|state| state != "Z"))
}

/// Waits until a process that may not be a child of the test is gone.
///
/// # Errors
/// It is still there after `limit`.
pub fn wait_gone(process: u32, limit: Duration) -> anyhow::Result<()> {
    let since = Instant::now();
    while is_alive(process) {
        if limit < since.elapsed() {
            bail!("process {process} is still there after {} s", limit.as_secs());
        }
        std::thread::sleep(LOOK);
    }
    Ok(())
}

/// The processes that one has started and that it has not waited for.
///
/// # Errors
/// There is no such process.
pub fn children(process: u32) -> anyhow::Result<Vec<u32>> {
    let mut children = Vec::new();
    for thread in std::fs::read_dir(format!("/proc/{process}/task"))? {
        // A thread may end meanwhile.
        let list = std::fs::read_to_string(thread?.path().join("children")).unwrap_or_default();
        children.extend(list.split_whitespace().filter_map(|pid| pid.parse::<u32>().ok()));
    }
    Ok(children)
}

/// CPU time used so far, user and system, in clock ticks of 10 ms.
///
/// # Errors
/// There is no such process.
pub fn cpu_ticks(process: u32) -> anyhow::Result<u64> {
    let fields = stat(process).context("the process is gone")?;
    let ticks = |index: usize| fields.get(index).and_then(|field| field.parse::<u64>().ok());
    let (user, system) = (ticks(11), ticks(12));
    Ok(user.context("user time")? + system.context("system time")?)
}

/// Resident memory now and at its peak, in bytes.
///
/// # Errors
/// There is no such process.
pub fn resident_bytes(process: u32) -> anyhow::Result<(u64, u64)> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status"))?;
    let kib = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name))?;
        line.split_whitespace().next()?.parse::<u64>().ok()
    };
    let now = kib("VmRSS:").context("VmRSS")?;
    let peak = kib("VmHWM:").context("VmHWM")?;
    Ok((now * 1024, peak * 1024))
}

/// Fields of `/proc/PID/stat` from the state on.
fn stat(process: u32) -> Option<Vec<String>> {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // The name in brackets may hold anything: fields count from the last bracket.
    Some(stat.rsplit_once(')')?.1.split_whitespace().map(str::to_owned).collect())
}
