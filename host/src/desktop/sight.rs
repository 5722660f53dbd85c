//! What the browser draws over a page into the page's own window: permission requests, lists of
//! downloads, dialogs. No window tells of these, and no page knows of them.
//!
//! Where the device shows a picture the page is of one colour, see [`bubbles`]. Anything else
//! that hangs there from above is the browser's.
//!
//! ```text
//!  session ──Spots──▶ eye (a thread) ──Bubbles──▶ session
//!                      ▲ damage, pixels
//!                   X server
//! ```
//!
//! INVARIANT: the X server is asked for nothing while there is no picture or nothing changes.

#[cfg(target_os = "linux")]
mod bubbles;
#[cfg(target_os = "linux")]
mod eye;
#[cfg(target_os = "linux")]
mod pixels;

use std::collections::BTreeMap;

use nearside_channel::message::{Layout, Rect};

#[cfg(target_os = "linux")]
pub(crate) use self::eye::Sight;

/// Where a picture is seen: of a player, by its number in the session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Spot {
    pub(crate) player: u64,
    /// What is visible of the picture, in pixels of the desktop.
    pub(crate) clip: Rect,
    /// Parts of it that are known to be something else.
    pub(crate) covered: Vec<Rect>,
}

/// What is drawn over the pictures of players, in pixels of the desktop.
pub(crate) type Bubbles = BTreeMap<u64, Vec<Rect>>;

impl Spot {
    /// `None`: there is nothing to be seen of it.
    pub(crate) fn of(player: u64, layout: &Layout) -> Option<Self> {
        let Layout { clip, covered, visible, .. } = layout;
        visible.then(|| Self { player, clip: *clip, covered: covered.clone() })
    }

    /// The same as [`Spot::of`] would make.
    pub(crate) fn is_of(&self, player: u64, layout: &Layout) -> bool {
        (self.player, self.clip) == (player, layout.clip) && self.covered == layout.covered
    }
}

/// Where there is no X server.
#[cfg(not(target_os = "linux"))]
#[derive(Debug)]
pub(crate) struct Sight;

#[cfg(not(target_os = "linux"))]
impl Sight {
    pub(crate) fn start() -> Self {
        Self
    }

    pub(crate) fn look_at(&mut self, _spots: Vec<Spot>) {}

    pub(crate) fn spots(&self) -> &[Spot] {
        &[]
    }

    /// Never.
    pub(crate) async fn changed(&mut self) -> Bubbles {
        std::future::pending().await
    }
}
