//! `nearside`: the command line and the resident agent.
//!
//! The other roles are binaries beside this one (`nearside-panel`, `nearside-stage`,
//! `nearside-demo`), so that the agent links neither FFmpeg nor wgpu.

mod agent;
mod client;

use anyhow::Context as _;
use clap::{Parser, Subcommand};
use nearside::stage_link::{RendererChoice, StageOptions};
use nearside_channel::log::LogRing;
use nearside_channel::policy::Setting;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::ExitCode;

/// Multimedia redirection for remote desktops: videos play on this device.
#[derive(Parser)]
#[command(name = "nearside", version, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    role: Role,
}

#[derive(Subcommand)]
enum Role {
    /// Run the resident agent.
    Agent {
        /// Draw off-screen: no windows.
        #[arg(long)]
        headless: bool,
        /// Size of a video's window in pixels where there is no RDP window.
        #[arg(long, value_name = "WxH", value_parser = nearside::options::window_size)]
        window: Option<(u32, u32)>,
        /// What draws: vulkan or gl.
        #[arg(long, value_parser = nearside::options::renderer, default_value = "auto")]
        renderer: RendererChoice,
        /// Measure the A/V offset at screen and speaker from flash and beep.
        #[arg(long)]
        measure: bool,
        /// Decode without hardware.
        #[arg(long)]
        software_decoding: bool,
        /// Read the device's policy from this file.
        #[arg(long, value_name = "FILE")]
        device_policy: Option<PathBuf>,
    },
    /// Open the panel.
    Panel,
    /// Say what is going on.
    Status {
        /// As JSON.
        #[arg(long)]
        json: bool,
        /// Again after each change, until interrupted.
        #[arg(long)]
        watch: bool,
    },
    /// End the agent.
    Quit,
    /// Play a clip through the whole device side, without a remote session.
    #[command(disable_help_flag = true)]
    Demo {
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<std::ffi::OsString>,
    },
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let logs = LogRing::default();
    if matches!(cli.role, Role::Agent { .. }) {
        let ring = logs.clone();
        nearside::logging::start_collected(move |line| ring.push(line));
    } else {
        nearside::logging::start();
    }
    match run(cli, logs) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            nearside::logging::complain(&error);
            ExitCode::FAILURE
        }
    }
}

fn run(cli: Cli, logs: LogRing) -> anyhow::Result<()> {
    match cli.role {
        Role::Agent { headless, window, renderer, measure, software_decoding, device_policy } => {
            let policy = agent::load_policy(device_policy.as_deref())?;
            let allow_private_addresses = policy.allow_private_addresses == Setting::Is(true);
            let stage = StageOptions {
                headless,
                window,
                renderer,
                measure,
                software_decoding,
                allow_private_addresses,
            };
            agent::run(agent::AgentOptions { stage, policy }, logs)
        }
        Role::Panel => become_sibling("nearside-panel", Vec::new()),
        Role::Demo { arguments } => become_sibling("nearside-demo", arguments),
        Role::Status { json, watch } => client::status(json, watch),
        Role::Quit => client::quit(),
    }
}

/// Goes on as another binary of the program.
fn become_sibling(name: &str, arguments: Vec<std::ffi::OsString>) -> anyhow::Result<()> {
    let program = nearside::paths::sibling(name).context("find the program's other parts")?;
    let error = std::process::Command::new(program).args(arguments).exec();
    Err(error).with_context(|| format!("start {name}"))
}
