//! The facts, read from the settings of a real FreeRDP library where one is installed.

use std::ffi::{CString, c_char, c_int, c_void};

use libloading::os::unix::Library;
use nearside_channel::message::Size;

use crate::Agent;
use crate::drdynvc::{Session, Version};

/// FreeRDP's own settings, made and changed by its own functions.
struct Settings {
    library: Library,
    settings: *mut c_void,
}

impl Settings {
    /// `None` where FreeRDP is not installed.
    fn new(library: &str) -> Option<Settings> {
        // SAFETY: FreeRDP's library has no initialiser that needs anything, and the function
        // makes settings from flags.
        unsafe {
            let library = Library::new(library).ok()?;
            let new = *library
                .get::<unsafe extern "C" fn(u32) -> *mut c_void>(b"freerdp_settings_new\0")
                .unwrap();
            let settings = new(0);
            assert!(!settings.is_null());
            Some(Settings { library, settings })
        }
    }

    /// Calls `freerdp_settings_set_TYPE`.
    fn set<T>(&self, type_name: &str, number: usize, value: T) {
        let name = format!("freerdp_settings_set_{type_name}\0");
        // SAFETY: the setters have this signature for the type of their name.
        let done = unsafe {
            let set = self
                .library
                .get::<unsafe extern "C" fn(*mut c_void, usize, T) -> c_int>(name.as_bytes())
                .unwrap();
            set(self.settings, number, value)
        };
        assert_ne!(done, 0, "{number}");
    }
}

#[test]
fn facts_are_those_of_the_connection_now() {
    let mut found = false;
    for (library, version, client) in [
        ("libfreerdp2.so.2", Version::V2, "FreeRDP 2."),
        ("libfreerdp3.so.3", Version::V3, "FreeRDP 3."),
    ] {
        let Some(settings) = Settings::new(library) else { continue };
        found = true;
        let title = CString::new("Büro\n".repeat(1000)).unwrap();
        settings.set::<*const c_char>("string", 1542, title.as_ptr());
        settings.set::<*const c_char>("string", 1728, c"desks/desk.rdp".as_ptr());
        let agent = Agent::start();
        let socket = format!("sock:{}", Agent::path(&agent.dir).display());
        let session = Session::start_with(version, &["nearside", &socket], settings.settings);

        settings.set::<u32>("uint32", 129, 1920);
        settings.set::<u32>("uint32", 130, 1080);
        settings.set::<u32>("uint32", 148, 150);
        settings.set::<u64>("uint64", 1543, 0x2a0_0001);
        for (number, value) in [(713, 0), (714, 1), (715, 1), (1537, 1), (1551, 1)] {
            settings.set::<c_int>("bool", number, value);
        }
        let channel = session.open().expect("accepted");
        let (_stream, facts) = agent.accept();
        assert!(facts.client.starts_with(client), "{}", facts.client);
        assert_eq!(facts.plugin_version, env!("CARGO_PKG_VERSION"));
        assert_eq!(facts.desktop, Some(Size { width: 1920, height: 1080 }));
        assert_eq!(facts.scale_percent, Some(150));
        assert_eq!(facts.parent_window, Some(0x2a0_0001));
        assert_eq!(facts.smart_sizing, Some(true));
        assert_eq!(facts.fullscreen, Some(true));
        assert_eq!(facts.audio_mode, Some(0));
        assert_eq!(facts.audio_capture_mode, Some(1));
        let file = std::env::current_dir().unwrap().join("desks/desk.rdp");
        assert_eq!(facts.connection_file.as_deref(), file.to_str());
        let title = facts.window_title.expect("set above");
        assert!(title.starts_with("Büro\nBüro") && title.len() <= 1024);
        channel.close();

        for (playback, console, mode) in [(0, 1, Some(1)), (0, 0, None), (1, 1, Some(0))] {
            settings.set::<c_int>("bool", 714, playback);
            settings.set::<c_int>("bool", 713, console);
            settings.set::<c_int>("bool", 1551, 0);
            let channel = session.open().expect("accepted");
            let (_stream, facts) = agent.accept();
            assert_eq!(facts.audio_mode, mode);
            assert_eq!(facts.smart_sizing, Some(false));
            channel.close();
        }
        session.end();
    }
    if !found {
        println!("no FreeRDP library is installed: nothing to compare with");
    }
}

#[test]
fn what_is_not_known_is_absent() {
    let agent = Agent::start();
    let session = agent.session(Version::V2);
    let channel = session.open().expect("accepted");
    let (_stream, facts) = agent.accept();
    assert_eq!(facts.pid, std::process::id());
    assert_eq!(facts.desktop, None);
    assert_eq!(facts.smart_sizing, None);
    assert_eq!(facts.audio_mode, None);
    assert_eq!(facts.window_title, None);
    channel.close();
    session.end();
}
