//! Pixels as the X server has them. X Window System Protocol 11, `GetImage`.

use nearside_channel::geometry::intersection;
use nearside_channel::message::Rect;
use x11rb::connection::Connection as _;
use x11rb::protocol::xproto::{
    ConnectionExt as _, Drawable, GetImageReply, ImageFormat, ImageOrder, Setup, Visualtype,
};
use x11rb::rust_connection::RustConnection;

use super::bubbles::Line;
use super::eye::Error;

/// How the screen's pixels are made up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Format {
    bytes: usize,
    is_big_endian: bool,
    /// Of red, green and blue.
    masks: [u32; 3],
}

impl Format {
    /// `None`: other than of 16, 24 or 32 bits.
    pub(super) fn of(setup: &Setup, depth: u8, visual: u32) -> Option<Self> {
        let bits = setup.pixmap_formats.iter().find(|format| format.depth == depth)?.bits_per_pixel;
        let mut depths = setup.roots.iter().flat_map(|screen| &screen.allowed_depths);
        let is_it = |one: &&Visualtype| one.visual_id == visual;
        let Visualtype { red_mask, green_mask, blue_mask, .. } =
            depths.find_map(|depth| depth.visuals.iter().find(is_it))?;
        Some(Self {
            bytes: match bits {
                16 => 2,
                24 => 3,
                32 => 4,
                _ => return None,
            },
            is_big_endian: setup.image_byte_order == ImageOrder::MSB_FIRST,
            masks: [*red_mask, *green_mask, *blue_mask],
        })
    }

    fn pixel(&self, bytes: &[u8]) -> [u8; 3] {
        let join = |all: u32, one: &u8| all << 8 | u32::from(*one);
        let value = if self.is_big_endian {
            bytes.iter().fold(0, join)
        } else {
            bytes.iter().rev().fold(0, join)
        };
        self.masks.map(|mask| channel(value, mask))
    }
}

/// What `mask` selects, as of 0 to 255.
fn channel(value: u32, mask: u32) -> u8 {
    let full = mask.checked_shr(mask.trailing_zeros()).unwrap_or(0);
    let part = (value & mask).checked_shr(mask.trailing_zeros()).unwrap_or(0);
    let scaled = (u64::from(part) * 255).checked_div(u64::from(full)).unwrap_or(0);
    u8::try_from(scaled).unwrap_or(u8::MAX)
}

/// The lines of `clip` at `rows`, as far as they are on the screen, `screen`.
pub(super) fn lines(
    connection: &RustConnection,
    root: Drawable,
    format: Format,
    screen: Rect,
    clip: Rect,
    rows: impl Iterator<Item = i32>,
) -> Result<Vec<Line>, Error> {
    // What hangs over the screen's edge is seen by nobody.
    if intersection(clip, screen) != Some(clip) {
        return Ok(Vec::new());
    }
    let (Ok(x), Ok(width)) = (i16::try_from(clip.x), u16::try_from(clip.width)) else {
        return Ok(Vec::new());
    };
    let mut asked = Vec::new();
    for y in rows {
        let Ok(row) = i16::try_from(y) else { break };
        let image = ImageFormat::Z_PIXMAP;
        asked.push((y, connection.get_image(image, root, x, row, width, 1, u32::MAX)?));
    }
    connection.flush()?;
    let mut lines = Vec::with_capacity(asked.len());
    for (y, cookie) in asked {
        let GetImageReply { data, .. } = cookie.reply()?;
        let pixels = data.chunks_exact(format.bytes).take(usize::from(width));
        lines.push(Line { y, pixels: pixels.map(|bytes| format.pixel(bytes)).collect() });
    }
    Ok(lines)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pixels() {
        let true_colour = [0x00ff_0000, 0x0000_ff00, 0x0000_00ff];
        let [wide, high] = [(4, true_colour), (2, [0xf800, 0x07e0, 0x001f])]
            .map(|(bytes, masks)| Format { bytes, is_big_endian: false, masks });
        assert_eq!(wide.pixel(&[0x12, 0x11, 0x10, 0xff]), [0x10, 0x11, 0x12]);
        let big = Format { is_big_endian: true, ..wide };
        assert_eq!(big.pixel(&[0xff, 0x10, 0x11, 0x12]), [0x10, 0x11, 0x12]);
        assert_eq!(high.pixel(&0xffff_u16.to_le_bytes()), [255, 255, 255]);
        assert_eq!(high.pixel(&0x1082_u16.to_le_bytes()), [16, 16, 16]);
        // A server that says nothing of its colours.
        assert_eq!(Format { masks: [0; 3], ..wide }.pixel(&[255; 4]), [0; 3]);
    }
}
