//! Everything from a browser to the device but the RDP client, and a page that plays in it.

use crate::browser::{Browser, PAGE};
use crate::clip::{self, MP4};
use crate::leg::Leg;
use crate::session_host::SessionHost;
use anyhow::ensure;
use nearside_channel::extension::ExtensionMessage;
use nearside_channel::message::{
    DeviceMessage, PlaybackState, PlayerCommand, PlayerEvent, StreamCommand, StreamId,
};
use nearside_tests::agent::Agent;

const VIDEO: StreamId = StreamId(1);

/// The real session host between a browser and the agent. The client must be connected to
/// [`Self::leg`] by whoever made it.
pub struct Whole {
    pub browser: Browser,
    pub host: SessionHost,
    pub agent: Agent,
    pub leg: Leg,
}

impl Whole {
    /// Starts agent and host on a leg that has a client, and waits for the channel.
    ///
    /// # Errors
    /// One of them does not start, or the channel does not open.
    pub fn start(leg: Leg) -> anyhow::Result<Self> {
        let agent = Agent::start(&leg.place)?;
        let host = SessionHost::start(&leg)?;
        let mut browser = Browser::start(&leg)?;
        browser.wait_connected(true)?;
        Ok(Self { browser, host, agent, leg })
    }

    /// Opens a page with a player that has the whole clip.
    ///
    /// # Errors
    /// The device does not take it.
    pub fn load(&mut self) -> anyhow::Result<()> {
        load(&mut self.browser, &self.leg)
    }

    /// As [`Self::load`], and plays until pictures flow.
    ///
    /// # Errors
    /// None do.
    pub fn play(&mut self) -> anyhow::Result<()> {
        self.load()?;
        self.browser.player(PlayerCommand::Play)?;
        self.agent.wait_for("pictures", |status| 10 < clip::presented(status))?;
        Ok(())
    }

    /// Waits until the device is there again, does what the page then does, and plays from
    /// 2 s on to the end.
    ///
    /// # Errors
    /// It does not play, or something is not well afterwards.
    pub fn play_on(&mut self) -> anyhow::Result<()> {
        self.browser.wait_connected(true)?;
        self.browser.page_ready()?;
        self.browser.player(PlayerCommand::Seek { to_micros: 2_000_000, token: 1 })?;
        self.browser.player(PlayerCommand::Play)?;
        wait_for_the_end(&mut self.browser)?;
        let status = self.agent.status()?;
        ensure!(10 < clip::presented(&status), "{status:?}");
        self.check_healthy()
    }

    /// All that runs lives, answers and has not panicked.
    ///
    /// # Errors
    /// One of these does not hold.
    pub fn check_healthy(&self) -> anyhow::Result<()> {
        self.host.check_healthy(&self.leg)?;
        self.agent.check_healthy()?;
        self.leg.check_alive()
    }
}

/// Opens a page with a player that has the whole clip.
///
/// # Errors
/// The device does not take it.
pub fn load(browser: &mut Browser, leg: &Leg) -> anyhow::Result<()> {
    let clip = clip::make(&leg.place)?;
    browser.open_page()?;
    browser.open_player(&[MP4])?;
    browser.append(VIDEO, &clip.init, &[])?;
    let last = browser.append(VIDEO, &clip.media, &[clip::RANGE])?;
    browser.appended(last)?;
    let end = StreamCommand::EndOfStream { failed: false };
    browser.send(&ExtensionMessage::Stream { page: PAGE, stream: VIDEO, command: end })
}

/// Waits until the browser is told that its player has ended.
///
/// # Errors
/// It plays on, or not at all.
pub fn wait_for_the_end(browser: &mut Browser) -> anyhow::Result<()> {
    browser.wait_device("the end", |message| match message {
        DeviceMessage::Player { event: PlayerEvent::State { state, .. }, .. } => {
            (*state == PlaybackState::Ended).then_some(())
        }
        _ => None,
    })
}
