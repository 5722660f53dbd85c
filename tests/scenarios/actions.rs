//! What the user does: seek, pause, rate, volume, loop.

use anyhow::ensure;
use nearside::status::Playback;
use nearside_tests::clips;
use nearside_tests::demo::Demo;
use nearside_tests::place::Place;
use serde_json::{Value, json};

/// Plays a clip of so many seconds with these actions, to its end.
fn play(
    place: &Place,
    seconds: u32,
    actions: &Value,
) -> anyhow::Result<nearside_tests::demo::Outcome> {
    let clip = place.file("clip.mp4");
    clips::usual(&clip, seconds)?;
    let outcome = Demo::new(place)?.media(&clip).actions(actions)?.run()?;
    let report = outcome.success()?;
    ensure!(report.faults().is_empty(), "{:?}", report.faults());
    Ok(outcome)
}

#[test]
fn each_seek_shows_its_picture_inside_and_outside_of_the_buffer() -> anyhow::Result<()> {
    let place = Place::new()?;
    // Half a minute is buffered ahead: 44 s are far outside, 10 s and 0.5 s inside.
    let outcome = play(
        &place,
        46,
        &json!([
            {"at_ms": 500, "do": "seek", "to_ms": 10_000},
            {"at_ms": 1200, "do": "seek", "to_ms": 500},
            {"at_ms": 1900, "do": "seek", "to_ms": 44_000},
        ]),
    )?;
    let video = outcome.success()?.video()?;
    assert_eq!(video.seeks_ms.len(), 3, "{video:?}");
    assert!(video.seeks_ms.iter().all(|ms| ms.is_finite() && 0.0 <= *ms), "{video:?}");
    // It went on to the end from the last target, not through what lies between.
    assert!((60..46 * 30).contains(&video.frames_decoded), "{video:?}");
    Ok(())
}

#[test]
fn a_seek_past_the_end_ends() -> anyhow::Result<()> {
    let place = Place::new()?;
    let seek = json!([{"at_ms": 300, "do": "seek", "to_ms": 3_600_000}]);
    play(&place, 20, &seek)?;
    Ok(())
}

#[test]
fn pause_holds_and_play_goes_on_without_losing_a_picture() -> anyhow::Result<()> {
    let place = Place::new()?;
    let clip = place.file("clip.mp4");
    clips::usual(&clip, 3)?;
    let pause = json!([{"at_ms": 500, "do": "pause"}, {"at_ms": 2500, "do": "play"}]);
    let playing = Demo::new(&place)?.media(&clip).actions(&pause)?.start()?;
    playing.wait_until_plays(0)?;
    let paused = playing.wait_for("a pause", |status| {
        status.items.iter().any(|item| item.playback == Playback::Paused && !item.flowing)
    })?;
    assert_eq!(paused.headlines(), ["Loaded"]);
    playing.wait_for("playing again", |status| {
        status.items.iter().any(|item| item.playback == Playback::Playing)
    })?;
    let outcome = playing.finish()?;
    let (report, video) = (outcome.success()?, outcome.success()?.video()?);
    assert_eq!(video.frames_decoded, 90);
    assert_eq!(video.frames_presented + video.frames_dropped, 90, "{video:?}");
    // 3 s of clip and 2 s of pause.
    assert!(4.9 < report.seconds, "{} s", report.seconds);
    Ok(())
}

#[test]
fn rates_are_kept_and_every_picture_is_accounted_for() -> anyhow::Result<()> {
    for (rate, least_seconds) in [(0.5, 3.5), (2.0, 0.9)] {
        let place = Place::new()?;
        let clip = place.file("clip.mp4");
        clips::usual(&clip, 2)?;
        let actions = json!([{"at_ms": 0, "do": "rate", "rate": rate}]);
        let playing = Demo::new(&place)?.media(&clip).actions(&actions)?.start()?;
        playing.wait_for("the rate", |status| {
            status.items.iter().any(|item| (item.rate - rate).abs() < 1e-9)
        })?;
        let outcome = playing.finish()?;
        let (report, video) = (outcome.success()?, outcome.success()?.video()?);
        assert_eq!(video.frames_presented + video.frames_dropped, 60, "rate {rate}: {video:?}");
        assert!(least_seconds < report.seconds, "rate {rate}: {} s", report.seconds);
        assert!(report.faults().is_empty(), "rate {rate}: {:?}", report.faults());
    }
    Ok(())
}

#[test]
fn volume_and_mute_change_what_reaches_the_speaker() -> anyhow::Result<()> {
    let rms = |actions: Value| -> anyhow::Result<f64> {
        let place = Place::new()?;
        Ok(play(&place, 2, &actions)?.success()?.audio()?.rms)
    };
    let full = rms(json!([]))?;
    let half = rms(json!([{"at_ms": 0, "do": "volume", "volume": 0.5}]))?;
    let muted = rms(json!([{"at_ms": 0, "do": "volume", "volume": 1.0, "muted": true}]))?;
    assert!(0.03 < full, "{full}");
    assert!((0.4..0.75).contains(&(half / full)), "{half} of {full}");
    assert!(muted < 0.5 * half, "{muted} of {half}");
    Ok(())
}

#[test]
fn a_loop_begins_anew_until_it_is_switched_off() -> anyhow::Result<()> {
    let place = Place::new()?;
    let actions = json!([
        {"at_ms": 100, "do": "loop", "enabled": true},
        {"at_ms": 2900, "do": "loop", "enabled": false},
    ]);
    let outcome = play(&place, 2, &actions)?;
    let video = outcome.success()?.video()?;
    assert!(60 < video.frames_presented, "{video:?}");
    Ok(())
}
