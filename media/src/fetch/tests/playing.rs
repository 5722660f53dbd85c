//! A whole player on a source.

use super::server::{Manner, Server};
use super::*;
use crate::player::tests::{Stage, is};
use crate::player::{Event, Problem, State};
use std::time::Instant;

fn play(url: &str) -> Stage<UrlSource> {
    Stage::open(|buffers, wake| {
        UrlSource::start(url.to_owned(), OPEN, buffers, Arc::clone(wake)).unwrap()
    })
}

#[test]
fn plays_to_the_end_and_again() {
    let clip = clip(1, &format!("{H264_AAC} -movflags +faststart"));
    let server = Server::start(&clip.bytes, Manner::default());
    let mut stage = play(&server.url());
    stage.until(|event| matches!(event, Event::FirstFrame { .. }));
    stage.player.set_paused(false, Instant::now());
    stage.until(is(State::Ended));
    let video = stage.player.stats().video.unwrap();
    assert_eq!(video.decoded, 25, "{video:?}");
    assert_eq!(video.presented + video.dropped, 25, "{video:?}");
    assert!((1_000_000..1_100_000).contains(&stage.player.duration_micros().unwrap()));

    // Once more, looped: it begins again by itself, from what is still here.
    let requests = server.asked().len();
    stage.player.set_looping(true);
    stage.player.set_paused(true, Instant::now());
    stage.player.set_paused(false, Instant::now());
    for _ in 0..2 {
        stage.until(|event| matches!(event, Event::Seeked { token: None, .. }));
    }
    assert_eq!(server.asked().len(), requests);
}

#[test]
fn the_first_of_several_sound_tracks_plays() {
    let two = "-map 0:v -map 1:a -map 1:a -c:v libx264 -preset ultrafast -c:a aac \
               -ac:a:0 1 -b:a:0 64k -ac:a:1 2 -b:a:1 256k -movflags +faststart -f mp4";
    let server = Server::start(&clip(1, two).bytes, Manner::default());
    let mut stage = play(&server.url());
    stage.player.set_paused(false, Instant::now());
    stage.until(is(State::Ended));
    assert_eq!(stage.player.stats().audio.unwrap().channels, 1);
}

#[test]
fn a_slow_server_stalls_and_goes_on() {
    let clip = clip(3, &format!("{H264_AAC} -movflags +faststart"));
    let manner = Manner { pauses_after: Some(clip.bytes.len() / 2), ..Manner::default() };
    let server = Server::start(&clip.bytes, manner);
    let mut stage = play(&server.url());
    stage.player.set_paused(false, Instant::now());
    stage.until(is(State::Playing));
    stage.until(is(State::Stalled));
    let stalled = stage.player.position(Instant::now());
    assert!(Pts(500_000) < stalled && stalled < Pts(2_500_000), "{stalled:?}");
    server.release();
    stage.until(is(State::Ended));
    let video = stage.player.stats().video.unwrap();
    assert_eq!((video.decoded, video.presented + video.dropped), (75, 75), "{video:?}");
    assert_eq!(server.asked(), [0]);
}

#[test]
fn a_paused_player_seeks_and_closes() {
    let clip = clip(40, &format!("{H264_AAC} -movflags +faststart"));
    let server = Server::start(&clip.bytes, Manner::default());
    for places in [[35_000_000, 36_500_000], [1_500_000, 20_000_000], [39_990_000, 0]] {
        let mut stage = play(&server.url());
        stage.until(|event| matches!(event, Event::FirstFrame { .. }));
        for (token, to) in (1..).zip(places) {
            stage.player.seek(Pts(to), Some(token), Instant::now());
            let arrived = |event: &Event| match event {
                Event::Seeked { token: of, position } => {
                    assert_eq!(*position, Pts(to));
                    *of == Some(token)
                }
                _ => false,
            };
            stage.until(arrived);
        }
        // Closed while its sound waits for somebody to listen.
    }
}

#[test]
fn uncompressed_sound_plays() {
    let clip = make(&[tone(1), words("-c:a pcm_s24le -f wav")].concat());
    let server = Server::start(&clip.bytes, Manner::default());
    let mut stage = play(&server.url());
    stage.player.set_paused(false, Instant::now());
    stage.until(is(State::Ended));
    let audio = stage.player.stats().audio.unwrap();
    assert_eq!((audio.codec.as_str(), audio.rate_hz), ("pcm", 48_000));
    assert!(47_000 < audio.frames, "{audio:?}");
}

#[test]
fn frames_longer_than_what_waits_for_the_speaker_play() {
    for (codec, how) in [("pcm", "-c:a pcm_u8 -f wav"), ("flac", "-frame_size 8000 -f flac")] {
        let clip = make(&[tone(2), words(&format!("-ar 8000 {how}"))].concat());
        let server = Server::start(&clip.bytes, Manner::default());
        let mut stage = play(&server.url());
        stage.player.set_paused(false, Instant::now());
        stage.until(is(State::Ended));
        let audio = stage.player.stats().audio.unwrap();
        assert_eq!((audio.codec.as_str(), audio.rate_hz), (codec, 8_000));
    }
}

#[test]
fn frames_that_need_those_before_a_seek_are_no_damage() {
    let clip = make(&[tone(8), words("-c:a libmp3lame -q:a 4 -f mp3")].concat());
    let server = Server::start(&clip.bytes, Manner::default());
    let mut stage = play(&server.url());
    for (token, to) in (1..).zip([8_000_000, 1_234_567, 7_990_000, 4_000_000, 500_000]) {
        stage.player.seek(Pts(to), Some(token), Instant::now());
        stage.until(|event| {
            assert!(!matches!(event, Event::Warning(_) | Event::Failed { .. }), "{event:?}");
            matches!(event, Event::Seeked { token: of, .. } if *of == Some(token))
        });
    }
}

#[test]
fn a_failure_is_said_when_what_arrived_was_played() {
    let clip = clip(3, &format!("{H264_AAC} -movflags +faststart"));
    let manner =
        Manner { changes: true, breaks_after: Some(clip.bytes.len() / 2), ..Manner::default() };
    let server = Server::start(&clip.bytes, manner);
    let mut stage = play(&server.url());
    stage.player.set_paused(false, Instant::now());
    stage.until(|event| matches!(event, Event::Failed { .. }));
    let Some(Event::Failed { problem, position }) = stage.events.last() else { unreachable!() };
    assert_eq!(*problem, Problem::Source(SourceError::Network(crate::fetch::FetchError::Changed)));
    assert!(Pts(500_000) < *position && *position < Pts(2_500_000), "{position:?}");
    let video = stage.player.stats().video.unwrap();
    assert!(10 < video.presented + video.dropped, "{video:?}");
}

#[test]
fn media_that_begins_at_an_hour_plays_from_there() {
    const HOUR: i64 = 3_600_000_000;
    for format in ["-f mp4", "-f mp4 -movflags +faststart", "-f matroska", "-f adts -vn"] {
        let how = format!("{H264_AAC} -output_ts_offset 3600 {format}");
        let clip = clip(1, &how);
        let server = Server::start(&clip.bytes, Manner::default());
        let mut stage = play(&server.url());
        stage.player.set_paused(false, Instant::now());
        stage.until(is(State::Ended));
        // Elementary streams have no times of their own.
        let start = if format.contains("adts") { 0 } else { HOUR };
        let expected = start + 900_000..start + 1_200_000;
        let end = stage.player.position(Instant::now());
        assert!(expected.contains(&end.0), "{format}: {end:?}");
        let duration = stage.player.duration_micros();
        assert!(duration.is_some_and(|end| expected.contains(&end)), "{format}: {duration:?}");
        if let Some(video) = stage.player.stats().video {
            // What came before the beginning was known is void.
            assert_eq!(video.decoded - video.discarded, 25, "{format}: {video:?}");
            assert_eq!(video.presented + video.dropped, 25, "{format}: {video:?}");
        }
        // There is nothing before.
        stage.player.seek(Pts::ZERO, Some(1), Instant::now());
        stage.until(|event| match event {
            Event::Seeked { token: Some(1), position } => {
                // An encoder's delay may come first.
                assert!((0..=50_000).contains(&Pts(start).since(*position)), "{format}");
                true
            }
            _ => false,
        });
    }
}
