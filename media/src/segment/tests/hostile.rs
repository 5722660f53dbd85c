//! Bytes made by hand: each is refused for the reason it names.

use super::super::{Container, MAX_FRAGMENT_SAMPLES, ParseError, Parser};
use super::MP4;
use super::clips::parse;

fn mp4_box(kind: &[u8; 4], body: &[u8]) -> Vec<u8> {
    let size = u32::try_from(body.len() + 8).expect("small");
    [&size.to_be_bytes()[..], kind, body].concat()
}

fn words(values: &[u32]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_be_bytes()).collect()
}

/// A fragment of track 1 at time 0 with this `trun` body, and an `mdat` of 64 bytes.
fn fragment(tfhd: &[u32], trun: &[u32]) -> Vec<u8> {
    let traf = [
        mp4_box(b"tfhd", &words(tfhd)),
        mp4_box(b"tfdt", &words(&[0, 0])),
        mp4_box(b"trun", &words(trun)),
    ];
    let traf = mp4_box(b"traf", &traf.concat());
    let moof = mp4_box(b"moof", &[mp4_box(b"mfhd", &words(&[0, 1])), traf].concat());
    [moof, mp4_box(b"mdat", &[7; 64])].concat()
}

/// The init segment of a real clip.
fn mp4_init() -> &'static [u8] {
    let (_, bytes) = &*MP4;
    let moof = bytes.windows(4).position(|bytes| bytes == b"moof").expect("a fragment");
    &bytes[..moof - 4]
}

#[track_caller]
fn refused(container: Container, bytes: &[u8], words: &str) {
    let error = parse(container, [bytes]).expect_err(words).to_string();
    assert!(error.contains(words), "`{error}` lacks `{words}`");
}

#[test]
fn media_without_init_is_told_apart() {
    for (container, bytes) in [
        (Container::Mp4, fragment(&[0, 1], &[0, 0])),
        (Container::Mp4, mp4_box(b"mdat", &[0; 8])),
        (Container::WebM, vec![0x1f, 0x43, 0xb6, 0x75, 0xff, 0xe7, 0x81, 0]),
    ] {
        assert_eq!(parse(container, [&bytes[..]]), Err(ParseError::MissingInit));
    }
}

#[test]
fn mp4_refusals_name_their_cause() {
    const MOOF: u32 = 0x02_0000;
    let samples = u32::try_from(MAX_FRAGMENT_SAMPLES).expect("fits");
    for (media, words) in [
        (vec![0, 0, 0, 4, b'f', b'r', b'e', b'e'], "smaller than its header"),
        (vec![0, 0, 0, 0, b'm', b'o', b'o', b'f'], "size 0"),
        (vec![0, 0, 0, 9, 1, 2, 3, 4], "not a box type"),
        (vec![0x40, 0, 0, 0, b'm', b'o', b'o', b'f'], "exceeds 8388608"),
        ([&[0, 0, 0, 1][..], b"free", &[0xff; 8]].concat(), "exceeds"),
        (mp4_box(b"moof", &[0, 0, 1, 0, b't', b'r', b'a', b'f']), "larger than the box around it"),
        (fragment(&[MOOF, 99], &[0, 0]), "names a track the init segment lacks"),
        (fragment(&[1, 1, 0, 0], &[0, 0]), "base-data-offset"),
        (fragment(&[MOOF | 0x10, 1, 1], &[0, samples + 1]), "too many samples"),
        (fragment(&[MOOF | 0x10, 1, 1], &[0x100, 9, 1]), "ends too early"),
        (fragment(&[MOOF | 0x10, 1, 0x1000_0000], &[1, 1, 100]), "exceeds 33554432"),
        (fragment(&[MOOF | 0x10, 1, 4], &[1, 1, 0x8000_0000]), "outside of the stream"),
        (fragment(&[MOOF | 0x10, 1, 4], &[1, 1, 0]), "before the mdat"),
        (fragment(&[MOOF | 0x10, 1, 40], &[1, 2, 100]), "ends inside of a sample"),
        (mp4_box(b"moov", &[]), "mvhd"),
        (mp4_box(b"moov", &mp4_box(b"mvhd", &[0; 100])), "timescale 0"),
    ] {
        refused(Container::Mp4, &[mp4_init(), &media].concat(), words);
    }
    let outside = fragment(&[MOOF | 0x10, 1, 4], &[1, 1, 1_000]);
    refused(Container::Mp4, &[mp4_init(), &outside, &outside].concat(), "outside of the mdat");
    let trun = mp4_box(b"trun", &words(&[1, 2, 200]));
    let traf = [mp4_box(b"tfhd", &words(&[MOOF | 0x10, 1, 4])), mp4_box(b"tfdt", &words(&[0, 0]))];
    let traf = mp4_box(b"traf", &[traf.concat(), trun.clone(), trun].concat());
    refused(Container::Mp4, &[mp4_init(), &mp4_box(b"moof", &traf)].concat(), "overlap");
}

#[test]
fn plain_files_are_told_to_be_fragmented() {
    let parts: &[&[&str]] = &[super::VIDEO, &["-t", "0.2", "-movflags", "faststart", "-f", "mp4"]];
    refused(Container::Mp4, &super::Clip::make(parts).bytes, "not fragmented");
}

#[test]
fn media_data_of_any_size_field() {
    // 64 bytes of samples at the end of `moof` + header, in an mdat of each kind.
    let plain = fragment(&[0x02_0010, 1, 32], &[1, 2, 0]);
    let (moof, _) = plain.split_at(plain.len() - 72);
    let large = [&[0, 0, 0, 1][..], b"mdat", &80u64.to_be_bytes(), &[7; 64]].concat();
    let endless = [&[0, 0, 0, 0][..], b"mdat", &[7; 64]].concat();
    for (mdat, header) in [(large, 16), (endless, 8)] {
        let offset = u32::try_from(moof.len()).expect("small") + header;
        let mut moof = moof.to_vec();
        let at = moof.len() - 4;
        moof[at..].copy_from_slice(&offset.to_be_bytes());
        // Twice: what follows the samples is the next fragment.
        let stream = [mp4_init(), &moof, &mdat, &moof, &mdat].concat();
        let events = parse(Container::Mp4, [&stream[..]]).expect("parses");
        assert_eq!(super::frames(&events).len(), 4);
    }
}

#[test]
fn webm_refusals_name_their_cause() {
    let (_, clip) = &*super::WEBM;
    let cluster = clip.windows(4).position(|b| b == [0x1f, 0x43, 0xb6, 0x75]).expect("a cluster");
    let init = &clip[..cluster];
    let in_cluster = |body: &[u8]| [&[0x1f, 0x43, 0xb6, 0x75, 0xff], body].concat();
    for (media, words) in [
        (vec![0x00, 0x80], "not an element id"),
        (vec![0xec, 0x00], "not an element size"),
        (vec![0xec, 0x01, 0, 0, 0, 0x70, 0, 0, 0], "exceeds"),
        (vec![0x4d, 0xbb, 0x80], "cannot stand here"),
        (in_cluster(&[0xa3, 0x84, 0x81, 0, 0, 0x80]), "block before the timestamp"),
        (in_cluster(&[0xe7, 0x81, 0, 0xa3, 0x84, 0x9f, 0, 0, 0x80]), "names a track"),
        (
            in_cluster(&[
                0xe7, 0x88, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xa3, 0x85, 0x81, 0, 0,
                0x80, 9,
            ]),
            "timestamp is too large",
        ),
        (in_cluster(&[0xe7, 0x89]), ""),
        (in_cluster(&[0xa3, 0xff]), "unknown size"),
        (in_cluster(&[0xa3, 0x14, 0, 0, 0]), "exceeds 33554432"),
        (vec![0x1f, 0x43, 0xb6, 0x75, 0x82, 0xe7, 0x81, 0], "beyond its cluster"),
    ] {
        let stream = [init, &media].concat();
        if words.is_empty() {
            parse(Container::WebM, [&stream[..]]).expect("is only incomplete");
        } else {
            refused(Container::WebM, &stream, words);
        }
    }
    refused(Container::WebM, b"\x89PNG\r\n\x1a\n", "cannot stand here");
    refused(Container::Mp3, b"RIFFxxxxWAVE", "not a frame header");
}

/// A peer that announces much and sends little makes nothing grow.
#[test]
fn skipping_holds_nothing() {
    let mut parser = Parser::new(Container::Mp4);
    let mut sink = |_| panic!("nothing to see here");
    parser.push(mp4_init(), &mut |_| {}).expect("parses");
    parser
        .push(&[0, 0, 0, 1, b'm', b'd', b'a', b't', 0, 0, 0xff, 0, 0, 0, 0, 0], &mut sink)
        .expect("parses");
    for _ in 0..256 {
        parser.push(&[0; 64 << 10], &mut sink).expect("parses");
    }
    let super::super::Format::Mp4(inner) = &parser.format else { panic!("an MP4 parser") };
    assert!(inner.held_bytes() <= 64 << 10);
}
