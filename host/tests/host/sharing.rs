//! Several browsers and tabs on one channel, and ends at any moment.

use std::io::Read as _;
use std::sync::atomic::{AtomicUsize, Ordering};

use nearside_channel::extension::{ExtensionMessage, HostEvent};
use nearside_channel::message::HostMessage;

use crate::browser::{Browser, page};
use crate::channels::media;
use crate::device::{Device, listen};
use crate::place::{Place, kill};

#[test]
fn browsers_that_start_at_once_share_one_broker_and_one_channel() {
    let place = Place::forwarded();
    let listener = listen(&place.channel());
    let mut browsers = vec![Browser::greeted(&place)];
    if cfg!(windows) {
        // Wine lets a second broker have the pipe's name, too: only the others start at once.
        place.status_when("the broker is there", |_| true);
    }
    browsers.extend((1..6).map(|_| Browser::greeted(&place)));
    let mut device = Device::accept(&listener);
    // A device that does not answer for three seconds is taken for lost: it goes on meanwhile.
    let opened = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        let _ = scope.spawn(|| {
            for browser in &mut browsers {
                browser.wait_connected();
                browser.open(1);
                opened.fetch_add(1, Ordering::Relaxed);
            }
        });
        device.until("all are connected", |_| opened.load(Ordering::Relaxed) == 6);
    });
    for (number, browser) in (1_u8..).zip(&mut browsers) {
        browser.append(1, 1, &[number; 1000]);
    }
    device.until("all media is there", |device| {
        device.media.values().map(Vec::len).sum::<usize>() == 6000
    });
    let mut numbers: Vec<u8> = device
        .media
        .values()
        .map(|media| {
            assert!(media.iter().all(|byte| *byte == media[0]), "streams are not mixed");
            media[0]
        })
        .collect();
    numbers.sort_unstable();
    assert_eq!(numbers, [1, 2, 3, 4, 5, 6]);
    assert_eq!(place.status().unwrap().browsers, 6);
    listener.set_nonblocking(true).unwrap();
    assert!(listener.accept().is_err(), "there is one channel");
}

#[test]
fn a_browser_that_is_killed_takes_only_its_own_pages() {
    let place = Place::forwarded();
    let listener = listen(&place.channel());
    let mut first = Browser::greeted(&place);
    let mut device = Device::accept(&listener);
    let mut second = Browser::connected(&place);
    first.open(1);
    device.until("a page", |device| device.last_page().is_some());
    let of_first = device.last_page().unwrap();
    second.open(1);
    device.until("another page", |device| device.last_page() != Some(of_first));
    kill(first.relay.id());
    first.wait_closed();
    device.until("its page is closed", |device| {
        device.messages.contains(&HostMessage::PageClose { page: of_first })
    });
    second.append(1, 1, b"lives");
    device.until("the other lives", |device| device.last_media() == b"lives");
    assert_eq!(place.status().unwrap().pages, 1);
}

#[test]
fn a_broker_that_is_killed_is_started_again() {
    let place = Place::forwarded();
    let listener = listen(&place.channel());
    let mut browser = Browser::greeted(&place);
    let mut device = Device::accept(&listener);
    browser.wait_connected();
    let killed = place.status().unwrap().pid;
    kill(killed);
    device.until_closed();
    browser.wait_closed();
    let mut browser = Browser::greeted(&place);
    let mut device = Device::accept(&listener);
    browser.wait_connected();
    assert_ne!(place.status().unwrap().pid, killed);
    browser.open(1);
    device.until("a page", |device| device.last_page().is_some());
}

#[test]
fn the_broker_holds_nothing_of_the_browser_that_started_it() {
    let place = Place::forwarded();
    let mut relay = place
        .program()
        .arg("chrome-extension://abcdefghijklmnopabcdefghijklmnop/")
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let broker = place.status_when("a broker runs", |_| true).pid;
    relay.kill().unwrap();
    relay.wait().unwrap();
    let mut rest = Vec::new();
    relay.stdout.take().unwrap().read_to_end(&mut rest).unwrap();
    relay.stderr.take().unwrap().read_to_end(&mut rest).unwrap();
    assert_eq!(place.status().unwrap().pid, broker, "it outlives its relay");
    // Elsewhere the ends of its pipes have said it.
    if cfg!(target_os = "linux") {
        for descriptor in 0..3 {
            let target = std::fs::read_link(format!("/proc/{broker}/fd/{descriptor}")).unwrap();
            assert_eq!(target.to_str(), Some("/dev/null"));
        }
    }
}

#[test]
fn twenty_tabs_come_and_go() {
    let place = Place::forwarded();
    let listener = listen(&place.channel());
    let mut browser = Browser::greeted(&place);
    let mut device = Device::accept(&listener);
    let media = media(50_000);
    for round in 1..=3 {
        for tab in 1..=20 {
            browser.open(tab);
            browser.append(tab, 1, &media);
        }
        device.until("all media is there", |device| {
            device.media.values().map(Vec::len).sum::<usize>() == round * 20 * media.len()
        });
        for tab in 1..=20 {
            browser.say(&ExtensionMessage::PageClose { page: page(tab) });
        }
        device.until("all pages are closed", |device| {
            let closes = |message: &&HostMessage| matches!(message, HostMessage::PageClose { .. });
            device.messages.iter().filter(closes).count() == round * 20
        });
    }
    assert!(device.media.values().all(|got| *got == media));
    let status = place.status_when("nothing is left", |status| status.pages == 0);
    assert_eq!(status.kept_bytes, 0);
}

#[test]
fn logs_say_what_happened_and_nothing_of_pages() {
    let place = Place::forwarded();
    let listener = listen(&place.channel());
    let mut browser = Browser::greeted(&place);
    let mut device = Device::accept(&listener);
    browser.wait_connected();
    browser.say(&ExtensionMessage::CollectLogs { start: true });
    // What comes later has come, so the host collects.
    browser.open(1);
    device.until("the page is open", |device| {
        device.messages.iter().any(|message| matches!(message, HostMessage::PageOpen { .. }))
    });
    drop(device);
    browser.wait_reason();
    browser.say(&ExtensionMessage::CollectLogs { start: false });
    let lines = browser.wait("logs", |event| match event {
        HostEvent::Logs { lines } => Some(lines),
        _ => None,
    });
    assert!(lines.iter().any(|line| line.contains("the connection ended")), "{lines:?}");
    let text = lines.join("\n");
    for secret in ["SECRET", "site", "video/webm", "channel.sock", "abcdefgh"] {
        assert!(!text.contains(secret), "{text}");
    }
}
