//! The window: owns the connection, the history and the few choices that are the panel's own
//! (page, section open). State changes in [`eframe::App::logic`], views only draw.

use crate::connection::{Answer, Connection, Link, News};
use crate::history::History;
use crate::instance::First;
use crate::view::{Agent, Command, Page, View};
use crate::{icons, page, theme};
use anyhow::Context as _;
use eframe::egui_wgpu::{WgpuConfiguration, WgpuSetup, WgpuSetupCreateNew};
use egui::ViewportCommand;
use nearside::PANEL_SIZE;
use nearside::control::Request;
use nearside_channel::message::PlayerCommand;
use std::sync::Arc;
use std::time::Duration;

/// Smaller than this nothing fits.
const MIN_SIZE: [f32; 2] = [360.0, 400.0];

/// A status is worth one frame; a request without delay draws two.
const SOON: Duration = Duration::from_millis(1);

/// Opens the window and returns when it is closed.
///
/// # Errors
/// When there is no display, or neither Vulkan nor OpenGL can draw to it.
pub(crate) fn run(dark: Option<bool>, instance: &First) -> anyhow::Result<()> {
    // One backend at a time: asking all of them costs a second on many machines.
    let vulkan = wgpu::Backends::from_env().unwrap_or(wgpu::Backends::PRIMARY);
    let Err(first) = open(vulkan, dark, instance) else { return Ok(()) };
    tracing::warn!(error = %first, "no window with this renderer, trying OpenGL");
    open(wgpu::Backends::GL, dark, instance)
        .map_err(|error| anyhow::anyhow!("{error}"))
        .context("no window could be opened: check DISPLAY or WAYLAND_DISPLAY and the drivers")
}

fn open(backends: wgpu::Backends, dark: Option<bool>, instance: &First) -> eframe::Result {
    let viewport = egui::ViewportBuilder::default()
        .with_title("Nearside")
        .with_app_id("nearside")
        .with_icon(icons::window_icon())
        .with_inner_size(PANEL_SIZE)
        .with_min_inner_size(MIN_SIZE);
    let options = eframe::NativeOptions {
        viewport,
        wgpu_options: WgpuConfiguration {
            wgpu_setup: WgpuSetup::CreateNew(setup(backends)),
            ..WgpuConfiguration::default()
        },
        // There are no gradients.
        dithering: false,
        ..eframe::NativeOptions::default()
    };
    eframe::run_native(
        "nearside",
        options,
        Box::new(move |creation| {
            theme::apply(&creation.egui_ctx, dark);
            let context = creation.egui_ctx.clone();
            instance.on_raise(move || {
                context.send_viewport_cmd(ViewportCommand::Minimized(false));
                context.send_viewport_cmd(ViewportCommand::Focus);
                context.request_repaint();
            })?;
            Ok(Box::new(Window::new(&creation.egui_ctx)?))
        }),
    )
}

/// Little memory, the small GPU, one backend.
pub(crate) fn setup(backends: wgpu::Backends) -> WgpuSetupCreateNew {
    let mut setup = WgpuSetupCreateNew::without_display_handle();
    setup.instance_descriptor.backends = backends;
    setup.power_preference = wgpu::PowerPreference::LowPower;
    let describe = Arc::clone(&setup.device_descriptor);
    setup.device_descriptor = Arc::new(move |adapter| wgpu::DeviceDescriptor {
        memory_hints: wgpu::MemoryHints::MemoryUsage,
        ..describe(adapter)
    });
    setup
}

/// The panel's own state and what it last heard of the agent.
#[derive(Default)]
pub(crate) struct Panel {
    link: Option<Link>,
    refused: Option<String>,
    history: History,
    page: Page,
    advanced: bool,
    seek_token: u32,
}

impl Panel {
    /// Takes over what the connection heard.
    pub(crate) fn hear(&mut self, news: News) {
        match news.link {
            Some(Link::Here { status, unix_ms }) => {
                self.history.record(&status, unix_ms);
                self.link = Some(Link::Here { status, unix_ms });
            }
            Some(away) => {
                self.history.clear();
                self.refused = None;
                self.link = Some(away);
            }
            None => {}
        }
        match news.answer {
            Some(Answer::Done) => self.refused = None,
            Some(Answer::Refused(message)) => self.refused = Some(message),
            None => {}
        }
    }

    /// What the views get to see.
    pub(crate) fn view(&self) -> View<'_> {
        let (agent, now_unix_ms) = match &self.link {
            None => (Agent::Connecting, 0),
            Some(Link::Away { starting, problem }) => {
                (Agent::Away { starting: *starting, problem: problem.as_deref() }, 0)
            }
            Some(Link::Here { status, unix_ms }) => (Agent::Here(status), *unix_ms),
        };
        View {
            agent,
            refused: self.refused.as_deref(),
            history: &self.history,
            now_unix_ms,
            page: self.page,
            advanced: self.advanced,
            seek_token: self.seek_token,
        }
    }

    /// Carries out what needs neither agent nor desktop; hands back the rest.
    pub(crate) fn act(&mut self, command: Command) -> Option<Command> {
        match command {
            Command::Show(page) => self.page = page,
            Command::ShowAdvanced(open) => self.advanced = open,
            Command::Send(Request::Steer { command: PlayerCommand::Seek { .. }, .. }) => {
                self.seek_token = self.seek_token.wrapping_add(1);
                return Some(command);
            }
            Command::Send(_) | Command::StartAgent | Command::Copy(_) => return Some(command),
        }
        None
    }
}

struct Window {
    panel: Panel,
    connection: Connection,
    commands: Vec<Command>,
}

impl Window {
    fn new(ctx: &egui::Context) -> anyhow::Result<Self> {
        let socket = nearside::paths::control_socket()?;
        let ctx = ctx.clone();
        // Where it should be: starting it says so when it is not there.
        let program = std::env::current_exe()?.with_file_name("nearside");
        let wake = move || ctx.request_repaint_after(SOON);
        let connection = Connection::open(socket, program, wake)?;
        Ok(Self { panel: Panel::default(), connection, commands: Vec::new() })
    }

    fn carry_out(&mut self, ctx: &egui::Context) {
        for command in std::mem::take(&mut self.commands) {
            match self.panel.act(command) {
                Some(Command::Send(request)) => self.connection.send(request),
                Some(Command::StartAgent) => self.connection.start_agent(),
                Some(Command::Copy(text)) => ctx.copy_text(text),
                Some(Command::Show(_) | Command::ShowAdvanced(_)) => {}
                None => ctx.request_repaint(),
            }
        }
    }
}

impl eframe::App for Window {
    fn logic(&mut self, _ctx: &egui::Context, _frame: &mut eframe::Frame) {
        self.panel.hear(self.connection.take());
    }

    fn ui(&mut self, ui: &mut egui::Ui, _frame: &mut eframe::Frame) {
        page::panel_ui(ui, &self.panel.view(), &mut self.commands);
        self.carry_out(&ui.ctx().clone());
    }

    fn clear_color(&self, visuals: &egui::Visuals) -> [f32; 4] {
        visuals.panel_fill.to_normalized_gamma_f32()
    }
}
