//! A session bus of a test's own, on it the desktop's tray, and what stands in that tray.

use crate::place::Place;
use crate::process::Running;
use crate::{LOOK, STEP};
use anyhow::{Context as _, bail};
use std::collections::HashMap;
use std::sync::mpsc;
use std::time::Instant;
use zbus::blocking::{Connection, Proxy, connection};
use zbus::message::Header;
use zbus::zvariant::{OwnedValue, Value};

/// A bus daemon; ends when dropped.
#[derive(Debug)]
pub struct SessionBus {
    _daemon: Running,
    address: String,
}

impl SessionBus {
    /// # Errors
    /// The daemon does not start.
    pub fn start(place: &Place) -> anyhow::Result<Self> {
        let mut command = place.command("dbus-daemon");
        let address = format!("--address=unix:path={}", place.file("bus").display());
        command.args(["--session", "--nofork", "--nopidfile", "--print-address", &address]);
        let mut daemon = Running::start(command, place.path(), "bus")?;
        let lines = daemon.wait_for_lines(1, STEP).context("wait for the session bus")?;
        let address = lines.into_iter().next().context("the bus's address")?;
        Ok(Self { _daemon: daemon, address })
    }

    /// `DBUS_SESSION_BUS_ADDRESS` of those who use it.
    pub fn address(&self) -> &str {
        &self.address
    }
}

/// The desktop's side: takes the items that register.
#[derive(Debug)]
pub struct Tray {
    connection: Connection,
    registered: mpsc::Receiver<String>,
}

struct Watcher(mpsc::SyncSender<String>);

#[expect(clippy::needless_pass_by_value, reason = "the bus library hands headers over so")]
#[zbus::interface(name = "org.kde.StatusNotifierWatcher")]
impl Watcher {
    fn register_status_notifier_item(&self, service: &str, #[zbus(header)] header: Header<'_>) {
        let sender = header.sender().map(ToString::to_string).unwrap_or_default();
        // An item may name its object instead of itself.
        let owner = if service.starts_with('/') { sender } else { service.to_owned() };
        let _ = self.0.try_send(owner);
    }

    #[zbus(property)]
    fn is_status_notifier_host_registered(&self) -> bool {
        true
    }

    #[zbus(property)]
    fn protocol_version(&self) -> i32 {
        0
    }
}

impl Tray {
    /// # Errors
    /// The bus does not take it.
    pub fn start(bus: &SessionBus) -> anyhow::Result<Self> {
        let (sender, registered) = mpsc::sync_channel(8);
        let connection = connection::Builder::address(bus.address())?
            .serve_at("/StatusNotifierWatcher", Watcher(sender))?
            .name("org.kde.StatusNotifierWatcher")?
            .build()?;
        Ok(Self { connection, registered })
    }

    /// Waits for the next item that registers.
    ///
    /// # Errors
    /// None comes.
    pub fn item(&self) -> anyhow::Result<TrayItem> {
        let owner = self.registered.recv_timeout(STEP).context("no icon came into the tray")?;
        Ok(TrayItem { connection: self.connection.clone(), owner })
    }
}

/// An icon in the tray.
#[derive(Debug)]
pub struct TrayItem {
    connection: Connection,
    owner: String,
}

/// An entry of its menu.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    id: i32,
    pub label: String,
    pub enabled: bool,
    pub checked: bool,
}

/// An icon's width, height and pixels; as StatusNotifierItem defines it.
type Pixmap = (i32, i32, Vec<u8>);
/// Icon's name, icons, title, description.
type ToolTip = (String, Vec<Pixmap>, String, String);
/// Number, properties, children; as com.canonical.dbusmenu defines it.
type Layout = (i32, HashMap<String, OwnedValue>, Vec<OwnedValue>);

impl TrayItem {
    fn proxy<'a>(&self, path: &'a str, interface: &'a str) -> zbus::Result<Proxy<'a>> {
        let proxy = zbus::blocking::proxy::Builder::<Proxy<'a>>::new(&self.connection)
            .destination(self.owner.clone())?
            .path(path)?
            .interface(interface)?
            .cache_properties(zbus::proxy::CacheProperties::No)
            .build()?;
        Ok(proxy)
    }

    fn item(&self) -> zbus::Result<Proxy<'_>> {
        self.proxy("/StatusNotifierItem", "org.kde.StatusNotifierItem")
    }

    fn menu_proxy(&self) -> zbus::Result<Proxy<'_>> {
        self.proxy("/MenuBar", "com.canonical.dbusmenu")
    }

    /// Title and description of its tooltip.
    ///
    /// # Errors
    /// It does not answer.
    pub fn tool_tip(&self) -> anyhow::Result<(String, String)> {
        let (_, _, title, description): ToolTip = self.item()?.get_property("ToolTip")?;
        Ok((title, description))
    }

    /// Sizes of its icons.
    ///
    /// # Errors
    /// It does not answer.
    pub fn icon_sizes(&self) -> anyhow::Result<Vec<(i32, i32)>> {
        let icons: Vec<Pixmap> = self.item()?.get_property("IconPixmap")?;
        Ok(icons.into_iter().map(|(width, height, _)| (width, height)).collect())
    }

    /// Waits until its tooltip is this.
    ///
    /// # Errors
    /// It is not; the last one is in the error.
    pub fn wait_for(&self, title: &str, description: &str) -> anyhow::Result<()> {
        let since = Instant::now();
        loop {
            let tool_tip = self.tool_tip()?;
            if tool_tip == (title.to_owned(), description.to_owned()) {
                return Ok(());
            }
            if STEP < since.elapsed() {
                bail!("the tooltip is {tool_tip:?}");
            }
            std::thread::sleep(LOOK);
        }
    }

    /// The entries of its menu that have a label.
    ///
    /// # Errors
    /// It does not answer.
    pub fn menu(&self) -> anyhow::Result<Vec<Entry>> {
        let arguments = (0_i32, -1_i32, Vec::<String>::new());
        let (_, (_, _, children)): (u32, Layout) =
            self.menu_proxy()?.call("GetLayout", &arguments)?;
        let mut entries = Vec::new();
        for child in children {
            let (id, properties, _) = Layout::try_from(child)?;
            let Some(label) = properties.get("label") else { continue };
            entries.push(Entry {
                id,
                label: String::try_from(label.try_clone()?)?,
                enabled: properties.get("enabled").is_none_or(|it| **it == Value::Bool(true)),
                checked: properties.get("toggle-state").is_some_and(|it| **it == Value::I32(1)),
            });
        }
        Ok(entries)
    }

    /// Waits until its menu `holds`, and returns it.
    ///
    /// # Errors
    /// It does not; the last one is in the error.
    pub fn wait_for_menu(&self, holds: impl Fn(&[Entry]) -> bool) -> anyhow::Result<Vec<Entry>> {
        let since = Instant::now();
        loop {
            let menu = self.menu()?;
            if holds(&menu) {
                return Ok(menu);
            }
            if STEP < since.elapsed() {
                bail!("the menu is {menu:?}");
            }
            std::thread::sleep(LOOK);
        }
    }

    /// Clicks the entry with this label.
    ///
    /// # Errors
    /// There is none, or it is not enabled.
    pub fn click(&self, label: &str) -> anyhow::Result<()> {
        let entries = self.menu()?;
        let Some(entry) = entries.iter().find(|entry| entry.label == label && entry.enabled) else {
            bail!("no {label:?} in {entries:?}");
        };
        let arguments = (entry.id, "clicked", Value::I32(0), 0_u32);
        // A program that is told to quit need not answer.
        Ok(self.menu_proxy()?.call_noreply("Event", &arguments)?)
    }
}
