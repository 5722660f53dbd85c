//! xrdp's channel server, spoken to directly (xrdp 0.9 and 0.10, `sesman/chansrv`).
//!
//! | socket                                            | xrdp |
//! |---------------------------------------------------|------|
//! | `/run/xrdp/sockdir/xrdpapi_N`                     | 0.9  |
//! | `/run/xrdp/sockdir/UID/xrdpapi_N`                 | 0.10 |
//!
//! N is the display's number; `XRDP_SOCKET_PATH` overrides the folder. What is said there is in
//! [`super::chansrv`].
//!
//! The channel server neither reports that the client has gone nor that it is another one:
//! a stream that outlives its client takes writes, and they reach a channel of the next
//! client. The one sign is its own socket: `xrdp_chansrv_socket_N` is there exactly while no
//! client is.
//!
//! Of its 255 numbers for channels each open that is refused costs one for good, because the
//! close that follows is never answered: hence [`Retry::Seldom`].
//!
//! INVARIANT: after that sign an open stream is never written to again.

use std::collections::VecDeque;
use std::os::unix::fs::FileTypeExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::net::UnixStream;

use super::chansrv::{self, State};
use super::watch::{Event, Watch};
use super::{Attempt, Change, Retry, Unavailable};

/// The client has no listener of that name.
const STATUS_NO_LISTENER: u32 = 0xc000_0001;
/// The client's answer to the request takes a round trip, no longer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);

/// The sockets of one display.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    folder: PathBuf,
    display: u32,
}

impl Place {
    /// That of this session, if xrdp runs it.
    pub(super) fn of_this_session() -> Option<Self> {
        let display = display_number(&std::env::var("DISPLAY").ok()?)?;
        let uid = rustix::process::getuid().as_raw();
        let explicit = std::env::var_os("XRDP_SOCKET_PATH").map(PathBuf::from);
        Self::find(display, uid, explicit, Path::new("/run/xrdp/sockdir"))
    }

    fn find(display: u32, uid: u32, explicit: Option<PathBuf>, base: &Path) -> Option<Self> {
        let folders = explicit.into_iter().chain([base.join(uid.to_string()), base.to_owned()]);
        folders.map(|folder| Self { folder, display }).find(Self::is_here)
    }

    fn is_here(&self) -> bool {
        std::fs::metadata(self.api_socket()).is_ok_and(|meta| meta.file_type().is_socket())
    }

    fn api_socket(&self) -> PathBuf {
        self.folder.join(format!("xrdpapi_{}", self.display))
    }

    /// Name of the socket that is there while no client is.
    fn vacancy(&self) -> String {
        format!("xrdp_chansrv_socket_{}", self.display)
    }

    fn is_vacant(&self) -> bool {
        self.folder.join(self.vacancy()).exists()
    }
}

/// N of `:N` and `:N.S`.
fn display_number(display: &str) -> Option<u32> {
    let (host, number) = display.rsplit_once(':')?;
    if !host.is_empty() {
        return None; // the display of another machine
    }
    number.split('.').next()?.parse().ok()
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Xrdp {
    place: Place,
    watch: Watch,
    /// Seen and not told yet.
    changes: VecDeque<Change>,
}

impl Xrdp {
    pub(super) fn new(place: Place) -> std::io::Result<Self> {
        let watch = Watch::new(&place.folder)?;
        Ok(Self { place, watch, changes: VecDeque::new() })
    }

    pub(super) fn connect(&self) -> Attempt {
        let place = self.place.clone();
        Box::pin(async move {
            if place.is_vacant() {
                return Err(no_client());
            }
            let opening = open(&place);
            match tokio::time::timeout(ANSWER_TIMEOUT, opening).await {
                Ok(result) => result,
                Err(_) => Err(Unavailable::new(
                    "The remote desktop client does not answer.",
                    "Connect to this session again.",
                    Retry::Seldom,
                )),
            }
        })
    }

    pub(super) async fn changed(&mut self) -> Change {
        loop {
            if let Some(change) = self.changes.pop_front() {
                return change;
            }
            let event = self.watch.next().await;
            self.note(&event);
        }
    }

    /// Looks at what the kernel knows now, so that nothing is written after the sign.
    pub(super) fn is_stale(&mut self) -> bool {
        while let Some(event) = self.watch.try_next() {
            self.note(&event);
        }
        self.changes.contains(&Change::Gone)
    }

    fn note(&mut self, event: &Event) {
        if !event.concerns(self.place.vacancy().as_ref()) {
            return;
        }
        match event {
            Event::Created(_) => self.changes.push_back(Change::Gone),
            Event::Deleted(_) => self.changes.push_back(Change::Appeared),
            Event::Written(_) => {}
            // Whatever was missed: no stream from before may be trusted.
            Event::Unknown => self.changes.extend([Change::Gone, Change::Appeared]),
        }
    }
}

fn no_client() -> Unavailable {
    Unavailable::new(
        "No remote desktop client is connected to this session.",
        "Connect to it with a client that has Nearside.",
        Retry::OnChange,
    )
}

async fn open(place: &Place) -> Result<UnixStream, Unavailable> {
    let version = match chansrv::look(reach(place).await?).await {
        State::Client(version) => version,
        State::NoClient => return Err(no_client()),
    };
    let mut stream = reach(place).await?;
    let status = match chansrv::open(&mut stream, version).await {
        Ok(status) => status,
        // Up to 0.10.4 it closes without an answer when no client is there.
        Err(_) => return Err(no_client()),
    };
    match status {
        0 => Ok(stream),
        STATUS_NO_LISTENER => Err(Unavailable::new(
            "No Nearside client on the device: the remote desktop client has no Nearside plugin, or Nearside does not run there.",
            "Install Nearside on the device and start it.",
            Retry::Seldom,
        )),
        status => {
            tracing::warn!(status, "the channel was refused");
            Err(Unavailable::new(
                "The remote desktop client refused the Nearside channel.",
                "Update Nearside on the device and connect again.",
                Retry::Seldom,
            ))
        }
    }
}

/// Connects to the channel server.
async fn reach(place: &Place) -> Result<UnixStream, Unavailable> {
    let stream = UnixStream::connect(place.api_socket()).await.map_err(|_| {
        Unavailable::new(
            "The session's channel server does not answer.",
            "Sign out of this session and connect again.",
            Retry::Soon,
        )
    })?;
    if !is_trusted(&stream) {
        return Err(Unavailable::new(
            "The session's channel server belongs to another user.",
            "Ask the administrator of the session host.",
            Retry::OnChange,
        ));
    }
    Ok(stream)
}

/// The folder of 0.9 is open to all users; the server runs as the session's own.
fn is_trusted(stream: &UnixStream) -> bool {
    let uid = rustix::process::getuid().as_raw();
    stream.peer_cred().is_ok_and(|peer| peer.uid() == uid || peer.uid() == 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_display_of_this_machine_is_one() {
        let cases = [
            (":10", Some(10)),
            (":10.0", Some(10)),
            (":0", Some(0)),
            ("localhost:10.0", None),
            ("", None),
            (":", None),
            (":x", None),
            ("10", None),
        ];
        for (text, expected) in cases {
            assert_eq!(display_number(text), expected, "{text}");
        }
    }

    #[test]
    fn the_socket_is_found_where_each_version_puts_it() {
        let base = tempfile::tempdir().unwrap();
        let own = base.path().join("1000");
        let explicit = base.path().join("explicit");
        let find = |explicit: Option<&PathBuf>| {
            Place::find(10, 1000, explicit.cloned(), base.path()).map(|place| place.folder)
        };
        assert_eq!(find(None), None);
        std::fs::write(base.path().join("xrdpapi_10"), "no socket").unwrap();
        assert_eq!(find(None), None);
        std::fs::remove_file(base.path().join("xrdpapi_10")).unwrap();
        for folder in [base.path(), &own, &explicit] {
            std::fs::create_dir_all(folder).unwrap();
            let _listener =
                std::os::unix::net::UnixListener::bind(folder.join("xrdpapi_10")).unwrap();
            let found = find(Some(&explicit));
            assert_eq!(found.as_deref(), Some(folder), "the later ones come first");
        }
        assert_eq!(Place::find(1, 1000, None, base.path()).map(|place| place.folder), None);
    }
}
