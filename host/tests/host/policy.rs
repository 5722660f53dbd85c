//! The session host's policy file: sent, obeyed, watched.

use nearside_channel::message::{DeviceMessage, ReasonCode, SessionPolicy};

use crate::browser::Browser;
use crate::device::{Device, listen};
use crate::place::Place;

#[test]
fn the_policy_file_is_sent_obeyed_and_watched() {
    let mut place = Place::forwarded();
    let listener = listen(&place.channel());
    let file = place.path().join("policy.json");
    std::fs::write(&file, r#"{"fDisableAudioCapture": 1}"#).unwrap();
    let path = file.to_str().unwrap().to_owned();
    place.start_broker(&["--policy", &path]);
    let mut browser = Browser::greeted(&place);
    let mut device = Device::accept(&listener);
    let recording_off =
        SessionPolicy { disable_audio_capture: Some(true), ..SessionPolicy::default() };
    assert_eq!(device.hello.clone().unwrap().policy, recording_off);
    assert_eq!(browser.wait_connected().policy, recording_off);
    browser.open(1);
    device.until("a page", |device| device.last_page().is_some());
    browser.wait_device("page_ready", |message| matches!(message, DeviceMessage::PageReady { .. }));
    // A slip of the pen restricts everything, at once.
    std::fs::write(&file, r#"{"fDisableAudioCapture": "#).unwrap();
    device.until_closed();
    let device = Device::accept(&listener);
    assert_eq!(device.hello.clone().unwrap().policy.disable_playback, Some(true));
    let state = browser.wait_connected();
    assert_eq!(state.reason.map(|reason| reason.code), Some(ReasonCode::Policy));
    browser.wait_device("the page fails", |message| match message {
        DeviceMessage::PageFailed { reason, .. } => reason.code == ReasonCode::Policy,
        _ => false,
    });
    assert_eq!(device.last_page(), None);
    // And the page comes back with the policy.
    std::fs::write(&file, "{}").unwrap();
    let mut device = Device::accept(&listener);
    device.until("a page", |device| device.last_page().is_some());
    // A link to one counts as soon as it is there, and what is no file restricts everything.
    std::fs::remove_file(&file).unwrap();
    device.turn();
    let other = place.path().join("other.json");
    std::fs::write(&other, r#"{"fDisableAudioCapture": 1}"#).unwrap();
    std::os::unix::fs::symlink(&other, &file).unwrap();
    device.until_closed();
    let mut device = Device::accept(&listener);
    assert_eq!(device.hello.clone().unwrap().policy, recording_off);
    std::fs::remove_file(&file).unwrap();
    device.until_closed();
    let mut device = Device::accept(&listener);
    assert_eq!(device.hello.clone().unwrap().policy, SessionPolicy::default());
    std::fs::create_dir(&file).unwrap();
    device.until_closed();
    let device = Device::accept(&listener);
    assert_eq!(device.hello.clone().unwrap().policy.disable_playback, Some(true));
}
