//! The control socket: what the panel and scripts say to the agent, one JSON value a line.
//!
//! A connection sends [`Request`]s and receives [`Reply`]s. `Watch` makes the agent send a
//! [`Reply::Status`] at once and after each change, merged to a few a second.

use crate::status::Status;
use nearside_channel::message::{DeviceSettings, PageId, PlayerCommand, PlayerId};
use serde::{Deserialize, Serialize};

/// Longest accepted line in bytes.
pub const MAX_LINE: usize = 1 << 20;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Request {
    /// One snapshot.
    Status,
    /// A snapshot now and after each change.
    Watch,
    /// The user's switches; takes effect at once and is kept.
    SetSettings { settings: DeviceSettings },
    /// Steers an item, as its page would.
    Steer { page: PageId, player: PlayerId, command: PlayerCommand },
    /// Opens the panel, or raises it.
    OpenPanel,
    /// Ends the agent and everything it started.
    Quit,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Reply {
    Status(Box<Status>),
    Done,
    Refused { message: String },
}
