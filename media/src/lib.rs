//! Pictures and sound: from appended bytes to planes on the GPU and samples at the speaker.
//!
//! Knows no RDP, no page and no widget. No type of ffmpeg-next or cpal stands in a public
//! signature.

pub mod init;
pub mod picture;
pub mod present;
pub mod ranges;
pub mod segment;
pub mod source_buffer;
pub mod time;
pub mod track_buffer;
