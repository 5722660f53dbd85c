//! What FreeRDP knows about the connection, read through its own functions.
//!
//! The functions are looked up in the running program, so the plugin is linked to no version.
//! The numbers of the settings are the same in `freerdp/settings.h` of 2.11.7 and in
//! `freerdp/settings_types_private.h` of 3.0.0, 3.15.0 and 3.30.0.

use std::ffi::{CStr, c_char, c_int, c_void};
use std::mem;
use std::ptr;

use nearside_channel::message::Size;
use nearside_channel::plugin::ConnectionFacts;

const DESKTOP_WIDTH: usize = 129;
const DESKTOP_HEIGHT: usize = 130;
const DESKTOP_SCALE_FACTOR: usize = 148;
const REMOTE_CONSOLE_AUDIO: usize = 713;
const AUDIO_PLAYBACK: usize = 714;
const AUDIO_CAPTURE: usize = 715;
const FULLSCREEN: usize = 1537;
const WINDOW_TITLE: usize = 1542;
const PARENT_WINDOW_ID: usize = 1543;
const SMART_SIZING: usize = 1551;
const CONNECTION_FILE: usize = 1728;

/// Most bytes of a title that are passed on; what the preamble carries stays far below its limit.
const MAX_TITLE: usize = 1024;
/// Longer paths are not passed on.
const MAX_PATH: usize = 4096;

// The number is `size_t` in version 2 and an enumeration in version 3, which reads the lower
// half of the same register.
type U32Of = unsafe extern "C" fn(*const c_void, usize) -> u32;
type U64Of = unsafe extern "C" fn(*const c_void, usize) -> u64;
type BoolOf = unsafe extern "C" fn(*const c_void, usize) -> c_int;
type StringOf = unsafe extern "C" fn(*const c_void, usize) -> *const c_char;
type VersionOf = unsafe extern "C" fn() -> *const c_char;

/// The `rdpSettings` of one connection.
///
/// INVARIANT: the pointer is FreeRDP's and lives as long as the plugin is registered.
pub(super) struct Settings {
    settings: *const c_void,
    u32_of: Option<U32Of>,
    u64_of: Option<U64Of>,
    bool_of: Option<BoolOf>,
    /// Read once, on the thread that may change it, as the next one.
    title: Option<String>,
    connection_file: Option<String>,
    client: String,
    display: Option<String>,
    wayland_display: Option<String>,
}

impl Settings {
    /// # Safety
    /// `settings` is null or a live `rdpSettings` that outlives the value.
    pub(super) unsafe fn read(settings: *const c_void) -> Settings {
        let libraries = Libraries::of_this_process();
        // SAFETY: these are the signatures of the functions of these names in `freerdp/settings.h`
        // and `freerdp/freerdp.h` of both versions; an `Option` of a function pointer is null
        // for `None`.
        let (u32_of, u64_of, bool_of, string_of, version_of) = unsafe {
            (
                mem::transmute::<*mut c_void, Option<U32Of>>(
                    libraries.symbol(c"freerdp_settings_get_uint32"),
                ),
                mem::transmute::<*mut c_void, Option<U64Of>>(
                    libraries.symbol(c"freerdp_settings_get_uint64"),
                ),
                mem::transmute::<*mut c_void, Option<BoolOf>>(
                    libraries.symbol(c"freerdp_settings_get_bool"),
                ),
                mem::transmute::<*mut c_void, Option<StringOf>>(
                    libraries.symbol(c"freerdp_settings_get_string"),
                ),
                mem::transmute::<*mut c_void, Option<VersionOf>>(
                    libraries.symbol(c"freerdp_get_version_string"),
                ),
            )
        };
        // SAFETY: the settings are live as the caller promises; both functions return null or a
        // C string that nothing changes during this call.
        let (title, connection_file, version) = unsafe {
            let string = |number| {
                string_of
                    .filter(|_| !settings.is_null())
                    .and_then(|string_of| text(string_of(settings, number)))
            };
            (
                string(WINDOW_TITLE),
                string(CONNECTION_FILE),
                version_of.and_then(|version_of| text(version_of())),
            )
        };
        let variable =
            |name| std::env::var(name).ok().filter(|value| (1..=256).contains(&value.len()));
        Settings {
            settings,
            u32_of,
            u64_of,
            bool_of,
            title: title.map(|title| clipped(&title, MAX_TITLE)),
            connection_file: connection_file.and_then(|file| absolute(&file)),
            client: format!("FreeRDP {}", clipped(version.as_deref().unwrap_or("?"), 64)),
            display: variable("DISPLAY"),
            wayland_display: variable("WAYLAND_DISPLAY"),
        }
    }

    /// The connection as it is now.
    pub(super) fn facts(&self) -> ConnectionFacts {
        ConnectionFacts {
            plugin_version: env!("CARGO_PKG_VERSION").to_owned(),
            client: self.client.clone(),
            pid: std::process::id(),
            display: self.display.clone(),
            wayland_display: self.wayland_display.clone(),
            parent_window: self.u64(PARENT_WINDOW_ID).filter(|window| *window != 0),
            window_title: self.title.clone(),
            desktop: self.desktop(),
            scale_percent: self.u32(DESKTOP_SCALE_FACTOR).filter(|percent| *percent != 0),
            smart_sizing: self.bool(SMART_SIZING),
            fullscreen: self.bool(FULLSCREEN),
            audio_mode: self.audio_mode(),
            audio_capture_mode: self.bool(AUDIO_CAPTURE).map(u32::from),
            connection_file: self.connection_file.clone(),
        }
    }

    fn desktop(&self) -> Option<Size> {
        let size = Size { width: self.u32(DESKTOP_WIDTH)?, height: self.u32(DESKTOP_HEIGHT)? };
        (0 < size.width && 0 < size.height).then_some(size)
    }

    /// `audiomode:i`. FreeRDP has the same settings for 2, do not play, as for a user who asked
    /// for nothing, so that is not known.
    fn audio_mode(&self) -> Option<u32> {
        match (self.bool(AUDIO_PLAYBACK)?, self.bool(REMOTE_CONSOLE_AUDIO)?) {
            (true, _) => Some(0),
            (false, true) => Some(1),
            (false, false) => None,
        }
    }

    fn u32(&self, number: usize) -> Option<u32> {
        let read = self.u32_of.filter(|_| !self.settings.is_null())?;
        // SAFETY: the settings are live by the type's invariant; the number is of this type.
        Some(unsafe { read(self.settings, number) })
    }

    fn u64(&self, number: usize) -> Option<u64> {
        let read = self.u64_of.filter(|_| !self.settings.is_null())?;
        // SAFETY: as above.
        Some(unsafe { read(self.settings, number) })
    }

    fn bool(&self, number: usize) -> Option<bool> {
        let read = self.bool_of.filter(|_| !self.settings.is_null())?;
        // SAFETY: as above.
        Some(unsafe { read(self.settings, number) } != 0)
    }
}

/// Where FreeRDP's functions are: everywhere in the process for programs that link to it, in its
/// own scope for programs that load it as a plugin themselves.
struct Libraries(Vec<*mut c_void>);

impl Libraries {
    fn of_this_process() -> Libraries {
        let mut handles = vec![libc::RTLD_DEFAULT];
        for name in [c"libfreerdp3.so.3", c"libfreerdp2.so.2"] {
            // SAFETY: the name is a C string; RTLD_NOLOAD only finds what is loaded already. The
            // handle is never closed, as little as FreeRDP unloads itself below a plugin.
            let handle =
                unsafe { libc::dlopen(name.as_ptr(), libc::RTLD_LAZY | libc::RTLD_NOLOAD) };
            if !handle.is_null() {
                handles.push(handle);
            }
        }
        Libraries(handles)
    }

    /// The address of a function, or null.
    fn symbol(&self, name: &CStr) -> *mut c_void {
        self.0
            .iter()
            // SAFETY: the handles are RTLD_DEFAULT or come from dlopen; the name is a C string.
            .map(|handle| unsafe { libc::dlsym(*handle, name.as_ptr()) })
            .find(|address| !address.is_null())
            .unwrap_or(ptr::null_mut())
    }
}

/// # Safety
/// `string` is null or a C string.
pub(super) unsafe fn text(string: *const c_char) -> Option<String> {
    if string.is_null() {
        return None;
    }
    // SAFETY: not null, and the caller promises the rest.
    let text = unsafe { CStr::from_ptr(string) }.to_string_lossy().into_owned();
    (!text.is_empty()).then_some(text)
}

/// As the client, which was given the path, finds it.
fn absolute(file: &str) -> Option<String> {
    let path = std::path::absolute(file).ok()?.into_os_string().into_string().ok()?;
    (path.len() <= MAX_PATH).then_some(path)
}

fn clipped(text: &str, bytes: usize) -> String {
    text[..text.floor_char_boundary(bytes)].to_owned()
}
