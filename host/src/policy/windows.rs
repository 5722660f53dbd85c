//! Group Policy's values of Remote Desktop Services.

#![expect(unsafe_code, reason = "the registry has no safe interface")]

use std::ffi::c_void;

use nearside_channel::message::SessionPolicy;
use windows_sys::Win32::System::Registry::{HKEY_LOCAL_MACHINE, RRF_RT_REG_DWORD, RegGetValueW};

/// Where Group Policy puts them.
const KEY: &str = r"SOFTWARE\Policies\Microsoft\Windows NT\Terminal Services";

/// The values that are set.
pub(super) fn read() -> SessionPolicy {
    SessionPolicy {
        disable_playback: switch("fDisableCam"),
        disable_audio_capture: switch("fDisableAudioCapture"),
        disable_camera: switch("fDisableCameraRedir"),
    }
}

/// `None`: not configured.
fn switch(name: &str) -> Option<bool> {
    let wide = |text: &str| -> Vec<u16> { text.encode_utf16().chain([0]).collect() };
    let (key, name) = (wide(KEY), wide(name));
    let mut value = 0_u32;
    let mut length = u32::try_from(size_of_val(&value)).unwrap_or(0);
    let place: *mut c_void = (&raw mut value).cast();
    // SAFETY: both texts end with 0; `value` has `length` bytes, and only a REG_DWORD is taken.
    let status = unsafe {
        RegGetValueW(
            HKEY_LOCAL_MACHINE,
            key.as_ptr(),
            name.as_ptr(),
            RRF_RT_REG_DWORD,
            std::ptr::null_mut(),
            place,
            &raw mut length,
        )
    };
    (status == 0).then_some(value != 0)
}
