//! One picture's place: what the page said of it last, and what the device is told.
//!
//! ```text
//!  page says ──▶ which window is it in? ──▶ window's moves since, its end, what lies above
//!  windows change ──────────────────────▶ the same anew; told if it is something else
//! ```
//!
//! The page's word always ends up as the truth. Between a move of the window and the page's
//! word about it the picture keeps its place *in the window*; words that are still about one
//! of the window's last places are recognised and do not pull it back. Should such a word have
//! been meant otherwise, it holds [`ECHO`] later. A page may also be the first to say that its
//! window has moved: when the window gets there soon after, the picture is there already.

use std::time::{Duration, Instant};

use nearside_channel::message::{Layout, Rect};

use super::cover::{is_within, with_parts, with_windows};
use super::{Window, WindowId, Windows};

/// A page speaks of its window's place no later than this.
const ECHO: Duration = Duration::from_millis(400);

/// Places of a window that are remembered.
const MAX_TRAIL: usize = 256;

/// Rounding of a page's rectangles, at scales that are no whole numbers.
const ROUNDING_PX: u32 = 2;

/// What is known of the page that a picture is in.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Page<'a> {
    /// The browser's process among others: what it has started comes before it, what has
    /// started it after it.
    pub(crate) processes: &'a [u32],
    pub(crate) title: &'a str,
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Picture {
    /// The page's last word.
    said: Layout,
    window: Option<Seat>,
    /// What its browser draws over it.
    drawn: Vec<Rect>,
    /// What the device was told last.
    told: Layout,
    /// The same without what is drawn.
    undrawn: Layout,
}

/// The window that a picture is in.
#[derive(Debug)]
struct Seat {
    id: WindowId,
    /// The window as `said` speaks of it.
    base: Rect,
    /// The window when `said` came.
    heard_at: Rect,
    /// Where it was of late, and until when; the latest last.
    trail: Vec<(Instant, Rect)>,
    /// When `said` is to be taken at its word.
    settle_at: Option<Instant>,
    /// Where the window goes if `said` came before the X server's own word, and until when.
    ahead: Option<(Rect, Instant)>,
}

impl Picture {
    /// The page's first word.
    pub(crate) fn new(said: Layout, page: Page<'_>, windows: &Windows) -> Self {
        let (told, undrawn) = (said.clone(), said.clone());
        let mut picture = Self { said, window: None, drawn: Vec::new(), told, undrawn };
        picture.window = seat(&picture.said, page, windows, None);
        picture.place(windows);
        picture
    }

    /// What the device was told last.
    pub(crate) fn told(&self) -> &Layout {
        &self.told
    }

    /// Where it would be seen if its browser drew nothing over it.
    pub(crate) fn undrawn(&self) -> &Layout {
        &self.undrawn
    }

    /// What its browser draws over it now: what the device is to be told, if that is something
    /// new.
    pub(crate) fn draw(&mut self, drawn: &[Rect]) -> Option<Layout> {
        drawn.clone_into(&mut self.drawn);
        let layout = self.with_drawn();
        self.tell(layout)
    }

    /// The page's next word: what the device is to be told.
    pub(crate) fn say(
        &mut self,
        said: Layout,
        page: Page<'_>,
        windows: &Windows,
        now: Instant,
    ) -> Layout {
        self.follow(windows, now);
        // Who shows a tab does so in the window before him.
        let known = self.window.take().filter(|_| self.said.visible);
        let before = std::mem::replace(&mut self.said, said);
        self.window = match seat(&self.said, page, windows, known.as_ref()) {
            Some(fresh) => Some(match known {
                Some(known) if known.id == fresh.id => {
                    known.heard(&before, &self.said, fresh.base, now)
                }
                _ => fresh,
            }),
            None => None,
        };
        self.place(windows);
        self.told.clone()
    }

    /// Windows have changed: what the device is to be told, if that is something new.
    pub(crate) fn look(
        &mut self,
        page: Page<'_>,
        windows: &Windows,
        now: Instant,
    ) -> Option<Layout> {
        self.follow(windows, now);
        if self.window.is_none() {
            self.window = seat(&self.said, page, windows, None);
        }
        self.retell(windows)
    }

    /// When [`Picture::settle`] has something to do.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.window.as_ref().and_then(|seat| seat.settle_at)
    }

    /// The page said nothing more: what the device is to be told, if that is something new.
    pub(crate) fn settle(&mut self, windows: &Windows, now: Instant) -> Option<Layout> {
        let seat = self.window.as_mut()?;
        if seat.settle_at.is_none_or(|at| now < at) {
            return None;
        }
        seat.settle_at = None;
        seat.base = seat.heard_at;
        self.retell(windows)
    }

    fn retell(&mut self, windows: &Windows) -> Option<Layout> {
        self.undrawn = self.placed(windows);
        let layout = self.with_drawn();
        self.tell(layout)
    }

    fn tell(&mut self, layout: Layout) -> Option<Layout> {
        if layout == self.told {
            return None;
        }
        self.told.clone_from(&layout);
        Some(layout)
    }

    fn place(&mut self, windows: &Windows) {
        self.undrawn = self.placed(windows);
        self.told = self.with_drawn();
    }

    fn with_drawn(&self) -> Layout {
        let mut layout = self.undrawn.clone();
        if layout.visible && !self.drawn.is_empty() {
            layout.covered = with_parts(layout.covered, layout.clip, &self.drawn);
        }
        layout
    }

    /// Remembers where its window was.
    fn follow(&mut self, windows: &Windows, now: Instant) {
        let Some(seat) = &mut self.window else { return };
        let Some(window) = find(windows, seat.id) else {
            self.window = None;
            return;
        };
        // It was there until just now.
        match seat.trail.last_mut() {
            Some((until, _)) => *until = now,
            None => seat.trail.push((now, seat.base)),
        }
        seat.trail.retain(|(until, _)| now <= *until + ECHO);
        if seat.trail.last().is_none_or(|(_, rect)| *rect != window.rect) {
            if seat.trail.len() == MAX_TRAIL {
                seat.trail.remove(0);
            }
            seat.trail.push((now, window.rect));
        }
        if let Some((about, until)) = seat.ahead
            && about == window.rect
        {
            seat.ahead = None;
            if now <= until {
                (seat.base, seat.heard_at, seat.settle_at) = (about, about, None);
            }
        }
    }

    /// The page's word as it is now.
    fn placed(&self, windows: &Windows) -> Layout {
        let mut layout = self.said.clone();
        let Some(seat) = &self.window else { return layout };
        let Some(at) = windows.iter().position(|window| window.id == seat.id) else {
            return layout;
        };
        let (below, above) = windows.split_at(at + 1);
        let Some(window) = below.last() else { return layout };
        layout.visible &= window.mapped;
        if !layout.visible {
            return layout;
        }
        let moved = sum(offset(seat.base, window.rect), mistake(&layout, window));
        layout.rect = shifted(layout.rect, moved);
        layout.clip = shifted(layout.clip, moved);
        layout.control_bar = layout.control_bar.map(|bar| shifted(bar, moved));
        let covered = layout.covered.iter().map(|part| shifted(*part, moved)).collect();
        layout.covered = with_windows(covered, layout.clip, above);
        layout
    }
}

impl Seat {
    /// After a word of the page while its window is at `window`: `base` is what that word is
    /// about.
    fn heard(mut self, before: &Layout, said: &Layout, window: Rect, now: Instant) -> Self {
        // Where the window was when the picture had the same place in it.
        let moved = offset(before.rect, said.rect);
        let about = shifted(self.base, moved);
        let is_moved = size(before.rect) == size(said.rect) && about != window;
        let is_echo = is_moved && self.trail.iter().any(|(_, rect)| *rect == about);
        self.ahead = (is_moved && !is_echo).then(|| (about, now + ECHO));
        self.base = if is_echo { about } else { window };
        self.heard_at = window;
        self.settle_at = is_echo.then(|| now + ECHO);
        self
    }
}

/// The window that a page lies in; `known`: the one that it was in before its word.
fn seat(said: &Layout, page: Page<'_>, windows: &Windows, known: Option<&Seat>) -> Option<Seat> {
    if !said.visible {
        return None;
    }
    let of = |process: u32| {
        windows
            .iter()
            .rev()
            .filter(move |window| !window.floating && window.process == Some(process))
    };
    let process = page.processes.iter().find(|process| of(**process).next().is_some())?;
    let lies_in = |window: &Window, rect: Rect| {
        is_within(shifted(said.clip, mistake(said, window)), grown(rect))
    };
    let holds = |window: &&Window| lies_in(window, window.rect);
    // Browsers begin a window's title with that of the page in it.
    let is_titled =
        |window: &&Window| !page.title.is_empty() && window.title.starts_with(page.title);
    // What is said of a place that the window has just left is not about the one that is there.
    let trail = known.map_or(&[][..], |seat| &seat.trail);
    let held = |window: &Window| trail.iter().any(|(_, rect)| lies_in(window, *rect));
    let known = known.and_then(|seat| of(*process).find(|window| window.id == seat.id));
    // A minimised window's page speaks on for a moment: that is not about the one behind.
    let left = known.filter(|window| !window.mapped || holds(window) || held(window));
    let mut fitting = of(*process).filter(|window| window.mapped && holds(window));
    let titled = fitting.clone().filter(is_titled);
    let only_titled = match titled.clone().count() {
        1 => titled.clone().next(),
        _ => None,
    };
    let is_hidden = left.is_some_and(|window| !window.mapped);
    let window = match (only_titled, left) {
        (_, Some(left)) if is_hidden => left,
        (Some(titled), _) => titled,
        (None, Some(left)) => left,
        (None, None) => titled.clone().next().or_else(|| fitting.next()).or(known)?,
    };
    let (id, rect) = (window.id, window.rect);
    let (trail, settle_at, ahead) = (Vec::new(), None, None);
    Some(Seat { id, base: rect, heard_at: rect, trail, settle_at, ahead })
}

fn find(windows: &Windows, id: WindowId) -> Option<&Window> {
    windows.iter().find(|window| window.id == id)
}

fn size(rect: Rect) -> (u32, u32) {
    (rect.width, rect.height)
}

/// By how much a window has moved; one that was made larger or smaller lays its page out anew.
fn offset(from: Rect, to: Rect) -> (i32, i32) {
    if size(from) != size(to) {
        return (0, 0);
    }
    (to.x.saturating_sub(from.x), to.y.saturating_sub(from.y))
}

/// By how much a page of the window is elsewhere than it says. Pages know how much larger a
/// window is than its page, take half of its width's part for each side and below, and the rest
/// for the browser's bars: a shadow's margins are not alike.
fn mistake(said: &Layout, window: &Window) -> (i32, i32) {
    if said.fullscreen {
        return (0, 0);
    }
    let [left, _, right, bottom] = window.margins.map(i64::from);
    let side = i64::midpoint(left, right);
    let pixels = |by: i64| i32::try_from(by).unwrap_or(0);
    (pixels(left - side), pixels(side - bottom))
}

fn sum(one: (i32, i32), other: (i32, i32)) -> (i32, i32) {
    (one.0.saturating_add(other.0), one.1.saturating_add(other.1))
}

fn shifted(rect: Rect, (x, y): (i32, i32)) -> Rect {
    Rect { x: rect.x.saturating_add(x), y: rect.y.saturating_add(y), ..rect }
}

fn grown(rect: Rect) -> Rect {
    Rect {
        x: rect.x.saturating_sub_unsigned(ROUNDING_PX),
        y: rect.y.saturating_sub_unsigned(ROUNDING_PX),
        width: rect.width.saturating_add(2 * ROUNDING_PX),
        height: rect.height.saturating_add(2 * ROUNDING_PX),
    }
}

#[cfg(test)]
mod tests;
