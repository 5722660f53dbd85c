//! Where pictures are on the session's desktop: what pages say, and what its windows do since.

use std::time::Instant;

use nearside_channel::message::{Layout, PlayerCommand, PlayerKind};

use super::model::PlayerKey;
use super::{BrowserId, DeviceError, Session};
use crate::desktop::{Bubbles, Desktop, Page, Picture, Spot, Windows};

impl Session {
    /// The browser's own process is one of these; the nearest that has windows is it.
    pub(crate) fn browser_runs_as(&mut self, browser: BrowserId, processes: Vec<u32>) {
        if let Some(browser) = self.browsers.get_mut(&browser) {
            browser.processes = processes;
        }
    }

    /// Windows of the desktop came, went or moved.
    ///
    /// # Errors
    /// The connection is of no use any more.
    pub(crate) fn on_desktop(&mut self, desktop: Desktop, now: Instant) -> Result<(), DeviceError> {
        self.desktop = desktop;
        self.retell(|_, picture, page, windows| picture.look(page, windows, now))
    }

    /// The browsers draw something else over pictures.
    ///
    /// # Errors
    /// The connection is of no use any more.
    pub(crate) fn on_bubbles(&mut self, bubbles: &Bubbles) -> Result<(), DeviceError> {
        let over = |player: u64| bubbles.get(&player).map(Vec::as_slice).unwrap_or_default();
        self.retell(|player, picture, _, _| picture.draw(over(player)))
    }

    /// Where pictures of the device are seen, if that is elsewhere than at `known`.
    pub(crate) fn spots_unlike(&self, known: &[Spot]) -> Option<Vec<Spot>> {
        let shown = || {
            let pages = self.pages.values().filter(|page| page.channel_id().is_some());
            let players = pages.flat_map(|page| page.players.values());
            let players = players.filter(|player| self.device.is_some() && !player.failed);
            // Only pictures have a placeholder of one colour.
            let videos = players.filter(|player| player.kind == PlayerKind::Video);
            videos.filter_map(|player| {
                let layout = player.picture.as_ref()?.undrawn();
                layout.visible.then_some((player.number, layout))
            })
        };
        let mut left = known.iter();
        let is_known = shown()
            .all(|(player, layout)| left.next().is_some_and(|spot| spot.is_of(player, layout)));
        let is_same = is_known && left.next().is_none();
        let all = || shown().filter_map(|(player, layout)| Spot::of(player, layout)).collect();
        (!is_same).then(all)
    }

    /// Takes pages at their last word where they have said nothing since.
    pub(super) fn settle_pictures(&mut self, now: Instant) -> Result<(), DeviceError> {
        self.retell(|_, picture, _, windows| picture.settle(windows, now))
    }

    /// When there is something to settle.
    pub(super) fn pictures_due(&self) -> impl Iterator<Item = Instant> {
        let players = self.pages.values().flat_map(|page| page.players.values());
        players.filter_map(|player| player.picture.as_ref()?.deadline())
    }

    /// The page's word about a player that is there.
    pub(super) fn on_layout(
        &mut self,
        key: PlayerKey,
        said: Layout,
        now: Instant,
    ) -> Result<(), DeviceError> {
        let (browser, page_id, player_id) = key;
        let Some(page) = self.pages.get_mut(&(browser, page_id)) else { return Ok(()) };
        let channel = page.channel_id();
        let Some(player) = page.players.get_mut(&player_id) else { return Ok(()) };
        let processes = self.browsers.get(&browser).map(|browser| &browser.processes[..]);
        let here = Page { processes: processes.unwrap_or_default(), title: &page.title };
        let windows = &self.desktop.windows;
        let mut layout = match &mut player.picture {
            Some(picture) => picture.say(said, here, windows, now),
            None => player.picture.insert(Picture::new(said, here, windows)).told().clone(),
        };
        layout.desktop = self.desktop.size.or(layout.desktop);
        match (&mut self.device, channel) {
            (Some(device), Some(page)) => {
                device.player(page, player_id, PlayerCommand::Layout(layout))
            }
            // The page says it again once its stage is ready.
            _ => Ok(()),
        }
    }

    /// Tells the device what `look` finds to be new.
    fn retell(
        &mut self,
        mut look: impl FnMut(u64, &mut Picture, Page<'_>, &Windows) -> Option<Layout>,
    ) -> Result<(), DeviceError> {
        for ((browser, _), page) in &mut self.pages {
            let channel = page.channel_id();
            let processes = self.browsers.get(browser).map(|browser| &browser.processes[..]);
            let here = Page { processes: processes.unwrap_or_default(), title: &page.title };
            for (id, player) in &mut page.players {
                let Some(picture) = player.picture.as_mut().filter(|_| !player.failed) else {
                    continue;
                };
                let windows = &self.desktop.windows;
                let Some(mut layout) = look(player.number, picture, here, windows) else {
                    continue;
                };
                layout.desktop = self.desktop.size.or(layout.desktop);
                if let (Some(device), Some(page)) = (&mut self.device, channel) {
                    device.player(page, *id, PlayerCommand::Layout(layout))?;
                }
            }
        }
        Ok(())
    }
}
