//! The stage's own connection to the X server, and what its thread has seen.
//!
//! ```text
//!  X server ──▶ thread "rdp window": search, follow ──▶ Sight ──▶ the stage's loop
//!           ◀── requests of the loop: pictures' windows are made, moved, shaped
//! ```
//! Requests and events share one connection, so that the server carries out what the loop asks
//! in order, and closes every picture's window when the stage is gone, however it ends.
//!
//! No polling: while the client's window is not there the thread waits for windows to appear,
//! then for what happens to that one.

use super::find::{self, Atoms};
use nearside_channel::message::Size;
use nearside_channel::plugin::ConnectionFacts;
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use x11rb::connection::{Connection as _, RequestConnection as _};
use x11rb::errors::{ConnectError, ConnectionError, ReplyError, ReplyOrIdError};
use x11rb::protocol::xproto::{
    AtomEnum, ChangeWindowAttributesAux, ClientMessageEvent, ConnectionExt as _, CreateWindowAux,
    EventMask, MapState, Screen, Visibility, Window, WindowClass,
};
use x11rb::protocol::{Event, shape};
use x11rb::rust_connection::RustConnection;

/// Why the RDP client's window cannot be used at all.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LinkError {
    #[error("the X server is not reached: {0}")]
    Connect(#[from] ConnectError),
    #[error("the X server is gone: {0}")]
    Gone(#[from] ConnectionError),
    #[error("the X server refused: {0}")]
    Refused(#[from] ReplyError),
    #[error("the X server has no more ids: {0}")]
    Ids(#[from] ReplyOrIdError),
    #[error("the X server cannot shape windows")]
    NoShape,
    #[error("no thread: {0}")]
    Thread(#[from] std::io::Error),
}

/// The window that shows the session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Parent {
    pub(crate) window: Window,
    /// Its size in pixels.
    pub(crate) size: Size,
    /// Shown, not minimised.
    pub(crate) mapped: bool,
    /// Another number for each window found: X11 ids are used again.
    pub(crate) epoch: u64,
}

/// What is known of the window that shows the session.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Sight {
    /// It is not there: not yet, or not any more.
    #[default]
    Nothing,
    Window(Parent),
    /// The X server is gone; nothing follows.
    ServerGone,
}

#[derive(Debug, Default)]
struct Seen {
    sight: Sight,
    /// Pictures' windows of which something was uncovered.
    exposed: BTreeSet<Window>,
    /// Pictures' windows that are wholly covered by other programs.
    obscured: BTreeSet<Window>,
    windows_found: u64,
}

/// Whether no window manager says on the environment's display that it is there (EWMH,
/// "_NET_SUPPORTING_WM_CHECK").
///
/// # Errors
/// There is no X server, or it is gone.
pub(crate) fn has_no_manager() -> Result<bool, LinkError> {
    let (connection, screen) = x11rb::connect(None)?;
    let atoms = Atoms::new(&connection)?.reply()?;
    let root = connection.setup().roots.get(screen).ok_or(ConnectError::InvalidScreen)?.root;
    let check = atoms._NET_SUPPORTING_WM_CHECK;
    let word = connection.get_property(false, root, check, AtomEnum::WINDOW, 0, 1)?.reply()?;
    Ok(word.value32().and_then(|mut windows| windows.next()).is_none())
}

/// The shared connection.
#[derive(Debug)]
pub(crate) struct Link {
    pub(crate) connection: RustConnection,
    screen: usize,
    atoms: Atoms,
    seen: Mutex<Seen>,
}

impl Link {
    /// The screen whose windows are meant.
    pub(crate) fn screen(&self) -> Option<&Screen> {
        self.connection.setup().roots.get(self.screen)
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Handle of the thread; dropping it ends the thread.
#[derive(Debug)]
pub(crate) struct Follower {
    link: Arc<Link>,
    /// A window of no size that only takes the message that ends the thread.
    bell: Window,
    thread: Option<JoinHandle<()>>,
}

impl Follower {
    /// Connects to the X server of this process's environment and looks for the window.
    /// `wake` is called on the thread after each change.
    ///
    /// # Errors
    /// There is no X server that does what is needed.
    pub(crate) fn start(
        facts: ConnectionFacts,
        wake: impl Fn() + Send + 'static,
    ) -> Result<Self, LinkError> {
        let (connection, screen) = x11rb::connect(None)?;
        if connection.extension_information(shape::X11_EXTENSION_NAME)?.is_none() {
            return Err(LinkError::NoShape);
        }
        let atoms = Atoms::new(&connection)?.reply()?;
        let root = connection.setup().roots.get(screen).ok_or(ConnectError::InvalidScreen)?.root;
        let bell = connection.generate_id()?;
        let aux = CreateWindowAux::new();
        let class = WindowClass::INPUT_ONLY;
        connection.create_window(0, bell, root, 0, 0, 1, 1, 0, class, 0, &aux)?.check()?;
        let link = Arc::new(Link { connection, screen, atoms, seen: Mutex::default() });
        let watch = Watch { link: Arc::clone(&link), root, bell, facts, wake };
        let thread = std::thread::Builder::new().name("rdp window".to_owned());
        let thread = thread.spawn(move || watch.run())?;
        Ok(Self { link, bell, thread: Some(thread) })
    }

    pub(crate) fn link(&self) -> &Arc<Link> {
        &self.link
    }

    pub(crate) fn sight(&self) -> Sight {
        self.link.seen().sight
    }

    /// Pictures' windows of which something was uncovered since the last call.
    pub(crate) fn take_exposed(&self) -> BTreeSet<Window> {
        std::mem::take(&mut self.link.seen().exposed)
    }
}

impl Link {
    /// Whether other programs cover all of a picture's window: then nobody sees what is drawn.
    pub(crate) fn is_obscured(&self, window: Window) -> bool {
        self.seen().obscured.contains(&window)
    }

    /// Forgets a picture's window.
    pub(crate) fn forget(&self, window: Window) {
        let mut seen = self.seen();
        seen.exposed.remove(&window);
        seen.obscured.remove(&window);
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        let kind = self.link.atoms._NET_WM_PID;
        let bell = ClientMessageEvent::new(32, self.bell, kind, [0_u32; 5]);
        let connection = &self.link.connection;
        let rung = connection.send_event(false, self.bell, EventMask::NO_EVENT, bell).is_ok()
            && connection.flush().is_ok();
        if let Some(thread) = self.thread.take()
            && (rung || thread.is_finished())
        {
            // It does not panic; if it did, that was logged.
            let _ = thread.join();
        }
    }
}

/// What the thread owns.
struct Watch<W> {
    link: Arc<Link>,
    root: Window,
    bell: Window,
    facts: ConnectionFacts,
    wake: W,
}

/// The handle was dropped, or the X server is gone.
enum End {
    Asked,
    Server(ConnectionError),
}

impl From<ConnectionError> for End {
    fn from(error: ConnectionError) -> Self {
        Self::Server(error)
    }
}

impl<W: Fn()> Watch<W> {
    fn run(&self) {
        if let Err(End::Server(error)) = self.watch() {
            tracing::warn!(%error, "the X server is gone");
            self.publish(Sight::ServerGone);
        }
    }

    fn watch(&self) -> Result<(), End> {
        loop {
            let window = self.search()?;
            let Some(parent) = self.begin(window)? else { continue };
            tracing::info!(window, size = ?parent.size, "found the RDP client's window");
            self.publish(Sight::Window(parent));
            self.follow(parent)?;
            tracing::info!(window, "the RDP client's window is gone");
            self.publish(Sight::Nothing);
        }
    }

    /// Waits for the window.
    fn search(&self) -> Result<Window, End> {
        let connection = &self.link.connection;
        self.select(self.root, EventMask::SUBSTRUCTURE_NOTIFY | EventMask::PROPERTY_CHANGE)?;
        loop {
            let found = find::session_window(connection, self.root, &self.link.atoms, &self.facts)?;
            if let Some(window) = found {
                self.select(self.root, EventMask::NO_EVENT)?;
                return Ok(window);
            }
            // Sleeps until something changes, then takes all changes at once.
            let mut next = Some(connection.wait_for_event()?);
            let mut news = false;
            while let Some(event) = next {
                news |= self.is_news(&event)?;
                next = connection.poll_for_event()?;
                if next.is_none() && !news {
                    next = Some(connection.wait_for_event()?);
                }
            }
        }
    }

    /// Whether the window may be found after this event.
    fn is_news(&self, event: &Event) -> Result<bool, End> {
        Ok(match event {
            Event::ClientMessage(message) if message.window == self.bell => {
                return Err(End::Asked);
            }
            Event::MapNotify(_) | Event::ReparentNotify(_) => true,
            Event::PropertyNotify(change) => change.atom == self.link.atoms._NET_CLIENT_LIST,
            _ => false,
        })
    }

    /// Asks for what happens to the window; `None` when it is gone already.
    fn begin(&self, window: Window) -> Result<Option<Parent>, End> {
        let connection = &self.link.connection;
        let aux = ChangeWindowAttributesAux::new().event_mask(EventMask::STRUCTURE_NOTIFY);
        let selected = connection.change_window_attributes(window, &aux)?.check();
        // Asked for after the selection: a later change comes as an event.
        let geometry = connection.get_geometry(window)?;
        let attributes = connection.get_window_attributes(window)?.reply();
        let (Ok(()), Ok(geometry), Ok(attributes)) = (selected, geometry.reply(), attributes)
        else {
            return Ok(None);
        };
        let mapped = attributes.map_state != MapState::UNMAPPED;
        let mut seen = self.link.seen();
        seen.windows_found += 1;
        let size = Size { width: u32::from(geometry.width), height: u32::from(geometry.height) };
        Ok(Some(Parent { window, size, mapped, epoch: seen.windows_found }))
    }

    /// Returns when the window is gone.
    fn follow(&self, mut parent: Parent) -> Result<(), End> {
        loop {
            match self.link.connection.wait_for_event()? {
                Event::ClientMessage(message) if message.window == self.bell => {
                    return Err(End::Asked);
                }
                Event::DestroyNotify(event) if event.window == parent.window => return Ok(()),
                Event::ConfigureNotify(event) if event.window == parent.window => {
                    let (width, height) = (u32::from(event.width), u32::from(event.height));
                    let size = Size { width, height };
                    // A window that only moves takes its children along.
                    if parent.size != size {
                        parent.size = size;
                        self.publish(Sight::Window(parent));
                    }
                }
                Event::MapNotify(event) if event.window == parent.window => {
                    parent.mapped = true;
                    self.publish(Sight::Window(parent));
                }
                Event::UnmapNotify(event) if event.window == parent.window => {
                    parent.mapped = false;
                    self.publish(Sight::Window(parent));
                }
                Event::VisibilityNotify(event) => {
                    let obscured = &mut self.link.seen().obscured;
                    if event.state == Visibility::FULLY_OBSCURED {
                        obscured.insert(event.window);
                    } else {
                        obscured.remove(&event.window);
                    }
                }
                Event::Expose(event) if event.count == 0 => {
                    self.link.seen().exposed.insert(event.window);
                    (self.wake)();
                }
                Event::Error(error) => tracing::debug!(?error, "a window was gone already"),
                _ => {}
            }
        }
    }

    fn select(&self, window: Window, mask: EventMask) -> Result<(), ConnectionError> {
        let aux = ChangeWindowAttributesAux::new().event_mask(mask);
        self.link.connection.change_window_attributes(window, &aux)?.ignore_error();
        self.link.connection.flush()
    }

    fn publish(&self, sight: Sight) {
        self.link.seen().sight = sight;
        (self.wake)();
    }
}
