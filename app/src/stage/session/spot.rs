//! From what the page says of a video's place to a place in the RDP client's window.
//!
//! Pure. Remote rectangles are physical pixels of the remote desktop; local ones are pixels
//! of the window that shows it.

use super::region::difference;
use nearside_channel::geometry::{Projection, intersection};
use nearside_channel::message::{Layout, Rect, Size};

/// Longest side of a picture's window in pixels: X11 positions are 16 bits wide.
pub(crate) const MAX_SIDE_PX: u32 = 16_384;

/// Most pixels of a picture's window, 8192 x 4608: a page may zoom a video far beyond any
/// screen, and each pixel costs memory on the graphics device.
const MAX_PIXELS: u64 = 8192 * 4608;

/// Where a picture goes, or why nowhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Spot {
    Shown {
        /// Position and size of the whole picture's window within the client's window.
        rect: Rect,
        /// What of it is seen, relative to `rect`, in YX-banded order. Never empty.
        shape: Vec<Rect>,
        /// The bar of the browser's controls, relative to `rect`.
        control_bar: Option<Rect>,
    },
    /// The page does not show it, or nothing of it lies inside the window.
    Hidden,
    /// More pixels than a picture may have.
    TooLarge { width: u32, height: u32 },
}

/// How the client shows the desktop. Without a word of its own, a window of another size than
/// the desktop's is taken to stretch it.
pub(crate) fn projection(desktop: Size, window: Size, smart_sizing: Option<bool>) -> Projection {
    Projection { desktop, window, smart_sizing: smart_sizing.unwrap_or(desktop != window) }
}

/// The place of a picture with this layout. `limit_px`: longest side that can be drawn.
pub(crate) fn spot(layout: &Layout, projection: Projection, limit_px: u32) -> Spot {
    let Size { width, height } = projection.desktop;
    let desktop = Rect { x: 0, y: 0, width, height };
    let clip = intersection(layout.clip, layout.rect);
    let Some(clip) = clip.and_then(|clip| intersection(clip, desktop)) else {
        return Spot::Hidden;
    };
    let rect = projection.local_from_remote(layout.rect);
    let clip = projection.local_from_remote(clip);
    let seen = intersection(clip, projection.window_rect());
    let Some(seen) = seen.filter(|_| layout.visible) else { return Spot::Hidden };
    let limit_px = limit_px.min(MAX_SIDE_PX);
    let pixels = u64::from(rect.width) * u64::from(rect.height);
    if limit_px < rect.width || limit_px < rect.height || MAX_PIXELS < pixels {
        return Spot::TooLarge { width: rect.width, height: rect.height };
    }
    let covered: Vec<Rect> =
        layout.covered.iter().map(|covered| projection.local_from_remote(*covered)).collect();
    if difference(seen, &covered).is_empty() {
        return Spot::Hidden;
    }
    // Not cut at the window's edges: the X server does that, also while the window grows.
    let shape = difference(clip, &covered);
    let relative = |part: Rect| Rect {
        x: part.x.saturating_sub(rect.x),
        y: part.y.saturating_sub(rect.y),
        ..part
    };
    let bar = layout.control_bar.map(|bar| relative(projection.local_from_remote(bar)));
    let shape = shape.into_iter().map(relative).collect();
    Spot::Shown { rect, shape, control_bar: bar }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rect([x, y]: [i32; 2], [width, height]: [u32; 2]) -> Rect {
        Rect { x, y, width, height }
    }

    fn size([width, height]: [u32; 2]) -> Size {
        Size { width, height }
    }

    const DESKTOP: [u32; 2] = [1024, 768];

    fn layout(rect: Rect) -> Layout {
        Layout { rect, clip: rect, visible: true, ..Layout::default() }
    }

    #[track_caller]
    fn check(layout: &Layout, window: [u32; 2], smart_sizing: Option<bool>, expected: &Spot) {
        let projection = projection(size(DESKTOP), size(window), smart_sizing);
        assert_eq!(&spot(layout, projection, MAX_SIDE_PX), expected);
    }

    fn shown(rect: Rect, shape: &[Rect]) -> Spot {
        Spot::Shown { rect, shape: shape.to_vec(), control_bar: None }
    }

    #[test]
    fn sizes_of_window_and_desktop() {
        let layout = layout(rect([200, 400], [300, 200]));
        let at_scale_1 = shown(layout.rect, &[rect([0, 0], [300, 200])]);
        let halved = shown(rect([100, 200], [150, 100]), &[rect([0, 0], [150, 100])]);
        check(&layout, DESKTOP, None, &at_scale_1);
        check(&layout, DESKTOP, Some(true), &at_scale_1);
        check(&layout, [512, 384], Some(true), &halved);
        // Unknown: a window of another size stretches.
        check(&layout, [512, 384], None, &halved);
        check(&layout, [1920, 1080], Some(false), &at_scale_1);
    }

    #[test]
    fn the_controls_lie_where_the_page_has_them_in_the_picture() {
        let mut layout = layout(rect([200, 400], [640, 360]));
        layout.control_bar = Some(rect([200, 688], [640, 72]));
        let bar = |window: [u32; 2]| {
            let projection = projection(size(DESKTOP), size(window), Some(true));
            match spot(&layout, projection, MAX_SIDE_PX) {
                Spot::Shown { control_bar, .. } => control_bar,
                _ => None,
            }
        };
        assert_eq!(bar(DESKTOP), Some(rect([0, 288], [640, 72])));
        assert_eq!(bar([512, 384]), Some(rect([0, 144], [320, 36])));
    }

    #[test]
    fn what_is_seen() {
        let whole = rect([100, 100], [320, 180]);
        let mut scrolled = layout(whole);
        scrolled.clip = rect([100, 150], [320, 200]);
        check(&scrolled, DESKTOP, None, &shown(whole, &[rect([0, 50], [320, 130])]));
        scrolled.covered = vec![rect([90, 140], [40, 400])];
        check(&scrolled, DESKTOP, None, &shown(whole, &[rect([30, 50], [290, 130])]));
        scrolled.covered.push(rect([0, 0], [1024, 768]));
        check(&scrolled, DESKTOP, None, &Spot::Hidden);
        scrolled.clip = rect([100, 300], [320, 200]);
        check(&scrolled, DESKTOP, None, &Spot::Hidden);
        let invisible = Layout { visible: false, ..layout(whole) };
        check(&invisible, DESKTOP, None, &Spot::Hidden);
    }

    #[test]
    fn edges_of_window_and_desktop() {
        // Outside of the window at scale 1, and back when the window grows.
        let corner = layout(rect([900, 700], [300, 200]));
        check(&corner, [640, 480], Some(false), &Spot::Hidden);
        check(&corner, [1920, 1080], Some(false), &shown(corner.rect, &[rect([0, 0], [124, 68])]));
        // The shape does not end at the window's edge.
        let across = layout(rect([600, 400], [300, 200]));
        check(&across, [640, 480], Some(false), &shown(across.rect, &[rect([0, 0], [300, 200])]));
        let left = layout(rect([-50, -20], [100, 100]));
        check(&left, DESKTOP, None, &shown(left.rect, &[rect([50, 20], [50, 80])]));
    }

    #[test]
    fn pictures_that_are_too_large() {
        let huge = layout(rect([-9000, -9000], [20_000, 20_000]));
        check(&huge, DESKTOP, None, &Spot::TooLarge { width: 20_000, height: 20_000 });
        let wide = layout(rect([0, 0], [9000, 9000]));
        check(&wide, DESKTOP, None, &Spot::TooLarge { width: 9000, height: 9000 });
        let extreme = layout(rect([i32::MIN, i32::MIN], [u32::MAX, u32::MAX]));
        check(&extreme, DESKTOP, None, &Spot::TooLarge { width: u32::MAX, height: u32::MAX });
        let small = spot(
            &layout(rect([0, 0], [600, 300])),
            projection(size(DESKTOP), size(DESKTOP), None),
            512,
        );
        assert_eq!(small, Spot::TooLarge { width: 600, height: 300 });
    }
}
