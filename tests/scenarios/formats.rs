//! Clips of every kind that pages play: all pictures accounted for, nothing to complain about.

use anyhow::{Context as _, ensure};
use nearside_tests::clips::{self, H264, PICTURES, SOUND};
use nearside_tests::demo::{Demo, Report};
use nearside_tests::picture::Picture;
use nearside_tests::{check_rows, place::Place};

/// A clip and what the report says of it.
struct Row {
    /// Its file name; the ending chooses the container.
    file: &'static str,
    /// For ffmpeg.
    arguments: String,
    /// Beginning of the codec's name, and the coded size.
    video: Option<(&'static str, u32, u32)>,
    audio: Option<&'static str>,
    /// For a second run of ffmpeg, which copies what the first has made.
    copy: Option<&'static str>,
    /// Size on the screen, where it is not the coded one.
    shown: Option<(u32, u32)>,
}

fn row(
    file: &'static str,
    arguments: String,
    video: impl Into<Option<&'static str>>,
    audio: impl Into<Option<&'static str>>,
) -> Row {
    let video = video.into().map(|codec| (codec, 320, 180));
    Row { file, arguments, video, audio: audio.into(), copy: None, shown: None }
}

impl Row {
    fn sized(self, width: u32, height: u32) -> Self {
        Self { video: self.video.map(|(codec, ..)| (codec, width, height)), ..self }
    }

    fn copied(self, arguments: &'static str) -> Self {
        Self { copy: Some(arguments), ..self }
    }

    fn shown(self, width: u32, height: u32) -> Self {
        Self { shown: Some((width, height)), ..self }
    }
}

const VP9: &str = "-c:v libvpx-vp9 -deadline realtime -cpu-used 8 -pix_fmt yuv420p";
const VP8: &str = "-c:v libvpx -deadline realtime -cpu-used 8";
const AV1: &str = "-c:v libsvtav1 -preset 12 -svtav1-params lp=2 -pix_fmt yuv420p";
const H265: &str = "-c:v libx265 -preset ultrafast -x265-params log-level=error -tag:v hvc1";
const X264: &str = "-c:v libx264 -preset ultrafast";

fn pictures(source: &str) -> String {
    format!("-f lavfi -i {source} {SOUND}")
}

#[test]
fn codecs() -> anyhow::Result<()> {
    check(&[
        row("vp9.webm", format!("{PICTURES} {SOUND} {VP9} -c:a libopus"), "vp9", "opus"),
        row("vp8.webm", format!("{PICTURES} {SOUND} {VP8} -c:a libvorbis"), "vp8", "vorbis"),
        row("av1.mp4", format!("{PICTURES} {SOUND} {AV1} -c:a aac"), "av1", "aac"),
        row("av1.webm", format!("{PICTURES} {SOUND} {AV1} -c:a libopus"), "av1", "opus"),
        row("h265.mp4", format!("{PICTURES} {SOUND} {H265} -c:a aac"), "h", "aac"),
        row("h264.mp4", format!("{PICTURES} {SOUND} {H264} -c:a aac"), "avc1", "aac"),
        row("mp3.mp4", format!("{PICTURES} {SOUND} {H264} -c:a libmp3lame"), "avc1", "mp3"),
        row("opus.mp4", format!("{PICTURES} {SOUND} {VP9} -c:a libopus"), "vp9", "opus"),
    ])
}

#[test]
fn pixel_formats_and_picture_sizes() -> anyhow::Result<()> {
    let format = |name: &str| format!("{PICTURES} {SOUND} {X264} -pix_fmt {name} -c:a aac");
    let odd = "testsrc=s=853x480:r=30:d=2";
    let point = "color=red:s=16x16:r=30:d=2,format=gbrp,scale=1:1";
    let huge = "testsrc2=s=7680x4320:r=5:d=1";
    check(&[
        row("ten-bit.mp4", format("yuv420p10le"), "avc1", "aac"),
        row("422.mp4", format("yuv422p"), "avc1", "aac"),
        row("444.mp4", format("yuv444p"), "avc1", "aac"),
        row("odd.webm", format!("{} {VP9} -c:a libopus", pictures(odd)), "vp9", "opus")
            .sized(853, 480)
            .shown(853, 480),
        row(
            "odd.mp4",
            format!("{} {X264} -pix_fmt yuv444p -c:a aac", pictures(odd)),
            "avc1",
            "aac",
        )
        .sized(853, 480),
        row("rotated.mp4", format!("{PICTURES} {SOUND} {H264} -c:a aac"), "avc1", "aac")
            .copied("-metadata:s:v rotate=90")
            .shown(180, 320),
        row(
            "anamorphic.mp4",
            format!("{PICTURES} {SOUND} -vf setsar=4/3 {H264} -c:a aac"),
            "avc1",
            "aac",
        )
        .shown(427, 180),
        row("point.webm", format!("-f lavfi -i {point} {VP9}"), "vp9", None).sized(1, 1),
        row(
            "tiny.mp4",
            format!("{} {H264} -c:a aac", pictures("color=red:s=2x2:r=30:d=2")),
            "avc1",
            "aac",
        )
        .sized(2, 2),
        row("huge.mp4", format!("{} -t 1 {H264} -c:a aac", pictures(huge)), "avc1", "aac")
            .sized(7680, 4320),
    ])
}

#[test]
fn picture_rates_and_time_lines() -> anyhow::Result<()> {
    let rate = |rate: &str| {
        format!("{} {H264} -c:a aac", pictures(&format!("testsrc2=s=320x180:r={rate}:d=2")))
    };
    let reordered = "-c:v libx264 -preset fast -bf 3 -pix_fmt yuv420p";
    let variable = "-vf select='not(eq(mod(n,5),1))*not(eq(mod(n,7),3))' -vsync vfr";
    check(&[
        row("25.mp4", rate("25"), "avc1", "aac"),
        row("50.mp4", rate("50"), "avc1", "aac"),
        row("59.94.mp4", rate("60000/1001"), "avc1", "aac"),
        row(
            "variable.mp4",
            format!("{PICTURES} {SOUND} {variable} {H264} -c:a aac"),
            "avc1",
            "aac",
        ),
        row("edit-list.mp4", format!("{PICTURES} {SOUND} {reordered} -c:a aac"), "avc1", "aac"),
        row("reordered.mkv", format!("{PICTURES} {SOUND} {reordered} -c:a aac"), "avc1", "aac"),
        row("transport.ts", format!("{PICTURES} {SOUND} {reordered} -c:a aac"), "avc1", "aac"),
    ])
}

#[test]
fn sounds() -> anyhow::Result<()> {
    let sound = |hz: &str| format!("-f lavfi -i sine=440:sample_rate={hz}:d=2");
    check(&[
        row(
            "mono-44100.mp4",
            format!("{PICTURES} {} {H264} -c:a aac -ac 1", sound("44100")),
            "avc1",
            "aac",
        ),
        row(
            "surround-96000-flac.mp4",
            format!("{PICTURES} {} {H264} -c:a flac -strict -2 -ac 6", sound("96000")),
            "avc1",
            "flac",
        ),
        row(
            "surround-96000-aac.mp4",
            format!("{PICTURES} {} {H264} -c:a aac -ac 6", sound("96000")),
            "avc1",
            "aac",
        ),
        row("pictures-only.mp4", format!("{PICTURES} {H264}"), "avc1", None),
        row("sound-only.m4a", format!("{SOUND} -c:a aac"), None, "aac"),
        row("sound-only.mp3", format!("{SOUND} -c:a libmp3lame"), None, "mp3"),
        row("sound-only.flac", format!("{SOUND} -c:a flac"), None, "flac"),
        row("sound-only.ogg", format!("{SOUND} -c:a libvorbis"), None, "vorbis"),
    ])
}

fn check(rows: &[Row]) -> anyhow::Result<()> {
    check_rows(rows, |row| row.file, check_row)
}

fn check_row(row: &Row) -> anyhow::Result<()> {
    let place = Place::new()?;
    let path = place.file(row.file);
    match row.copy {
        None => clips::make(&path, &row.arguments)?,
        Some(copy) => {
            let first = place.file(&format!("first-{}", row.file));
            clips::make(&first, &row.arguments)?;
            clips::make(&path, &format!("-i {} -c copy {copy}", first.display()))?;
        }
    }
    let mut demo = Demo::new(&place)?.media(&path);
    if row.shown.is_some() {
        demo = demo.screenshot(&place.file("shot.png"));
    }
    let outcome = demo.run()?;
    let report = outcome.success()?;
    ensure!(report.faults().is_empty(), "{:?}", report.faults());
    check_pictures(row, report, clips::picture_count(&path)?)?;
    match (row.audio, &report.audio) {
        (Some(codec), Some(audio)) => {
            ensure!(audio.codec == codec && 0.01 < audio.rms, "{audio:?}");
        }
        (wanted, got) => ensure!(wanted.is_none() && got.is_none(), "{got:?}"),
    }
    if let Some(shown) = row.shown {
        let picture = Picture::read(&place.file("shot.png"))?;
        ensure!((picture.width, picture.height) == shown, "{}x{}", picture.width, picture.height);
    }
    Ok(())
}

fn check_pictures(row: &Row, report: &Report, count: u64) -> anyhow::Result<()> {
    let Some((codec, width, height)) = row.video else {
        ensure!(report.video.is_none(), "{:?}", report.video);
        return Ok(());
    };
    let video = report.video().context("no pictures")?;
    ensure!(video.codec.starts_with(codec), "{video:?}");
    ensure!((video.width, video.height) == (width, height), "{video:?}");
    ensure!(0 < count && video.frames_decoded == count, "{count} there: {video:?}");
    ensure!(video.frames_presented + video.frames_dropped == count, "{video:?}");
    ensure!(0 < video.frames_presented && video.frames_corrupted == 0, "{video:?}");
    Ok(())
}
