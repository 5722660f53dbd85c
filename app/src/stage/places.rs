//! Where the stage's pictures are: over the RDP client's window, or in windows of their own.
//!
//! Made anew for each look of the stage's loop, from what the loop owns. A picture that has no
//! place is kept, so that a paused video is seen as soon as it gets one; a place whose picture
//! has not come is made and not shown, so that the picture does not wait for it.

use super::captions::Setter;
use super::entry::Entry;
use super::session::{Child, Ground, MAX_SIDE_PX, Parent, Session, Spot};
use super::view::{View, fitting};
use nearside::PANEL_SIZE;
use nearside::stage_link::StageOptions;
use nearside::status::Placement;
use nearside_channel::message::{DeviceSettings, PlayerKind};
use nearside_media::picture::VideoFrame;
use nearside_media::render::{Fit, Gpu, RenderError};
use std::sync::Arc;
use std::time::Instant;
use winit::dpi::{PhysicalPosition, PhysicalSize};
use winit::event_loop::ActiveEventLoop;
use winit::window::Window;

/// Part of the monitor that a window covers at most when no size was asked for.
const MONITOR_PART: (u32, u32) = (4, 5);

/// A window that nothing is drawn on yet.
pub(crate) type Spare = (Arc<Window>, wgpu::Surface<'static>);

/// What pictures' places depend on.
pub(crate) struct Places<'a> {
    pub(crate) event_loop: &'a ActiveEventLoop,
    pub(crate) gpu: &'a Gpu,
    /// Of the surfaces.
    pub(crate) format: wgpu::TextureFormat,
    pub(crate) spare: &'a mut Option<Spare>,
    /// The first video's view, made ahead.
    pub(crate) spare_view: &'a mut Option<View>,
    /// `None`: there is no window to lie over.
    pub(crate) session: Option<&'a Session>,
    /// What windows of their own are called.
    pub(crate) own: Placement,
    /// No window manager puts windows beside each other.
    pub(crate) unmanaged: bool,
    pub(crate) options: &'a StageOptions,
    pub(crate) captions: &'a Arc<Setter>,
}

impl Places<'_> {
    /// Puts every picture where it belongs now; what must be drawn anew is marked.
    pub(crate) fn arrange<'e>(&mut self, entries: impl Iterator<Item = &'e mut Entry>) {
        let exposed = self.session.map(Session::take_exposed).unwrap_or_default();
        for entry in entries {
            if entry.view.is_none() && (entry.kind == PlayerKind::Video || entry.has_look()) {
                let made = || View::nowhere(self.gpu, self.format, self.captions);
                entry.view = Some(self.spare_view.take().unwrap_or_else(made));
            }
            let child = entry.child.as_ref().map(|child| child.window());
            entry.redraw |= child.is_some_and(|window| exposed.contains(&window));
            // An error comes again when it is drawn, and is reported then.
            entry.redraw |= self.put(entry).is_err();
        }
    }

    /// Shows a new picture, or the last one again; when it was on the screen.
    ///
    /// # Errors
    /// It cannot be drawn.
    pub(crate) fn show(
        &mut self,
        entry: &mut Entry,
        frame: Option<VideoFrame>,
        settings: DeviceSettings,
    ) -> Result<Option<Instant>, RenderError> {
        entry.redraw = false;
        let Some(view) = &mut entry.view else { return Ok(None) };
        view.keep(frame);
        if !entry.has_look() {
            return Ok(None);
        }
        self.put(entry)?;
        entry.redraw = false;
        let now = Instant::now();
        let overlay = entry.overlay(settings.video_outlines, settings.video_status_overlay, now);
        let Some(view) = &mut entry.view else { return Ok(None) };
        if entry.seen {
            view.show(&overlay)?;
        }
        if let Some(window) = view.os_window() {
            // Shown with its first picture in it, never as an empty frame.
            window.set_visible(true);
        }
        Ok(Some(Instant::now()))
    }

    /// Puts one picture where it belongs.
    fn put(&mut self, entry: &mut Entry) -> Result<(), RenderError> {
        if entry.view.is_none() {
            return Ok(());
        }
        entry.seen = match self.session.map(Session::ground) {
            // Controls belong to a page.
            None | Some(Ground::OwnWindows) if entry.kind == PlayerKind::Audio => {
                leave(entry);
                false
            }
            None | Some(Ground::OwnWindows) => {
                self.put_in_own_window(entry)?;
                true
            }
            Some(Ground::Over(parent)) => self.put_over(entry, parent)?,
            Some(Ground::Waiting { .. }) => {
                leave(entry);
                false
            }
        };
        Ok(())
    }

    fn put_in_own_window(&mut self, entry: &mut Entry) -> Result<(), RenderError> {
        if entry.child.is_some() {
            leave(entry);
        }
        let Some(view) = &mut entry.view else { return Ok(()) };
        if view.has_place() {
            return Ok(());
        }
        // The window is as large as the picture.
        let Some(picture) = view.picture_size() else { return Ok(()) };
        let size = self.options.window.unwrap_or_else(|| self.fitting(picture));
        tracing::debug!(player = entry.id.0, "opening a window");
        let (window, surface) = match self.spare.take() {
            Some(spare) => spare,
            None => {
                let window = create_window(self.event_loop, size, self.is_decorated())?;
                let surface = self
                    .gpu
                    .instance()
                    .create_surface(Arc::clone(&window))
                    .map_err(|error| RenderError::Surface(error.to_string()))?;
                (window, surface)
            }
        };
        window.set_title(&format!("{} – Nearside", entry.title));
        // A window manager may answer later: then a Resized event follows.
        let _ = window.request_inner_size(PhysicalSize::new(size.0, size.1));
        let size = window.inner_size();
        if let Some(room) = self.room() {
            let left = room.left.min(room.monitor.width.saturating_sub(size.width));
            window.set_outer_position(PhysicalPosition::new(left, 0));
        }
        view.attach(surface, (size.width, size.height), Some(window))?;
        entry.redraw = true;
        entry.put(self.own, Instant::now());
        Ok(())
    }

    /// Over the session; whether it is seen there.
    fn put_over(&self, entry: &mut Entry, parent: Parent) -> Result<bool, RenderError> {
        let Some(session) = self.session else { return Ok(false) };
        let child = match &entry.child {
            Some(child) if child.parent().epoch == parent.epoch => Arc::clone(child),
            _ => {
                leave(entry);
                let child = match session.child(parent) {
                    Ok(child) => child,
                    Err(error) => {
                        // The thread that follows the client's window sees its end, too.
                        tracing::debug!(%error, "no window for the picture");
                        return Ok(false);
                    }
                };
                entry.child = Some(Arc::clone(&child));
                child
            }
        };
        let has_look = entry.has_look();
        if has_look && entry.kind == PlayerKind::Video {
            entry.put(Placement::OverSession, Instant::now());
        }
        let limit = self.gpu.max_side_px().min(MAX_SIDE_PX);
        let spot = session.spot(entry.layout.as_ref(), parent.size, limit);
        let Ok(change) = child.place(&spot, has_look) else { return Ok(false) };
        match spot {
            Spot::Shown { control_bar, .. } => entry.show_controls(control_bar),
            Spot::Hidden => return Ok(false),
            Spot::TooLarge { width, height } => {
                return Err(RenderError::TooLarge { width, height, limit });
            }
        }
        let Some(view) = &mut entry.view else { return Ok(false) };
        if !view.has_place() {
            let size = child.size();
            view.attach(surface(self.gpu, Arc::clone(&child))?, (size.width, size.height), None)?;
            // The page has fitted the picture already, as its style says.
            view.set_fit(Fit::Fill);
            entry.redraw = true;
        } else if let Some(size) = change.resized {
            view.resize(size.width, size.height);
            entry.redraw = true;
        }
        entry.redraw |= change.uncovered;
        // Not drawn for nobody. What is uncovered later is exposed, and drawn then.
        Ok(parent.mapped && !child.is_obscured())
    }

    /// Beside an RDP client it is a window as others; for itself it is a picture only.
    fn is_decorated(&self) -> bool {
        self.own == Placement::PlayerWindow
    }

    /// The picture's own size, or as much of it as fits the monitor well.
    fn fitting(&self, (width, height): (u32, u32)) -> (u32, u32) {
        // Wayland names no primary one.
        let monitors = || self.event_loop.available_monitors();
        let Some(monitor) = self.event_loop.primary_monitor().or_else(|| monitors().next()) else {
            return (width, height);
        };
        let part = |side: u32| (side / MONITOR_PART.1 * MONITOR_PART.0).max(64);
        let mut most = (part(monitor.size().width), part(monitor.size().height));
        if let Some(room) = self.room() {
            most.0 = most.0.min(room.monitor.width.saturating_sub(room.left)).max(64);
        }
        fitting((width, height), most)
    }

    /// Where a lone picture is seen beside the panel, which is at the left edge when nobody
    /// puts it elsewhere. `None`: a window manager does that.
    fn room(&self) -> Option<Room> {
        if !self.unmanaged || self.own != Placement::FreeStanding {
            return None;
        }
        let monitor = self.event_loop.primary_monitor()?;
        #[expect(
            clippy::as_conversions,
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a float beyond the range becomes the nearest number"
        )]
        let left = (monitor.scale_factor() * f64::from(PANEL_SIZE[0])) as u32;
        Some(Room { monitor: monitor.size(), left })
    }
}

/// A screen and where its free part begins, in pixels.
struct Room {
    monitor: PhysicalSize<u32>,
    left: u32,
}

/// Gives up the picture's place and its window.
fn leave(entry: &mut Entry) {
    if let Some(view) = &mut entry.view {
        view.detach();
    }
    entry.child = None;
    entry.show_controls(None);
}

/// The surface keeps the window as long as it lives.
fn surface(gpu: &Gpu, child: Arc<Child>) -> Result<wgpu::Surface<'static>, RenderError> {
    let target = wgpu::SurfaceTarget::Window(Box::new(child));
    let surface = gpu.instance().create_surface(target);
    surface.map_err(|error| RenderError::Surface(error.to_string()))
}

/// A window that is not shown yet.
pub(crate) fn create_window(
    event_loop: &ActiveEventLoop,
    (width, height): (u32, u32),
    decorated: bool,
) -> Result<Arc<Window>, RenderError> {
    let attributes = Window::default_attributes()
        .with_title("Nearside")
        .with_decorations(decorated)
        .with_visible(false)
        .with_inner_size(PhysicalSize::new(width, height));
    let window = event_loop.create_window(attributes);
    window.map(Arc::new).map_err(|error| RenderError::Surface(error.to_string()))
}
