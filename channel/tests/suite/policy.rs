//! Resultant values, as a table: who says what, what holds, and the words for it.

use nearside_channel::message::{ReasonCode, SessionPolicy};
use nearside_channel::policy::{
    self, AudioMode, CameraList, Capture, ConnectionProperties, DevicePolicy, Inputs, Origin,
    Playback, Setting, UserSwitches,
};
use nearside_channel::validate::MAX_SENTENCE;

fn session(change: impl FnOnce(&mut SessionPolicy)) -> Inputs {
    let mut inputs = Inputs::default();
    change(&mut inputs.session);
    inputs
}

fn rdp_file(text: &str) -> Inputs {
    let connection = ConnectionProperties::from_rdp_file(text).unwrap();
    Inputs { connection, ..Inputs::default() }
}

fn device(device: DevicePolicy) -> Inputs {
    Inputs { device, ..Inputs::default() }
}

fn user(user: UserSwitches) -> Inputs {
    Inputs { user, ..Inputs::default() }
}

/// Takes from each what it configures.
fn both(mut a: Inputs, b: Inputs) -> Inputs {
    a.connection = b.connection;
    a.user = b.user;
    a
}

#[track_caller]
fn check_playback(inputs: &Inputs, value: Playback, words: &str) {
    let resultant = policy::playback(inputs);
    assert_eq!((resultant.value, resultant.to_string().as_str()), (value, words));
    assert_eq!(resultant.statements.len(), 4, "every source is named");
    assert_eq!(resultant.reason().is_none(), value == Playback::On);
}

#[track_caller]
fn check_microphone(inputs: &Inputs, value: Capture, words: &str) {
    let resultant = policy::microphone(inputs);
    assert_eq!((resultant.value, resultant.to_string().as_str()), (value, words));
}

#[track_caller]
fn check_camera(inputs: &Inputs, value: Capture, words: &str) {
    let resultant = policy::camera(inputs);
    assert_eq!((resultant.value, resultant.to_string().as_str()), (value, words));
}

#[test]
fn playback() {
    let paused = user(UserSwitches { paused: true, ..UserSwitches::default() });
    check_playback(&Inputs::default(), Playback::On, "Video playback: on");
    check_playback(
        &session(|session| session.disable_playback = Some(true)),
        Playback::Off,
        "Video playback: off, because the session host's policy says fDisableCam = true",
    );
    check_playback(
        &session(|session| session.disable_playback = Some(false)),
        Playback::On,
        "Video playback: on",
    );
    check_playback(&rdp_file("audiomode:i:0"), Playback::On, "Video playback: on");
    check_playback(
        &rdp_file("audiomode:i:1"),
        Playback::SoundlessOnly,
        "Video playback: on for media without sound, because the .rdp file says audiomode:i:1",
    );
    check_playback(
        &rdp_file("audiomode:i:2"),
        Playback::Silent,
        "Video playback: on without sound, because the .rdp file says audiomode:i:2",
    );
    check_playback(
        &device(DevicePolicy { playback: Setting::Is(false), ..DevicePolicy::default() }),
        Playback::Off,
        "Video playback: off, because this device's policy says playback = false",
    );
    check_playback(
        &paused,
        Playback::Off,
        "Video playback: off, because you have paused redirection",
    );
    assert_eq!(policy::playback(&paused).reason().unwrap().code, ReasonCode::PausedByUser);
    // The most restrictive decides; of equals the one further from the user.
    check_playback(
        &both(session(|session| session.disable_playback = Some(true)), paused),
        Playback::Off,
        "Video playback: off, because the session host's policy says fDisableCam = true",
    );
    let mut inputs = rdp_file("audiomode:i:2");
    inputs.device.playback = Setting::Is(false);
    check_playback(
        &inputs,
        Playback::Off,
        "Video playback: off, because this device's policy says playback = false",
    );
}

#[test]
fn microphone() {
    check_microphone(&Inputs::default(), Capture::On, "Microphone: on");
    check_microphone(
        &rdp_file("audiocapturemode:i:0"),
        Capture::Off,
        "Microphone: off, because the .rdp file says audiocapturemode:i:0",
    );
    check_microphone(&rdp_file("audiocapturemode:i:1"), Capture::On, "Microphone: on");
    check_microphone(
        &session(|session| session.disable_audio_capture = Some(true)),
        Capture::Off,
        "Microphone: off, because the session host's policy says fDisableAudioCapture = true",
    );
    check_microphone(
        &user(UserSwitches { microphone_off: true, ..UserSwitches::default() }),
        Capture::Off,
        "Microphone: off, because you have switched the microphone off",
    );
}

#[test]
fn camera() {
    check_camera(&Inputs::default(), Capture::On, "Camera: on");
    check_camera(&rdp_file("camerastoredirect:s:*"), Capture::On, "Camera: on");
    check_camera(
        &rdp_file("camerastoredirect:s:*;-front"),
        Capture::Listed,
        "Camera: on for listed cameras, because the .rdp file says camerastoredirect:s:*;-front",
    );
    check_camera(
        &rdp_file("camerastoredirect:s:"),
        Capture::Off,
        "Camera: off, because the .rdp file says camerastoredirect:s:",
    );
    let long = policy::camera(&rdp_file(&format!("camerastoredirect:s:{}", "ü".repeat(4000))));
    assert!(long.reason().unwrap().message.len() <= MAX_SENTENCE, "fits into a message");
    check_camera(
        &device(DevicePolicy { camera: Setting::Is(false), ..DevicePolicy::default() }),
        Capture::Off,
        "Camera: off, because this device's policy says camera = false",
    );
}

#[test]
fn sources_that_say_nothing_are_shown_too() {
    let resultant = policy::playback(&Inputs::default());
    assert_eq!(resultant.statements[0].written, Setting::NotConfigured);
    let words: Vec<_> = resultant.statements.iter().map(ToString::to_string).collect();
    assert_eq!(
        words,
        [
            "the session host's policy does not configure fDisableCam",
            "the RDP connection does not configure audiomode:i",
            "this device's policy does not configure playback",
            "you have not paused redirection",
        ]
    );
}

/// No source can widen what the others leave: adding a restriction never lifts the result.
#[test]
fn every_source_only_restricts() {
    let flags = [Setting::NotConfigured, Setting::Is(true), Setting::Is(false)];
    let options = [None, Some(false), Some(true)];
    let modes = [
        Setting::NotConfigured,
        Setting::Is(AudioMode::Here),
        Setting::Is(AudioMode::Remote),
        Setting::Is(AudioMode::Nowhere),
    ];
    let cameras = [
        Setting::NotConfigured,
        Setting::Is(CameraList::parse("*").unwrap()),
        Setting::Is(CameraList::parse("a").unwrap()),
        Setting::Is(CameraList::parse("").unwrap()),
    ];
    for option in options {
        for flag in flags {
            for (mode, list) in modes.iter().zip(&cameras) {
                for switch in [false, true] {
                    let inputs = Inputs {
                        session: SessionPolicy {
                            disable_playback: option,
                            disable_audio_capture: option,
                            disable_camera: option,
                        },
                        connection: ConnectionProperties {
                            origin: Origin::Live,
                            audio_mode: *mode,
                            audio_capture: flag,
                            cameras: list.clone(),
                        },
                        device: DevicePolicy {
                            playback: flag,
                            microphone: flag,
                            camera: flag,
                            ..DevicePolicy::default()
                        },
                        user: UserSwitches {
                            paused: switch,
                            microphone_off: switch,
                            camera_off: switch,
                        },
                    };
                    let playback = policy::playback(&inputs);
                    for statement in &playback.statements {
                        assert!(statement.at_most <= playback.value, "{inputs:?}");
                    }
                    for resultant in [policy::microphone(&inputs), policy::camera(&inputs)] {
                        for statement in &resultant.statements {
                            assert!(statement.at_most <= resultant.value, "{inputs:?}");
                        }
                    }
                }
            }
        }
    }
}

#[test]
fn device_policy_files() {
    let read = |text: &str| serde_json::from_str::<DevicePolicy>(text).ok();
    let none = DevicePolicy::default();
    let is = Setting::Is;
    for (text, expected) in [
        ("{}", Some(none)),
        (r#"{"playback": null, "later": [1]}"#, Some(none)),
        (r#"{"playback": false}"#, Some(DevicePolicy { playback: is(false), ..none })),
        (
            r#"{"microphone": true, "camera": false, "allow_private_addresses": true}"#,
            Some(DevicePolicy {
                microphone: is(true),
                camera: is(false),
                allow_private_addresses: is(true),
                ..none
            }),
        ),
        (r#"{"playback": "no"}"#, None),
        (r#"{"playback": false,}"#, None),
        ("[]", Some(none)),
        ("", None),
    ] {
        assert_eq!(read(text), expected, "{text}");
    }
}
