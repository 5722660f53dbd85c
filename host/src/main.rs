//! `nearside-host`: started by a browser (relay), by the relay (broker), or by a person.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Args, Parser, Subcommand};
use nearside_host::status::Status;
use nearside_host::{broker, relay};

/// Connects this session's browsers to Nearside on the device in front of you.
#[derive(Parser)]
#[command(version, arg_required_else_help = true, args_conflicts_with_subcommands = true)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    broker: BrokerArguments,
}

/// Without a command it is the broker that is meant.
#[derive(Args)]
struct BrokerArguments {
    /// The channel: unix:PATH of a socket. Default: $NEARSIDE_CHANNEL, else that of the
    /// session's RDP server.
    #[arg(long, value_name = "unix:PATH")]
    channel: Option<String>,
    /// The session host's policy file.
    #[arg(long, value_name = "FILE", default_value_os_t = nearside_host::default_policy_path())]
    policy: PathBuf,
    /// Leaves the starting process and ends after the last browser.
    #[arg(long)]
    detached: bool,
}

#[derive(Subcommand)]
enum Command {
    /// Runs the process that has the session's channel; browsers start it by themselves.
    Broker(BrokerArguments),
    /// Says whether this session is connected, and why not.
    Status {
        /// One JSON object.
        #[arg(long)]
        json: bool,
    },
}

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(std::io::stderr().lock(), "nearside-host: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> anyhow::Result<()> {
    // Browsers give the caller's origin first, some give other arguments of their own.
    let first = std::env::args_os().nth(1);
    if first.is_some_and(|first| first.to_string_lossy().starts_with("chrome-extension://")) {
        return relay::run();
    }
    let Arguments { command, broker } = Arguments::parse();
    match command.unwrap_or(Command::Broker(broker)) {
        Command::Broker(BrokerArguments { channel, policy, detached }) => {
            let channel = channel.or_else(|| std::env::var(nearside_host::CHANNEL_VARIABLE).ok());
            let channel = channel.filter(|text| !text.is_empty());
            broker::run(&broker::Options { channel, policy, detached })
        }
        Command::Status { json } => {
            let status = nearside_host::ask_status()?;
            let mut output = std::io::stdout().lock();
            if json {
                serde_json::to_writer(&mut output, &status)?;
                writeln!(output)?;
            } else {
                describe(&status, &mut output)?;
            }
            output.flush().context("write the status")
        }
    }
}

fn describe(status: &Status, output: &mut impl std::io::Write) -> std::io::Result<()> {
    let state = if status.connected { "connected" } else { "not connected" };
    writeln!(output, "{state} ({})", status.transport)?;
    if let Some(reason) = &status.reason {
        writeln!(output, "{} {}", reason.message, reason.next_step)?;
    }
    let Status { browsers, pages, kept_bytes, bytes_sent, control_rtt_ms, .. } = status;
    writeln!(
        output,
        "{browsers} browsers, {pages} pages, {kept_bytes} bytes kept, {bytes_sent} bytes sent, \
         round trip {:.1} ms (p99 {:.1} ms, {} measured)",
        control_rtt_ms.p50, control_rtt_ms.p99, control_rtt_ms.n
    )
}
