//! Captions over the picture: where WebVTT puts them, white on translucent black, in every
//! script for which the device has fonts.
//!
//! ```text
//!  stage's loop ── wanted: captions, size of the picture ──▶ thread "captions": fonts, letters
//!               ◀── blocks: pictures of text, and a wake ──
//! ```
//! Fonts are looked for when the first caption comes, and texts are shaped and drawn on a
//! thread of their own, once for each caption and size: no picture waits for letters, and one
//! more picture with the same captions costs a textured rectangle each.
//!
//! Simpler than WebVTT's section 7 in two things: text runs from top to bottom, and a caption
//! that finds no room is drawn over others.

mod canvas;
mod letters;
mod place;
mod setter;

use egui::ColorImage;
use nearside_channel::message::Caption;
use std::sync::Arc;

pub(crate) use self::setter::{Setter, Slot};

/// What is to be drawn.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Wanted {
    pub(crate) captions: Arc<[Caption]>,
    /// Of the picture, in pixels.
    pub(crate) size: (u32, u32),
    /// So much of it at its lower edge shows something else, in pixels.
    pub(crate) taken: u32,
}

/// The picture of one caption, and where its top left corner is on the video's picture, in
/// pixels.
#[derive(Clone, Debug)]
pub(crate) struct Block {
    pub(crate) at: (u32, u32),
    pub(crate) image: ColorImage,
}
