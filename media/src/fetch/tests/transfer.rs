//! What arrives, from servers of every kind.

use super::server::{Manner, Server};
use super::*;
use crate::fetch::Line;
use crate::fetch::http::Http;

/// `(name, how it is made, stream of the pictures, stream of the sound)`
type Format = (&'static str, Vec<String>, Option<usize>, Option<usize>);

fn both(name: &'static str, how: &str) -> Format {
    (name, [pictures(3), tone(3), words(how)].concat(), Some(0), Some(1))
}

fn sound(name: &'static str, how: &str) -> Format {
    (name, [tone(3), words(how)].concat(), None, Some(0))
}

const X264: &str = "-c:v libx264 -preset ultrafast -bf 2 -g 25";
const VP8: &str = "-c:v libvpx -deadline realtime -cpu-used 8 -g 25";
const VP9: &str = "-c:v libvpx-vp9 -deadline realtime -cpu-used 8 -g 25";

#[test]
fn every_format_arrives_whole() {
    let fast = "-movflags +faststart -f mp4";
    for (name, how, video, audio) in [
        both("index first", &format!("{X264} -pix_fmt yuv420p -c:a aac {fast}")),
        both("index last", &format!("{X264} -pix_fmt yuv420p -c:a aac -f mp4")),
        both("ten bits", &format!("{X264} -pix_fmt yuv420p10le -c:a aac {fast}")),
        both(
            "h265",
            &format!("-c:v libx265 -preset ultrafast -x265-params log-level=none -c:a aac {fast}"),
        ),
        both(
            "fragments",
            &format!("{X264} -pix_fmt yuv420p -c:a aac -movflags frag_keyframe+empty_moov -f mp4"),
        ),
        both("mp3 in mp4", &format!("{X264} -pix_fmt yuv420p -c:a libmp3lame {fast}")),
        both("vp9 in mp4", &format!("{VP9} -c:a libopus {fast}")),
        both("vp8", &format!("{VP8} -c:a libvorbis -f webm")),
        both("vp9", &format!("{VP9} -c:a libopus -f webm")),
        both("matroska", &format!("{X264} -bf 0 -pix_fmt yuv420p -c:a aac -f matroska")),
        sound("mp3", "-c:a libmp3lame -f mp3"),
        sound("adts", "-c:a aac -f adts"),
        sound("vorbis", "-c:a libvorbis -f ogg"),
        sound("opus", "-c:a libopus -f ogg"),
        sound("flac", "-c:a flac -f flac"),
        sound("flac in ogg", "-c:a flac -f ogg"),
        sound("wav", "-c:a pcm_s16le -f wav"),
        sound("wav, 24 bits", "-c:a pcm_s24le -f wav"),
        sound("wav, floats", "-c:a pcm_f32le -f wav"),
        sound("wav, 8 bits", "-c:a pcm_mulaw -f wav"),
        sound("m4a", "-c:a aac -f mp4"),
    ] {
        let clip = make(&how);
        let server = Server::start(&clip.bytes, Manner::default());
        let listener = Listener::start(&server.url());
        let kinds = [(TrackKind::Video, video), (TrackKind::Audio, audio)];
        for (kind, stream) in kinds {
            let Some(stream) = stream else { continue };
            listener.buffers.set_position(Pts::ZERO);
            let frames = listener.read(kind).unwrap_or_else(|error| panic!("{name}: {error}"));
            assert_same(&frames, &packets(&clip, stream), &format!("{name} {kind:?}"));
        }
        let duration = listener.buffers.source_duration().expect("a duration");
        assert!((2_900_000..3_200_000).contains(&duration), "{name}: {duration}");
        let buffered = listener.buffers.buffered();
        assert_eq!(buffered.len(), 1, "{name}: {buffered:?}");
    }
}

#[test]
fn every_manner_of_serving_arrives_whole() {
    let clip = clip(4, &format!("{H264_AAC} -movflags +faststart"));
    let good = Manner::default;
    for (name, manner) in [
        ("ranges", good()),
        ("no ranges", Manner { ranges: false, ..good() }),
        ("no length", Manner { ranges: false, length: false, ..good() }),
        ("breaks off", Manner { breaks_after: Some(40_000), ..good() }),
        ("breaks off, no ranges", Manner { ranges: false, busy_times: 1, ..good() }),
        ("in parts", Manner { parts_of: Some(50_000), ..good() }),
        ("busy", Manner { busy_times: 2, ..good() }),
    ] {
        let server = Server::start(&clip.bytes, manner);
        let listener = Listener::start(&server.url());
        for (kind, stream) in [(TrackKind::Video, 0), (TrackKind::Audio, 1)] {
            let frames = listener.read(kind).unwrap_or_else(|error| panic!("{name}: {error}"));
            assert_same(&frames, &packets(&clip, stream), &format!("{name} {kind:?}"));
        }
    }
}

#[test]
fn redirects_are_followed() {
    let clip = clip(1, &format!("{H264_AAC} -movflags +faststart"));
    let server = Server::start(&clip.bytes, Manner::default());
    let redirect = Some(server.url());
    let first = Server::start(&[], Manner { redirect, ..Manner::default() });
    let listener = Listener::start(&first.url());
    let frames = listener.read(TrackKind::Video).unwrap();
    assert_same(&frames, &packets(&clip, 0), "redirected");
}

#[test]
fn what_is_read_ahead_is_bounded_and_seeks_leave_it() {
    let clip = clip(120, &format!("{H264_AAC} -movflags +faststart"));
    let server = Server::start(&clip.bytes, Manner::default());
    let mut listener = Listener::start(&server.url());
    listener.wait_rests();
    let end = listener.buffers.buffered().end().unwrap();
    assert!((Pts(29_000_000)..Pts(32_000_000)).contains(&end), "{end:?}");
    let requests = server.asked().len();

    // Inside of what is there: nothing is asked for.
    listener.seek(20_000_000);
    let frames = listener.read_until(TrackKind::Video, Pts(20_000_000)).unwrap();
    assert_eq!(frames.first().map(|frame| frame.pts), Some(Pts(20_000_000)));
    assert_eq!(server.asked().len(), requests);

    // Outside: one request in the right place.
    listener.seek(100_500_000);
    let frames = listener.read_until(TrackKind::Video, Pts(100_500_000)).unwrap();
    let first = frames.first().unwrap();
    assert_eq!((first.pts, first.keyframe), (Pts(100_000_000), true));
    let asked = server.asked();
    assert_eq!(asked.len(), requests + 1, "{asked:?}");
    let place = asked.last().copied().unwrap() * 120 / u64::try_from(clip.bytes.len()).unwrap();
    assert!((95..101).contains(&place), "{place}");

    // Back, and to the end from there.
    listener.seek(0);
    let sound = listener.read(TrackKind::Audio).unwrap();
    assert_same(&sound, &packets(&clip, 1), "after seeks");
}

#[test]
fn a_server_without_ranges_is_read_again_for_what_is_gone() {
    let clip = clip(60, &format!("{H264_AAC} -movflags +faststart"));
    let server = Server::start(&clip.bytes, Manner { ranges: false, ..Manner::default() });
    let mut listener = Listener::start(&server.url());
    // Ahead: read on, from the first answer.
    listener.seek(45_000_000);
    let frames = listener.read_until(TrackKind::Video, Pts(45_000_000)).unwrap();
    assert_eq!(frames.first().map(|frame| frame.pts), Some(Pts(45_000_000)));
    assert_eq!(server.asked().len(), 1);
    // All of it is small enough to be here still.
    listener.seek(2_000_000);
    listener.read_until(TrackKind::Audio, Pts(3_000_000)).unwrap();
    assert_eq!(server.asked().len(), 1);
}

#[test]
fn an_index_at_the_end_without_ranges_is_read_twice() {
    let clip = clip(20, H264_AAC);
    let server = Server::start(&clip.bytes, Manner { ranges: false, ..Manner::default() });
    let listener = Listener::start(&server.url());
    let frames = listener.read(TrackKind::Video).unwrap();
    assert_same(&frames, &packets(&clip, 0), "pictures");
    assert_eq!(server.asked(), [0, 0]);
}

#[test]
fn two_places_are_read_in_turns() {
    let bytes: Vec<u8> =
        (0..4_u32 << 20).map(|at| at.to_le_bytes()[usize::from(at % 3 == 0)]).collect();
    let server = Server::start(&bytes, Manner::default());
    let mut http = Http::open(Arc::new(Line::new(OPEN)), &server.url()).unwrap();
    assert_eq!(http.length(), Some(4 << 20));
    let mut buffer = vec![0; 10_000];
    let mut places = [0, 3 << 20];
    for turn in 0..40 {
        let place = &mut places[turn % 2];
        http.seek(*place);
        let count = http.read(&mut buffer).unwrap();
        let at = usize::try_from(*place).unwrap();
        assert_eq!(buffer[..count], bytes[at..at + count]);
        // Some bytes are left out: that is no reason to ask anew.
        *place += u64::try_from(count).unwrap() + 1_000;
    }
    assert_eq!(server.asked(), [0, 3 << 20]);
}

#[test]
fn memory_is_bounded_for_media_without_end() {
    let clip = make(&[tone(30), words("-c:a libmp3lame -b:a 320k -f mp3")].concat());
    let manner = Manner { ranges: false, length: false, endless: true, ..Manner::default() };
    let server = Server::start(&clip.bytes, manner);
    let mut listener = Listener::start(&server.url());
    listener.wait_rests();
    assert_eq!(listener.buffers.source_duration(), None);
    // Playing on makes room for as much again.
    let sent = server.sent();
    let frames = listener.read_until(TrackKind::Audio, Pts(300_000_000)).unwrap();
    assert!(frames.windows(2).all(|pair| pair[0].pts < pair[1].pts));
    assert!(sent < server.sent());
    listener.wait_rests();
    assert!(listener.buffers.source_bytes() < 40 << 20);
    // There is no way back to what was let go of or never heard.
    listener.seek(400_000_000);
    listener.read_until(TrackKind::Audio, Pts(400_000_000)).unwrap();
}
