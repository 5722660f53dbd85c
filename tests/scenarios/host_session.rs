//! A page in the session, as its browser and extension have it: the real relay, broker, agent
//! and stage between native messages and pictures.

use anyhow::{Context as _, bail};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use nearside_channel::extension::{EXTENSION_PROTOCOL_VERSION, ExtensionMessage, HostEvent};
use nearside_channel::message::{
    DeviceMessage, PageId, PlaybackState, PlayerCommand, PlayerEvent, PlayerId, PlayerKind, Source,
    StreamCommand, StreamId, TimeRange,
};
use nearside_tests::agent::Agent;
use nearside_tests::place::Place;
use nearside_tests::{PLAY, process};
use rustix::process::Signal;
use std::io::{Read as _, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, Stdio};
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::Instant;

const PAGE: PageId = PageId(4);
const PLAYER: PlayerId = PlayerId(5);
const STREAM: StreamId = StreamId(6);
const CLIP: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../assets/clip/flash-beep-vp9.webm");
const MIME: &str = "video/webm; codecs=\"vp9,opus\"";
/// Less than two seconds before the clip's end.
const NEAR_THE_END: i64 = 8_400_000;

/// A browser with the extension. Dropping it closes its port.
struct Browser {
    relay: Child,
    input: ChildStdin,
    events: Receiver<HostEvent>,
}

impl Browser {
    /// Starts the relay, greets and waits for the device.
    fn connected(place: &Place, channel: &Path) -> anyhow::Result<Self> {
        let mut command = place.program("nearside-host")?;
        command
            .arg("chrome-extension://abcdefghijklmnopabcdefghijklmnop/")
            .env("NEARSIDE_CHANNEL", format!("unix:{}", channel.display()));
        let mut relay = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let input = relay.stdin.take().context("the relay has no input")?;
        let mut output = relay.stdout.take().context("the relay has no output")?;
        let (sender, events) = sync_channel(100_000);
        std::thread::Builder::new().name("browser".to_owned()).spawn(move || {
            let mut length = [0; 4];
            while output.read_exact(&mut length).is_ok() {
                let mut body = Vec::new();
                let length = u64::from(u32::from_ne_bytes(length));
                let read = (&mut output).take(length).read_to_end(&mut body);
                let event = read.ok().and_then(|_| serde_json::from_slice(&body).ok());
                if event.is_none_or(|event| sender.send(event).is_err()) {
                    return;
                }
            }
        })?;
        let mut browser = Self { relay, input, events };
        browser.say(&ExtensionMessage::Hello {
            protocol: EXTENSION_PROTOCOL_VERSION,
            extension_version: "1.2.3".to_owned(),
            browser: "a test".to_owned(),
        })?;
        browser.wait_channel(true)?;
        Ok(browser)
    }

    fn say(&mut self, message: &ExtensionMessage) -> anyhow::Result<()> {
        let body = serde_json::to_vec(message)?;
        self.input.write_all(&u32::try_from(body.len())?.to_ne_bytes())?;
        self.input.write_all(&body).context("speak to the relay")
    }

    fn player(&mut self, command: PlayerCommand) -> anyhow::Result<()> {
        self.say(&ExtensionMessage::Player { page: PAGE, player: PLAYER, command })
    }

    /// A page that has appended the whole clip, as its browser holds it now.
    fn open_clip(&mut self) -> anyhow::Result<()> {
        let (site, title) = ("test".to_owned(), "A page".to_owned());
        self.say(&ExtensionMessage::PageOpen { page: PAGE, site, title })?;
        self.player(PlayerCommand::Open { kind: PlayerKind::Video, source: Source::Mse })?;
        let mime = MIME.to_owned();
        self.player(PlayerCommand::AddStream { stream: STREAM, mime })?;
        let media = std::fs::read(CLIP).context("read the clip")?;
        let command = StreamCommand::Append {
            seq: 1,
            bytes: u32::try_from(media.len())?,
            timestamp_offset_micros: 0,
            window_start_micros: 0,
            window_end_micros: None,
            mode: Default::default(),
        };
        self.say(&ExtensionMessage::Stream { page: PAGE, stream: STREAM, command })?;
        for piece in media.chunks(100_000) {
            let data = STANDARD.encode(piece);
            self.say(&ExtensionMessage::Media { stream: STREAM, data })?;
        }
        let buffered = vec![TimeRange { start_micros: 0, end_micros: 10_000_000 }];
        self.say(&ExtensionMessage::Buffered { stream: STREAM, seq: 1, buffered })?;
        let command = StreamCommand::EndOfStream { failed: false };
        self.say(&ExtensionMessage::Stream { page: PAGE, stream: STREAM, command })
    }

    /// What a page says once its stage is ready.
    fn play_the_end(&mut self, token: u32) -> anyhow::Result<()> {
        self.player(PlayerCommand::Seek { to_micros: NEAR_THE_END, token })?;
        self.player(PlayerCommand::Play)
    }

    fn wait<T>(&mut self, what: &str, find: impl Fn(&HostEvent) -> Option<T>) -> anyhow::Result<T> {
        let since = Instant::now();
        let mut others = Vec::new();
        loop {
            match self.events.recv_timeout(PLAY.saturating_sub(since.elapsed())) {
                Ok(event) => match find(&event) {
                    Some(found) => return Ok(found),
                    None => others.push(event),
                },
                Err(error) => bail!("no {what} ({error}); only {others:?}"),
            }
        }
    }

    fn wait_channel(&mut self, connected: bool) -> anyhow::Result<()> {
        self.wait("change of the channel", |event| match event {
            HostEvent::Channel(state) => (state.connected == connected).then_some(()),
            _ => None,
        })
    }

    fn wait_ready(&mut self) -> anyhow::Result<()> {
        self.wait("stage", |event| match event {
            HostEvent::Device { message: DeviceMessage::PageReady { page: PAGE } } => Some(()),
            _ => None,
        })
    }

    /// Waits until the player says such a thing; no failure comes before it.
    fn wait_player(&mut self, what: &str, is: impl Fn(&PlayerEvent) -> bool) -> anyhow::Result<()> {
        let failed = self.wait(what, |event| match event {
            HostEvent::Device {
                message: DeviceMessage::Player { page: PAGE, player: PLAYER, event },
            } => match event {
                PlayerEvent::Failed { reason, .. } => Some(Some(reason.clone())),
                event => is(event).then_some(None),
            },
            _ => None,
        })?;
        failed.map_or(Ok(()), |reason| bail!("the player failed: {reason}"))
    }

    fn wait_pictures(&mut self) -> anyhow::Result<()> {
        self.wait_player(
            "pictures",
            |event| matches!(event, PlayerEvent::Quality { presented, .. } if 0 < *presented),
        )
    }

    fn wait_ended(&mut self) -> anyhow::Result<()> {
        self.wait_player("end", |event| {
            matches!(event, PlayerEvent::State { state: PlaybackState::Ended, .. })
        })
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // The broker ends by itself, seconds after its last browser.
        let _ = self.relay.kill();
        let _ = self.relay.wait();
    }
}

#[test]
fn a_page_plays_on_the_device_through_the_session_host() -> anyhow::Result<()> {
    let place = Place::new()?;
    let agent = Agent::start(&place)?;
    let mut browser = Browser::connected(&place, &agent.channel_socket())?;
    browser.open_clip()?;
    browser.wait_ready()?;
    browser.play_the_end(1)?;
    browser.wait_pictures()?;
    browser.wait_ended()?;
    agent.check_healthy()
}

#[test]
fn a_page_goes_on_with_all_its_media_after_its_stage_was_killed() -> anyhow::Result<()> {
    let place = Place::new()?;
    let agent = Agent::start(&place)?;
    let mut browser = Browser::connected(&place, &agent.channel_socket())?;
    browser.open_clip()?;
    browser.wait_ready()?;
    browser.player(PlayerCommand::Play)?;
    browser.wait_pictures()?;
    let stages = agent.status()?.pids("stage");
    process::signal(*stages.first().context("no stage in the status")?, Signal::KILL)?;
    browser.wait("failure of the page", |event| match event {
        HostEvent::Device { message: DeviceMessage::PageFailed { page: PAGE, .. } } => Some(()),
        _ => None,
    })?;
    browser.wait_ready()?;
    browser.play_the_end(1)?;
    browser.wait_pictures()?;
    browser.wait_ended()?;
    agent.check_healthy()
}

#[test]
fn a_page_goes_on_with_all_its_media_after_the_agent_was_killed() -> anyhow::Result<()> {
    let place = Place::new()?;
    let agent = Agent::start(&place)?;
    let mut browser = Browser::connected(&place, &agent.channel_socket())?;
    browser.open_clip()?;
    browser.wait_ready()?;
    browser.player(PlayerCommand::Play)?;
    browser.wait_pictures()?;
    drop(agent);
    browser.wait_channel(false)?;
    let agent = Agent::start(&place)?;
    browser.wait_channel(true)?;
    browser.wait_ready()?;
    browser.play_the_end(1)?;
    browser.wait_pictures()?;
    browser.wait_ended()?;
    agent.check_healthy()
}
