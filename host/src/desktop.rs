//! The session's own windows: what of a picture's place other windows lie over, and where the
//! browser's window is now.
//!
//! ```text
//!  X server ──events──▶ x11 (a thread) ──▶ Windows ─┐
//!  page ──▶ Layout ─────────────────────────────────┴▶ Picture ──▶ Layout for the device
//! ```
//!
//! A page knows what lies over its video within the page and nothing of other windows, menus
//! of its own browser among them; and that its window has moved or gone it notices late. What
//! is here adds that. Where there is no X server layouts pass as they are.
//!
//! Units: pixels of the remote desktop, as in [`nearside_channel::message::Layout`].
//! INVARIANT: all but `x11` and `process` is pure: windows, layouts and time in, layouts out.

mod cover;
mod picture;
#[cfg(target_os = "linux")]
mod process;
mod sight;
#[cfg(target_os = "linux")]
mod x11;

use std::sync::Arc;

use nearside_channel::message::{Rect, Size};

pub(crate) use self::picture::{Page, Picture};
#[cfg(target_os = "linux")]
pub(crate) use self::process::ancestry;
pub(crate) use self::sight::{Bubbles, Sight, Spot};
#[cfg(target_os = "linux")]
pub(crate) use self::x11::Watch;

/// An X window: the program's own, not the frame that a window manager has put around it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct WindowId(pub(crate) u32);

/// One window on the desktop, with its frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Window {
    pub(crate) id: WindowId,
    /// All of it, without a shadow's margins.
    pub(crate) rect: Rect,
    /// Those margins: left, top, right, bottom.
    pub(crate) margins: [u32; 4],
    /// The parts of `rect` that are painted, where that is not all of it.
    pub(crate) shape: Option<Vec<Rect>>,
    /// Not minimised, not on another desktop.
    pub(crate) mapped: bool,
    /// A menu, a tooltip, a dialog of another window: a browser's pages lie in none of these.
    pub(crate) floating: bool,
    /// The process that says to have made it.
    pub(crate) process: Option<u32>,
    pub(crate) title: String,
}

/// The windows of the desktop, the lowest first.
pub(crate) type Windows = [Window];

/// What is known of the session's desktop; nothing where there is no X server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Desktop {
    /// All monitors together. A page knows only the one that it is on.
    pub(crate) size: Option<Size>,
    pub(crate) windows: Arc<Windows>,
}

impl Default for Desktop {
    fn default() -> Self {
        Self { size: None, windows: Arc::from([]) }
    }
}

/// Where nothing is known of windows.
#[cfg(not(target_os = "linux"))]
#[derive(Debug)]
pub(crate) struct Watch;

#[cfg(not(target_os = "linux"))]
impl Watch {
    pub(crate) fn start() -> Self {
        Self
    }

    /// Never.
    pub(crate) async fn changed(&mut self) -> Desktop {
        std::future::pending().await
    }
}

/// Windows that say their process are not asked for it.
#[cfg(not(target_os = "linux"))]
pub(crate) fn ancestry(_client: &crate::meeting::Client) -> Vec<u32> {
    Vec::new()
}

/// Whether this process's surroundings name an X server.
#[cfg(target_os = "linux")]
fn has_display() -> bool {
    std::env::var_os("DISPLAY").is_some_and(|name| !name.is_empty())
}
