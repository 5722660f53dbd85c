//! What views read and what they ask for.
//!
//! A view is `fn x_ui(ui, &View, &mut Vec<Command>)`: it does no I/O, takes no lock, reads no
//! clock and keeps no copy of the agent's state.

use crate::history::History;
use nearside::control::Request;
use nearside::status::Status;

/// Everything the panel shows, put together once per frame by the window.
#[derive(Clone, Copy)]
pub(crate) struct View<'a> {
    pub agent: Agent<'a>,
    /// Why the agent refused the last request, until one is taken.
    pub refused: Option<&'a str>,
    pub history: &'a History,
    /// When the status arrived; elapsed times refer to it.
    pub now_unix_ms: u64,
    pub page: Page,
    /// "Show Advanced Settings" is open.
    pub advanced: bool,
    /// Token for the next seek.
    pub seek_token: u32,
}

/// What is known of the agent.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Agent<'a> {
    /// No answer yet.
    Connecting,
    Away {
        /// It was started from here and has not answered yet.
        starting: bool,
        /// Why the last try failed, where that is more than "nobody listens".
        problem: Option<&'a str>,
    },
    Here(&'a Status),
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) enum Page {
    #[default]
    Status,
    Diagnostics,
}

/// What the user asked for. The window carries it out after the frame.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Command {
    Send(Request),
    StartAgent,
    Show(Page),
    ShowAdvanced(bool),
    Copy(String),
}
