//! What cannot be played, and why.

use super::server::{Manner, Server};
use super::*;
use crate::fetch::{AddressError, FetchError};
use crate::init::InitError;

fn network(error: FetchError) -> SourceError {
    SourceError::Network(error)
}

#[test]
fn servers_that_do_not_deliver() {
    let clip = clip(2, &format!("{H264_AAC} -movflags +faststart"));
    let good = Manner::default;
    let status = |status| Manner { status: Some(status), ..good() };
    let redirect = |to: &str| Manner { redirect: Some(to.to_owned()), ..good() };
    for (name, manner, expected) in [
        ("missing", status("404 Not Found"), network(FetchError::Status(404))),
        ("forbidden", status("403 Forbidden"), network(FetchError::Status(403))),
        ("a page", status("200 OK"), SourceError::NotMedia),
        ("loop", redirect("/again"), network(FetchError::Redirects)),
        ("nowhere", redirect("gopher://x/"), SourceError::Refused(AddressError::Scheme)),
        ("no place", redirect(""), network(FetchError::Redirects)),
        (
            "metadata",
            redirect("http://169.254.169.254/"),
            SourceError::Refused(AddressError::Reserved),
        ),
        (
            "secret",
            redirect("http://a:b@127.0.0.1/"),
            SourceError::Refused(AddressError::Credentials),
        ),
        (
            "packed",
            Manner { header: "Content-Encoding: gzip\r\n", ..good() },
            network(FetchError::Protocol),
        ),
        (
            "changes",
            Manner { changes: true, breaks_after: Some(30_000), ..good() },
            network(FetchError::Changed),
        ),
    ] {
        let server = Server::start(&clip.bytes, manner);
        assert_eq!(Listener::start(&server.url()).failure(), expected, "{name}");
    }
}

#[test]
fn private_addresses_are_refused_before_they_are_asked() {
    let server = Server::start(&[], Manner::default());
    let strict = AddressPolicy::default();
    for url in [server.url(), server.url().replace("127.0.0.1", "localhost")] {
        let failure = Listener::with_policy(&url, strict).failure();
        assert_eq!(failure, SourceError::Refused(AddressError::Private));
    }
    assert_eq!(server.asked(), []);
}

#[test]
fn resources_that_are_no_media() {
    let whole = clip(2, &format!("{H264_AAC} -movflags +faststart"));
    let playlist = b"#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXTINF:5,\nfile:///etc/passwd\n".to_vec();
    let concat = b"ffconcat version 1.0\nfile /etc/passwd\n".to_vec();
    let zeros = vec![0; 3 << 20];
    let half_header = whole.bytes[..600].to_vec();
    for (name, bytes) in [
        ("nothing", Vec::new()),
        ("playlist", playlist),
        ("list of files", concat),
        ("zeros", zeros),
        ("half a header", half_header),
    ] {
        let server = Server::start(&bytes, Manner::default());
        let failure = Listener::start(&server.url()).failure();
        assert_eq!(failure, SourceError::NotMedia, "{name}");
    }
    let theora = make(&[pictures(1), words("-c:v mpeg4 -f mp4")].concat());
    let server = Server::start(&theora.bytes, Manner::default());
    let failure = Listener::start(&server.url()).failure();
    let name = "mpeg4".to_owned();
    assert_eq!(failure, SourceError::Track(InitError::UnsupportedCodec { name }));
}

#[test]
fn pictures_that_a_window_cannot_show() {
    let alpha = "-pix_fmt yuva420p -c:v libvpx -auto-alt-ref 0 -c:a libvorbis -f webm";
    let server = Server::start(&clip(1, alpha).bytes, Manner::default());
    let failure = Listener::start(&server.url()).failure();
    assert_eq!(failure, SourceError::Track(InitError::Picture { what: "transparent" }));
}

/// Whatever the bytes are, it comes to an end.
#[test]
fn damaged_files_end() {
    let x264 = "-c:v libx264 -preset ultrafast -g 10";
    for how in [
        format!("{x264} -c:a aac -movflags +faststart -f mp4"),
        format!("{x264} -c:a aac -movflags frag_keyframe+empty_moov -f mp4"),
        "-c:v libvpx -deadline realtime -g 10 -c:a libvorbis -f webm".to_owned(),
        "-vn -c:a libopus -f ogg".to_owned(),
        "-vn -c:a libmp3lame -f mp3".to_owned(),
        "-vn -c:a flac -f flac".to_owned(),
    ] {
        let clip = clip(1, &how);
        let mut random = 0x2545_f491_4f6c_dd1d_u64;
        let mut next = |bound: usize| {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            usize::try_from(random % u64::try_from(bound).unwrap()).unwrap()
        };
        for round in 0..12 {
            let mut bytes = clip.bytes.clone();
            // The headers above all.
            let reach = if round % 2 == 0 { bytes.len().min(2_000) } else { bytes.len() };
            for _ in 0..=round {
                let at = next(reach);
                bytes[at] = u8::try_from(next(256)).unwrap();
            }
            let server = Server::start(&bytes, Manner::default());
            let mut listener = Listener::start(&server.url());
            // Frames or a reason, in both places.
            if listener.ends() {
                listener.seek(700_000);
                listener.ends();
            }
        }
    }
}

#[test]
fn a_truncated_file_plays_as_far_as_it_goes() {
    let clip = clip(8, &format!("{H264_AAC} -movflags +faststart"));
    let half = &clip.bytes[..clip.bytes.len() / 2];
    let server = Server::start(half, Manner::default());
    let listener = Listener::start(&server.url());
    let frames = listener.read(TrackKind::Video).unwrap();
    let all = packets(&clip, 0);
    assert!((50..all.len()).contains(&frames.len()), "{} of {}", frames.len(), all.len());
    assert_same(&frames[..50], &all[..50], "the first half");
}

#[test]
fn a_length_that_is_a_lie_ends_in_a_failure_behind_what_arrived() {
    let clip = clip(2, "-c:v libvpx -deadline realtime -g 25 -c:a libvorbis -f webm");
    let manner = Manner { lie: 1_000, ranges: false, ..Manner::default() };
    let server = Server::start(&clip.bytes, manner);
    let failure = Listener::start(&server.url()).failure();
    assert_eq!(failure, network(FetchError::Dropped));
}

#[test]
fn closing_ends_a_transfer_that_hangs() {
    let clip = clip(8, &format!("{H264_AAC} -movflags +faststart"));
    for stalls_after in [100, clip.bytes.len() / 2] {
        let manner = Manner { stalls_after: Some(stalls_after), ..Manner::default() };
        let server = Server::start(&clip.bytes, manner);
        let mut listener = Listener::start(&server.url());
        server.wait_asked(1);
        listener.source = None;
        server.wait_hung_up();
    }
}

#[test]
fn a_seek_ends_a_transfer_that_hangs() {
    let clip = clip(60, &format!("{H264_AAC} -movflags +faststart"));
    let manner = Manner { stalls_after: Some(clip.bytes.len() / 4), ..Manner::default() };
    let server = Server::start(&clip.bytes, manner);
    let mut listener = Listener::start(&server.url());
    listener.read_until(TrackKind::Video, Pts(5_000_000)).unwrap();
    listener.seek(50_000_000);
    let frames = listener.read(TrackKind::Video).unwrap();
    assert_eq!(frames.first().map(|frame| frame.pts), Some(Pts(50_000_000)));
    assert_eq!(frames.len(), 250);
}
