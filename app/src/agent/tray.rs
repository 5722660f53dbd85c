//! The icon in the desktop's tray, by the StatusNotifierItem protocol on the session bus: what
//! the status says, in the same icons and words as panel and extension, and the few commands
//! that must not need a window.
//!
//! A pure view of the hub's status ([`Shown`]); what the user does goes back as [`Wish`]es.
//! Where there is no tray the agent works without; one that comes later shows the icon then.
//! The bus is served by one thread of the library, which sleeps until something changes.

use std::sync::LazyLock;
use std::time::Duration;

use ksni::menu::{CheckmarkItem, MenuItem, StandardItem};
use ksni::{Category, Handle, Icon, OfflineReason, ToolTip, TrayMethods as _};
use nearside::status::{Indicator, Item, Status};
use nearside_channel::message::{DeviceSettings, PlayerCommand, PlayerId};
use tokio::sync::{mpsc, watch};

use super::control;
use super::hub::{GlobalPage, Hub, Order, Update};

/// What waits to be done; more is lost, as clicks on a program that hangs.
const WISHES: usize = 8;

/// The bus tells of what is new on it in that time.
const TOLD: Duration = Duration::from_secs(1);

/// Shows the icon until the bus is gone.
pub(super) async fn show(hub: Hub, quit: mpsc::Sender<()>) {
    let mut watching = hub.watch();
    let mut shown = Shown::of(&watching.borrow_and_update());
    let (wishes, mut wished) = mpsc::channel(WISHES);
    let handle = match spawn(&shown, &wishes).await {
        Ok(handle) => handle,
        Err(error) => {
            tracing::info!(%error, "there is no tray");
            return;
        }
    };
    loop {
        tokio::select! {
            changed = watching.changed() => {
                if changed.is_err() {
                    return;
                }
                let new = Shown::of(&watching.borrow_and_update());
                if new == shown {
                    continue;
                }
                shown.clone_from(&new);
                if handle.update(move |tray| tray.shown = new).await.is_none() {
                    tracing::info!("the tray's bus is gone");
                    return;
                }
            }
            wish = wished.recv() => match wish {
                Some(wish) => fulfil(wish, &hub, &quit).await,
                None => return,
            },
        }
    }
}

/// Also for a desktop that is not there yet when the agent starts with the session.
async fn spawn(shown: &Shown, wishes: &mpsc::Sender<Wish>) -> Result<Handle<Tray>, ksni::Error> {
    loop {
        let (is_watched, mut watched) = watch::channel(true);
        let tray = Tray { shown: shown.clone(), wishes: wishes.clone(), is_watched };
        let handle = tray.assume_sni_available(true).spawn().await?;
        if *watched.borrow() || !has_watcher().await {
            return Ok(handle);
        }
        // A watcher that came between the library's call and its look at the bus is missed; one
        // that came later it is about to be told of.
        let told = watched.wait_for(|is_watched| *is_watched);
        if tokio::time::timeout(TOLD, told).await.is_ok() {
            return Ok(handle);
        }
        handle.shutdown().await;
    }
}

/// Whether the desktop has a tray now.
async fn has_watcher() -> bool {
    let asked = async {
        let bus = zbus::Connection::session().await?;
        let name = zbus::names::BusName::from_static_str("org.kde.StatusNotifierWatcher")?;
        Ok::<_, zbus::Error>(zbus::fdo::DBusProxy::new(&bus).await?.name_has_owner(name).await?)
    };
    asked.await.unwrap_or(false)
}

async fn fulfil(wish: Wish, hub: &Hub, quit: &mpsc::Sender<()>) {
    match wish {
        Wish::Open => control::open_panel(hub),
        Wish::Pause(paused) => {
            let settings = DeviceSettings { paused, ..hub.status().settings };
            hub.report(Update::Settings(settings)).await;
        }
        Wish::Mute(muted) => {
            for item in hub.status().items.iter().filter(|item| can_mute(item)) {
                let page = GlobalPage(item.page);
                let player = PlayerId(item.player);
                let command = PlayerCommand::Volume { volume: item.volume, muted };
                hub.report(Update::Order(Order::Steer { page, player, command })).await;
            }
        }
        Wish::Quit => {
            let _ = quit.try_send(());
        }
    }
}

/// What a click asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wish {
    Open,
    Pause(bool),
    Mute(bool),
    Quit,
}

/// What the icon shows of a status.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Shown {
    indicator: Indicator,
    headlines: Vec<&'static str>,
    subtitle: String,
    paused: bool,
    /// `None`: nothing plays that could be muted.
    muted: Option<bool>,
}

impl Shown {
    fn of(status: &Status) -> Self {
        let mut audible = status.items.iter().filter(|item| can_mute(item)).peekable();
        Self {
            indicator: status.indicator(),
            headlines: status.headlines(),
            subtitle: status.subtitle(),
            paused: status.settings.paused,
            muted: audible.peek().is_some().then(|| audible.all(|item| item.muted)),
        }
    }

    fn headline(&self) -> String {
        self.headlines.join(" ")
    }
}

fn can_mute(item: &Item) -> bool {
    item.steerable && item.audio.is_some() && item.failed.is_none()
}

struct Tray {
    shown: Shown,
    wishes: mpsc::Sender<Wish>,
    /// The desktop had a tray when it was looked for last.
    is_watched: watch::Sender<bool>,
}

impl Tray {
    fn wish(&self, wish: Wish) {
        // Full or ended: there is nobody to tell.
        let _ = self.wishes.try_send(wish);
    }
}

impl ksni::Tray for Tray {
    fn id(&self) -> String {
        "nearside".to_owned()
    }

    fn title(&self) -> String {
        "Nearside".to_owned()
    }

    fn category(&self) -> Category {
        Category::ApplicationStatus
    }

    fn icon_pixmap(&self) -> Vec<Icon> {
        icons(self.shown.indicator).to_vec()
    }

    fn tool_tip(&self) -> ToolTip {
        ToolTip {
            title: format!("Nearside: {}", self.shown.headline()),
            // Trays may read markup in it, and names come from elsewhere.
            description: escaped(&self.shown.subtitle),
            ..ToolTip::default()
        }
    }

    fn watcher_online(&self) {
        self.is_watched.send_replace(true);
    }

    fn watcher_offline(&self, _reason: OfflineReason) -> bool {
        self.is_watched.send_replace(false);
        true
    }

    fn activate(&mut self, _x: i32, _y: i32) {
        self.wish(Wish::Open);
    }

    fn menu(&self) -> Vec<MenuItem<Self>> {
        let muted = self.shown.muted.unwrap_or(false);
        let paused = self.shown.paused;
        vec![
            StandardItem { label: label(&self.shown.headline()), enabled: false, ..item() }.into(),
            MenuItem::Separator,
            StandardItem {
                label: "Open Nearside".to_owned(),
                activate: Box::new(|tray: &mut Self| tray.wish(Wish::Open)),
                ..item()
            }
            .into(),
            CheckmarkItem {
                label: "Mute".to_owned(),
                enabled: self.shown.muted.is_some(),
                checked: muted,
                activate: Box::new(move |tray: &mut Self| tray.wish(Wish::Mute(!muted))),
                ..CheckmarkItem::default()
            }
            .into(),
            CheckmarkItem {
                label: "Pause redirection".to_owned(),
                checked: paused,
                activate: Box::new(move |tray: &mut Self| tray.wish(Wish::Pause(!paused))),
                ..CheckmarkItem::default()
            }
            .into(),
            MenuItem::Separator,
            StandardItem {
                label: "Quit".to_owned(),
                activate: Box::new(|tray: &mut Self| tray.wish(Wish::Quit)),
                ..item()
            }
            .into(),
        ]
    }
}

fn item() -> StandardItem<Tray> {
    StandardItem::default()
}

/// As a menu's label: an underscore there marks the next letter as a key.
fn label(text: &str) -> String {
    text.replace('_', "__")
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// Of a tray at 100 % and at 200 %. Drawn from `assets/icons/*.svg`.
fn icons(indicator: Indicator) -> &'static [Icon] {
    macro_rules! state {
        ($name:literal) => {{
            static ICONS: LazyLock<Vec<Icon>> = LazyLock::new(|| {
                [
                    &include_bytes!(concat!("../../../assets/icons/tray/", $name, "-22.png"))[..],
                    &include_bytes!(concat!("../../../assets/icons/tray/", $name, "-44.png"))[..],
                ]
                .into_iter()
                .filter_map(pixmap)
                .collect()
            });
            &ICONS
        }};
    }
    match indicator {
        Indicator::NotLoaded => state!("not-loaded"),
        Indicator::Failed => state!("failed"),
        Indicator::Loaded => state!("loaded"),
        Indicator::RedirectingVideo => state!("video"),
        Indicator::RedirectingCall => state!("call"),
        Indicator::RedirectingVideoAndCall => state!("video-call"),
    }
}

/// An RGBA PNG as ARGB in network byte order; `None`: it is no such.
fn pixmap(png: &[u8]) -> Option<Icon> {
    let mut reader = png::Decoder::new(std::io::Cursor::new(png)).read_info().ok()?;
    let mut data = vec![0; reader.output_buffer_size()?];
    let info = reader.next_frame(&mut data).ok()?;
    if (info.color_type, info.bit_depth) != (png::ColorType::Rgba, png::BitDepth::Eight) {
        return None;
    }
    for pixel in data.as_chunks_mut::<4>().0 {
        pixel.rotate_right(1);
    }
    Some(Icon { width: info.width.try_into().ok()?, height: info.height.try_into().ok()?, data })
}

#[cfg(test)]
mod tests {
    use super::*;
    use nearside::status::{AudioStats, ItemKind, Session};

    fn playing() -> Status {
        let item = Item {
            kind: ItemKind::Video,
            flowing: true,
            steerable: true,
            audio: Some(AudioStats::default()),
            ..Item::default()
        };
        Status { session: Some(Session::default()), items: vec![item], ..Status::default() }
    }

    #[test]
    fn what_plays_is_shown_and_can_be_muted() {
        assert_eq!(Shown::of(&Status::default()).headline(), "Not loaded");
        assert_eq!(Shown::of(&Status::default()).muted, None);
        let mut status = playing();
        let shown = Shown::of(&status);
        assert_eq!(shown.indicator, Indicator::RedirectingVideo);
        assert_eq!(shown.headline(), "A video is being redirected.");
        assert_eq!(shown.muted, Some(false));
        for item in &mut status.items {
            item.muted = true;
        }
        assert_eq!(Shown::of(&status).muted, Some(true));
    }

    #[test]
    fn clicks_are_wishes_by_what_is_shown() {
        let (wishes, mut wished) = mpsc::channel(WISHES);
        let (is_watched, _) = watch::channel(true);
        let mut tray = Tray { shown: Shown::of(&playing()), wishes, is_watched };
        ksni::Tray::activate(&mut tray, 0, 0);
        for entry in ksni::Tray::menu(&tray) {
            match entry {
                MenuItem::Standard(entry) if entry.enabled => (entry.activate)(&mut tray),
                MenuItem::Checkmark(entry) if entry.enabled => (entry.activate)(&mut tray),
                _ => {}
            }
        }
        let all = [Wish::Open, Wish::Open, Wish::Mute(true), Wish::Pause(true), Wish::Quit];
        assert_eq!(std::iter::from_fn(|| wished.try_recv().ok()).collect::<Vec<_>>(), all);
    }

    #[test]
    fn each_state_has_an_icon_of_its_own_in_two_sizes() {
        let all = [
            Indicator::NotLoaded,
            Indicator::Failed,
            Indicator::Loaded,
            Indicator::RedirectingVideo,
            Indicator::RedirectingCall,
            Indicator::RedirectingVideoAndCall,
        ];
        let mut seen = std::collections::BTreeSet::new();
        for indicator in all {
            let icons = icons(indicator);
            let sizes: Vec<_> = icons.iter().map(|icon| (icon.width, icon.height)).collect();
            assert_eq!(sizes, [(22, 22), (44, 44)]);
            assert!(seen.insert(icons[1].data.clone()), "{indicator:?}");
            // The corner is clear, the middle is not: alpha comes first.
            assert_eq!(icons[1].data[0], 0);
            assert_eq!(icons[1].data[4 * (22 * 44 + 22)], 255);
        }
    }

    #[test]
    fn names_from_elsewhere_are_no_markup() {
        assert_eq!(escaped("Session on <b>&co"), "Session on &lt;b&gt;&amp;co");
        assert_eq!(label("a_b"), "a__b");
    }
}
