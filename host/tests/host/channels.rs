//! The way to a device over a socket: found late, lost, found again, and everything with it.

use nearside_channel::message::{DeviceMessage, HostMessage, PlayerCommand, Reason, ReasonCode};

use crate::browser::{Browser, page};
use crate::device::{Device, listen};
use crate::place::Place;

/// Bytes that are different everywhere.
pub(crate) fn media(length: u32) -> Vec<u8> {
    (0..length).map(|at| at.wrapping_mul(2_654_435_761).to_be_bytes()[0]).collect()
}

#[test]
fn media_reaches_the_device_byte_for_byte() {
    let place = Place::forwarded();
    let listener = listen(&place.channel());
    let mut browser = Browser::greeted(&place);
    let mut device = Device::accept(&listener);
    let hello = device.hello.clone().unwrap();
    assert_eq!(hello.extension_version, "1.2.3");
    let state = browser.wait_connected();
    assert_eq!(state.client_version, "3.2.1");
    assert_eq!(state.activity_id, hello.activity_id);
    assert_eq!(state.connection_id, "connection");
    let media = media(3 << 20);
    browser.open(1);
    browser.append(1, 1, &media);
    browser.player(1, PlayerCommand::Play);
    device.until("all media is there", |device| device.last_media().len() == media.len());
    assert!(device.last_media() == media, "the bytes differ");
    device.until("play arrives", |device| {
        let play = |message: &HostMessage| {
            matches!(message, HostMessage::Player { command: PlayerCommand::Play, .. })
        };
        device.messages.iter().any(play)
    });
    browser.wait_device("page_ready", |message| {
        *message == DeviceMessage::PageReady { page: page(1) }
    });
    let status = place.status_when("a round trip is known", |status| 0 < status.control_rtt_ms.n);
    assert!(status.connected);
    assert_eq!((status.browsers, status.pages), (1, 1));
    assert_eq!(status.transport, if cfg!(windows) { "windows" } else { "unix" });
    assert!(media.len() < status.kept_bytes && status.kept_bytes < media.len() + 4096);
    assert!(3 << 20 < status.bytes_sent);
    // The last browser goes: the host says goodbye, and the broker ends.
    browser.close();
    device.until_closed();
    place.wait_for_end();
}

#[test]
fn a_device_that_comes_later_is_found_and_one_that_comes_back_gets_everything() {
    let place = Place::forwarded();
    let mut browser = Browser::greeted(&place);
    assert_eq!(browser.wait_reason().code, ReasonCode::Network);
    let media = media(700_001);
    browser.open(1);
    browser.append(1, 1, &media);
    let mut nonces = Vec::new();
    for _ in 0..3 {
        let listener = listen(&place.channel());
        let mut device = Device::accept(&listener);
        browser.wait_connected();
        nonces.push(device.hello.clone().unwrap().nonce);
        device.until("all media is there", |device| device.last_media().len() == media.len());
        assert!(device.last_media() == media, "the bytes differ");
        assert_eq!(device.commands.len(), 1);
        browser.wait_device("page_ready", |message| {
            *message == DeviceMessage::PageReady { page: page(1) }
        });
        std::fs::remove_file(place.channel()).unwrap();
        drop((device, listener));
        assert_eq!(browser.wait_reason().code, ReasonCode::Network);
    }
    nonces.sort();
    nonces.dedup();
    assert_eq!(nonces.len(), 3, "each connection has its own");
}

#[test]
fn a_stage_that_died_is_asked_for_again_with_all_its_media() {
    let place = Place::forwarded();
    let listener = listen(&place.channel());
    let mut browser = Browser::greeted(&place);
    let mut device = Device::accept(&listener);
    let media = media(100_000);
    browser.open(1);
    browser.append(1, 1, &media);
    device.until("all media is there", |device| device.last_media().len() == media.len());
    let first = device.last_page().unwrap();
    let reason = Reason::new(ReasonCode::StageCrashed, "The stage crashed.", "Nothing to do.");
    device.send(&DeviceMessage::PageFailed { page: first, reason });
    device.until("a new page", |device| device.last_page() != Some(first));
    device.until("all media is there", |device| device.last_media().len() == media.len());
    assert!(device.last_media() == media, "the bytes differ");
    assert!(device.messages.contains(&HostMessage::PageClose { page: first }));
    for expected in ["page_failed", "page_ready"] {
        browser.wait_device(expected, |message| match message {
            DeviceMessage::PageFailed { page: at, .. } => {
                *at == page(1) && expected == "page_failed"
            }
            DeviceMessage::PageReady { page: at } => *at == page(1) && expected == "page_ready",
            _ => false,
        });
    }
}

#[test]
fn control_passes_media_that_waits_for_credit() {
    let place = Place::forwarded();
    let listener = listen(&place.channel());
    let mut browser = Browser::greeted(&place);
    let mut device = Device::accept(&listener);
    device.consumes = false;
    browser.open(1);
    // Both at once: a device that does not answer for three seconds is taken for lost.
    std::thread::scope(|scope| {
        let _ = scope.spawn(|| {
            browser.append(1, 1, &media(24 << 20));
            browser.player(1, PlayerCommand::Pause);
        });
        device.until("pause arrives", |device| {
            let pause = |message: &HostMessage| {
                matches!(message, HostMessage::Player { command: PlayerCommand::Pause, .. })
            };
            device.messages.iter().any(pause)
        });
    });
    assert!(device.received_bytes < 160 << 10, "no more than the credit of one stream");
    let status = place.status_when("all of it is kept", |status| 24 << 20 < status.kept_bytes);
    assert!(status.kept_bytes < 25 << 20, "once");
    if cfg!(target_os = "linux") {
        let memory = std::fs::read_to_string(format!("/proc/{}/statm", status.pid)).unwrap();
        let resident: usize = memory.split(' ').nth(1).unwrap().parse().unwrap();
        assert!(resident * 4096 < 64 << 20, "{} MiB are resident", resident / 256);
    }
}

#[test]
fn a_device_that_breaks_the_rules_is_left_and_tried_again() {
    let nonsense: [&[u8]; 4] = [
        b"\xff\xff\xff\xff\x01\0\0\0",
        b"\x04\0\0\0\x01\0\0\0{{{{",
        b"\x01\0\0\0\x03\0\x01\0x",
        b"\x01\0\0\0\x09\0\0\0x",
    ];
    // Twice each: the third time would be ten seconds later.
    for pair in nonsense.chunks(2) {
        let place = Place::forwarded();
        let listener = listen(&place.channel());
        let mut browser = Browser::greeted(&place);
        for bytes in pair {
            let mut device = Device::accept(&listener);
            browser.wait_connected();
            device.write(bytes);
            device.until_closed();
            assert_eq!(browser.wait_reason().code, ReasonCode::ProtocolViolation);
        }
        let mut device = Device::accept(&listener);
        browser.open(1);
        device.until("a page", |device| device.last_page().is_some());
    }
}

#[test]
fn a_channel_that_is_none_is_said() {
    for (channel, word) in [("tcp:1", "NEARSIDE_CHANNEL"), ("unix:relative", "NEARSIDE_CHANNEL")] {
        let mut place = Place::new();
        place.set("NEARSIDE_CHANNEL", channel.to_owned());
        let reason = Browser::greeted(&place).wait_reason();
        assert!(reason.next_step.contains(word), "{reason:?}");
    }
    let place = Place::new();
    let reason = Browser::greeted(&place).wait_reason();
    assert!(reason.message.starts_with("No Nearside client"), "{reason:?}");
}
