//! Remote pixels to local pixels.
//!
//! The session host names rectangles in pixels of the remote desktop; the RDP client shows
//! that desktop in its window, stretched per axis when smart sizing is on (no letterbox).
//! Edges are mapped, not sizes: two rectangles that share an edge remotely share it locally,
//! at every scale. Every value is in range for every input: coordinates saturate.

use crate::message::{Rect, Size};

/// How the RDP client shows the remote desktop, in pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Projection {
    pub desktop: Size,
    /// The part of the client's window that shows the desktop.
    pub window: Size,
    /// Stretches the desktop to the window; otherwise one pixel is one pixel.
    pub smart_sizing: bool,
}

impl Projection {
    /// Where a rectangle of the remote desktop lies in the window, relative to the window.
    /// May reach outside of it; see [`intersection`].
    pub fn local_from_remote(self, remote: Rect) -> Rect {
        let [left, top, right, bottom] = edges(remote);
        let x = |edge| self.scale(edge, self.window.width, self.desktop.width);
        let y = |edge| self.scale(edge, self.window.height, self.desktop.height);
        rect_from_edges([x(left), y(top), x(right), y(bottom)])
    }

    /// The window itself: what a local rectangle is clipped to.
    pub fn window_rect(self) -> Rect {
        let Size { width, height } = self.window;
        Rect { x: 0, y: 0, width, height }
    }

    /// One edge, rounded to the nearest pixel, halves up.
    fn scale(self, edge: i64, window: u32, desktop: u32) -> i64 {
        if !self.smart_sizing || desktop == 0 {
            return edge;
        }
        // |edge| < 2^33 and window < 2^32, so the product needs more than 64 bits.
        let (edge, window, desktop) = (i128::from(edge), i128::from(window), i128::from(desktop));
        let rounded = (2 * edge * window + desktop).div_euclid(2 * desktop);
        i64::try_from(rounded).unwrap_or(if rounded < 0 { i64::MIN } else { i64::MAX })
    }
}

/// The common part of two rectangles; `None` where it is empty.
pub fn intersection(a: Rect, b: Rect) -> Option<Rect> {
    let [a_left, a_top, a_right, a_bottom] = edges(a);
    let [b_left, b_top, b_right, b_bottom] = edges(b);
    let (left, top) = (a_left.max(b_left), a_top.max(b_top));
    let (right, bottom) = (a_right.min(b_right), a_bottom.min(b_bottom));
    (left < right && top < bottom).then(|| rect_from_edges([left, top, right, bottom]))
}

/// Left, top, right, bottom; right and bottom are outside.
fn edges(rect: Rect) -> [i64; 4] {
    let (left, top) = (i64::from(rect.x), i64::from(rect.y));
    [left, top, left + i64::from(rect.width), top + i64::from(rect.height)]
}

/// Saturates at the range of `Rect`.
fn rect_from_edges([left, top, right, bottom]: [i64; 4]) -> Rect {
    let clamp =
        |edge: i64| i32::try_from(edge).unwrap_or(if edge < 0 { i32::MIN } else { i32::MAX });
    let extent = |start: i32, end: i64| {
        let extent = end.saturating_sub(i64::from(start)).max(0);
        u32::try_from(extent).unwrap_or(u32::MAX)
    };
    let (x, y) = (clamp(left), clamp(top));
    Rect { x, y, width: extent(x, right), height: extent(y, bottom) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn rect([x, y]: [i32; 2], [width, height]: [u32; 2]) -> Rect {
        Rect { x, y, width, height }
    }

    #[track_caller]
    fn check(desktop: [u32; 2], window: [u32; 2], smart_sizing: bool, remote: Rect, local: Rect) {
        let size = |[width, height]: [u32; 2]| Size { width, height };
        let projection = Projection { desktop: size(desktop), window: size(window), smart_sizing };
        assert_eq!(projection.local_from_remote(remote), local);
    }

    #[test]
    fn mapping() {
        let remote = rect([200, 400], [300, 200]);
        check([1024, 768], [1024, 768], true, remote, remote);
        check([1024, 768], [512, 384], true, remote, rect([100, 200], [150, 100]));
        // Stretched per axis, no letterbox.
        check([1024, 768], [2048, 384], true, remote, rect([400, 200], [600, 100]));
        // Without smart sizing the window shows a part at full size.
        check([1024, 768], [512, 384], false, remote, remote);
        // Rounded to the nearest edge, to either side of the desktop's corner.
        check([1000, 1000], [1500, 1500], true, rect([-1, 1], [2, 2]), rect([-1, 2], [3, 3]));
        check([1000, 1000], [1250, 1250], true, rect([-1, 1], [2, 2]), rect([-1, 1], [2, 3]));
        check([0, 0], [100, 100], true, remote, remote);
    }

    #[test]
    fn intersections() {
        let a = rect([0, 0], [10, 10]);
        assert_eq!(intersection(a, rect([5, -5], [10, 10])), Some(rect([5, 0], [5, 5])));
        assert_eq!(intersection(a, rect([10, 0], [5, 5])), None);
        assert_eq!(intersection(a, rect([3, 3], [0, 5])), None);
    }

    prop_compose! {
        fn any_rect()(x: i32, y: i32, width: u32, height: u32) -> Rect {
            Rect { x, y, width, height }
        }
    }

    proptest! {
        #[test]
        fn adjacent_edges_stay_adjacent(
            desktop in 1..70_000u32, window in 1..70_000u32,
            x in -70_000..70_000i32, left_width in 0..70_000u32, right_width in 0..70_000u32,
        ) {
            let size = |width| Size { width, height: 1 };
            let projection =
                Projection { desktop: size(desktop), window: size(window), smart_sizing: true };
            let left = projection.local_from_remote(rect([x, 0], [left_width, 1]));
            let seam = x + i32::try_from(left_width).unwrap();
            let right = projection.local_from_remote(rect([seam, 0], [right_width, 1]));
            prop_assert_eq!(left.x + i32::try_from(left.width).unwrap(), right.x);
        }

        #[test]
        fn any_numbers(
            remote in any_rect(), other in any_rect(), width: u32, height: u32,
            window_width: u32, window_height: u32, smart_sizing: bool,
        ) {
            let desktop = Size { width, height };
            let window = Size { width: window_width, height: window_height };
            let projection = Projection { desktop, window, smart_sizing };
            let local = projection.local_from_remote(remote);
            if let Some(both) = intersection(local, other) {
                prop_assert_eq!(intersection(both, other), Some(both));
            }
        }
    }
}
