//! Clients of Windows' Remote Desktop Services that go and come, and the machine's policies.

#![expect(unsafe_code, reason = "events of the system have no safe interface")]

use std::process::Command;

use nearside_channel::message::{ReasonCode, SessionPolicy};
use windows_sys::Win32::Foundation::{CloseHandle, HANDLE};
use windows_sys::Win32::System::Threading::{CreateEventW, SetEvent};

use crate::browser::Browser;
use crate::device::{Device, listen};
use crate::place::Place;

/// The stand-in's event: the session is another one's, or nobody's.
struct Changes(HANDLE);

impl Changes {
    fn of(place: &Place) -> Self {
        let name = place.channel().display().to_string().replace('\\', "/");
        let name: Vec<u16> = name.encode_utf16().chain([0]).collect();
        // SAFETY: the name ends with 0.
        let event = unsafe { CreateEventW(std::ptr::null(), 0, 0, name.as_ptr()) };
        assert!(!event.is_null(), "{}", std::io::Error::last_os_error());
        Self(event)
    }

    fn tell(&self) {
        // SAFETY: the event is open.
        assert_ne!(unsafe { SetEvent(self.0) }, 0);
    }
}

impl Drop for Changes {
    fn drop(&mut self) {
        // SAFETY: opened by `of`, and used no more.
        unsafe { CloseHandle(self.0) };
    }
}

#[test]
fn a_client_that_goes_is_seen_although_its_channel_says_nothing() {
    let place = Place::forwarded();
    let changes = Changes::of(&place);
    let away = place.channel().with_extension("away");
    let listener = listen(&place.channel());
    let mut browser = Browser::greeted(&place);
    let mut device = Device::accept(&listener);
    browser.wait_connected();
    std::fs::write(&away, "").unwrap();
    changes.tell();
    device.until_closed();
    assert_eq!(browser.wait_reason().code, ReasonCode::Network);
    std::fs::remove_file(&away).unwrap();
    changes.tell();
    let mut device = Device::accept(&listener);
    browser.wait_connected();
    browser.open(1);
    device.until("a page", |device| device.last_page().is_some());
}

/// Group Policy's values, set until it is dropped.
struct Policies(&'static str);

impl Policies {
    const KEY: &str = r"HKLM\SOFTWARE\Policies\Microsoft\Windows NT\Terminal Services";

    fn set(value: &'static str) -> Self {
        let done = Command::new("reg")
            .args(["add", Self::KEY, "/v", value, "/t", "REG_DWORD", "/d", "1", "/f"])
            .status();
        assert!(done.unwrap().success());
        Self(value)
    }
}

impl Drop for Policies {
    fn drop(&mut self) {
        let _ = Command::new("reg").args(["delete", Self::KEY, "/v", self.0, "/f"]).status();
    }
}

#[test]
#[ignore = "writes the machine's policies; tests/windows.sh runs it, on a machine of wine's"]
fn group_policy_is_sent() {
    let place = Place::forwarded();
    let _policies = Policies::set("fDisableAudioCapture");
    let listener = listen(&place.channel());
    let mut browser = Browser::greeted(&place);
    let device = Device::accept(&listener);
    let expected = SessionPolicy { disable_audio_capture: Some(true), ..SessionPolicy::default() };
    assert_eq!(device.hello.as_ref().unwrap().policy, expected);
    assert_eq!(browser.wait_connected().policy, expected);
}
