//! The stage's loop with windows: one borderless window for each video.
//!
//! The first window is made hidden at the start, because the graphics device must be opened
//! for a surface; so the first picture does not wait for either.

use super::entry::Entry;
use super::input::Input;
use super::troupe::{Troupe, backend};
use super::view::{View, fitting};
use super::waker::{Wake, Waker};
use super::{Start, translate};
use nearside::stage_link::{FromStage, StageOptions};
use nearside_channel::message::{DeviceSettings, PlayerId, PlayerKind};
use nearside_media::picture::VideoFrame;
use nearside_media::render::{Gpu, RenderError};
use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};
use winit::application::ApplicationHandler;
use winit::dpi::PhysicalSize;
use winit::event::{ElementState, MouseButton, WindowEvent};
use winit::event_loop::{ActiveEventLoop, ControlFlow, EventLoop, OwnedDisplayHandle};
use winit::window::{Window, WindowId};

/// A monitor that does not say how often it refreshes.
const DEFAULT_INTERVAL: Duration = Duration::from_nanos(16_666_667);

/// Part of the monitor that a window covers at most when no size was asked for.
const MONITOR_PART: (u32, u32) = (4, 5);

pub(crate) fn event_loop() -> Result<EventLoop<Wake>, winit::error::EventLoopError> {
    EventLoop::with_user_event().build()
}

/// Runs until the agent goes.
pub(crate) fn run(
    event_loop: EventLoop<Wake>,
    start: Start,
    inputs: Receiver<Input>,
    waker: Arc<Waker>,
) -> anyhow::Result<()> {
    waker.use_event_loop(event_loop.create_proxy());
    let display = event_loop.owned_display_handle();
    let mut app = App {
        starting: Some(start),
        inputs,
        waker,
        display,
        stage: None,
        interval: DEFAULT_INTERVAL,
    };
    event_loop.run_app(&mut app)?;
    Ok(())
}

/// Everything that exists once the graphics device is open.
struct Stage {
    troupe: Troupe,
    gpu: Gpu,
    /// The first window, until a video needs it.
    spare: Option<(Arc<Window>, wgpu::Surface<'static>)>,
}

struct App {
    starting: Option<Start>,
    inputs: Receiver<Input>,
    waker: Arc<Waker>,
    display: OwnedDisplayHandle,
    stage: Option<Stage>,
    interval: Duration,
}

impl ApplicationHandler<Wake> for App {
    fn resumed(&mut self, event_loop: &ActiveEventLoop) {
        let Some(start) = self.starting.take() else { return };
        let outbox = start.outbox.clone();
        match self.open(event_loop, start) {
            Ok(stage) => {
                self.stage = Some(stage);
                self.look(event_loop);
            }
            Err(error) => {
                tracing::warn!(%error, "the stage cannot open a window");
                outbox.send(&FromStage::Failed { reason: translate::render_error(&error) });
                event_loop.exit();
            }
        }
    }

    fn user_event(&mut self, event_loop: &ActiveEventLoop, Wake: Wake) {
        self.look(event_loop);
    }

    fn new_events(&mut self, event_loop: &ActiveEventLoop, cause: winit::event::StartCause) {
        if matches!(cause, winit::event::StartCause::ResumeTimeReached { .. }) {
            self.look(event_loop);
        }
    }

    fn window_event(&mut self, event_loop: &ActiveEventLoop, id: WindowId, event: WindowEvent) {
        let Some(stage) = &mut self.stage else { return };
        let entry = stage.troupe.entries.values_mut().find(|entry| {
            let window = entry.view.as_ref().and_then(View::os_window);
            window.is_some_and(|window| window.id() == id)
        });
        let Some(entry) = entry else { return };
        let Some(view) = &mut entry.view else { return };
        match event {
            WindowEvent::Resized(size) => {
                view.resize(size.width, size.height);
                stage.troupe.redraw = true;
            }
            WindowEvent::RedrawRequested => stage.troupe.redraw = true,
            // Borderless: the picture itself is the handle.
            WindowEvent::MouseInput { state: ElementState::Pressed, button, .. } => {
                if button == MouseButton::Left
                    && let Some(window) = view.os_window()
                    && let Err(error) = window.drag_window()
                {
                    tracing::debug!(%error, "the window cannot be moved");
                }
                return;
            }
            _ => return,
        }
        self.look(event_loop);
    }
}

impl App {
    fn open(&mut self, event_loop: &ActiveEventLoop, start: Start) -> Result<Stage, RenderError> {
        let size = start.options.window.unwrap_or((640, 360));
        let window = create_window(event_loop, &start.title, size)?;
        if let Some(monitor) = window.current_monitor().or_else(|| event_loop.primary_monitor())
            && let Some(millihertz) = monitor.refresh_rate_millihertz()
        {
            let hertz = f64::from(millihertz.clamp(10_000, 1_000_000)) / 1e3;
            self.interval = Duration::from_secs_f64(1.0 / hertz);
        }
        let choice = backend(start.options.renderer);
        let (gpu, surface) = Gpu::open_window(choice, &self.display, &window)?;
        let troupe = Troupe::new(start, &gpu, &self.waker, None)?;
        Ok(Stage { troupe, gpu, spare: Some((window, surface)) })
    }

    /// Looks at everything and plans the next look.
    fn look(&mut self, event_loop: &ActiveEventLoop) {
        self.waker.lower();
        let Some(stage) = &mut self.stage else { return };
        if !stage.troupe.take_inputs(&self.inputs, Instant::now()) {
            event_loop.exit();
            return;
        }
        let Stage { troupe, gpu, spare } = stage;
        let options = troupe.options.clone();
        let wake = troupe.act(self.interval, |entry, frame, settings| {
            let mut place = Place { event_loop, gpu, spare, options: &options };
            place.show(entry, frame, settings)
        });
        event_loop.set_control_flow(match wake {
            Some(at) => ControlFlow::WaitUntil(at),
            None => ControlFlow::Wait,
        });
    }
}

/// What showing a picture needs beside the player.
struct Place<'a> {
    event_loop: &'a ActiveEventLoop,
    gpu: &'a Gpu,
    spare: &'a mut Option<(Arc<Window>, wgpu::Surface<'static>)>,
    options: &'a StageOptions,
}

impl Place<'_> {
    fn show(
        &mut self,
        entry: &mut Entry,
        frame: Option<VideoFrame>,
        settings: DeviceSettings,
    ) -> Result<Option<Instant>, RenderError> {
        if entry.kind == PlayerKind::Audio {
            return Ok(None);
        }
        if entry.view.is_none() {
            let Some(frame) = &frame else { return Ok(None) };
            entry.view = Some(self.new_view(entry.id, &entry.title, frame)?);
        }
        let overlay =
            entry.overlay(settings.video_outlines, settings.video_status_overlay, Instant::now());
        let Some(view) = &mut entry.view else { return Ok(None) };
        view.show(frame, &overlay)?;
        if let Some(window) = view.os_window() {
            // Shown with its first picture in it, never as an empty frame.
            window.set_visible(true);
        }
        Ok(Some(Instant::now()))
    }

    fn new_view(
        &mut self,
        player: PlayerId,
        title: &str,
        frame: &VideoFrame,
    ) -> Result<View, RenderError> {
        let size = self.options.window.unwrap_or_else(|| self.fitting(frame));
        tracing::debug!(player = player.0, "opening a window");
        let (window, surface) = match self.spare.take() {
            Some(spare) => spare,
            None => {
                let window = create_window(self.event_loop, title, size)?;
                let surface = self
                    .gpu
                    .instance()
                    .create_surface(Arc::clone(&window))
                    .map_err(|error| RenderError::Surface(error.to_string()))?;
                (window, surface)
            }
        };
        // A window manager may answer later: then a Resized event follows.
        let _ = window.request_inner_size(PhysicalSize::new(size.0, size.1));
        View::window(self.gpu, surface, window)
    }

    /// The picture's own size, or as much of it as fits the monitor well.
    fn fitting(&self, frame: &VideoFrame) -> (u32, u32) {
        let (width, height) = frame.format().display_size();
        let Some(monitor) = self.event_loop.primary_monitor() else { return (width, height) };
        let part = |side: u32| (side / MONITOR_PART.1 * MONITOR_PART.0).max(64);
        let most = (part(monitor.size().width), part(monitor.size().height));
        fitting((width, height), most)
    }
}

fn create_window(
    event_loop: &ActiveEventLoop,
    title: &str,
    (width, height): (u32, u32),
) -> Result<Arc<Window>, RenderError> {
    let attributes = Window::default_attributes()
        .with_title(format!("{title} – Nearside"))
        .with_decorations(false)
        .with_visible(false)
        .with_inner_size(PhysicalSize::new(width, height));
    let window = event_loop.create_window(attributes);
    window.map(Arc::new).map_err(|error| RenderError::Surface(error.to_string()))
}
