//! The stage's loop with windows: one for each video, over the RDP client's window or apart.
//!
//! The first window is made hidden at the start, because the graphics device must be opened
//! for a surface; so the first picture does not wait for either. Over a session it stays
//! hidden, until a video may need a window of its own.

use super::input::Input;
use super::outbox::Outbox;
use super::places::{Places, Spare, create_window};
use super::session::{self, News, Session};
use super::troupe::{Troupe, backend};
use super::view::View;
use super::waker::{Wake, Waker};
use super::{Start, translate};
use nearside::stage_link::FromStage;
use nearside::status::Placement;
use nearside_channel::message::{Reason, ReasonCode};
use nearside_media::render::{Gpu, RenderError};
use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};
use winit::application::ApplicationHandler;
use winit::event::{ElementState, MouseButton, WindowEvent};
use winit::event_loop::{ActiveEventLoop, ControlFlow, EventLoop, OwnedDisplayHandle};
use winit::platform::x11::EventLoopBuilderExtX11 as _;
use winit::window::WindowId;

/// A monitor that does not say how often it refreshes.
const DEFAULT_INTERVAL: Duration = Duration::from_nanos(16_666_667);

/// `over_session`: X11 where there is a choice, since only there pictures go into the window
/// of another program.
pub(crate) fn event_loop(
    over_session: bool,
) -> Result<EventLoop<Wake>, winit::error::EventLoopError> {
    let mut builder = EventLoop::with_user_event();
    if over_session && session::is_on_x11() {
        builder.with_x11();
    }
    builder.build()
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
        outbox: start.outbox.clone(),
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
    /// Of the windows' surfaces.
    format: wgpu::TextureFormat,
    /// The first window, until a video needs it.
    spare: Option<Spare>,
    /// What the first video needs, made while none is there.
    spare_view: Option<View>,
    /// The RDP client's window.
    session: Option<Session>,
    /// What windows of their own are called.
    own: Placement,
    /// See [`Places::unmanaged`].
    unmanaged: bool,
}

struct App {
    starting: Option<Start>,
    inputs: Receiver<Input>,
    waker: Arc<Waker>,
    outbox: Outbox,
    display: OwnedDisplayHandle,
    /// `None` before it is open, and after it has failed.
    stage: Option<Stage>,
    interval: Duration,
}

impl ApplicationHandler<Wake> for App {
    fn resumed(&mut self, event_loop: &ActiveEventLoop) {
        let Some(start) = self.starting.take() else { return };
        match self.open(event_loop, start) {
            Ok(stage) => {
                self.stage = Some(stage);
                self.look(event_loop);
            }
            Err(error) => {
                tracing::warn!(%error, "the stage cannot open a window");
                self.outbox.send(&FromStage::Failed { reason: translate::render_error(&error) });
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
                entry.redraw = true;
            }
            WindowEvent::RedrawRequested => entry.redraw = true,
            // The picture itself is a handle, the only one of a window without a frame.
            WindowEvent::MouseInput { state: ElementState::Pressed, button, .. } => {
                if button == MouseButton::Left
                    && let Some(window) = view.os_window()
                    && let Err(error) = window.drag_window()
                {
                    tracing::debug!(%error, "the window cannot be moved");
                }
                return;
            }
            WindowEvent::CloseRequested if stage.own == Placement::PlayerWindow => {
                let id = entry.id;
                stage.troupe.give_back(id, window_closed(), Instant::now());
            }
            _ => return,
        }
        self.look(event_loop);
    }
}

impl App {
    fn open(
        &mut self,
        event_loop: &ActiveEventLoop,
        mut start: Start,
    ) -> Result<Stage, RenderError> {
        let facts = start.facts.take();
        let own = match facts {
            Some(_) => Placement::PlayerWindow,
            None => Placement::FreeStanding,
        };
        // Looks for the client's window while the graphics device opens.
        let waker = Arc::clone(&self.waker);
        let session = facts.map(|facts| Session::start(facts, move || waker.wake())).transpose();
        let unmanaged = own == Placement::FreeStanding && session::is_unmanaged();
        let size = start.options.window.unwrap_or((640, 360));
        let decorated = own == Placement::PlayerWindow;
        let window = create_window(event_loop, size, decorated)?;
        if let Some(monitor) = window.current_monitor().or_else(|| event_loop.primary_monitor())
            && let Some(millihertz) = monitor.refresh_rate_millihertz()
        {
            let hertz = f64::from(millihertz.clamp(10_000, 1_000_000)) / 1e3;
            self.interval = Duration::from_secs_f64(1.0 / hertz);
        }
        let choice = backend(start.options.renderer);
        let (gpu, surface) = Gpu::open_window(choice, &self.display, &window)?;
        let format = gpu.surface_configuration(&surface, size.0, size.1)?.format;
        let (session, warning) = match session {
            Ok(session) => (session, None),
            Err(why) => {
                tracing::warn!(%why, "pictures do not go over the session");
                (None, Some(session::own_windows(&why)))
            }
        };
        let troupe = Troupe::new(start, &gpu, &self.waker, warning)?;
        let spare_view = Some(View::nowhere(&gpu, format, &troupe.captions));
        let spare = Some((window, surface));
        Ok(Stage { troupe, gpu, format, spare, spare_view, session, own, unmanaged })
    }

    /// Looks at everything and plans the next look.
    fn look(&mut self, event_loop: &ActiveEventLoop) {
        self.waker.lower();
        let now = Instant::now();
        let Some(stage) = &mut self.stage else { return };
        if !stage.troupe.take_inputs(&self.inputs, now) {
            event_loop.exit();
            return;
        }
        if let Some(reason) = stage.follow(now) {
            // The agent ends this process when it has read that.
            self.outbox.send(&FromStage::Failed { reason });
            self.stage = None;
            event_loop.set_control_flow(ControlFlow::Wait);
            return;
        }
        let Stage { troupe, gpu, format, spare, spare_view, session, own, unmanaged } = stage;
        let options = troupe.options.clone();
        let captions = Arc::clone(&troupe.captions);
        let mut places = Places {
            event_loop,
            gpu,
            format: *format,
            spare,
            spare_view,
            session: session.as_ref(),
            own: *own,
            unmanaged: *unmanaged,
            options: &options,
            captions: &captions,
        };
        places.arrange(troupe.entries.values_mut());
        let wake =
            troupe.act(self.interval, |entry, frame, settings| places.show(entry, frame, settings));
        let deadline = session.as_ref().and_then(Session::deadline);
        event_loop.set_control_flow(match [wake, deadline].into_iter().flatten().min() {
            Some(at) => ControlFlow::WaitUntil(at),
            None => ControlFlow::Wait,
        });
    }
}

impl Stage {
    /// Takes what happened to the RDP client's window; why the stage cannot go on, if so.
    fn follow(&mut self, now: Instant) -> Option<Reason> {
        match self.session.as_mut()?.update(now)? {
            News::Found => self.troupe.warn(None),
            News::NotFound { lost } => self.troupe.warn(Some(session::no_window(lost))),
            News::ClientEnded => return Some(session::client_ended()),
            News::DisplayGone => return Some(session::display_gone()),
        }
        None
    }
}

/// The user closed a video's window: the page plays on in the session.
fn window_closed() -> Reason {
    Reason::new(
        ReasonCode::PausedByUser,
        "The video's window was closed.",
        "The page plays it in the session. Reload the page to redirect it again.",
    )
}
