//! Pictures over the RDP client's window, on a display of the test's own: every pixel of them
//! is where the page says, and nowhere else.

use anyhow::{Context as _, ensure};
use nearside::control::{Connection, Reply, Request};
use nearside::status::Placement;
use nearside_channel::message::{DeviceSettings, Layout, PlayerCommand, ReasonCode, Rect, Size};
use nearside_channel::plugin::ConnectionFacts;
use nearside_tests::agent::Agent;
use nearside_tests::demo::Demo;
use nearside_tests::host::{Host, PAGE};
use nearside_tests::picture::Picture;
use nearside_tests::place::Place;
use nearside_tests::process::Running;
use nearside_tests::screen::{Input, Screen};
use nearside_tests::{STEP, clips};

/// The clip's only colour, and what the RDP client shows.
const VIDEO: [u8; 3] = [0xfe, 0x00, 0x00];
pub(super) const DESKTOP: [u8; 3] = [0x20, 0x40, 0x80];

/// Another program's window.
const OTHER: [u8; 3] = [0x10, 0xd0, 0xd0];

/// What quantisation and 4:2:0 may change.
const TOLERANCE: u8 = 12;

/// The remote desktop.
pub(super) const SIZE: Size = Size { width: 640, height: 480 };

/// Where the RDP client's window is at first.
pub(super) const WINDOW: Rect = Rect { x: 100, y: 60, width: 640, height: 480 };

const H264: &str = r#"video/mp4; codecs="avc1.42c00d""#;

pub(super) fn rect([x, y]: [i32; 2], [width, height]: [u32; 2]) -> Rect {
    Rect { x, y, width, height }
}

/// Wholly visible there.
pub(super) fn at(rect: Rect) -> Layout {
    Layout { rect, clip: rect, visible: true, ..Layout::default() }
}

/// The place of a rectangle of the desktop on the screen, at scale 1.
pub(super) fn on_screen(window: Rect, part: Rect) -> Rect {
    Rect { x: window.x + part.x, y: window.y + part.y, ..part }
}

/// A place with a display and a clip.
pub(super) struct Stand {
    pub(super) place: Place,
    pub(super) screen: Screen,
    clip: Vec<u8>,
}

impl Stand {
    pub(super) fn new() -> anyhow::Result<Self> {
        let place = Place::new()?;
        let screen = Screen::start(&place)?;
        let file = place.file("red.mp4");
        let pictures = clips::red("320x180");
        let fragments = "-g 30 -bf 0 -movflags frag_keyframe+empty_moov+default_base_moof";
        clips::make(&file, &format!("{pictures} {} {fragments}", clips::H264))?;
        Ok(Self { clip: std::fs::read(file)?, place, screen })
    }

    pub(super) fn facts(&self, pid: u32) -> ConnectionFacts {
        ConnectionFacts {
            client: "A test".to_owned(),
            pid,
            display: Some(self.screen.name().to_owned()),
            desktop: Some(SIZE),
            ..ConnectionFacts::default()
        }
    }

    /// A page with a video that waits at its first picture.
    fn play(&self, facts: &ConnectionFacts) -> anyhow::Result<Session<'_>> {
        self.play_by(facts, "auto")
    }

    fn play_by(&self, facts: &ConnectionFacts, renderer: &str) -> anyhow::Result<Session<'_>> {
        let agent = Agent::start_with_windows(&self.place, renderer)?;
        let host = self.open_page(&agent, facts)?;
        Ok(Session { stand: self, agent, host })
    }

    /// A channel of its own, with such a page.
    fn open_page(&self, agent: &Agent, facts: &ConnectionFacts) -> anyhow::Result<Host> {
        let mut host = Host::open_by_plugin(&agent.plugin_socket(), facts, SIZE)?;
        host.open_player(&[H264])?;
        let seq = host.append(1, &self.clip)?;
        host.appended(seq)?;
        Ok(host)
    }

    /// As [`Self::play`], over a window of this test's process.
    pub(super) fn play_over(&self, smart_sizing: Option<bool>) -> anyhow::Result<Session<'_>> {
        self.play(&ConnectionFacts { smart_sizing, ..self.facts(std::process::id()) })
    }
}

/// A page over an RDP client's window.
pub(super) struct Session<'a> {
    pub(super) stand: &'a Stand,
    pub(super) agent: Agent,
    pub(super) host: Host,
}

impl Session<'_> {
    pub(super) fn lay(&mut self, layout: &Layout) -> anyhow::Result<()> {
        self.host.player(PlayerCommand::Layout(layout.clone()))
    }

    /// Waits until the screen is as `check` wants it.
    pub(super) fn see(
        &mut self,
        what: &str,
        check: impl Fn(&Picture) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        let screen = &self.stand.screen;
        let mut last = Ok(());
        let seen = self.host.pump_until(what, || {
            last = screen.look().and_then(|picture| check(&picture));
            last.is_ok()
        });
        seen.with_context(|| match last {
            Ok(()) => self.agent.log(),
            Err(error) => format!("{error:#}\n{}", self.agent.log()),
        })
    }

    /// Waits until the video is in these rectangles of the screen, everywhere, and nowhere else.
    pub(super) fn see_video(&mut self, what: &str, region: &[Rect]) -> anyhow::Result<()> {
        self.see(what, |screen| screen.check_region(VIDEO, TOLERANCE, region))
    }

    /// Waits until the video's position is past `micros`.
    fn wait_until_played(&mut self, micros: i64) -> anyhow::Result<()> {
        let agent = &self.agent;
        self.host.pump_until("the position", || {
            let status = agent.status().ok();
            status.is_some_and(|status| status.items.iter().any(|it| micros < it.position_micros))
        })
    }

    fn wait_for_placement(&mut self, placement: Placement) -> anyhow::Result<()> {
        let agent = &self.agent;
        self.host.pump_until("the placement", || {
            let said = agent.status().ok().and_then(|status| {
                status.items.first().and_then(|item| item.video.as_ref()?.placement)
            });
            said == Some(placement)
        })
    }
}

#[test]
fn pictures_lie_where_the_page_has_them() -> anyhow::Result<()> {
    let stand = Stand::new()?;
    let _client = stand.screen.open(std::process::id(), WINDOW, DESKTOP)?;
    let mut session = stand.play_over(None)?;
    let video = rect([120, 90], [320, 180]);
    let whole = on_screen(WINDOW, video);
    session.lay(&at(video))?;
    session.see_video("the picture", &[whole])?;
    session.wait_for_placement(Placement::OverSession)?;

    let part = |corner, size| on_screen(WINDOW, rect(corner, size));
    let clip = |clip| Layout { clip, ..at(video) };
    let covered = |covered: &[Rect]| Layout { covered: covered.to_vec(), ..at(video) };
    let larger = rect([0, 0], [640, 360]);
    let rows: [(&str, Layout, Vec<Rect>); 11] = [
        ("moved", at(rect([17, 33], [320, 180])), vec![part([17, 33], [320, 180])]),
        ("zoomed", at(larger), vec![on_screen(WINDOW, larger)]),
        // `object-fit: fill`: the page has fitted the picture.
        ("stretched", at(rect([20, 30], [400, 400])), vec![part([20, 30], [400, 400])]),
        // Clips may reach outside of the rectangle.
        (
            "scrolled out at the top",
            clip(rect([0, 150], [640, 300])),
            vec![part([120, 150], [320, 120])],
        ),
        (
            "under a header and a button",
            covered(&[rect([0, 60], [640, 50]), rect([400, 200], [300, 20])]),
            vec![
                part([120, 110], [320, 90]),
                part([120, 200], [280, 20]),
                part([120, 220], [320, 50]),
            ],
        ),
        ("scrolled away", clip(rect([0, 300], [640, 100])), vec![]),
        ("back", at(video), vec![whole]),
        ("in another tab", Layout { visible: false, ..at(video) }, vec![]),
        // The X server clips it at the client's window.
        ("across the corner", at(rect([500, 400], [320, 180])), vec![part([500, 400], [140, 80])]),
        ("outside of the window", at(rect([650, 10], [320, 180])), vec![]),
        ("fullscreen", at(rect([0, 60], [640, 360])), vec![part([0, 60], [640, 360])]),
    ];
    for (what, layout, region) in rows {
        session.lay(&layout)?;
        session.see_video(what, &region)?;
        // What it has left is the client's again.
        session.see(what, |screen| {
            let outside = screen.pixel(101, 61);
            ensure!(
                outside == DESKTOP || region.contains(&on_screen(WINDOW, larger)),
                "{outside:?}"
            );
            Ok(())
        })?;
    }
    session.agent.check_healthy()
}

#[test]
fn pictures_follow_the_client_window() -> anyhow::Result<()> {
    let stand = Stand::new()?;
    let client = stand.screen.open(std::process::id(), WINDOW, DESKTOP)?;
    let mut session = stand.play_over(Some(true))?;
    let video = rect([160, 120], [320, 180]);
    session.lay(&at(video))?;
    session.see_video("the picture", &[on_screen(WINDOW, video)])?;

    let moved = Rect { x: 300, y: 200, ..WINDOW };
    client.place(moved)?;
    session.see_video("the window moved", &[on_screen(moved, video)])?;
    // Smart sizing stretches each axis on its own.
    for (what, window, part) in [
        ("half as large", rect([300, 200], [320, 240]), rect([80, 60], [160, 90])),
        ("wider", rect([10, 200], [960, 240]), rect([240, 60], [480, 90])),
        // 160 × 301 / 640 = 75.25, 480 × 301 / 640 = 225.75; 120 × 333 / 480 = 83.25, 300 … 208.1.
        ("odd", rect([10, 20], [301, 333]), rect([75, 83], [151, 125])),
        ("the whole screen", rect([0, 0], [1024, 768]), rect([256, 192], [512, 288])),
    ] {
        client.place(window)?;
        session.see_video(what, &[on_screen(window, part)])?;
    }
    client.place(WINDOW)?;
    let part = on_screen(WINDOW, video);
    session.see_video("as before", &[part])?;

    client.hide()?;
    session.see_video("minimised", &[])?;
    client.show()?;
    session.see_video("back again", &[part])?;

    // Another program's window covers it, and it never comes up by itself.
    let over = rect([100, 60], [300, 300]);
    let other = stand.screen.open(1, over, OTHER)?;
    other.raise()?;
    let rest = [
        rect([400, 180], [180, 180]), // right of the other window
    ];
    session.see_video("partly covered", &rest)?;
    session.lay(&at(rect([150, 120], [320, 180])))?;
    session.see_video("moved beneath it", &[rect([400, 180], [170, 180])])?;
    session.see("the other window", |screen| screen.check_region(OTHER, 0, &[over]))?;
    other.close()?;
    session.see_video("uncovered", &[rect([250, 180], [320, 180])])?;
    session.agent.check_healthy()
}

#[test]
fn without_smart_sizing_a_larger_window_shows_the_desktop_in_its_corner() -> anyhow::Result<()> {
    let stand = Stand::new()?;
    let window = rect([0, 0], [900, 700]);
    let _client = stand.screen.open(std::process::id(), window, DESKTOP)?;
    let mut session = stand.play_over(Some(false))?;
    let video = rect([160, 120], [320, 180]);
    session.lay(&at(video))?;
    session.see_video("the picture", &[video])?;
    // What the page has outside of the desktop is nowhere.
    session.lay(&at(rect([500, 400], [320, 180])))?;
    session.see_video("cut at the desktop's edge", &[rect([500, 400], [140, 80])])?;
    // A session that was resized says so with its layouts.
    let desktop = Some(Size { width: 900, height: 700 });
    session.lay(&Layout { desktop, ..at(rect([500, 400], [320, 180])) })?;
    session.see_video("on a larger desktop", &[rect([500, 400], [320, 180])])
}

#[test]
fn clicks_and_keys_reach_the_session_beneath() -> anyhow::Result<()> {
    let stand = Stand::new()?;
    let client = stand.screen.open(std::process::id(), WINDOW, DESKTOP)?;
    client.take_focus()?;
    let mut session = stand.play_over(None)?;
    let video = rect([120, 90], [320, 180]);
    session.lay(&at(video))?;
    session.see_video("the picture", &[on_screen(WINDOW, video)])?;
    let window = client.window();
    ensure!(stand.screen.focus()? == window, "the picture has taken the focus");
    stand.screen.click(100 + 200, 60 + 150)?;
    assert_eq!(stand.screen.input()?, Input::Click { window, at: (200, 150) });
    stand.screen.press(38)?;
    assert_eq!(stand.screen.input()?, Input::Key { window, code: 38 });
    ensure!(stand.screen.focus()? == window, "the picture has taken the focus");
    Ok(())
}

#[test]
fn a_client_whose_window_comes_late_or_anew() -> anyhow::Result<()> {
    let stand = Stand::new()?;
    let mut session = stand.play_over(None)?;
    let video = rect([120, 90], [320, 180]);
    session.lay(&at(video))?;
    // A window of another process is none of ours.
    let other = stand.screen.open(1, rect([0, 0], [700, 500]), OTHER)?;
    let client = stand.screen.create(std::process::id(), WINDOW, DESKTOP)?;
    client.show()?;
    session.see_video("in the late window", &[on_screen(WINDOW, video)])?;
    ensure!(other.children()? == 0);
    // Toggling fullscreen makes some clients' windows anew.
    client.close()?;
    let window = Rect { x: 200, y: 200, ..WINDOW };
    let client = stand.screen.open(std::process::id(), window, DESKTOP)?;
    session.see_video("in the new window", &[on_screen(window, video)])?;
    session.wait_for_placement(Placement::OverSession)?;

    // It stays away: the page must not be without a picture.
    client.close()?;
    session.wait_for_placement(Placement::PlayerWindow)?;
    let notice = session.agent.wait_for_notice(ReasonCode::Renderer)?;
    ensure!(notice.contains("is gone") && notice.contains("window of its own"), "{notice}");
    session.see("a window of its own", |screen| {
        let bounds = screen.bounds(VIDEO, TOLERANCE).context("no video")?;
        ensure!((bounds.width, bounds.height) == (320, 180), "{bounds:?}");
        Ok(())
    })?;
    other.close()?;
    let _client = stand.screen.open(std::process::id(), WINDOW, DESKTOP)?;
    session.see_video("back over the session", &[on_screen(WINDOW, video)])?;
    session.wait_for_placement(Placement::OverSession)?;
    session.agent.check_healthy()
}

#[test]
fn a_client_with_bars_of_its_own_or_inside_of_another() -> anyhow::Result<()> {
    let video = rect([120, 90], [320, 180]);
    // The session is in a child of the desktop's size, below a bar.
    let stand = Stand::new()?;
    let top = stand.screen.open(std::process::id(), rect([10, 20], [700, 600]), OTHER)?;
    let view = stand.screen.create_in(top.window(), rect([30, 80], [640, 480]), DESKTOP)?;
    view.show()?;
    let mut session = stand.play_over(None)?;
    session.lay(&at(video))?;
    session.see_video("in the view", &[rect([160, 190], [320, 180])])?;
    ensure!((top.children()?, view.children()?) == (1, 1));

    // The client was told to embed itself in a window of another program.
    let stand = Stand::new()?;
    let top = stand.screen.open(1, rect([10, 20], [700, 600]), OTHER)?;
    let view = stand.screen.create_in(top.window(), rect([30, 80], [640, 480]), DESKTOP)?;
    view.say_process(std::process::id())?;
    view.show()?;
    let parent_window = Some(u64::from(top.window()));
    let facts = ConnectionFacts { parent_window, ..stand.facts(std::process::id()) };
    let mut session = stand.play(&facts)?;
    session.lay(&at(video))?;
    session.see_video("in the embedded window", &[rect([160, 190], [320, 180])])
}

#[test]
fn a_video_goes_on_while_nobody_sees_it() -> anyhow::Result<()> {
    let stand = Stand::new()?;
    let client = stand.screen.open(std::process::id(), WINDOW, DESKTOP)?;
    let mut session = stand.play_over(None)?;
    let video = rect([120, 90], [320, 180]);
    session.lay(&at(video))?;
    session.see_video("the picture", &[on_screen(WINDOW, video)])?;
    session.host.player(PlayerCommand::Play)?;
    let other = stand.screen.open(1, WINDOW, OTHER)?;
    session.see_video("covered", &[])?;
    session.wait_until_played(500_000)?;
    other.close()?;
    session.see_video("uncovered", &[on_screen(WINDOW, video)])?;
    client.hide()?;
    session.wait_until_played(1_000_000)?;
    client.show()?;
    session.see_video("shown", &[on_screen(WINDOW, video)])?;
    session.agent.check_healthy()
}

#[test]
fn a_client_that_ends_ends_its_pages_with_a_reason() -> anyhow::Result<()> {
    let stand = Stand::new()?;
    let mut command = stand.place.command("sleep");
    command.arg("1000");
    let mut program = Running::start(command, stand.place.path(), "client")?;
    let client = stand.screen.open(program.pid(), WINDOW, DESKTOP)?;
    let mut session = stand.play(&stand.facts(program.pid()))?;
    let video = rect([120, 90], [320, 180]);
    session.lay(&at(video))?;
    session.see_video("the picture", &[on_screen(WINDOW, video)])?;
    session.host.player(PlayerCommand::Play)?;
    nearside_tests::process::signal(program.pid(), rustix::process::Signal::KILL)?;
    program.wait(STEP)?;
    client.close()?;
    let reason = session.host.page_failed(PAGE)?;
    ensure!(reason.message.contains("RDP client has ended"), "{reason:?}");
    session.agent.check_healthy()
}

#[test]
fn a_display_that_goes_ends_its_pages_and_nothing_else() -> anyhow::Result<()> {
    let stand = Stand::new()?;
    let _client = stand.screen.open(std::process::id(), WINDOW, DESKTOP)?;
    let mut session = stand.play_over(None)?;
    let video = rect([120, 90], [320, 180]);
    session.lay(&at(video))?;
    session.see_video("the picture", &[on_screen(WINDOW, video)])?;
    session.host.player(PlayerCommand::Play)?;
    stand.screen.crash()?;
    let reason = session.host.page_failed(PAGE)?;
    let known = ["display is gone", "process stopped"];
    ensure!(known.iter().any(|words| reason.message.contains(words)), "{reason:?}");
    session.agent.check_healthy()
}

#[test]
fn each_renderer_draws_over_the_session() -> anyhow::Result<()> {
    for renderer in ["vulkan", "gl"] {
        let stand = Stand::new()?;
        let client = stand.screen.open(std::process::id(), WINDOW, DESKTOP)?;
        let mut session = stand.play_by(&stand.facts(std::process::id()), renderer)?;
        for video in [rect([120, 90], [320, 180]), rect([0, 0], [640, 360])] {
            session.lay(&at(video))?;
            session.see_video(renderer, &[on_screen(WINDOW, video)])?;
        }
        let half = rect([0, 0], [320, 240]);
        client.place(half)?;
        session.see_video(renderer, &[rect([0, 0], [320, 180])])?;
        session.host.player(PlayerCommand::Play)?;
        client.close()?;
        session.see_video(renderer, &[])?;
        session.agent.check_healthy()?;
    }
    Ok(())
}

#[test]
fn two_pages_share_the_window_and_end_apart() -> anyhow::Result<()> {
    let stand = Stand::new()?;
    let client = stand.screen.open(std::process::id(), WINDOW, DESKTOP)?;
    let mut session = stand.play_over(None)?;
    let (left, right) = (rect([0, 0], [320, 180]), rect([320, 180], [320, 180]));
    session.lay(&at(left))?;
    session.see_video("one page", &[on_screen(WINDOW, left)])?;
    let mut second = stand.open_page(&session.agent, &stand.facts(std::process::id()))?;
    second.player(PlayerCommand::Layout(at(right)))?;
    let both = [on_screen(WINDOW, left), on_screen(WINDOW, right)];
    session.see_video("two pages", &both)?;
    ensure!(client.children()? == 2);
    drop(second);
    session.see_video("one page again", &[on_screen(WINDOW, left)])?;
    ensure!(client.children()? == 1);
    session.host.player(PlayerCommand::Close)?;
    session.see_video("no page", &[])?;
    ensure!(client.children()? == 0);
    session.agent.check_healthy()
}

#[test]
fn a_video_that_plays_is_in_one_place_at_a_time() -> anyhow::Result<()> {
    let stand = Stand::new()?;
    let _client = stand.screen.open(std::process::id(), WINDOW, DESKTOP)?;
    let mut session = stand.play_over(None)?;
    let places = [0, 40, 300, 7].map(|x| rect([x, x / 2], [320, 180]));
    session.lay(&at(rect([0, 0], [320, 180])))?;
    session.see_video("the picture", &[on_screen(WINDOW, rect([0, 0], [320, 180]))])?;
    session.host.player(PlayerCommand::Play)?;
    for turn in 0..40 {
        // As a page scrolls: a place each few milliseconds, whatever is drawn meanwhile.
        session.lay(&at(places[turn % places.len()]))?;
        let screen = stand.screen.look()?;
        let bounds = screen.bounds(VIDEO, TOLERANCE).context("no video")?;
        ensure!(places.iter().any(|place| on_screen(WINDOW, *place) == bounds), "{bounds:?}");
        screen.check_region(VIDEO, TOLERANCE, &[bounds])?;
    }
    Ok(())
}

#[test]
fn hostile_layouts_end_a_player_at_most() -> anyhow::Result<()> {
    let stand = Stand::new()?;
    let _client = stand.screen.open(std::process::id(), WINDOW, DESKTOP)?;
    let mut session = stand.play_over(None)?;
    let video = rect([120, 90], [320, 180]);
    let whole = rect([i32::MIN, i32::MIN], [u32::MAX, u32::MAX]);
    let nothing = rect([0, 0], [0, 0]);
    let layouts = [
        Layout { clip: whole, ..at(nothing) },
        Layout { clip: nothing, ..at(video) },
        Layout { covered: vec![whole; 64], ..at(video) },
        Layout { desktop: Some(Size { width: 1, height: 1 }), ..at(video) },
        Layout { desktop: Some(Size { width: 16_384, height: 0 }), ..at(video) },
        at(rect([i32::MAX, i32::MAX], [1, 1])),
    ];
    for layout in &layouts {
        session.lay(layout)?;
    }
    session.lay(&at(video))?;
    session.see_video("an honest place", &[on_screen(WINDOW, video)])?;
    // More pixels than any screen: the page plays it itself.
    session.lay(&at(rect([-9000, -9000], [20_000, 20_000])))?;
    let reason = session.host.player_failed()?;
    ensure!(reason.code == ReasonCode::Renderer, "{reason:?}");
    session.see_video("nothing", &[])?;
    session.agent.check_healthy()
}

#[test]
fn without_a_session_a_video_has_a_window_of_its_own() -> anyhow::Result<()> {
    let stand = Stand::new()?;
    let file = stand.place.file("red.mp4");
    let playing = Demo::with_windows(&stand.place)?.on(&stand.screen);
    let playing = playing.media(&file).seconds(4.0).start()?;
    let status = playing.wait_for("a picture on the screen", |status| {
        let mut videos = status.items.iter().filter_map(|item| item.video.as_ref());
        videos.any(|video| video.placement.is_some() && 0 < video.presented)
    })?;
    let placement = status.items.iter().find_map(|item| item.video.as_ref()?.placement);
    assert_eq!(placement, Some(Placement::FreeStanding));
    // The window is made for the picture. Nobody manages windows on this screen, and yet the
    // panel does not lie over it.
    stand.screen.wait_until(|screen| {
        let bounds = screen.bounds(VIDEO, TOLERANCE).context("no video")?;
        ensure!((bounds.width, bounds.height) == (320, 180), "{bounds:?}");
        ensure!(screen.pixel(20, 20) != [0, 0, 0], "no panel");
        screen.check_region(VIDEO, TOLERANCE, &[bounds])
    })?;
    playing.finish()?.success()?;
    Ok(())
}

#[test]
fn outlines_and_status_lie_on_the_picture() -> anyhow::Result<()> {
    /// The outline's colour.
    const GREEN: [u8; 3] = [62, 207, 134];
    let stand = Stand::new()?;
    let _client = stand.screen.open(std::process::id(), WINDOW, DESKTOP)?;
    let mut session = stand.play_over(None)?;
    let mut control = Connection::open_at(&session.agent.control_socket())?;
    control.set_patience(Some(STEP))?;
    let settings = DeviceSettings { video_outlines: true, ..DeviceSettings::default() };
    control.send(&Request::SetSettings { settings })?;
    ensure!(control.receive()? == Reply::Done);
    let video = rect([120, 90], [320, 180]);
    session.lay(&at(video))?;
    let whole = on_screen(WINDOW, video);
    session.see("the outline", |screen| {
        let bounds = screen.bounds(GREEN, TOLERANCE).context("no outline")?;
        ensure!(bounds == whole, "{bounds:?}");
        let inside = Rect { x: whole.x + 4, y: whole.y + 4, width: 312, height: 172 };
        screen.check_region(VIDEO, TOLERANCE, &[inside])
    })?;
    control.send(&Request::SetSettings { settings: DeviceSettings::default() })?;
    ensure!(control.receive()? == Reply::Done);
    session.see_video("no outline", &[whole])
}

#[test]
fn a_client_that_is_no_x11_program_gets_windows_of_their_own() -> anyhow::Result<()> {
    let stand = Stand::new()?;
    // On the display, but with a window that is not the client's.
    let other = stand.screen.open(1, WINDOW, OTHER)?;
    let mut session = stand.play_over(None)?;
    session.lay(&at(rect([120, 90], [320, 180])))?;
    session.wait_for_placement(Placement::PlayerWindow)?;
    let notice = session.agent.wait_for_notice(ReasonCode::Renderer)?;
    ensure!(notice.contains("was not found"), "{notice}");
    ensure!(other.children()? == 0);
    session.see("a window of its own", |screen| {
        let bounds = screen.bounds(VIDEO, TOLERANCE).context("no video")?;
        ensure!((bounds.width, bounds.height) == (320, 180), "{bounds:?}");
        Ok(())
    })
}
