//! The embedded flash-and-beep clip: every picture accounted for, what it looks and sounds like.

use anyhow::{Context as _, ensure};
use nearside_tests::demo::Demo;
use nearside_tests::picture::{Picture, is_near};
use nearside_tests::place::Place;
use nearside_tests::sound::{SPEAKER, SoundServer};
use std::path::Path;

/// Pictures in the clip, and in a second of it.
const PICTURES: u64 = 300;
const RATE: u32 = 30;

/// The panel's green, which nothing but flowing media has.
const GREEN: [u8; 3] = [0x0f, 0x9d, 0x58];

/// The clip's colour patches from left to right: x in the middle of each, and the colour.
const PATCHES: [(u32, [u8; 3]); 7] = [
    (360, [0xbf, 0xbf, 0xbf]),
    (560, [0xbf, 0xbf, 0x00]),
    (760, [0x00, 0xbf, 0xbf]),
    (960, [0x00, 0xbf, 0x00]),
    (1160, [0xbf, 0x00, 0xbf]),
    (1360, [0xbf, 0x00, 0x00]),
    (1560, [0x00, 0x00, 0xbf]),
];

/// What quantisation and 4:2:0 may change.
const TOLERANCE: u8 = 12;

#[test]
fn the_clip_plays_to_its_end_and_every_picture_is_accounted_for() -> anyhow::Result<()> {
    let place = Place::new()?;
    let outcome = Demo::new(&place)?.screenshot(&place.file("shot.png")).run()?;
    let report = outcome.success()?;
    let video = report.video()?;
    assert_eq!(video.frames_decoded, PICTURES);
    assert_eq!(video.frames_presented + video.frames_dropped, PICTURES, "{video:?}");
    assert!(0 < video.frames_presented);
    assert_eq!((video.width, video.height, video.frames_corrupted), (1920, 1080, 0));
    assert!(video.codec.starts_with("avc1") && video.decoder.contains("h264"), "{video:?}");
    assert!(video.first_frame_ms.is_some());
    // Nine flashes have beeps; a flash that was dropped whole has none.
    let offsets = video.av_offset_ms.as_ref().context("offsets of flash and beep")?;
    assert!((1..=9).contains(&offsets.count), "{offsets:?}");
    let audio = report.audio()?;
    assert!(audio.codec == "aac" && 0.01 < audio.rms, "{audio:?}");
    assert_eq!(report.faults(), Vec::<&_>::new());
    assert_eq!(report.errors.is_empty(), audio.device.is_some(), "{:?}", report.errors);
    assert!(["vulkan", "gl"].contains(&report.renderer.backend.as_str()), "{:?}", report.renderer);
    assert!(!report.renderer.adapter.is_empty());
    assert!(300_000 < report.channel.bytes && 9.0 < report.seconds, "{report:?}");
    for role in ["agent", "stage"] {
        let processes = report.processes(role);
        assert!(processes.iter().all(|usage| 1_000_000 < usage.rss_peak_bytes), "{processes:?}");
        assert!(processes.iter().all(|usage| usage.cpu_seconds < 1e3) && processes.len() == 1);
    }
    check_screenshot(&place.file("shot.png"))?;
    check_panel(&place.file("shot.panel.png"))
}

#[test]
fn a_screenshot_between_flashes_has_the_colours_of_the_clip() -> anyhow::Result<()> {
    let place = Place::new()?;
    let demo = Demo::new(&place)?.screenshot(&place.file("shot.png")).seconds(2.8);
    demo.run()?.success()?;
    check_screenshot(&place.file("shot.png"))?;
    check_panel(&place.file("shot.panel.png"))
}

/// The picture is whole: its code names it, and it looks as that picture does.
fn check_screenshot(path: &Path) -> anyhow::Result<()> {
    let picture = Picture::read(path)?;
    ensure!(picture.width * 9 == picture.height * 16, "{}x{}", picture.width, picture.height);
    let number = picture.code().context("the code strip is not readable")?;
    ensure!(0 < number && u64::from(number) < PICTURES, "picture {number}");
    let flash = RATE <= number && number % RATE < 3;
    for (x, colour) in PATCHES {
        let colour = if flash { [0xff; 3] } else { colour };
        let pixel = picture.clip_pixel(x, 920);
        ensure!(is_near(pixel, colour, TOLERANCE), "picture {number} at {x}: {pixel:02x?}");
    }
    let background = if flash { [0xff; 3] } else { [0x10, 0x16, 0x1e] };
    let pixel = picture.clip_pixel(20, 40);
    ensure!(is_near(pixel, background, TOLERANCE), "picture {number}: background {pixel:02x?}");
    Ok(())
}

/// The green play badge lies on the icon in the header.
fn check_panel(path: &Path) -> anyhow::Result<()> {
    let panel = Picture::read(path)?;
    let green = panel.count(GREEN, 2);
    ensure!(100 < green, "{green} green pixels in the panel");
    Ok(())
}

/// Rounds that a machine may spoil that stands still for longer than the sound device holds.
const ROUNDS: u32 = 4;

#[test]
fn with_a_sound_server_the_beeps_come_out_of_its_speaker() -> anyhow::Result<()> {
    let place = Place::new()?;
    let server = SoundServer::start(&place)?;
    for round in 1.. {
        let recorder = server.record()?;
        let outcome = Demo::new(&place)?.seconds(4.5).run()?;
        let report = outcome.success()?;
        let recording = recorder.finish()?;
        let audio = report.audio()?;
        let device = audio.device.as_deref().context("no sound device")?;
        assert!(device.contains(SPEAKER) || device.contains("speaker"), "{device}");
        assert!(0.01 < audio.rms, "{audio:?}");
        assert!(report.errors.is_empty(), "{:?}", report.errors);
        // One at each of the seconds 1 to 4, 100 ms long. The last may be cut by the end.
        let tones = recording.tones(1000);
        let whole = tones.iter().filter(|length| (80..=120).contains(*length)).count();
        if 3 <= whole && tones.len() <= 5 {
            break;
        }
        assert!(round < ROUNDS, "1 kHz for {tones:?} ms");
    }
    Ok(())
}
