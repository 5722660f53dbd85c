//! `nearside-stage`: shows and plays what one redirected page asked for.
//!
//! Started by the agent, spoken to over standard input and output. Parses hostile media, so it
//! is the process that may crash; the agent sees it and the page plays on in the session.
//!
//! ```text
//!  stdin ─▶ input thread ─▶ buffers of the players ─▶ decode threads ─▶ loop: pick, draw
//!                      └──▶ Input (bounded) ────────────────────────────▶ loop: commands
//! ```

mod captions;
mod control_bar;
mod entry;
mod input;
mod offscreen;
mod outbox;
mod overlay;
mod places;
mod session;
mod translate;
mod troupe;
mod view;
mod waker;
mod windows;

use input::Input;
use nearside::stage_link::{StageOptions, ToStage};
use nearside_channel::message::DeviceSettings;
use nearside_channel::plugin::ConnectionFacts;
use nearside_media::sound::{Output, OutputConfig};
use outbox::Outbox;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread::JoinHandle;
use waker::Waker;

fn main() -> ExitCode {
    let outcome = Outbox::start().map_err(anyhow::Error::from).and_then(|outbox| {
        let outcome = run(outbox.clone());
        outbox.finish();
        outcome
    });
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            nearside::logging::complain(&error);
            ExitCode::FAILURE
        }
    }
}

/// What the agent's first message says, and what starts while the graphics device opens.
pub(crate) struct Start {
    pub(crate) options: StageOptions,
    pub(crate) settings: DeviceSettings,
    /// The RDP client that shows the session, if one does.
    pub(crate) facts: Option<ConnectionFacts>,
    pub(crate) outbox: Outbox,
    /// Opens the sound device.
    pub(crate) sound: JoinHandle<Output>,
}

fn run(outbox: Outbox) -> anyhow::Result<()> {
    let log = outbox.clone();
    nearside::logging::start_collected(move |line| log.log(line));
    let waker = Arc::new(Waker::default());
    let (send, inputs) = sync_channel(input::DEPTH);
    let wake = Arc::clone(&waker);
    input::start(send, Arc::new(move || wake.wake()), outbox.clone())?;
    let Some(start) = first_message(&inputs, outbox)? else { return Ok(()) };
    tracing::info!(version = env!("CARGO_PKG_VERSION"), "stage starts");
    if start.options.headless {
        return offscreen::run(start, &inputs, &waker, None);
    }
    match windows::event_loop(start.facts.is_some()) {
        Ok(event_loop) => windows::run(event_loop, start, inputs, waker),
        Err(error) => {
            let detail = error.to_string();
            offscreen::run(start, &inputs, &waker, Some(translate::no_display(&detail)))
        }
    }
}

/// Waits for `Start`; `None` when the agent goes first.
fn first_message(inputs: &Receiver<Input>, outbox: Outbox) -> anyhow::Result<Option<Start>> {
    for input in inputs {
        match input {
            Input::Message(ToStage::Start { options, settings, ahead, facts }) => {
                let config = OutputConfig { measure: options.measure, force_system_clock: false };
                let sound =
                    std::thread::Builder::new().name("open sound".to_owned()).spawn(move || {
                        let output = Output::open(config);
                        // While the graphics device opens.
                        if !ahead {
                            output.warm_up();
                        }
                        output
                    })?;
                let facts = facts.map(|facts| *facts);
                return Ok(Some(Start { options, settings, facts, outbox, sound }));
            }
            Input::End => break,
            Input::Message(_) | Input::Opened { .. } | Input::Failed { .. } => {}
        }
    }
    Ok(None)
}
