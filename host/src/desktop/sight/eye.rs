//! Looks at pictures' places on the session's X server when something was painted there.
//!
//! One thread with a connection of its own, so that a server that hangs holds up nobody. It
//! waits for the server's word that something was painted (X Damage Extension) and for other
//! places to look at. It looks at most each [`PAUSE`], first at a few lines at the upper
//! edge, and at all of a picture only where a bubble may hang down over that edge.

use std::collections::{BTreeMap, BTreeSet};
use std::os::fd::{AsFd as _, OwnedFd};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use nearside_channel::geometry::intersection;
use nearside_channel::message::Rect;
use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll};
use tokio::sync::watch;
use x11rb::connection::{Connection as _, RequestConnection as _};
use x11rb::errors::{ConnectError, ConnectionError, ReplyError, ReplyOrIdError};
use x11rb::protocol::Event;
use x11rb::protocol::damage::{self, ConnectionExt as _, Damage, ReportLevel};
use x11rb::protocol::xfixes::{self, ConnectionExt as _, Region};
use x11rb::protocol::xproto::{ConnectionExt as _, Window as XWindow};
use x11rb::rust_connection::RustConnection;

use super::super::has_display;
use super::bubbles::{REACH_PX, STEP_PX, bubbles, has_beginning, is_placeholder};
use super::pixels::{Format, lines};
use super::{Bubbles, Spot};

/// Between two looks; and a page's picture must have been at its place for so long.
const PAUSE: Duration = Duration::from_millis(120);
/// A picture that is new has enough to wait for.
const FIRST_PAUSE: Duration = Duration::from_millis(600);
/// Pictures that are looked at.
const MAX_SPOTS: usize = 32;
/// A placeholder that is not there is looked for so often.
const MAX_TRIES: u32 = 40;
/// Edges of a bubble that is the same one.
const SAME_PX: u32 = 16;

/// Tells what is drawn over pictures. Dropping it ends the thread.
#[derive(Debug)]
pub(crate) struct Sight {
    shared: Arc<Shared>,
    /// `None`: there is no server, or it has gone, or it cannot tell.
    found: Option<watch::Receiver<Bubbles>>,
    /// What it looks at.
    spots: Vec<Spot>,
}

/// What the thread is told.
#[derive(Debug)]
struct Shared {
    wanted: Mutex<Wanted>,
    /// Rings when that has changed.
    bell: Option<OwnedFd>,
}

#[derive(Debug, Default)]
struct Wanted {
    /// New ones.
    spots: Option<Vec<Spot>>,
    over: bool,
}

impl Sight {
    /// Looks at the display of this process's surroundings.
    pub(crate) fn start() -> Self {
        let bell = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK).ok();
        let shared = Arc::new(Shared { wanted: Mutex::default(), bell });
        let mut sight = Self { shared, found: None, spots: Vec::new() };
        if !has_display() || sight.shared.bell.is_none() {
            return sight;
        }
        let (sender, receiver) = watch::channel(Bubbles::new());
        let shared = Arc::clone(&sight.shared);
        let look = move || {
            let looked = Eye::new(shared, sender).and_then(Eye::run);
            if let Err(error) = looked {
                tracing::info!(%error, "what is drawn over pictures is not seen");
            }
        };
        let thread = std::thread::Builder::new().name("sight".to_owned()).spawn(look);
        sight.found = thread.is_ok().then_some(receiver);
        sight
    }

    /// Looks at these from now on.
    pub(crate) fn look_at(&mut self, spots: Vec<Spot>) {
        self.spots.clone_from(&spots);
        if self.found.is_some() {
            self.shared.wanted().spots = Some(spots);
            self.shared.ring();
        }
    }

    /// What it looks at.
    pub(crate) fn spots(&self) -> &[Spot] {
        &self.spots
    }

    /// What is drawn over pictures after the next change. Cancel safe.
    pub(crate) async fn changed(&mut self) -> Bubbles {
        let Some(found) = &mut self.found else { return std::future::pending().await };
        if found.changed().await.is_ok() {
            return found.borrow_and_update().clone();
        }
        self.found = None;
        Bubbles::new()
    }
}

impl Drop for Sight {
    fn drop(&mut self) {
        self.shared.wanted().over = true;
        self.shared.ring();
    }
}

impl Shared {
    fn wanted(&self) -> std::sync::MutexGuard<'_, Wanted> {
        self.wanted.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn ring(&self) {
        if let Some(bell) = &self.bell {
            // A bell that cannot ring any louder has rung.
            let _ = rustix::io::write(bell, &1_u64.to_ne_bytes());
        }
    }

    fn silence(&self) {
        if let Some(bell) = &self.bell {
            let _ = rustix::io::read(bell, &mut [0; 8]);
        }
    }
}

/// Why nothing is seen.
#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    #[error("there is no X server: {0}")]
    Connect(#[from] ConnectError),
    #[error("the X server has gone: {0}")]
    Connection(#[from] ConnectionError),
    #[error("the X server refuses: {0}")]
    Reply(#[from] ReplyError),
    #[error("the X server gives no more: {0}")]
    Id(#[from] ReplyOrIdError),
    #[error("the X server does not tell what is painted")]
    NoDamage,
    #[error("the X server's pixels are of an unknown kind")]
    Format,
    #[error("wait: {0}")]
    Wait(#[from] rustix::io::Errno),
}

/// The thread's state.
struct Eye {
    connection: RustConnection,
    root: XWindow,
    format: Format,
    /// Hears of what is painted while there is something to look at.
    ear: Option<Ear>,
    shared: Arc<Shared>,
    spots: Vec<Spot>,
    /// Players whose placeholder has been seen.
    trusted: BTreeSet<u64>,
    /// How often it was looked for, at the places of now.
    tries: BTreeMap<u64, u32>,
    /// What was seen at the last look: twice seen counts.
    seen: Bubbles,
    /// When to look.
    due: Option<Instant>,
    /// Look wherever it was painted.
    everywhere: bool,
    sender: watch::Sender<Bubbles>,
}

#[derive(Clone, Copy, Debug)]
struct Ear {
    damage: Damage,
    region: Region,
}

impl Eye {
    fn new(shared: Arc<Shared>, sender: watch::Sender<Bubbles>) -> Result<Self, Error> {
        let (connection, screen) = x11rb::connect(None)?;
        for name in [damage::X11_EXTENSION_NAME, xfixes::X11_EXTENSION_NAME] {
            connection.extension_information(name)?.ok_or(Error::NoDamage)?;
        }
        connection.damage_query_version(1, 1)?.reply()?;
        connection.xfixes_query_version(2, 0)?.reply()?;
        let setup = connection.setup();
        let screen = setup.roots.get(screen).ok_or(Error::Format)?;
        let format = Format::of(setup, screen.root_depth, screen.root_visual);
        let (root, format) = (screen.root, format.ok_or(Error::Format)?);
        Ok(Self {
            connection,
            root,
            format,
            ear: None,
            shared,
            spots: Vec::new(),
            trusted: BTreeSet::new(),
            tries: BTreeMap::new(),
            seen: Bubbles::new(),
            due: None,
            everywhere: false,
            sender,
        })
    }

    /// Until the server ends, or nobody wants to know.
    fn run(mut self) -> Result<(), Error> {
        loop {
            let heard = self.hear()?;
            if heard {
                self.due.get_or_insert_with(|| Instant::now() + PAUSE);
            }
            let now = Instant::now();
            if self.due.is_some_and(|due| due <= now) {
                self.due = None;
                self.look()?;
                continue;
            }
            self.wait(self.due.map(|due| due.duration_since(now)))?;
            let Wanted { spots, over } = std::mem::take(&mut *self.shared.wanted());
            if over || self.sender.is_closed() {
                return Ok(());
            }
            if let Some(spots) = spots {
                self.look_at(spots)?;
            }
        }
    }

    /// Takes the server's events. Whether something was painted.
    fn hear(&self) -> Result<bool, Error> {
        let mut heard = false;
        while let Some(event) = self.connection.poll_for_event()? {
            heard |= matches!(event, Event::DamageNotify(_));
        }
        Ok(heard)
    }

    fn wait(&self, time: Option<Duration>) -> Result<(), Error> {
        self.connection.flush()?;
        let Some(bell) = &self.shared.bell else { return Ok(()) };
        let mut both = [
            PollFd::new(bell, PollFlags::IN),
            PollFd::from_borrowed_fd(self.connection.stream().as_fd(), PollFlags::IN),
        ];
        let time = time.and_then(|time| Timespec::try_from(time).ok());
        match poll(&mut both, time.as_ref()) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        self.shared.silence();
        Ok(())
    }

    /// Other places. What was found stays until they have been at rest for a while.
    fn look_at(&mut self, mut spots: Vec<Spot>) -> Result<(), Error> {
        spots.truncate(MAX_SPOTS);
        let is_there = |player: &u64| spots.iter().any(|spot| spot.player == *player);
        self.trusted.retain(is_there);
        self.tries.clear();
        self.seen.clear();
        self.spots = spots;
        self.everywhere = true;
        match self.ear {
            None if !self.spots.is_empty() => self.ear = Some(self.open_ear()?),
            Some(Ear { damage, region }) if self.spots.is_empty() => {
                self.ear = None;
                self.connection.damage_destroy(damage)?;
                self.connection.xfixes_destroy_region(region)?;
            }
            _ => {}
        }
        if self.spots.is_empty() {
            self.due = None;
            self.tell(Bubbles::new());
        } else {
            let known = |spot: &Spot| self.trusted.contains(&spot.player);
            let pause = if self.spots.iter().all(known) { PAUSE } else { FIRST_PAUSE };
            self.due = Some(Instant::now() + pause);
        }
        Ok(())
    }

    fn open_ear(&self) -> Result<Ear, Error> {
        let (damage, region) = (self.connection.generate_id()?, self.connection.generate_id()?);
        self.connection.xfixes_create_region(region, &[])?;
        // A single word until it is asked what was painted.
        self.connection.damage_create(damage, self.root, ReportLevel::NON_EMPTY)?;
        Ok(Ear { damage, region })
    }

    /// Whether something was painted over a picture since the last time.
    fn is_touched(&self) -> Result<bool, Error> {
        let Some(Ear { damage, region }) = self.ear else { return Ok(false) };
        self.connection.damage_subtract(damage, x11rb::NONE, region)?;
        let painted = self.connection.xfixes_fetch_region(region)?.reply()?.rectangles;
        Ok(painted.iter().any(|part| {
            let (width, height) = (u32::from(part.width), u32::from(part.height));
            let part = Rect { x: i32::from(part.x), y: i32::from(part.y), width, height };
            self.spots.iter().any(|spot| intersection(spot.clip, part).is_some())
        }))
    }

    fn look(&mut self) -> Result<(), Error> {
        let touched = self.is_touched()?;
        if !touched && !std::mem::take(&mut self.everywhere) {
            return Ok(());
        }
        self.everywhere = false;
        let size = self.connection.get_geometry(self.root)?.reply()?;
        let (width, height) = (u32::from(size.width), u32::from(size.height));
        let screen = Rect { x: 0, y: 0, width, height };
        let mut seen = Bubbles::new();
        let spots = std::mem::take(&mut self.spots);
        for spot in &spots {
            let found = self.bubbles_over(spot, screen)?;
            if !found.is_empty() {
                seen.insert(spot.player, found);
            }
        }
        self.spots = spots;
        let told = self.sender.borrow().clone();
        let (confirmed, is_sure) = confirm(&seen, &self.seen, &told);
        self.seen = seen;
        self.tell(confirmed);
        if !is_sure {
            self.everywhere = true;
            self.due = Some(Instant::now() + PAUSE);
        }
        Ok(())
    }

    /// What hangs down over a picture. Nothing as long as its placeholder was not seen.
    fn bubbles_over(&mut self, spot: &Spot, screen: Rect) -> Result<Vec<Rect>, Error> {
        let Rect { y, height, .. } = spot.clip;
        let look = |height: u32| {
            let step = usize::try_from(STEP_PX).unwrap_or(1);
            let rows = (0..height).step_by(step).map(|row| y.saturating_add_unsigned(row));
            lines(&self.connection, self.root, self.format, screen, spot.clip, rows)
        };
        if self.trusted.contains(&spot.player) {
            let may_be = has_beginning(spot, &look(height.min(REACH_PX))?);
            return Ok(if may_be { bubbles(spot, &look(height)?) } else { Vec::new() });
        }
        let tries = self.tries.entry(spot.player).or_default();
        *tries += 1;
        if MAX_TRIES < *tries {
            return Ok(Vec::new());
        }
        let all = look(height)?;
        if !is_placeholder(spot, &all) {
            return Ok(Vec::new());
        }
        self.trusted.insert(spot.player);
        Ok(bubbles(spot, &all))
    }

    fn tell(&self, bubbles: Bubbles) {
        self.sender.send_if_modified(|told| {
            let is_new = *told != bubbles;
            if is_new {
                *told = bubbles;
            }
            is_new
        });
    }
}

/// What of `seen` was there before, and whether that is all: pages move before they say so, and
/// what is seen only once may be a page that is on its way.
fn confirm(seen: &Bubbles, before: &Bubbles, told: &Bubbles) -> (Bubbles, bool) {
    let mut confirmed = Bubbles::new();
    let mut is_sure = true;
    for (player, found) in seen {
        let known = |one: &Rect| {
            let earlier = [before, told].into_iter().filter_map(|all| all.get(player)).flatten();
            earlier.into_iter().any(|other| is_same(*one, *other))
        };
        let sure: Vec<Rect> = found.iter().copied().filter(known).collect();
        is_sure &= sure.len() == found.len();
        if !sure.is_empty() {
            confirmed.insert(*player, sure);
        }
    }
    (confirmed, is_sure)
}

fn is_same(one: Rect, other: Rect) -> bool {
    let near = |a: i64, b: i64| a.abs_diff(b) <= u64::from(SAME_PX);
    let edges = |Rect { x, y, width, height }: Rect| {
        let [x, y] = [i64::from(x), i64::from(y)];
        [x, y, x + i64::from(width), y + i64::from(height)]
    };
    edges(one).into_iter().zip(edges(other)).all(|(a, b)| near(a, b))
}

#[cfg(test)]
mod tests;
