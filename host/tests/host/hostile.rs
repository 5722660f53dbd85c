//! Browsers that send what no extension would. Their port closes with a reason; nothing else.

use nearside_channel::codec;
use nearside_channel::extension::{ExtensionMessage, HostEvent};
use nearside_channel::message::{DeviceMessage, PlayerCommand, ReasonCode, StreamId};

use crate::browser::Browser;
use crate::device::{Device, listen};
use crate::place::Place;

#[test]
fn what_is_no_message_closes_one_port_with_a_reason() {
    let place = Place::forwarded();
    let listener = listen(&place.channel());
    let mut honest = Browser::greeted(&place);
    let mut device = Device::accept(&listener);
    let deep = [vec![b'['; 100_000], vec![b']'; 100_000]].concat();
    let bodies: [&[u8]; 9] = [
        b"",
        b"null",
        b"{",
        b"\xff\xfe",
        br#"{"type":"hello"}"#,
        br#"{"type":"unknown"}"#,
        br#"{"type":"page_open","page":-1,"site":"","title":""}"#,
        br#"{"type":"media","stream":70000,"data":""}"#,
        &deep,
    ];
    for body in bodies {
        let mut hostile = Browser::greeted(&place);
        hostile.say_raw(body);
        check_refused(&mut hostile, body);
    }
    // A length without end, and one within Chromium's own limit: neither is waited for.
    for length in [u32::MAX, 64 << 20] {
        let mut hostile = Browser::greeted(&place);
        hostile.write(&length.to_ne_bytes());
        check_refused(&mut hostile, &length.to_ne_bytes());
    }
    honest.open(1);
    honest.append(1, 1, b"lives");
    device.until("the honest one lives", |device| device.last_media() == b"lives");
    assert_eq!(place.status_when("one is left", |status| status.browsers == 1).pages, 1);
}

fn check_refused(hostile: &mut Browser, what: &[u8]) {
    let what = String::from_utf8_lossy(what.get(..60).unwrap_or(what)).into_owned();
    match hostile.wait_closed().last() {
        Some(HostEvent::Refused { reason }) => {
            assert_eq!(reason.code, ReasonCode::ProtocolViolation, "{what}");
        }
        other => panic!("{what}: {other:?}"),
    }
}

#[test]
fn a_browser_that_ends_in_the_middle_of_a_message_just_ends() {
    let place = Place::forwarded();
    let listener = listen(&place.channel());
    let mut honest = Browser::greeted(&place);
    let mut device = Device::accept(&listener);
    for bytes in [&b"\x10"[..], b"\x10\0\0\0{\"type"] {
        let mut other = Browser::connected(&place);
        other.write(bytes);
        other.close();
        other.wait_closed();
    }
    honest.open(1);
    device.until("a page", |device| device.last_page().is_some());
    place.status_when("one is left", |status| status.browsers == 1);
}

#[test]
fn a_device_that_asks_on_and_on_and_takes_no_answer_is_left() {
    let place = Place::forwarded();
    let listener = listen(&place.channel());
    let mut browser = Browser::greeted(&place);
    let mut device = Device::accept(&listener);
    browser.wait_connected();
    let mut pings = Vec::new();
    for seq in 0..10_000 {
        codec::encode_device(&DeviceMessage::Ping { seq }, &mut pings).unwrap();
    }
    for _ in 0..100 {
        if device.closed {
            break;
        }
        device.write(&pings);
    }
    assert!(device.closed, "it is answered for ever");
    browser.wait_reason();
}

#[test]
fn numbers_of_other_browsers_are_of_no_use() {
    let place = Place::forwarded();
    let listener = listen(&place.channel());
    let mut honest = Browser::greeted(&place);
    let mut device = Device::accept(&listener);
    let mut other = Browser::connected(&place);
    honest.open(1);
    honest.append(1, 1, b"mine");
    device.until("media is there", |device| device.last_media() == b"mine");
    let before = device.messages.len();
    // Its own numbers are others', whatever they are.
    other.player(1, PlayerCommand::Close);
    other.say(&ExtensionMessage::Media { stream: StreamId(1), data: "AAAA".to_owned() });
    other.say(&ExtensionMessage::PageClose { page: crate::browser::page(1) });
    other.say(&ExtensionMessage::CollectLogs { start: false });
    other.wait("logs", |event| matches!(event, HostEvent::Logs { .. }).then_some(()));
    honest.append(1, 2, b" still");
    device.until("media is there", |device| device.last_media() == b"mine still");
    assert_eq!(device.messages.len(), before);
}
