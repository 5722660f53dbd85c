//! One top-level window as the X server describes it, with the program's window in its frame.
//!
//! Protocols: X Window System Protocol 11; ICCCM 4.1.3.1 (`WM_STATE`); Extended Window Manager
//! Hints (`_NET_WM_PID`, `_NET_WM_NAME`, `_NET_WM_WINDOW_OPACITY`); GTK's `_GTK_FRAME_EXTENTS`;
//! X Nonrectangular Window Shape Extension.
//!
//! Windows go at any moment: a reply that says so means that there is nothing to see.

use nearside_channel::geometry::intersection;
use nearside_channel::message::Rect;
use x11rb::connection::RequestConnection as _;
use x11rb::errors::{ConnectionError, ReplyError};
use x11rb::protocol::shape::{self, ConnectionExt as _, SK};
use x11rb::protocol::xproto::{
    Atom, AtomEnum, ChangeWindowAttributesAux, ConnectionExt as _, EventMask, GetPropertyReply,
    MapState, Window as XWindow, WindowClass,
};
use x11rb::rust_connection::RustConnection;

use super::super::{Window, WindowId};
use super::Error;

/// Window managers put the program's window so deep into a frame at most, among so many others:
/// Openbox makes some forty for its decorations.
const FRAME_DEPTH: usize = 3;
const FRAME_CHILDREN: usize = 256;

/// A shape of more rectangles is taken for their bounding box.
const MAX_SHAPE: usize = 64;

/// Longest title that is read, in bytes.
const MAX_TITLE: u32 = 1024;

x11rb::atom_manager! {
    /// Names of properties.
    Atoms: AtomsCookie {
        WM_STATE,
        WM_TRANSIENT_FOR,
        UTF8_STRING,
        _NET_WM_NAME,
        _NET_WM_PID,
        _NET_WM_WINDOW_OPACITY,
        _GTK_FRAME_EXTENTS,
    }
}

/// See the module.
#[derive(Debug)]
pub(super) struct Top {
    pub(super) window: Window,
    /// The program's window: in the frame, or the top-level window itself.
    client: XWindow,
    outer: XWindow,
}

impl Top {
    /// Moves it. False: it is to be looked at anew.
    pub(super) fn place(&mut self, at: (i16, i16), size: (u16, u16), border: u16) -> bool {
        let rect = without_margins(whole(at, size, border), self.window.margins);
        let old = std::mem::replace(&mut self.window.rect, rect);
        if (old.width, old.height) != (rect.width, rect.height) {
            return self.window.shape.is_none() && self.window.margins == [0; 4];
        }
        let (x, y) = (rect.x.saturating_sub(old.x), rect.y.saturating_sub(old.y));
        for part in self.window.shape.iter_mut().flatten() {
            part.x = part.x.saturating_add(x);
            part.y = part.y.saturating_add(y);
        }
        true
    }

    pub(super) fn is_of(&self, window: XWindow) -> bool {
        self.client == window || self.outer == window
    }
}

/// What a look at a child of the root finds.
#[derive(Debug)]
pub(super) enum Found {
    Window(Box<Top>),
    /// It is not shown, and what is known of it stays so.
    Unmapped,
    /// Nothing that anybody sees.
    Nothing,
}

/// What is needed to look.
#[derive(Debug)]
pub(super) struct Inspector {
    atoms: Atoms,
    root: XWindow,
    has_shapes: bool,
}

/// What a program says of its window.
struct Facts {
    process: Option<u32>,
    title: String,
    is_transient: bool,
    is_transparent: bool,
    margins: [u32; 4],
}

impl Inspector {
    pub(super) fn new(connection: &RustConnection, root: XWindow) -> Result<Self, Error> {
        let atoms = Atoms::new(connection)?;
        let has_shapes = connection.extension_information(shape::X11_EXTENSION_NAME)?.is_some();
        Ok(Self { atoms: atoms.reply()?, root, has_shapes })
    }

    /// Whether a property of this name is looked at.
    pub(super) fn reads(&self, atom: Atom) -> bool {
        let Atoms { _NET_WM_NAME, _NET_WM_WINDOW_OPACITY, _GTK_FRAME_EXTENTS, .. } = self.atoms;
        [_NET_WM_NAME, _NET_WM_WINDOW_OPACITY, _GTK_FRAME_EXTENTS].contains(&atom)
    }

    /// Looks at a child of the root, and hears of its changes from then on.
    pub(super) fn inspect(
        &self,
        connection: &RustConnection,
        outer: XWindow,
    ) -> Result<Found, Error> {
        let attributes = connection.get_window_attributes(outer)?;
        let geometry = connection.get_geometry(outer)?;
        let (attributes, geometry) = (there(attributes.reply())?, there(geometry.reply())?);
        let (Some(attributes), Some(geometry)) = (attributes, geometry) else {
            return Ok(Found::Nothing);
        };
        if attributes.class == WindowClass::INPUT_ONLY {
            return Ok(Found::Nothing);
        }
        if attributes.map_state != MapState::VIEWABLE {
            return Ok(Found::Unmapped);
        }
        let size = (geometry.width, geometry.height);
        let rect = whole((geometry.x, geometry.y), size, geometry.border_width);
        // Frames are made like menus; but they have a program's window in them.
        let client = self.client_in(connection, outer)?;
        let is_floating = attributes.override_redirect && client.is_none();
        if is_floating && (rect.x, rect.y) == (0, 0) && self.is_pane(connection, outer, size)? {
            return Ok(Found::Nothing);
        }
        let client = client.unwrap_or(outer);
        self.listen(connection, outer, client)?;
        let Some(facts) = self.facts(connection, outer, client)? else {
            return Ok(Found::Nothing);
        };
        let is_bare = client == outer || is_of_size(connection, client, size)?;
        let margins = if is_bare { facts.margins } else { [0; 4] };
        let window = Window {
            id: WindowId(client),
            rect: without_margins(rect, margins),
            margins,
            // What is wholly transparent covers nothing.
            shape: if facts.is_transparent {
                Some(Vec::new())
            } else {
                let border = i32::from(geometry.border_width);
                let origin = (rect.x.saturating_add(border), rect.y.saturating_add(border));
                self.shape(connection, outer, origin, without_margins(rect, margins))?
            },
            mapped: true,
            floating: is_floating || facts.is_transient,
            process: facts.process,
            title: facts.title,
        };
        Ok(Found::Window(Box::new(Top { window, client, outer })))
    }

    /// The program's window in a frame, or the window itself if a window manager cares for it.
    fn client_in(
        &self,
        connection: &RustConnection,
        outer: XWindow,
    ) -> Result<Option<XWindow>, Error> {
        let has = |window: XWindow, name: Atom| {
            connection.get_property(false, window, name, AtomEnum::ANY, 0, 0)
        };
        let mut level = vec![outer];
        // A window manager may mark the program's window later; it has a class from the start,
        // which frames do not have.
        let mut class_counts = false;
        for depth in 0..=FRAME_DEPTH {
            let asked: Result<Vec<_>, ConnectionError> = level
                .iter()
                .map(|window| {
                    let state = has(*window, self.atoms.WM_STATE)?;
                    Ok((state, has(*window, AtomEnum::WM_CLASS.into())?))
                })
                .collect();
            let mut found = None;
            for (window, (state, class)) in level.iter().zip(asked?) {
                let (state, class) = (is_set(state.reply())?, is_set(class.reply())?);
                if depth == 0 {
                    class_counts = !class;
                }
                if found.is_none() && (state || depth != 0 && class && class_counts) {
                    found = Some(*window);
                }
            }
            if found.is_some() {
                return Ok(found);
            }
            let asked: Result<Vec<_>, _> =
                level.iter().map(|window| connection.query_tree(*window)).collect();
            let mut next = Vec::new();
            for tree in asked? {
                next.extend(there(tree.reply())?.into_iter().flat_map(|tree| tree.children));
            }
            next.truncate(FRAME_CHILDREN);
            level = next;
        }
        Ok(None)
    }

    /// A window over all of the desktop that the pointer does not see: what a compositing
    /// manager paints the desktop on.
    fn is_pane(
        &self,
        connection: &RustConnection,
        window: XWindow,
        size: (u16, u16),
    ) -> Result<bool, Error> {
        // The desktop may have another size each time.
        if !self.has_shapes || !is_of_size(connection, self.root, size)? {
            return Ok(false);
        }
        let input = there(connection.shape_get_rectangles(window, SK::INPUT)?.reply())?;
        Ok(input.is_some_and(|input| input.rectangles.is_empty()))
    }

    fn listen(
        &self,
        connection: &RustConnection,
        outer: XWindow,
        client: XWindow,
    ) -> Result<(), Error> {
        let mask = ChangeWindowAttributesAux::new().event_mask(EventMask::PROPERTY_CHANGE);
        connection.change_window_attributes(client, &mask)?.ignore_error();
        if client != outer {
            connection.change_window_attributes(outer, &mask)?.ignore_error();
        }
        if self.has_shapes {
            connection.shape_select_input(outer, true)?.ignore_error();
        }
        Ok(())
    }

    /// `None`: it has gone.
    fn facts(
        &self,
        connection: &RustConnection,
        outer: XWindow,
        client: XWindow,
    ) -> Result<Option<Facts>, Error> {
        let Atoms { WM_TRANSIENT_FOR, UTF8_STRING, .. } = self.atoms;
        let Atoms { _NET_WM_NAME, _NET_WM_PID, _NET_WM_WINDOW_OPACITY, .. } = self.atoms;
        let read = |window, name, kind: Atom, words| {
            connection.get_property(false, window, name, kind, 0, words)
        };
        let (cardinal, window) = (AtomEnum::CARDINAL.into(), AtomEnum::WINDOW.into());
        let process = read(client, _NET_WM_PID, cardinal, 1)?;
        let title = read(client, _NET_WM_NAME, UTF8_STRING, MAX_TITLE / 4)?;
        let transient = read(client, WM_TRANSIENT_FOR, window, 1)?;
        let margins = read(client, self.atoms._GTK_FRAME_EXTENTS, cardinal, 4)?;
        let opacity = read(client, _NET_WM_WINDOW_OPACITY, cardinal, 1)?;
        let opacity_outside = read(outer, _NET_WM_WINDOW_OPACITY, cardinal, 1)?;
        // All answers are taken before the first that is missing counts.
        let process = there(process.reply())?;
        let title = there(title.reply())?;
        let transient = there(transient.reply())?;
        let margins = there(margins.reply())?;
        let opacity = there(opacity.reply())?;
        let opacity_outside = there(opacity_outside.reply())?;
        let (Some(process), Some(title)) = (process, title) else { return Ok(None) };
        let is_zero = |opacity: Option<GetPropertyReply>| numbers(opacity).first() == Some(&0);
        let margins = numbers(margins);
        Ok(Some(Facts {
            process: numbers(Some(process)).first().copied(),
            title: String::from_utf8_lossy(&title.value).into_owned(),
            is_transient: numbers(transient).first().is_some_and(|owner| *owner != x11rb::NONE),
            is_transparent: is_zero(opacity) || is_zero(opacity_outside),
            margins: match margins[..] {
                [left, right, top, bottom] => [left, top, right, bottom],
                _ => [0; 4],
            },
        }))
    }

    /// The parts of `rect` that the window paints; `None`: all of it.
    fn shape(
        &self,
        connection: &RustConnection,
        outer: XWindow,
        (x, y): (i32, i32),
        rect: Rect,
    ) -> Result<Option<Vec<Rect>>, Error> {
        if !self.has_shapes {
            return Ok(None);
        }
        let extents = there(connection.shape_query_extents(outer)?.reply())?;
        let Some(extents) = extents.filter(|extents| extents.bounding_shaped) else {
            return Ok(None);
        };
        let shape = there(connection.shape_get_rectangles(outer, SK::BOUNDING)?.reply())?;
        let Some(shape) = shape else { return Ok(None) };
        let on_desktop = |part: Rect| {
            let (x, y) = (part.x.saturating_add(x), part.y.saturating_add(y));
            intersection(Rect { x, y, ..part }, rect)
        };
        let parts: Vec<Rect> = if shape.rectangles.len() <= MAX_SHAPE {
            let parts = shape.rectangles.iter();
            parts.map(|part| whole((part.x, part.y), (part.width, part.height), 0)).collect()
        } else {
            let at = (extents.bounding_shape_extents_x, extents.bounding_shape_extents_y);
            let width = extents.bounding_shape_extents_width;
            vec![whole(at, (width, extents.bounding_shape_extents_height), 0)]
        };
        Ok(Some(parts.into_iter().filter_map(on_desktop).collect()))
    }
}

fn is_of_size(
    connection: &RustConnection,
    window: XWindow,
    size: (u16, u16),
) -> Result<bool, Error> {
    let geometry = there(connection.get_geometry(window)?.reply())?;
    Ok(geometry.is_some_and(|geometry| (geometry.width, geometry.height) == size))
}

/// A reply; `None` where the window has gone.
fn there<T>(reply: Result<T, ReplyError>) -> Result<Option<T>, Error> {
    match reply {
        Ok(reply) => Ok(Some(reply)),
        Err(ReplyError::X11Error(_)) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

fn is_set(reply: Result<GetPropertyReply, ReplyError>) -> Result<bool, Error> {
    Ok(there(reply)?.is_some_and(|property| property.type_ != x11rb::NONE))
}

fn numbers(property: Option<GetPropertyReply>) -> Vec<u32> {
    property.and_then(|property| Some(property.value32()?.collect())).unwrap_or_default()
}

/// With its border, which lies outside of the size that a window has.
fn whole((x, y): (i16, i16), (width, height): (u16, u16), border: u16) -> Rect {
    let outer = |side: u16| u32::from(side).saturating_add(2 * u32::from(border));
    Rect { x: i32::from(x), y: i32::from(y), width: outer(width), height: outer(height) }
}

/// Margins that leave nothing are none.
fn without_margins(rect: Rect, [left, top, right, bottom]: [u32; 4]) -> Rect {
    let width = rect.width.checked_sub(left.saturating_add(right)).filter(|side| 0 < *side);
    let height = rect.height.checked_sub(top.saturating_add(bottom)).filter(|side| 0 < *side);
    let (Some(width), Some(height)) = (width, height) else { return rect };
    let (x, y) = (rect.x.saturating_add_unsigned(left), rect.y.saturating_add_unsigned(top));
    Rect { x, y, width, height }
}
