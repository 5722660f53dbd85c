//! A picture's window inside the RDP client's window.
//!
//! A child moves, clips, stacks and hides with its parent and never covers another program.
//! Its input shape is empty: the pointer does not see it, so clicks and typing reach the
//! session beneath, and it can never get the focus. It lies below the client's own children
//! (a connection bar). Without a background the server paints nothing into it: until its first
//! picture it shows what lies beneath.
//!
//! The window belongs to the stage's own connection, not to winit: winit would make it a top
//! level window of a desktop, with hints, input methods and drops. The X server destroys it
//! with its parent; every request to a window that is gone is an error that nobody waits for.
//!
//! Unsafe: wgpu asks for a raw handle of the window.
#![expect(unsafe_code, reason = "a raw window handle has no safe constructor")]

use super::link::{Link, LinkError, Parent};
use super::spot::Spot;
use nearside_channel::message::{Rect, Size};
use std::sync::{Arc, Mutex, PoisonError};
use winit::raw_window_handle::{
    HandleError, HasWindowHandle, RawWindowHandle, WindowHandle, XlibWindowHandle,
};
use x11rb::connection::Connection as _;
use x11rb::errors::ConnectError;
use x11rb::protocol::shape::{ConnectionExt as _, SK, SO};
use x11rb::protocol::xproto::{
    ClipOrdering, ConfigureWindowAux, ConnectionExt as _, CreateWindowAux, EventMask, Gravity,
    Rectangle, StackMode, Window, WindowClass,
};
use x11rb::wrapper::ConnectionExt as _;

/// See the module. Dropping it destroys the window, so surfaces hold on to it.
#[derive(Debug)]
pub(crate) struct Child {
    link: Arc<Link>,
    window: Window,
    parent: Parent,
    /// What the server was told last.
    placed: Mutex<Placed>,
}

#[derive(Debug)]
struct Placed {
    rect: Rect,
    shape: Vec<Rect>,
    mapped: bool,
}

/// What a new place means for the picture.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Change {
    /// The window has this size now, in pixels.
    pub(crate) resized: Option<Size>,
    /// Parts of the window that hold no picture are seen now.
    pub(crate) uncovered: bool,
}

impl Child {
    /// Makes a window that is not shown yet.
    ///
    /// # Errors
    /// The parent is gone, or the X server.
    pub(crate) fn new(link: &Arc<Link>, parent: Parent) -> Result<Self, LinkError> {
        let screen = link.screen().ok_or(ConnectError::InvalidScreen)?;
        let connection = &link.connection;
        let window = connection.generate_id()?;
        // The screen's own visual, whatever the parent has: the graphics device was opened for
        // it, and it has no alpha that a compositor could see through.
        let aux = CreateWindowAux::new()
            .border_pixel(0)
            .colormap(screen.default_colormap)
            .bit_gravity(Gravity::NORTH_WEST)
            .override_redirect(1)
            .event_mask(EventMask::EXPOSURE | EventMask::VISIBILITY_CHANGE);
        let (depth, visual, class) =
            (screen.root_depth, screen.root_visual, WindowClass::INPUT_OUTPUT);
        connection
            .create_window(depth, window, parent.window, 0, 0, 1, 1, 0, class, visual, &aux)?
            .check()?;
        let rect = Rect { x: 0, y: 0, width: 1, height: 1 };
        let placed = Mutex::new(Placed { rect, shape: Vec::new(), mapped: false });
        let child = Self { link: Arc::clone(link), window, parent, placed };
        let none = ClipOrdering::UNSORTED;
        connection.shape_rectangles(SO::SET, SK::INPUT, none, window, 0, 0, &[])?.ignore_error();
        let below = ConfigureWindowAux::new().stack_mode(StackMode::BELOW);
        connection.configure_window(window, &below)?.ignore_error();
        connection.flush()?;
        Ok(child)
    }

    pub(crate) fn window(&self) -> Window {
        self.window
    }

    /// The window it lies in, as it was then.
    pub(crate) fn parent(&self) -> Parent {
        self.parent
    }

    /// Other programs cover all of it. What they uncover is told as exposed.
    pub(crate) fn is_obscured(&self) -> bool {
        self.link.is_obscured(self.window)
    }

    pub(crate) fn size(&self) -> Size {
        let placed = self.placed.lock().unwrap_or_else(PoisonError::into_inner);
        Size { width: placed.rect.width, height: placed.rect.height }
    }

    /// Puts it there or hides it; it is not shown before there is a picture. One request moves
    /// the window with its picture; when it returns with a new size, the server has it.
    ///
    /// # Errors
    /// The X server is gone.
    pub(crate) fn place(&self, spot: &Spot, has_picture: bool) -> Result<Change, LinkError> {
        let connection = &self.link.connection;
        let mut placed = self.placed.lock().unwrap_or_else(PoisonError::into_inner);
        let Spot::Shown { rect, shape, control_bar: _ } = spot else {
            if std::mem::take(&mut placed.mapped) {
                connection.unmap_window(self.window)?.ignore_error();
                connection.flush()?;
            }
            return Ok(Change::default());
        };
        let resized = (placed.rect.width, placed.rect.height) != (rect.width, rect.height);
        let reshaped = placed.shape != *shape;
        if placed.rect != *rect {
            let aux =
                ConfigureWindowAux::new().x(rect.x).y(rect.y).width(rect.width).height(rect.height);
            connection.configure_window(self.window, &aux)?.ignore_error();
        }
        if reshaped {
            let rects: Vec<Rectangle> = shape.iter().filter_map(|part| rectangle(*part)).collect();
            let (set, kind, order) = (SO::SET, SK::BOUNDING, ClipOrdering::YX_BANDED);
            connection
                .shape_rectangles(set, kind, order, self.window, 0, 0, &rects)?
                .ignore_error();
        }
        let maps = has_picture && !placed.mapped;
        if maps {
            connection.map_window(self.window)?.ignore_error();
            placed.mapped = true;
        }
        if placed.rect != *rect || reshaped || maps {
            connection.flush()?;
        }
        placed.rect = *rect;
        if reshaped {
            placed.shape.clone_from(shape);
        }
        if resized {
            // The graphics device asks the server for the size on a connection of its own.
            connection.sync()?;
        }
        let size = Size { width: rect.width, height: rect.height };
        Ok(Change { resized: resized.then_some(size), uncovered: reshaped || maps })
    }
}

/// `None` for what lies outside of X11's numbers, which no picture's window does.
fn rectangle(rect: Rect) -> Option<Rectangle> {
    Some(Rectangle {
        x: i16::try_from(rect.x).ok()?,
        y: i16::try_from(rect.y).ok()?,
        width: u16::try_from(rect.width).ok()?,
        height: u16::try_from(rect.height).ok()?,
    })
}

impl HasWindowHandle for Child {
    fn window_handle(&self) -> Result<WindowHandle<'_>, HandleError> {
        let handle = XlibWindowHandle::new(self.window.into());
        // SAFETY: the id names this window until `self` is dropped. The server may destroy it
        // earlier, with its parent; requests are then refused by the server.
        Ok(unsafe { WindowHandle::borrow_raw(RawWindowHandle::Xlib(handle)) })
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        self.link.forget(self.window);
        let connection = &self.link.connection;
        // Fails only when the server is gone, and the window with it.
        if let Ok(cookie) = connection.destroy_window(self.window) {
            cookie.ignore_error();
            let _ = connection.flush();
        }
    }
}
