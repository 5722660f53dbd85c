//! Recordings in pieces, as FFmpeg makes them, each one range of the server's resource.

use super::server::{Manner, Server};
use super::*;
use crate::fetch::{FetchError, PlaylistError};
use std::process::Command;

/// The playlist, and what its ranges are of.
fn recording(seconds: u32, how: &str) -> (String, Vec<u8>) {
    let folder = tempfile::tempdir().unwrap();
    let output = Command::new("ffmpeg")
        .args(["-hide_banner", "-loglevel", "error", "-nostdin", "-threads", "2"])
        .args([pictures(seconds), tone(seconds), words(how)].concat())
        .args(words("-f hls -hls_time 1 -hls_playlist_type vod -hls_flags single_file"))
        .args(["-hls_segment_filename", "media", "index.m3u8"])
        .current_dir(folder.path())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let read = |name: &str| std::fs::read(folder.path().join(name)).unwrap();
    (String::from_utf8(read("index.m3u8")).unwrap(), read("media"))
}

const PIECES: &str = "-c:v libx264 -preset ultrafast -bf 2 -g 25 -pix_fmt yuv420p -c:a aac";

fn serve(playlist: String, media: &[u8]) -> Server {
    Server::start(media, Manner { playlist: Some(playlist), ..Manner::default() })
}

#[test]
fn a_recording_in_pieces_is_one_and_can_be_sought() {
    for (name, how) in [("ts", PIECES), ("fmp4", &format!("{PIECES} -hls_segment_type fmp4"))] {
        let (playlist, media) = recording(6, how);
        assert!(playlist.matches("#EXTINF").count() >= 6, "{playlist}");
        let server = serve(playlist, &media);
        let mut listener = Listener::start(&server.playlist_url());
        let frames = listener.read(TrackKind::Video).unwrap_or_else(|it| panic!("{name}: {it}"));
        assert_eq!(frames.len(), 150, "{name}");
        let first = frames.iter().map(|frame| frame.pts.0).min().unwrap();
        assert!((0..100_000).contains(&first), "{name}: begins at {first}");
        let duration = listener.buffers.source_duration().unwrap();
        assert!((5_900_000..6_200_000).contains(&duration), "{name}: {duration}");
        let times = |from: i64| {
            let mut times: Vec<_> =
                frames.iter().map(|frame| frame.pts.0).filter(|pts| from <= *pts).collect();
            times.sort_unstable();
            times
        };
        // Back, ahead, near a border, and to the begin: each as if all had been read.
        for to in [2_500_000, 5_100_000, 4_020_000, 0] {
            listener.seek(to);
            let found = listener.read(TrackKind::Video).unwrap();
            let mut at: Vec<_> = found.iter().map(|frame| frame.pts.0).collect();
            assert!(found[0].keyframe && at[0] <= to.max(first), "{name}, {to}: {}", at[0]);
            at.sort_unstable();
            assert_eq!(at, times(at[0]), "{name}, {to}");
            let sound = listener.read(TrackKind::Audio).unwrap();
            assert!(sound[0].pts.0 <= to + 50_000, "{name}, {to}: {:?}", sound[0].pts);
        }
    }
}

#[test]
fn playlists_that_are_no_recording_say_why() {
    let (playlist, media) = recording(2, PIECES);
    let live = playlist.replace("#EXT-X-ENDLIST", "").replace("#EXT-X-PLAYLIST-TYPE:VOD", "");
    for (playlist, why) in [
        (live, SourceError::Playlist(PlaylistError::Live)),
        ("<html>".to_owned(), SourceError::Playlist(PlaylistError::Malformed)),
        (playlist.replace("media", "http://127.0.0.1:1/"), FetchError::Unreachable.into()),
        (playlist.replace("media", "file:///etc/passwd"), refused("file:///etc/passwd")),
        // Each piece that gives nothing costs a request.
        (
            format!(
                "#EXTM3U\n#EXT-X-TARGETDURATION:1\n{}#EXT-X-ENDLIST\n",
                "#EXTINF:1,\n#EXT-X-BYTERANGE:0@0\nmedia\n".repeat(1000)
            ),
            FetchError::Protocol.into(),
        ),
    ] {
        let server = serve(playlist, &media);
        assert_eq!(Listener::start(&server.playlist_url()).failure(), why);
    }
    let server = serve(playlist, b"no media");
    let failure = Listener::start(&server.playlist_url()).failure();
    assert!(!matches!(failure, SourceError::Playlist(_)), "{failure}");
}

fn refused(url: &str) -> SourceError {
    let refused = crate::fetch::address::parse(url, OPEN).unwrap_err();
    SourceError::Refused(refused)
}
