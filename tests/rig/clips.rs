//! Clips made by the ffmpeg program, small and short.

use crate::process::Running;
use crate::{PLAY, STEP};
use anyhow::{Context as _, ensure};
use std::path::Path;
use std::process::Command;

/// Pictures of the usual test clip: 2 s of 320x180 at 30 Hz.
pub const PICTURES: &str = "-f lavfi -i testsrc2=s=320x180:r=30:d=2";

/// 2 s of red at 30 Hz, in the colours that appended media has where it does not tell.
pub fn red(size: &str) -> String {
    let colours = "scale=out_color_matrix=bt709,format=yuv420p";
    format!("-f lavfi -i color=c=red:s={size}:r=30:d=2,{colours}")
}

/// Sound of the usual test clip.
pub const SOUND: &str = "-f lavfi -i sine=440:sample_rate=48000:d=2";

/// What every FFmpeg with x264 makes quickly.
pub const H264: &str = "-c:v libx264 -preset ultrafast -pix_fmt yuv420p";

/// Runs `ffmpeg ARGUMENTS PATH`; the arguments are separated by spaces.
///
/// # Errors
/// FFmpeg cannot make it; its words are in the error.
pub fn make(path: &Path, arguments: &str) -> anyhow::Result<()> {
    let mut command = Command::new("ffmpeg");
    command.args(["-hide_banner", "-loglevel", "error", "-nostdin", "-y"]);
    command.args(arguments.split_whitespace()).arg(path);
    let folder = path.parent().context("the clip's folder")?;
    let name = format!("ffmpeg-{}", path.file_name().unwrap_or_default().display());
    let mut running = Running::start(command, folder, &name)?;
    let status = running.wait(PLAY)?;
    ensure!(status.success(), "ffmpeg {arguments}: {}", running.stderr());
    Ok(())
}

/// The usual H.264 and AAC clip of so many seconds.
///
/// # Errors
/// As [`make`].
pub fn usual(path: &Path, seconds: u32) -> anyhow::Result<()> {
    let pictures = format!("-f lavfi -i testsrc2=s=320x180:r=30:d={seconds}");
    let sound = format!("-f lavfi -i sine=440:sample_rate=48000:d={seconds}");
    make(path, &format!("{pictures} {sound} {H264} -g 30 -bf 0 -c:a aac"))
}

/// Pictures that the ffprobe program decodes from the file.
///
/// # Errors
/// It cannot read the file.
pub fn picture_count(path: &Path) -> anyhow::Result<u64> {
    let mut command = Command::new("ffprobe");
    command.args(["-v", "error", "-count_frames", "-select_streams", "v:0"]);
    command.args(["-show_entries", "stream=nb_read_frames", "-of", "csv=p=0"]).arg(path);
    let folder = path.parent().context("the clip's folder")?;
    let name = format!("ffprobe-{}", path.file_name().unwrap_or_default().display());
    let mut running = Running::start(command, folder, &name)?;
    ensure!(running.wait(STEP)?.success(), "ffprobe: {}", running.stderr());
    let text = running.stdout();
    let first = text.split([',', '\n']).find(|field| !field.trim().is_empty());
    // A file without pictures has no such line.
    first.map_or(Ok(0), |count| count.trim().parse().context("ffprobe's count"))
}

/// A fragmented MP4 as a page would append it.
#[derive(Clone, Debug)]
pub struct Segments {
    pub init: Vec<u8>,
    pub media: Vec<u8>,
}

/// Makes a fragmented MP4 and cuts it before its first `moof`.
///
/// # Errors
/// As [`make`].
pub fn segments(path: &Path, arguments: &str) -> anyhow::Result<Segments> {
    let fragmented = "-movflags frag_keyframe+empty_moov+default_base_moof";
    make(path, &format!("{arguments} {fragmented} -f mp4"))?;
    let bytes = std::fs::read(path)?;
    let at = first_box(&bytes, b"moof").context("the file has no fragments")?;
    let (init, media) = bytes.split_at(at);
    Ok(Segments { init: init.to_vec(), media: media.to_vec() })
}

/// Where the first top-level box of this type begins.
pub fn first_box(bytes: &[u8], kind: &[u8; 4]) -> Option<usize> {
    let mut at = 0;
    loop {
        let header = bytes.get(at..)?.first_chunk::<8>()?;
        let [s0, s1, s2, s3, name @ ..] = *header;
        if name == *kind {
            return Some(at);
        }
        let size = usize::try_from(u32::from_be_bytes([s0, s1, s2, s3])).ok()?;
        at = at.checked_add(size.max(8))?;
    }
}

/// `bytes` with the first occurrence of `from` replaced.
///
/// # Errors
/// It does not occur.
pub fn patched(bytes: &[u8], from: &[u8; 4], to: &[u8; 4]) -> anyhow::Result<Vec<u8>> {
    let mut bytes = bytes.to_vec();
    let at = bytes.windows(4).position(|window| window == from).context("nothing to patch")?;
    bytes.get_mut(at..at + 4).context("nothing to patch")?.copy_from_slice(to);
    Ok(bytes)
}
