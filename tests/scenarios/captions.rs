//! Captions of a page, on the picture that the device draws.

use anyhow::{Context as _, ensure};
use nearside::control::{Connection, Reply, Request};
use nearside_channel::message::{
    Caption, CaptionAlign, CaptionLine, DeviceMessage, PageId, PlayerCommand, PlayerEvent, Rect,
};
use nearside_tests::agent::Agent;
use nearside_tests::host::Host;
use nearside_tests::picture::Picture;
use nearside_tests::place::Place;
use nearside_tests::{STEP, clips};

/// The clip's only colour.
const VIDEO: [u8; 3] = [0xfe, 0x00, 0x00];
/// The letters' colour.
const WHITE: [u8; 3] = [0xff, 0xff, 0xff];
/// What quantisation and 4:2:0 may change.
const TOLERANCE: u8 = 12;
/// Letters have soft edges.
const LETTERS: u8 = 60;

const H264: &str = r#"video/mp4; codecs="avc1.42c01f""#;

/// A page with a red video of 640 by 360 pixels that waits at its first picture.
struct Stand {
    place: Place,
    agent: Agent,
    host: Host,
}

impl Stand {
    fn new() -> anyhow::Result<Self> {
        let place = Place::new()?;
        let clip = place.file("red.mp4");
        let pictures = clips::red("640x360");
        let fragments = "-g 30 -bf 0 -movflags frag_keyframe+empty_moov+default_base_moof";
        clips::make(&clip, &format!("{pictures} {} {fragments}", clips::H264))?;
        let agent = Agent::start(&place)?;
        let (mut host, welcome) = Host::open(&agent.channel_socket())?;
        ensure!(welcome.capabilities.services.iter().any(|it| it == "captions"), "{welcome:?}");
        host.open_player(&[H264])?;
        let seq = host.append(1, &std::fs::read(clip)?)?;
        host.appended(seq)?;
        host.wait("a picture", |message| match message {
            DeviceMessage::Player { event: PlayerEvent::FirstFrame { .. }, .. } => Some(()),
            _ => None,
        })?;
        Ok(Self { place, agent, host })
    }

    fn show(&mut self, captions: Vec<Caption>) -> anyhow::Result<()> {
        self.host.player(PlayerCommand::Captions { captions })
    }

    fn picture(place: &Place, agent: &Agent) -> anyhow::Result<Picture> {
        let status = agent.status()?;
        let page = PageId(status.items.first().context("no item")?.page);
        let file = place.file("screenshot.png");
        let mut control = Connection::open_at(&agent.control_socket())?;
        control.set_patience(Some(STEP))?;
        let path = file.to_str().context("a path that is text")?.to_owned();
        control.send(&Request::Screenshot { page, path })?;
        let reply = control.receive()?;
        ensure!(reply == Reply::Done, "{reply:?}");
        Picture::read(&file)
    }

    /// Waits until the picture is as `check` wants it.
    fn see(
        &mut self,
        what: &str,
        check: impl Fn(&Picture) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        let (place, agent) = (&self.place, &self.agent);
        let mut last = Ok(());
        let seen = self.host.pump_until(what, || {
            last = Self::picture(place, agent).and_then(|picture| check(&picture));
            last.is_ok()
        });
        seen.with_context(|| match last {
            Ok(()) => agent.log(),
            Err(error) => format!("{error:#}\n{}", agent.log()),
        })
    }

    /// Waits until letters are in a box of the picture that `holds` says is the right one.
    fn see_letters(&mut self, what: &str, holds: impl Fn(Rect) -> bool) -> anyhow::Result<()> {
        self.see(what, |picture| {
            let letters = picture.bounds(WHITE, LETTERS).context("no letters")?;
            ensure!(holds(letters), "letters in {letters:?}");
            // Around them the picture is dark, and elsewhere as it was.
            let back = picture.count(VIDEO, TOLERANCE);
            ensure!((160_000..230_000).contains(&back), "{back} pixels of the video's colour");
            Ok(())
        })
    }

    fn see_none(&mut self, what: &str) -> anyhow::Result<()> {
        let whole = Rect { x: 0, y: 0, width: 640, height: 360 };
        self.see(what, |picture| picture.check_region(VIDEO, TOLERANCE, &[whole]))
    }
}

fn caption(text: &str) -> Caption {
    Caption {
        text: text.to_owned(),
        line: CaptionLine::Auto,
        position: None,
        size: 100.0,
        align: CaptionAlign::Center,
        styles: Vec::new(),
    }
}

fn bottom(rect: Rect) -> i32 {
    rect.y.saturating_add_unsigned(rect.height)
}

fn right(rect: Rect) -> i32 {
    rect.x.saturating_add_unsigned(rect.width)
}

#[test]
fn captions_are_drawn_where_the_page_has_them() -> anyhow::Result<()> {
    let mut stand = Stand::new()?;
    stand.see_none("nothing over the picture")?;

    stand.show(vec![caption("Guten Morgen,\nДобрый день!")])?;
    stand.see_letters("two lines at the bottom", |letters| {
        let centre = (letters.x + right(letters)) / 2;
        300 < letters.y && bottom(letters) < 356 && (310..330).contains(&centre)
    })?;

    let line = CaptionLine::Number { line: 0 };
    stand.show(vec![Caption { line, align: CaptionAlign::Left, ..caption("At the top") }])?;
    stand.see_letters("a line at the top left", |letters| {
        bottom(letters) < 40 && right(letters) < 200
    })?;

    stand.show(vec![Caption {
        line, align: CaptionAlign::Start, ..caption("שלום, עולם")
    }])?;
    stand.see_letters("a line that starts at the right", |letters| {
        bottom(letters) < 40 && 440 < letters.x && 620 < right(letters)
    })?;

    stand.show(Vec::new())?;
    stand.see_none("no caption any more")?;

    // A seek leaves none behind, until the page says what is there.
    stand.show(vec![caption("before the seek")])?;
    stand.see_letters("a line at the bottom", |letters| 300 < letters.y)?;
    stand.host.player(PlayerCommand::Seek { to_micros: 1_000_000, token: 1 })?;
    stand.see_none("no caption after a seek")
}

#[test]
fn hostile_captions_are_drawn_without_harm() -> anyhow::Result<()> {
    let mut stand = Stand::new()?;
    let texts = ["\u{0}\u{1b}[2J\u{202e}", "W".repeat(2048).as_str(), "\n".repeat(2048).as_str()]
        .map(caption);
    let mut captions = vec![caption("字幕 שלום \u{1f3ac}"); 13];
    captions.extend(texts);
    let lines = [i32::MIN, i32::MAX].map(|line| CaptionLine::Number { line });
    for line in lines.into_iter().chain([CaptionLine::Percent { percent: 100.0 }]) {
        stand.show(captions.iter().map(|it| Caption { line, ..it.clone() }).collect())?;
    }
    stand.show(vec![caption("after all of them")])?;
    stand.see_letters("a line at the bottom", |letters| 300 < letters.y)?;
    stand.agent.check_healthy()
}
