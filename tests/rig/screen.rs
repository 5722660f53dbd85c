//! A display of a test's own, what is on it, and an RDP client's window on it.

use crate::LOOK;
use crate::STEP;
use crate::picture::Picture;
use crate::place::Place;
use crate::process::{self, Running};
use anyhow::{Context as _, ensure};
use nearside_channel::message::{Rect, Size};
use std::process::Command;
use std::time::Instant;
use x11rb::connection::Connection as _;
use x11rb::protocol::Event;
use x11rb::protocol::xproto::{
    AtomEnum, ConfigureWindowAux, ConnectionExt as _, CreateWindowAux, EventMask, ImageFormat,
    InputFocus, PropMode, StackMode, Window, WindowClass,
};
use x11rb::protocol::xtest::ConnectionExt as _;
use x11rb::rust_connection::RustConnection;
use x11rb::wrapper::ConnectionExt as _;

/// Size of the screen in pixels.
pub const SCREEN: Size = Size { width: 1024, height: 768 };

/// An X server in memory. Ends when dropped.
#[derive(Debug)]
pub struct Screen {
    name: String,
    root: Window,
    connection: RustConnection,
    server: Running,
}

impl Screen {
    /// Starts it and connects to it.
    ///
    /// # Errors
    /// It does not start.
    pub fn start(place: &Place) -> anyhow::Result<Self> {
        let mut command = place.command("Xvfb");
        // It chooses a free display and says which; without a window it goes on.
        command.args(["-displayfd", "1", "-nolisten", "tcp", "-noreset", "-screen", "0"]);
        command.arg(format!("{}x{}x24", SCREEN.width, SCREEN.height));
        let mut server = Running::start(command, place.path(), "xvfb")?;
        let lines = server.wait_for_lines(1, STEP).context("wait for the X server")?;
        let name = format!(":{}", lines.first().context("the display's number")?.trim());
        let (connection, screen) = x11rb::connect(Some(&name)).context("connect to it")?;
        let root = connection.setup().roots.get(screen).context("its screen")?.root;
        Ok(Self { name, root, connection, server })
    }

    /// What programs call it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Adds it to what `command` starts with.
    pub fn give(&self, command: &mut Command) {
        command.env("DISPLAY", &self.name);
    }

    /// What people would see.
    ///
    /// # Errors
    /// The X server is gone.
    pub fn look(&self) -> anyhow::Result<Picture> {
        let (width, height) = (u16::try_from(SCREEN.width)?, u16::try_from(SCREEN.height)?);
        let format = ImageFormat::Z_PIXMAP;
        let image = self
            .connection
            .get_image(format, self.root, 0, 0, width, height, !0)?
            .reply()
            .context("read the screen")?;
        // 24 bits in 32, little-endian: blue first.
        let pixels = image.data.as_chunks().0.iter().map(|&[b, g, r, _]| [r, g, b]);
        Picture::new(SCREEN.width, SCREEN.height, pixels.collect())
    }

    /// Waits until it is as `check` wants it.
    ///
    /// # Errors
    /// It does not become so; why not at the last look.
    pub fn wait_until(&self, check: impl Fn(&Picture) -> anyhow::Result<()>) -> anyhow::Result<()> {
        let since = Instant::now();
        loop {
            match check(&self.look()?) {
                Err(_) if since.elapsed() < STEP => std::thread::sleep(LOOK),
                result => return result,
            }
        }
    }

    /// Moves the pointer there and clicks.
    ///
    /// # Errors
    /// The X server is gone.
    pub fn click(&self, x: i16, y: i16) -> anyhow::Result<()> {
        use x11rb::protocol::xproto::{
            BUTTON_PRESS_EVENT, BUTTON_RELEASE_EVENT, MOTION_NOTIFY_EVENT,
        };
        for (kind, detail) in
            [(MOTION_NOTIFY_EVENT, 0), (BUTTON_PRESS_EVENT, 1), (BUTTON_RELEASE_EVENT, 1)]
        {
            self.connection.xtest_fake_input(kind, detail, 0, self.root, x, y, 0)?.check()?;
        }
        Ok(())
    }

    /// Presses and releases the key with this code.
    ///
    /// # Errors
    /// The X server is gone.
    pub fn press(&self, key: u8) -> anyhow::Result<()> {
        use x11rb::protocol::xproto::{KEY_PRESS_EVENT, KEY_RELEASE_EVENT};
        for kind in [KEY_PRESS_EVENT, KEY_RELEASE_EVENT] {
            self.connection.xtest_fake_input(kind, key, 0, self.root, 0, 0, 0)?.check()?;
        }
        Ok(())
    }

    /// The window that has the focus.
    ///
    /// # Errors
    /// The X server is gone.
    pub fn focus(&self) -> anyhow::Result<Window> {
        Ok(self.connection.get_input_focus()?.reply()?.focus)
    }

    /// The next input event of a window of this connection.
    ///
    /// # Errors
    /// None comes.
    pub fn input(&self) -> anyhow::Result<Input> {
        let since = Instant::now();
        loop {
            match self.connection.poll_for_event()? {
                Some(Event::ButtonPress(event)) => {
                    return Ok(Input::Click {
                        window: event.event,
                        at: (event.event_x, event.event_y),
                    });
                }
                Some(Event::KeyPress(event)) => {
                    return Ok(Input::Key { window: event.event, code: event.detail });
                }
                Some(_) => {}
                None => {
                    ensure!(since.elapsed() < STEP, "no input event comes");
                    std::thread::sleep(LOOK);
                }
            }
        }
    }

    /// Opens a window of one colour that says it is of process `pid`.
    ///
    /// # Errors
    /// The X server is gone.
    pub fn open(&self, pid: u32, rect: Rect, colour: [u8; 3]) -> anyhow::Result<Client<'_>> {
        let client = self.create(pid, rect, colour)?;
        client.show()?;
        Ok(client)
    }

    /// As [`Self::open`], not shown yet.
    ///
    /// # Errors
    /// The X server is gone.
    pub fn create(&self, pid: u32, rect: Rect, colour: [u8; 3]) -> anyhow::Result<Client<'_>> {
        let client = self.create_in(self.root, rect, colour)?;
        client.say_process(pid)?;
        Ok(client)
    }

    /// As [`Self::create`], inside of another window, without a word of its process.
    ///
    /// # Errors
    /// The X server is gone.
    pub fn create_in(
        &self,
        parent: Window,
        rect: Rect,
        [r, g, b]: [u8; 3],
    ) -> anyhow::Result<Client<'_>> {
        let window = self.connection.generate_id()?;
        let aux = CreateWindowAux::new()
            .background_pixel(u32::from_be_bytes([0, r, g, b]))
            .event_mask(EventMask::BUTTON_PRESS | EventMask::KEY_PRESS);
        let (width, height) = (u16::try_from(rect.width)?, u16::try_from(rect.height)?);
        let (x, y, class) =
            (i16::try_from(rect.x)?, i16::try_from(rect.y)?, WindowClass::INPUT_OUTPUT);
        self.connection
            .create_window(0, window, parent, x, y, width, height, 0, class, 0, &aux)?
            .check()?;
        Ok(Client { screen: self, window })
    }

    /// Ends the X server as a crash would.
    ///
    /// # Errors
    /// It is gone already.
    pub fn crash(&self) -> anyhow::Result<()> {
        process::signal(self.server.pid(), rustix::process::Signal::KILL)?;
        process::wait_gone(self.server.pid(), STEP)
    }
}

/// What a window was told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Input {
    Click { window: Window, at: (i16, i16) },
    Key { window: Window, code: u8 },
}

/// A window of one colour, as an RDP client's or another program's.
#[derive(Debug)]
pub struct Client<'a> {
    screen: &'a Screen,
    window: Window,
}

impl Client<'_> {
    pub fn window(&self) -> Window {
        self.window
    }

    /// Says that it is of process `pid`.
    ///
    /// # Errors
    /// The X server is gone.
    pub fn say_process(&self, pid: u32) -> anyhow::Result<()> {
        let connection = &self.screen.connection;
        let name = connection.intern_atom(false, b"_NET_WM_PID")?.reply()?.atom;
        let (mode, kind) = (PropMode::REPLACE, AtomEnum::CARDINAL);
        Ok(connection.change_property32(mode, self.window, name, kind, &[pid])?.check()?)
    }

    /// # Errors
    /// The X server is gone.
    pub fn show(&self) -> anyhow::Result<()> {
        Ok(self.screen.connection.map_window(self.window)?.check()?)
    }

    /// As a window manager does with a minimised window.
    ///
    /// # Errors
    /// The X server is gone.
    pub fn hide(&self) -> anyhow::Result<()> {
        Ok(self.screen.connection.unmap_window(self.window)?.check()?)
    }

    /// # Errors
    /// The X server is gone.
    pub fn place(&self, rect: Rect) -> anyhow::Result<()> {
        let aux =
            ConfigureWindowAux::new().x(rect.x).y(rect.y).width(rect.width).height(rect.height);
        Ok(self.screen.connection.configure_window(self.window, &aux)?.check()?)
    }

    /// Above all others.
    ///
    /// # Errors
    /// The X server is gone.
    pub fn raise(&self) -> anyhow::Result<()> {
        let aux = ConfigureWindowAux::new().stack_mode(StackMode::ABOVE);
        Ok(self.screen.connection.configure_window(self.window, &aux)?.check()?)
    }

    /// Gives it the keyboard.
    ///
    /// # Errors
    /// The X server is gone.
    pub fn take_focus(&self) -> anyhow::Result<()> {
        let back = InputFocus::POINTER_ROOT;
        let connection = &self.screen.connection;
        Ok(connection.set_input_focus(back, self.window, x11rb::CURRENT_TIME)?.check()?)
    }

    /// Windows in it.
    ///
    /// # Errors
    /// The X server is gone.
    pub fn children(&self) -> anyhow::Result<usize> {
        Ok(self.screen.connection.query_tree(self.window)?.reply()?.children.len())
    }

    /// # Errors
    /// The X server is gone.
    pub fn close(self) -> anyhow::Result<()> {
        Ok(self.screen.connection.destroy_window(self.window)?.check()?)
    }
}
