//! Files that cannot be played: the reason in words, and an exit code.

use anyhow::ensure;
use nearside_tests::clips::{self, H264, PICTURES, SOUND};
use nearside_tests::demo::{Demo, Outcome};
use nearside_tests::{check_rows, place::Place};
use std::path::Path;

/// A file by its maker, and words that the complaint must have.
struct Row {
    name: &'static str,
    make: fn(&Path) -> anyhow::Result<()>,
    words: &'static [&'static str],
}

fn unplayable(path: &Path, codec: &str) -> anyhow::Result<()> {
    clips::make(path, &format!("{PICTURES} {SOUND} -c:v {codec} -c:a aac"))
}

const ROWS: &[Row] = &[
    Row { name: "missing.mp4", make: |_| Ok(()), words: &["No such file", "missing.mp4"] },
    Row {
        name: "folder.mp4",
        make: |path| Ok(std::fs::create_dir(path)?),
        words: &["cannot be read as media", "folder.mp4"],
    },
    Row {
        name: "empty.mp4",
        make: |path| Ok(std::fs::write(path, "")?),
        words: &["cannot be read as media", "empty.mp4"],
    },
    Row {
        name: "text.mp4",
        make: |path| Ok(std::fs::write(path, "No picture here.\n".repeat(500))?),
        words: &["cannot be read as media", "text.mp4"],
    },
    Row {
        name: "noise.bin",
        make: |path| {
            let noise = (0..100_000_u32).map(|n| n.wrapping_mul(2_654_435_761).to_be_bytes()[1]);
            Ok(std::fs::write(path, noise.collect::<Vec<u8>>())?)
        },
        words: &["cannot be read as media", "noise.bin"],
    },
    Row {
        name: "without-index.mp4",
        make: |path| {
            clips::make(path, &format!("{PICTURES} {SOUND} {H264} -c:a aac"))?;
            truncate(path)
        },
        words: &["cannot be read as media", "without-index.mp4"],
    },
    Row { name: "mjpeg.mkv", make: |path| unplayable(path, "mjpeg"), words: &["mjpeg"] },
    Row { name: "mpeg2.mkv", make: |path| unplayable(path, "mpeg2video"), words: &["mpeg2video"] },
    Row { name: "theora.mkv", make: |path| unplayable(path, "libtheora"), words: &["theora"] },
    Row {
        name: "pcm.wav",
        make: |path| clips::make(path, &format!("{SOUND} -c:a pcm_s16le")),
        words: &["pcm_s16le"],
    },
];

#[test]
fn what_cannot_be_played_is_refused_with_the_reason() -> anyhow::Result<()> {
    check_rows(
        ROWS,
        |row| row.name,
        |row| {
            let place = Place::new()?;
            let path = place.file(row.name);
            (row.make)(&path)?;
            let outcome = Demo::new(&place)?.media(&path).run()?;
            let complaint = outcome.failure()?;
            for word in row.words {
                ensure!(complaint.contains(word), "{word} is not in: {complaint}");
            }
            Ok(())
        },
    )
}

/// What is there of a file whose end is missing is played.
#[test]
fn a_truncated_file_plays_as_far_as_it_goes() -> anyhow::Result<()> {
    let place = Place::new()?;
    let path = place.file("truncated.mp4");
    clips::make(&path, &format!("{PICTURES} {H264} -movflags faststart"))?;
    truncate(&path)?;
    let outcome: Outcome = Demo::new(&place)?.media(&path).run()?;
    let report = outcome.success()?;
    let video = report.video()?;
    assert!((1..60).contains(&video.frames_decoded), "{video:?}");
    assert_eq!(video.frames_presented + video.frames_dropped, video.frames_decoded, "{video:?}");
    Ok(())
}

/// Leaves three fifths.
fn truncate(path: &Path) -> anyhow::Result<()> {
    let bytes = std::fs::read(path)?;
    let (front, _) = bytes.split_at(bytes.len() / 5 * 3);
    Ok(std::fs::write(path, front)?)
}
