//! xrdp's channel server as far as a channel sees it, with its traps.

use std::io::{Read as _, Write as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;

use nearside_channel::message::{DeviceMessage, ReasonCode};

use crate::browser::{Browser, page};
use crate::channels::media;
use crate::device::{Device, accept, listen};
use crate::place::{DISPLAY, Place};

const NO_LISTENER: u32 = 0xc000_0001;

/// What the channel server understands.
#[derive(Clone, Copy, Debug)]
enum Version {
    UpTo0_10_4,
    From0_10_5,
}

const VERSIONS: [Version; 2] = [Version::UpTo0_10_4, Version::From0_10_5];

/// The channel server of one session.
struct Server {
    folder: PathBuf,
    listener: UnixListener,
    version: Version,
}

impl Server {
    /// Starts it, with a client or without.
    fn start(place: &mut Place, version: Version, has_client: bool) -> Self {
        let folder = place.path().join("sockdir");
        std::fs::create_dir(&folder).unwrap();
        let listener = listen(&folder.join(format!("xrdpapi_{DISPLAY}")));
        place.set("XRDP_SOCKET_PATH", folder.to_str().unwrap().to_owned());
        let server = Self { folder, listener, version };
        if !has_client {
            server.client_goes();
        }
        server
    }

    fn vacancy(&self) -> PathBuf {
        self.folder.join(format!("xrdp_chansrv_socket_{DISPLAY}"))
    }

    /// From now on it listens for a client.
    fn client_goes(&self) {
        drop(listen(&self.vacancy()));
    }

    fn client_comes(&self) {
        std::fs::remove_file(self.vacancy()).unwrap();
    }

    /// The next request for the channel, after that for the session's state; checked to the byte.
    fn request(&self) -> UnixStream {
        self.tell_state(!self.vacancy().exists());
        let mut stream = accept(&self.listener);
        let name = b"Nearside::Media";
        let mut expected = Vec::new();
        match self.version {
            Version::UpTo0_10_4 => {
                for word in [31_u32, 0, 15] {
                    expected.extend_from_slice(&word.to_le_bytes());
                }
                expected.extend_from_slice(name);
                expected.extend_from_slice(&1_u32.to_le_bytes());
            }
            Version::From0_10_5 => expected = record(0, 1, name),
        }
        let mut request = vec![0; expected.len()];
        stream.read_exact(&mut request).unwrap();
        assert_eq!(request, expected);
        stream
    }

    /// Answers the request for the session's state, which earlier versions do not know.
    fn tell_state(&self, has_client: bool) {
        let mut stream = accept(&self.listener);
        let expected = record(0x7872_6470, 0, b"");
        match self.version {
            Version::UpTo0_10_4 => {
                let mut header = [0; 8];
                stream.read_exact(&mut header).unwrap();
                // They hang up on any number but zero in the second place.
                assert_eq!(header, expected[..8]);
            }
            Version::From0_10_5 => {
                let mut request = vec![0; expected.len()];
                stream.read_exact(&mut request).unwrap();
                assert_eq!(request, expected);
                for word in [0, u32::from(has_client)] {
                    stream.write_all(&word.to_ne_bytes()).unwrap();
                }
            }
        }
    }

    fn answer(&self, status: u32) -> UnixStream {
        let mut stream = self.request();
        stream.write_all(&status.to_le_bytes()).unwrap();
        stream
    }

    fn device(&self) -> Device {
        let mut device = Device::new(self.answer(0));
        device.until("a greeting", |device| device.hello.is_some());
        device
    }
}

/// The request from 0.10.5 on.
fn record(private: u32, flags: u32, name: &[u8]) -> Vec<u8> {
    let mut record = Vec::new();
    for word in [1, private, flags] {
        record.extend_from_slice(&word.to_ne_bytes());
    }
    record.extend_from_slice(name);
    record.resize(384, 0);
    record
}

#[test]
fn a_client_that_goes_and_comes_gets_everything_and_the_stale_socket_nothing() {
    for version in VERSIONS {
        let mut place = Place::new();
        let server = Server::start(&mut place, version, true);
        let mut browser = Browser::greeted(&place);
        let mut device = server.device();
        browser.wait_connected();
        assert_eq!(place.status().unwrap().transport, "xrdp");
        let media = media(400_000);
        browser.open(1);
        browser.append(1, 1, &media);
        for _ in 0..2 {
            device.until("all media is there", |device| device.last_media().len() == media.len());
            assert!(device.last_media() == media, "the bytes differ");
            browser.wait_device("page_ready", |message| {
                *message == DeviceMessage::PageReady { page: page(1) }
            });
            // The channel server keeps the socket open and takes everything.
            let unread = {
                device.turn();
                device.received_bytes
            };
            assert!(media.len() < unread);
            server.client_goes();
            let reason = browser.wait_reason();
            assert!(reason.message.starts_with("No remote desktop client"), "{reason:?}");
            let stale = device;
            server.client_comes();
            device = server.device();
            // A ping may have been on its way before the client went; nothing after.
            assert!(stale.drain_silently() < 100, "the stale socket is written to");
            browser.wait_connected();
        }
    }
}

#[test]
fn a_session_without_a_client_waits_for_one() {
    for version in VERSIONS {
        let mut place = Place::new();
        let server = Server::start(&mut place, version, false);
        let mut browser = Browser::greeted(&place);
        let reason = browser.wait_reason();
        assert!(reason.message.starts_with("No remote desktop client"), "{reason:?}");
        server.listener.set_nonblocking(true).unwrap();
        assert!(server.listener.accept().is_err(), "nothing is asked without a client");
        server.client_comes();
        let _device = server.device();
        browser.wait_connected();
    }
}

#[test]
fn a_client_without_nearside_is_said_and_the_next_one_is_asked_again() {
    for version in VERSIONS {
        let mut place = Place::new();
        let server = Server::start(&mut place, version, true);
        let mut browser = Browser::greeted(&place);
        for status in [NO_LISTENER, 5] {
            let refused = server.answer(status);
            let reason = browser.wait_reason();
            assert_eq!(reason.code, ReasonCode::Network);
            assert_eq!(reason.message.starts_with("No Nearside client"), status == NO_LISTENER);
            drop(refused);
            server.client_goes();
            let reason = browser.wait_reason();
            assert!(reason.message.starts_with("No remote desktop client"), "{reason:?}");
            server.client_comes();
        }
        // No answer at all: the client went just now.
        drop(server.request());
        server.client_goes();
        server.client_comes();
        let _device = server.device();
        browser.wait_connected();
    }
}

#[test]
fn a_page_that_opens_is_worth_another_attempt() {
    for version in VERSIONS {
        let mut place = Place::new();
        let server = Server::start(&mut place, version, true);
        let mut browser = Browser::greeted(&place);
        drop(server.answer(NO_LISTENER));
        browser.wait_reason();
        browser.open(1);
        // Nearside was started on the device meanwhile.
        let mut device = server.device();
        browser.wait_connected();
        device.until("a page", |device| device.last_page().is_some());
    }
}

#[test]
fn a_session_that_tells_of_no_client_waits_for_one() {
    let mut place = Place::new();
    // Its socket for clients is not there yet, as between its first two steps.
    let server = Server::start(&mut place, Version::From0_10_5, true);
    let mut browser = Browser::greeted(&place);
    server.tell_state(false);
    let reason = browser.wait_reason();
    assert!(reason.message.starts_with("No remote desktop client"), "{reason:?}");
    server.client_goes();
    server.client_comes();
    let _device = server.device();
    browser.wait_connected();
}
