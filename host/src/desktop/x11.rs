//! Follows the windows of the session's X server: by its events alone, and with its own words.
//!
//! One thread, which waits for the server and for nothing else; so a server that hangs holds
//! up nobody. Events say that something has changed; what there is now is asked for, a whole
//! batch of changes at once. Whoever waits gets the latest state, never a queue of them.
//!
//! The thread ends with the server or with the process. Without a server there are no windows.
//!
//! INVARIANT: nothing of this client is ever visible to others: it makes no window, grabs
//! nothing, and changes nothing.

mod inspect;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use nearside_channel::message::Size;
use tokio::sync::watch;
use x11rb::connection::Connection as _;
use x11rb::errors::ReplyError;
use x11rb::protocol::Event;
use x11rb::protocol::xproto::{
    ChangeWindowAttributesAux, ConnectionExt as _, EventMask, Window as XWindow,
};
use x11rb::rust_connection::RustConnection;

use self::inspect::{Found, Inspector, Top};
use super::{Desktop, Window, has_display};

/// The topmost windows that are looked at.
const MAX_WINDOWS: usize = 512;

/// The latest windows, for one who waits.
#[derive(Debug)]
pub(crate) struct Watch {
    /// `None`: there is no server, or it has gone.
    desktop: Option<watch::Receiver<Desktop>>,
}

impl Watch {
    /// Follows the display of this process's surroundings.
    pub(crate) fn start() -> Self {
        if !has_display() {
            return Self { desktop: None };
        }
        let (sender, receiver) = watch::channel(Desktop::default());
        let follow = move || {
            let followed = Follower::new(sender).and_then(Follower::run);
            if let Err(error) = followed {
                tracing::info!(%error, "the session's windows are not followed");
            }
        };
        let thread = std::thread::Builder::new().name("windows".to_owned()).spawn(follow);
        Self { desktop: thread.is_ok().then_some(receiver) }
    }

    /// The desktop after its next change; nothing once the server has gone. Cancel safe.
    pub(crate) async fn changed(&mut self) -> Desktop {
        let Some(desktop) = &mut self.desktop else { return std::future::pending().await };
        if desktop.changed().await.is_ok() {
            return desktop.borrow_and_update().clone();
        }
        self.desktop = None;
        Desktop::default()
    }
}

/// Why windows are not followed.
#[derive(Debug, thiserror::Error)]
enum Error {
    #[error("there is no X server: {0}")]
    Connect(#[from] x11rb::errors::ConnectError),
    #[error("the X server has gone: {0}")]
    Connection(#[from] x11rb::errors::ConnectionError),
    #[error("the X server refuses: {0}")]
    Reply(#[from] ReplyError),
}

/// The thread's state.
struct Follower {
    connection: RustConnection,
    root: XWindow,
    inspector: Inspector,
    /// Those that are or were mapped, by their top-level window: a frame or the window itself.
    tops: BTreeMap<XWindow, Top>,
    /// Top-level windows that are to be looked at anew.
    dirty: BTreeSet<XWindow>,
    /// Of the root window.
    size: Option<Size>,
    sender: watch::Sender<Desktop>,
}

impl Follower {
    fn new(sender: watch::Sender<Desktop>) -> Result<Self, Error> {
        let (connection, screen) = x11rb::connect(None)?;
        let screen = connection.setup().roots.get(screen);
        let root = screen.map_or(0, |screen| screen.root);
        let size = screen.map(|screen| sized(screen.width_in_pixels, screen.height_in_pixels));
        let inspector = Inspector::new(&connection, root)?;
        let mask = ChangeWindowAttributesAux::new()
            .event_mask(EventMask::SUBSTRUCTURE_NOTIFY | EventMask::STRUCTURE_NOTIFY);
        connection.change_window_attributes(root, &mask)?.check()?;
        let dirty = connection.query_tree(root)?.reply()?.children.into_iter().collect();
        let tops = BTreeMap::new();
        Ok(Self { connection, root, inspector, tops, dirty, size, sender })
    }

    /// Until the server ends, or nobody wants to know.
    fn run(mut self) -> Result<(), Error> {
        loop {
            self.tell()?;
            if self.sender.is_closed() {
                return Ok(());
            }
            let mut next = Some(self.connection.wait_for_event()?);
            while let Some(event) = next {
                self.note(&event);
                next = self.connection.poll_for_event()?;
            }
        }
    }

    /// What an event changes, and what is to be looked at for it.
    fn note(&mut self, event: &Event) {
        match event {
            Event::MapNotify(event) => {
                self.dirty.insert(event.window);
            }
            Event::UnmapNotify(event) => {
                if let Some(top) = self.tops.get_mut(&event.window) {
                    top.window.mapped = false;
                }
            }
            Event::DestroyNotify(event) => self.forget(event.window),
            Event::ConfigureNotify(event) if event.window == self.root => {
                self.size = Some(sized(event.width, event.height));
            }
            Event::ConfigureNotify(event) => {
                let (x, y) = (event.x, event.y);
                let (width, height) = (event.width, event.height);
                if let Some(top) = self.tops.get_mut(&event.window)
                    && !top.place((x, y), (width, height), event.border_width)
                {
                    self.dirty.insert(event.window);
                }
            }
            Event::ReparentNotify(event) if event.parent == self.root => {
                // It is its frame's no more.
                let frame = self.tops.iter().find(|(_, top)| top.is_of(event.window));
                self.dirty.extend(frame.map(|(id, _)| *id));
                self.dirty.insert(event.window);
            }
            Event::ReparentNotify(event) => {
                // A window manager has framed it.
                self.forget(event.window);
                self.dirty.insert(event.parent);
            }
            Event::PropertyNotify(event) if self.inspector.reads(event.atom) => {
                let owner = self.tops.iter().find(|(_, top)| top.is_of(event.window));
                self.dirty.extend(owner.map(|(id, _)| *id));
            }
            Event::ShapeNotify(event) => {
                self.dirty.insert(event.affected_window);
            }
            // Circulated: the order is asked for in any case.
            _ => {}
        }
    }

    fn forget(&mut self, window: XWindow) {
        self.tops.remove(&window);
        self.dirty.remove(&window);
    }

    /// Looks at what has changed, and tells it.
    fn tell(&mut self) -> Result<(), Error> {
        let order = self.connection.query_tree(self.root)?.reply()?.children;
        let of_root: BTreeSet<XWindow> = order.iter().copied().collect();
        for window in std::mem::take(&mut self.dirty) {
            if !of_root.contains(&window) {
                continue;
            }
            match self.inspector.inspect(&self.connection, window)? {
                Found::Window(top) => {
                    self.tops.insert(window, *top);
                }
                Found::Unmapped => {
                    if let Some(top) = self.tops.get_mut(&window) {
                        top.window.mapped = false;
                    }
                }
                Found::Nothing => {
                    self.tops.remove(&window);
                }
            }
        }
        self.tops.retain(|window, _| of_root.contains(window));
        let known = order.iter().rev().filter_map(|window| self.tops.get(window));
        let mut windows: Vec<Window> =
            known.take(MAX_WINDOWS).map(|top| top.window.clone()).collect();
        windows.reverse();
        let size = self.size;
        self.sender.send_if_modified(|last| {
            let is_new = last.size != size || last.windows[..] != windows[..];
            if is_new {
                *last = Desktop { size, windows: Arc::from(windows) };
            }
            is_new
        });
        Ok(())
    }
}

fn sized(width: u16, height: u16) -> Size {
    Size { width: u32::from(width), height: u32::from(height) }
}
