//! The RDP client's window, and pictures in it.
//!
//! ```text
//!  facts ─▶ link: thread that finds and follows the window ─▶ tracking: where pictures go
//!  layouts ─▶ spot (region): place and shape ─▶ child: a picture's window in that window
//! ```
//! Owner: the stage's loop. X11 only: a native Wayland client takes no windows of others and
//! has no positions; its pictures get windows of their own.

mod child;
mod find;
mod link;
mod region;
mod spot;
mod tracking;

pub(crate) use child::Child;
pub(crate) use link::{LinkError, Parent};
pub(crate) use spot::{MAX_SIDE_PX, Spot};
pub(crate) use tracking::{Ground, News};

use link::Follower;
use nearside_channel::message::{Layout, Reason, ReasonCode, Size};
use nearside_channel::plugin::ConnectionFacts;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Instant;
use tracking::Tracking;

/// See the module.
pub(crate) struct Session {
    /// Of the client's process; 0 if unknown.
    pid: u32,
    desktop: Option<Size>,
    smart_sizing: Option<bool>,
    follower: Follower,
    tracking: Tracking,
}

/// Why pictures cannot go over the client's window.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NoSession {
    #[error("the RDP client is no X11 program")]
    NotX11,
    #[error(transparent)]
    Link(#[from] LinkError),
}

impl Session {
    /// Looks for the window on the display of this process's environment, where the agent has
    /// put it. `wake` is called on another thread after each change.
    ///
    /// # Errors
    /// The client is no X11 program, or the X server does not do what is needed.
    pub(crate) fn start(
        facts: ConnectionFacts,
        wake: impl Fn() + Send + 'static,
    ) -> Result<Self, NoSession> {
        if !is_on_x11() {
            return Err(NoSession::NotX11);
        }
        let (pid, desktop, smart_sizing) = (facts.pid, facts.desktop, facts.smart_sizing);
        let follower = Follower::start(facts, wake)?;
        let tracking = Tracking::new(Instant::now());
        Ok(Self { pid, desktop, smart_sizing, follower, tracking })
    }

    /// Takes what was seen since the last call.
    pub(crate) fn update(&mut self, now: Instant) -> Option<News> {
        let pid = self.pid;
        self.tracking.update(now, self.follower.sight(), || is_alive(pid))
    }

    pub(crate) fn ground(&self) -> Ground {
        self.tracking.ground()
    }

    /// When to call [`Self::update`] though nobody woke.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.tracking.deadline()
    }

    /// Pictures' windows of which something was uncovered since the last call.
    pub(crate) fn take_exposed(&self) -> BTreeSet<u32> {
        self.follower.take_exposed()
    }

    /// Makes a picture's window that is not shown yet.
    ///
    /// # Errors
    /// The client's window has just gone, or the X server.
    pub(crate) fn child(&self, parent: Parent) -> Result<Arc<Child>, LinkError> {
        Child::new(self.follower.link(), parent).map(Arc::new)
    }

    /// Where a picture with this layout goes in a window of this size; hidden while no layout
    /// was said. `limit_px`: longest side that can be drawn.
    pub(crate) fn spot(&self, layout: Option<&Layout>, window: Size, limit_px: u32) -> Spot {
        let Some(layout) = layout else { return Spot::Hidden };
        // Nobody knows the desktop's size: then the window shows it as it is.
        let desktop = layout.desktop.or(self.desktop).unwrap_or(window);
        spot::spot(layout, spot::projection(desktop, window, self.smart_sizing), limit_px)
    }
}

/// Whether this process is on the X11 display of its environment.
pub(crate) fn is_on_x11() -> bool {
    std::env::var_os("DISPLAY").is_some_and(|display| !display.is_empty())
}

/// Whether this process is on an X11 display on which no window manager runs. Without an answer
/// there is one.
pub(crate) fn is_unmanaged() -> bool {
    // Under Wayland the compositor places windows.
    let on_wayland = std::env::var_os("WAYLAND_DISPLAY").is_some_and(|it| !it.is_empty());
    !on_wayland && is_on_x11() && link::has_no_manager().unwrap_or(false)
}

/// Whether the process exists; unknown processes do.
fn is_alive(pid: u32) -> bool {
    pid == 0 || std::path::Path::new("/proc").join(pid.to_string()).exists()
}

/// What is said when pictures get windows of their own.
pub(crate) fn own_windows(why: &NoSession) -> Reason {
    let next_step = match why {
        NoSession::NotX11 => {
            "Move it where it does not disturb. Over the session it plays with an RDP client for \
             X11, such as xfreerdp."
        }
        NoSession::Link(_) => "Move it where it does not disturb.",
    };
    let why = why.to_string();
    Reason::new(
        ReasonCode::Renderer,
        format!("The video plays in a window of its own: {why}."),
        next_step,
    )
}

/// What is said when the client's window stays away.
pub(crate) fn no_window(lost: bool) -> Reason {
    let what = if lost { "is gone" } else { "was not found" };
    Reason::new(
        ReasonCode::Renderer,
        format!("The video plays in a window of its own: the RDP client's window {what}."),
        "Move it where it does not disturb. It goes over the session once the client has an X11 \
         window: xfreerdp has one, wlfreerdp has not.",
    )
}

/// The client has ended, and with it what pictures lay over.
pub(crate) fn client_ended() -> Reason {
    Reason::new(
        ReasonCode::Renderer,
        "The RDP client has ended.",
        "Connect to the session again: its pages are redirected anew.",
    )
}

/// The X server is gone.
pub(crate) fn display_gone() -> Reason {
    Reason::new(
        ReasonCode::Renderer,
        "The display is gone.",
        "Log in again and connect to the session.",
    )
}
