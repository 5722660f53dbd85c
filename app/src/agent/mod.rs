//! The agent: resident, small, the owner of sessions, stages and status.
//!
//! One thread, one async runtime. Each channel is a task ([`connection`]) that owns its pages
//! and their stages; the [`hub`] owns the [`Status`](nearside::status::Status) and is the only
//! one to change it; the [`control`] socket shows it.
//! Architecture Invariant: no decoder, no GPU code and no media parsing here.

mod connection;
mod control;
mod endpoint;
mod folder;
mod hub;
mod page;
mod policy;
mod proxy;
mod settings;
mod small_file;
mod sound_server;
mod stage;
mod tray;

use self::endpoint::{Bringer, Channels};
use self::folder::Seen;
use anyhow::Context as _;
use nearside::paths;
use nearside::stage_link::StageOptions;
use nearside_channel::log::LogRing;
use nearside_channel::policy::DevicePolicy;
use std::fs::File;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc::Sender;
use tokio::task::JoinSet;

pub(crate) use policy::load as load_policy;

/// Names of the agent's sockets in the runtime folder.
const SOCKETS: [&str; 3] = ["channel.sock", paths::PLUGIN_SOCKET, "control.sock"];

/// How the agent starts its stages and what they may do; the rest comes from settings and
/// sessions.
#[derive(Clone)]
pub(crate) struct AgentOptions {
    pub(crate) stage: StageOptions,
    pub(crate) policy: DevicePolicy,
}

/// Runs until it is told to quit. Fails at once when another agent runs.
/// `logs` gets the lines of this process; those of its stages are added.
pub(crate) fn run(options: AgentOptions, logs: LogRing) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .enable_time()
        .build()
        .context("start the async runtime")?;
    runtime.block_on(serve(options, logs))
}

async fn serve(options: AgentOptions, logs: LogRing) -> anyhow::Result<()> {
    let dir = paths::create_runtime_dir().context("create the runtime folder")?;
    let _lock = single_instance(&paths::agent_lock()?)?;
    let channel = endpoint::bind(&paths::channel_socket()?).context("open the channel socket")?;
    let plugin = endpoint::bind(&paths::plugin_socket()?).context("open the plugin's socket")?;
    let control = endpoint::bind(&paths::control_socket()?).context("open the control socket")?;
    let (hub, hub_task) = hub::start(settings::load(), logs);
    let hub_task = tokio::spawn(hub_task);
    let (quit, mut quit_asked) = tokio::sync::mpsc::channel(1);
    let has_windows = !options.stage.headless;
    let channels = Channels::new(hub.clone(), options);
    let mut serving = JoinSet::new();
    if has_windows {
        serving.spawn(tray::show(hub.clone(), quit.clone()));
    }
    serving.spawn(control::serve(control, hub.clone(), quit.clone()));
    serving.spawn(endpoint::accept(channel, Bringer::Direct, channels.clone()));
    serving.spawn(endpoint::accept(plugin, Bringer::Plugin, channels.clone()));
    serving.spawn(attend(dir.clone(), channels, quit));
    tracing::info!(version = env!("CARGO_PKG_VERSION"), "agent runs");
    // For whoever started it: the sockets are open. Nobody may be listening.
    let _ = writeln!(std::io::stdout().lock(), "ready");

    let mut terminate = signal(SignalKind::terminate()).context("watch for signals")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("watch for signals")?;
    // The terminal that it was started from is closed.
    let mut hang_up = signal(SignalKind::hangup()).context("watch for signals")?;
    tokio::select! {
        _ = hang_up.recv() => {}
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
        _ = quit_asked.recv() => {}
    }
    tracing::info!("agent ends");
    serving.abort_all();
    hub.shut_down().await;
    hub_task.abort();
    for socket in SOCKETS {
        // A missing file is as good as a removed one.
        let _ = std::fs::remove_file(dir.join(socket));
    }
    Ok(())
}

/// Takes what an RDP client offers in the runtime folder, and asks the agent to end when its own
/// sockets are removed: sessions play by themselves then, and the next agent serves them.
async fn attend(dir: PathBuf, channels: Channels, quit: Sender<()>) {
    let names = folder::Names { own: &SOCKETS, awaited: paths::IRONRDP_SOCKET };
    let mut events = match folder::watch(&dir, names) {
        Ok(events) => events,
        Err(error) => {
            return tracing::warn!(%error, "RDP clients with a pipe proxy are not found");
        }
    };
    let socket = dir.join(names.awaited);
    // One that is there already was created before the watch.
    proxy::take(&socket, &channels).await;
    while let Some(seen) = events.recv().await {
        match seen {
            Seen::Appeared => proxy::take(&socket, &channels).await,
            Seen::Removed => {
                tracing::warn!("the agent's sockets were removed");
                let _ = quit.try_send(());
                return;
            }
        }
    }
    tracing::warn!("the runtime folder is watched no more");
}

/// Takes the lock of the one agent; it is released by the kernel when the process ends, so a
/// stale file harms nobody.
fn single_instance(path: &Path) -> anyhow::Result<File> {
    let file = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        // A pipe in its place is not waited for.
        .custom_flags(rustix::fs::OFlags::NONBLOCK.bits().cast_signed())
        .open(path)
        .context("open the lock file")?;
    match rustix::fs::flock(&file, rustix::fs::FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(file),
        Err(rustix::io::Errno::WOULDBLOCK) => {
            anyhow::bail!(
                "Nearside already runs for this user. Open its panel with `nearside panel`, \
                 or end it with `nearside quit`."
            )
        }
        Err(error) => Err(error).context("lock the lock file"),
    }
}
