//! Windows of a real X server over a browser's picture, and what the browser itself draws over
//! it.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

use nearside_channel::message::{HostMessage, Layout, PlayerCommand, Rect, Size};
use x11rb::connection::Connection as _;
use x11rb::protocol::shape::{ConnectionExt as _, SK, SO};
use x11rb::protocol::xproto::{
    AtomEnum, ClipOrdering, ConfigureWindowAux, ConnectionExt as _, CreateGCAux, CreateWindowAux,
    PropMode, Rectangle, StackMode, Window, WindowClass,
};
use x11rb::rust_connection::RustConnection;
use x11rb::wrapper::ConnectionExt as _;

use crate::browser::Browser;
use crate::device::{Device, listen};
use crate::place::Place;

/// Displays that these tests may take.
const DISPLAYS: std::ops::RangeInclusive<u32> = 160..=169;

/// Windows that a frame is made of.
const DECORATIONS: usize = 60;

const BROWSER: Rect = rect(10, 20, 800, 600);
const PICTURE: Rect = rect(100, 150, 640, 360);
const OVER: Rect = rect(300, 200, 120, 80);

const fn rect(x: i32, y: i32, width: u32, height: u32) -> Rect {
    Rect { x, y, width, height }
}

const fn moved(rect: Rect, x: i32, y: i32) -> Rect {
    Rect { x: rect.x + x, y: rect.y + y, ..rect }
}

/// Two monitors' worth of desktop.
const DESKTOP: Size = Size { width: 1024, height: 768 };

/// What the device is told.
fn layout(rect: Rect, covered: &[Rect]) -> Layout {
    let covered = covered.to_vec();
    let desktop = Some(DESKTOP);
    Layout { rect, clip: rect, covered, visible: true, desktop, ..Layout::default() }
}

/// What a page says, which knows one of two monitors.
fn said(rect: Rect) -> Layout {
    Layout { desktop: Some(Size { width: 512, ..DESKTOP }), ..layout(rect, &[]) }
}

/// An X server of the test's own and a client of it.
struct Server {
    process: Child,
    number: u32,
    connection: RustConnection,
    root: Window,
}

impl Server {
    fn start() -> Self {
        for number in DISPLAYS {
            let mut command = Command::new("Xvfb");
            command.arg(format!(":{number}")).args(["-screen", "0", "1024x768x24"]);
            command.args(["-nolisten", "tcp", "-noreset", "-displayfd", "1"]);
            let mut process = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
            let mut line = String::new();
            let output = process.stdout.take().unwrap();
            // Another test may have this one: then the server ends and says nothing.
            BufReader::new(output).read_line(&mut line).unwrap();
            if line.trim() != number.to_string() {
                process.wait().unwrap();
                continue;
            }
            let (connection, screen) = x11rb::connect(Some(&format!(":{number}"))).unwrap();
            let root = connection.setup().roots[screen].root;
            return Self { process, number, connection, root };
        }
        panic!("no free display");
    }

    fn create(&self, parent: Window, at: Rect, menu: bool) -> Window {
        let window = self.connection.generate_id().unwrap();
        let with = CreateWindowAux::new().override_redirect(u32::from(menu));
        let (x, y) = (i16::try_from(at.x).unwrap(), i16::try_from(at.y).unwrap());
        let (width, height) = (u16::try_from(at.width).unwrap(), u16::try_from(at.height).unwrap());
        let class = WindowClass::INPUT_OUTPUT;
        let create = (x, y, width, height, 0, class, x11rb::COPY_FROM_PARENT);
        let (x, y, width, height, border, class, visual) = create;
        self.connection
            .create_window(0, window, parent, x, y, width, height, border, class, visual, &with)
            .unwrap()
            .check()
            .unwrap();
        window
    }

    /// A menu of some program, shown.
    fn menu(&self, at: Rect) -> Window {
        let menu = self.create(self.root, at, true);
        self.map(menu);
        menu
    }

    /// A window of this process, in a frame as a window manager makes it; frame and window.
    fn framed(&self, at: Rect, title: &str) -> (Window, Window) {
        let window = self.create(self.root, at, false);
        self.set(window, "_NET_WM_PID", &[std::process::id()]);
        let (name, kind) = (self.atom("_NET_WM_NAME"), self.atom("UTF8_STRING"));
        let mode = PropMode::REPLACE;
        self.connection.change_property8(mode, window, name, kind, title.as_bytes()).unwrap();
        let (class, kind) = (AtomEnum::WM_CLASS, AtomEnum::STRING);
        self.connection.change_property8(mode, window, class, kind, b"a\0b\0").unwrap();
        let frame = self.create(self.root, at, true);
        for _ in 0..DECORATIONS {
            self.create(frame, rect(0, 0, 1, 1), false);
        }
        self.connection.reparent_window(window, frame, 0, 0).unwrap();
        self.map(window);
        self.map(frame);
        // As some managers do, only when all is done.
        self.set(window, "WM_STATE", &[1]);
        (frame, window)
    }

    fn atom(&self, name: &str) -> u32 {
        self.connection.intern_atom(false, name.as_bytes()).unwrap().reply().unwrap().atom
    }

    fn set(&self, window: Window, name: &str, words: &[u32]) {
        let (mode, kind) = (PropMode::REPLACE, AtomEnum::CARDINAL);
        self.connection.change_property32(mode, window, self.atom(name), kind, words).unwrap();
        self.connection.sync().unwrap();
    }

    fn map(&self, window: Window) {
        self.connection.map_window(window).unwrap().check().unwrap();
    }

    fn unmap(&self, window: Window) {
        self.connection.unmap_window(window).unwrap().check().unwrap();
    }

    fn configure(&self, window: Window, to: &ConfigureWindowAux) {
        self.connection.configure_window(window, to).unwrap().check().unwrap();
    }

    fn shape(&self, window: Window, kind: SK, parts: &[Rectangle]) {
        let (set, order) = (SO::SET, ClipOrdering::UNSORTED);
        self.connection
            .shape_rectangles(set, kind, order, window, 0, 0, parts)
            .unwrap()
            .check()
            .unwrap();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A browser of this process with a picture in its window, and a device.
struct Rig {
    // Dropped in this order: the server outlives what is connected to it.
    browser: Browser,
    device: Device,
    _place: Place,
    server: Server,
    frame: Window,
    window: Window,
}

impl Rig {
    fn start() -> Self {
        let server = Server::start();
        let (frame, window) = server.framed(BROWSER, "SECRET TITLE - Chromium");
        let mut place = Place::forwarded();
        place.set("DISPLAY", format!(":{}", server.number));
        let listener = listen(&place.channel());
        let mut browser = Browser::greeted(&place);
        let device = Device::accept(&listener);
        browser.wait_connected();
        browser.open(1);
        let mut rig = Self { browser, device, _place: place, server, frame, window };
        rig.say(PICTURE);
        // Whatever came first, the window or the page's word, this shows that both are known.
        let menu = rig.server.menu(OVER);
        rig.shows("a first menu", &layout(PICTURE, &[OVER]));
        rig.server.unmap(menu);
        rig.shows("no menu", &layout(PICTURE, &[]));
        rig
    }

    /// Paints in the browser's window, at a place of the desktop.
    fn paint(&self, at: Rect, colour: u32) {
        let connection = &self.server.connection;
        let context = connection.generate_id().unwrap();
        let with = CreateGCAux::new().foreground(colour);
        connection.create_gc(context, self.window, &with).unwrap();
        let at = moved(at, -BROWSER.x, -BROWSER.y);
        let (x, y) = (i16::try_from(at.x).unwrap(), i16::try_from(at.y).unwrap());
        let (width, height) = (u16::try_from(at.width).unwrap(), u16::try_from(at.height).unwrap());
        let part = Rectangle { x, y, width, height };
        connection.poly_fill_rectangle(self.window, context, &[part]).unwrap().check().unwrap();
        connection.free_gc(context).unwrap().check().unwrap();
    }

    /// The page says where the picture is.
    fn say(&mut self, at: Rect) {
        self.browser.player(1, PlayerCommand::Layout(said(at)));
    }

    /// Waits until the device was told so, and nothing else after it.
    fn shows(&mut self, what: &str, expected: &Layout) {
        self.device.until(what, |device| last_layout(device) == Some(expected));
    }
}

fn last_layout(device: &Device) -> Option<&Layout> {
    device.messages.iter().rev().find_map(|message| match message {
        HostMessage::Player { command: PlayerCommand::Layout(layout), .. } => Some(layout),
        _ => None,
    })
}

#[test]
fn what_lies_over_the_browser_covers_the_picture() {
    let mut rig = Rig::start();
    let menu = rig.server.menu(OVER);
    rig.shows("a menu", &layout(PICTURE, &[OVER]));
    rig.server.configure(menu, &ConfigureWindowAux::new().x(310));
    rig.shows("a menu that moved", &layout(PICTURE, &[moved(OVER, 10, 0)]));
    let corner = Rectangle { x: 0, y: 0, width: 60, height: 40 };
    rig.server.shape(menu, SK::BOUNDING, &[corner]);
    rig.shows("a shaped menu", &layout(PICTURE, &[rect(310, 200, 60, 40)]));
    rig.server.configure(menu, &ConfigureWindowAux::new().stack_mode(StackMode::BELOW));
    rig.shows("a window below", &layout(PICTURE, &[]));
    rig.server.configure(menu, &ConfigureWindowAux::new().stack_mode(StackMode::ABOVE).x(300));
    rig.shows("a window above", &layout(PICTURE, &[rect(300, 200, 60, 40)]));
    rig.server.set(menu, "_NET_WM_WINDOW_OPACITY", &[0]);
    rig.shows("a transparent window", &layout(PICTURE, &[]));
    rig.server.set(menu, "_NET_WM_WINDOW_OPACITY", &[1 << 31]);
    rig.shows("one that is half transparent", &layout(PICTURE, &[rect(300, 200, 60, 40)]));
    rig.server.connection.destroy_window(menu).unwrap().check().unwrap();
    rig.shows("no menu", &layout(PICTURE, &[]));
}

#[test]
fn what_nobody_sees_covers_nothing() {
    let mut rig = Rig::start();
    let with = CreateWindowAux::new().override_redirect(1);
    let catcher = rig.server.connection.generate_id().unwrap();
    let (root, class) = (rig.server.root, WindowClass::INPUT_ONLY);
    rig.server
        .connection
        .create_window(0, catcher, root, 0, 0, 1024, 768, 0, class, 0, &with)
        .unwrap()
        .check()
        .unwrap();
    rig.server.map(catcher);
    // What a compositing manager paints the desktop on.
    let pane = rig.server.create(root, rect(0, 0, 1024, 768), true);
    rig.server.shape(pane, SK::INPUT, &[]);
    rig.server.map(pane);
    rig.server.menu(OVER);
    rig.shows("a menu", &layout(PICTURE, &[OVER]));
    assert!(!rig.device.messages.iter().any(|message| matches!(
        message,
        HostMessage::Player { command: PlayerCommand::Layout(layout), .. }
            if layout.covered.iter().any(|part| *part != OVER)
    )));
}

#[test]
fn another_window_of_the_browser_covers_it_without_its_shadow() {
    let mut rig = Rig::start();
    let (frame, window) = rig.server.framed(rect(200, 180, 300, 200), "Mail - Chromium");
    rig.shows("another window", &layout(PICTURE, &[rect(200, 180, 300, 200)]));
    rig.server.set(window, "_GTK_FRAME_EXTENTS", &[20, 30, 10, 40]);
    rig.shows("one with a shadow", &layout(PICTURE, &[rect(220, 190, 250, 150)]));
    let raise = ConfigureWindowAux::new().stack_mode(StackMode::ABOVE);
    rig.server.configure(rig.frame, &raise);
    rig.shows("the picture's own in front", &layout(PICTURE, &[]));
    rig.server.configure(frame, &raise);
    rig.shows("the other in front", &layout(PICTURE, &[rect(220, 190, 250, 150)]));
}

#[test]
fn a_browser_with_a_shadow_has_its_pages_higher_than_they_know() {
    let mut rig = Rig::start();
    rig.server.set(rig.window, "_GTK_FRAME_EXTENTS", &[16, 16, 10, 32]);
    rig.shows("the picture of a window with a shadow", &layout(moved(PICTURE, 0, -16), &[]));
    // Maximised.
    rig.server.set(rig.window, "_GTK_FRAME_EXTENTS", &[0, 0, 0, 0]);
    rig.shows("the picture of one without", &layout(PICTURE, &[]));
}

#[test]
fn a_picture_goes_where_its_window_goes() {
    let mut rig = Rig::start();
    rig.server.configure(rig.frame, &ConfigureWindowAux::new().x(30).y(25));
    rig.shows("a moved picture", &layout(moved(PICTURE, 20, 5), &[]));
    rig.say(moved(PICTURE, 20, 5));
    rig.server.unmap(rig.frame);
    let hidden = Layout { visible: false, ..layout(moved(PICTURE, 20, 5), &[]) };
    rig.shows("a minimised window's picture", &hidden);
    rig.server.map(rig.frame);
    rig.shows("the picture again", &layout(moved(PICTURE, 20, 5), &[]));
    // A window manager that ends hands the window back to the desktop.
    rig.server.connection.reparent_window(rig.window, rig.server.root, 30, 25).unwrap();
    rig.server.menu(OVER);
    rig.shows("a menu without manager", &layout(moved(PICTURE, 20, 5), &[OVER]));
}

#[test]
fn without_the_server_the_page_has_the_word() {
    let mut rig = Rig::start();
    rig.server.menu(OVER);
    rig.shows("a menu", &layout(PICTURE, &[OVER]));
    rig.server.process.kill().unwrap();
    rig.shows("what the page says", &said(PICTURE));
    rig.say(moved(PICTURE, 7, 7));
    rig.shows("what it says next", &said(moved(PICTURE, 7, 7)));
}

/// The extension's placeholder.
const PLACEHOLDER: u32 = 0x0010_1012;

#[test]
fn what_the_browser_draws_over_its_page_covers_the_picture() {
    let mut rig = Rig::start();
    rig.paint(BROWSER, 0x00ff_ffff);
    rig.paint(PICTURE, PLACEHOLDER);
    let bubble = rect(200, 100, 330, 186);
    rig.paint(bubble, 0x00ff_ffff);
    let found = rect(199, 150, 332, 137);
    rig.shows("a bubble", &layout(PICTURE, &[found]));
    // The picture moves beneath it.
    let at = moved(PICTURE, 0, 40);
    rig.paint(PICTURE, 0x00ff_ffff);
    rig.paint(at, PLACEHOLDER);
    rig.paint(bubble, 0x00ff_ffff);
    rig.say(at);
    rig.shows("less of it", &layout(at, &[rect(199, 190, 332, 97)]));
    rig.paint(at, PLACEHOLDER);
    rig.shows("no bubble", &layout(at, &[]));
    // A menu over all that was painted.
    rig.server.menu(OVER);
    rig.shows("a menu", &layout(at, &[OVER]));
}
