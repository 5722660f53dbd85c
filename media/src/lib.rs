//! Pictures and sound: from appended bytes to planes on the GPU and samples at the speaker.
//!
//! Knows no RDP, no page and no widget. No type of ffmpeg-next or cpal stands in a public
//! signature.

pub mod picture;
pub mod present;
pub mod render;
pub mod time;
