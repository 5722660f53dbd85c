//! Pictures and sound: from appended or fetched bytes to planes on the GPU and samples at the speaker.
//!
//! Knows no RDP, no page and no widget. No type of ffmpeg-next or cpal stands in a public
//! signature.

pub mod decode;
pub mod fetch;
pub mod init;
pub mod measure;
pub mod picture;
pub mod player;
pub mod present;
pub mod ranges;
pub mod render;
pub mod segment;
pub mod sound;
pub mod source_buffer;
pub mod time;
pub mod track_buffer;
