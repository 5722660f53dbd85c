//! The clip that the tests play, and what the agent says of it.

use nearside::status::Status;
use nearside_channel::message::TimeRange;
use nearside_tests::clips::{self, H264, Segments};
use nearside_tests::place::Place;

/// The argument of `addSourceBuffer` for it.
pub const MP4: &str = "video/mp4; codecs=\"avc1.42c00d\"";

/// Pictures of it: 4 s at 30 Hz.
pub const PICTURES: u64 = 120;

/// What a browser says is buffered with all of it.
pub const RANGE: TimeRange = TimeRange { start_micros: 0, end_micros: 4_000_000 };

/// Makes it.
///
/// # Errors
/// There is no ffmpeg program.
pub fn make(place: &Place) -> anyhow::Result<Segments> {
    let pictures = "-f lavfi -i testsrc2=s=320x180:r=30:d=4";
    clips::segments(&place.file("clip.mp4"), &format!("{pictures} {H264} -g 15 -bf 0"))
}

/// Pictures of all items that have reached the screen.
pub fn presented(status: &Status) -> u64 {
    let videos = status.items.iter().filter_map(|item| item.video.as_ref());
    videos.map(|video| video.presented).sum()
}
