//! Which parts of a picture other windows lie over, in as few rectangles as the channel takes.

use nearside_channel::geometry::intersection;
use nearside_channel::message::{MAX_COVERED, Rect};

use super::{Window, Windows};

/// Windows that narrow are handles and markers, not something to look at.
const TINY_PX: u32 = 2;

/// Rectangles that are looked at; what more windows cover becomes one.
const MAX_PARTS: usize = 512;

/// `covered`, and what of `clip` the windows `above` cover. At most [`MAX_COVERED`].
pub(super) fn with_windows(covered: Vec<Rect>, clip: Rect, above: &Windows) -> Vec<Rect> {
    let is_tiny = |rect: Rect| rect.width <= TINY_PX || rect.height <= TINY_PX;
    let over = |window: &&Window| {
        window.mapped && !is_tiny(window.rect) && intersection(window.rect, clip).is_some()
    };
    let parts = above.iter().filter(over).flat_map(|window| {
        let whole = std::slice::from_ref(&window.rect);
        window.shape.as_deref().unwrap_or(whole)
    });
    with_parts(covered, clip, parts)
}

/// `covered`, and what of `clip` lies in `over`. At most [`MAX_COVERED`].
pub(super) fn with_parts<'a>(
    covered: Vec<Rect>,
    clip: Rect,
    over: impl IntoIterator<Item = &'a Rect>,
) -> Vec<Rect> {
    let mut parts = covered;
    for part in over.into_iter().filter_map(|part| intersection(*part, clip)) {
        add(&mut parts, part);
    }
    merge(&mut parts);
    parts
}

fn add(parts: &mut Vec<Rect>, part: Rect) {
    if parts.iter().any(|other| is_within(part, *other)) {
        return;
    }
    parts.retain(|other| !is_within(*other, part));
    let is_full = MAX_PARTS <= parts.len();
    match parts.last_mut().filter(|_| is_full) {
        Some(last) => *last = union(*last, part),
        None => parts.push(part),
    }
}

/// Joins neighbours that waste least until they are few enough.
fn merge(parts: &mut Vec<Rect>) {
    if parts.len() <= MAX_COVERED {
        return;
    }
    parts.sort_unstable_by_key(|part| (part.y, part.x));
    while MAX_COVERED < parts.len() {
        let waste = |pair: &[Rect]| match pair {
            [a, b] => area(union(*a, *b)).saturating_sub(area(*a)).saturating_sub(area(*b)),
            _ => u64::MAX,
        };
        let pairs = parts.windows(2).map(waste).enumerate();
        let Some((first, _)) = pairs.min_by_key(|(_, waste)| *waste) else { return };
        let second = parts.remove(first + 1);
        if let Some(part) = parts.get_mut(first) {
            *part = union(*part, second);
        }
    }
}

pub(super) fn is_within(inner: Rect, outer: Rect) -> bool {
    intersection(inner, outer) == Some(inner)
}

fn area(rect: Rect) -> u64 {
    u64::from(rect.width) * u64::from(rect.height)
}

/// The smallest rectangle around both.
fn union(a: Rect, b: Rect) -> Rect {
    let end = |start: i32, length: u32| i64::from(start) + i64::from(length);
    let span = |start: i32, end: i64| u32::try_from(end - i64::from(start)).unwrap_or(u32::MAX);
    let (x, y) = (a.x.min(b.x), a.y.min(b.y));
    let right = end(a.x, a.width).max(end(b.x, b.width));
    let bottom = end(a.y, a.height).max(end(b.y, b.height));
    Rect { x, y, width: span(x, right), height: span(y, bottom) }
}

#[cfg(test)]
mod tests {
    use super::super::WindowId;
    use super::*;
    use proptest::prelude::*;

    const CLIP: Rect = Rect { x: 100, y: 100, width: 400, height: 300 };

    fn rect([x, y]: [i32; 2], [width, height]: [u32; 2]) -> Rect {
        Rect { x, y, width, height }
    }

    fn window(rect: Rect) -> Window {
        let (id, title) = (WindowId(1), String::new());
        Window {
            id,
            rect,
            margins: [0; 4],
            shape: None,
            mapped: true,
            floating: false,
            process: None,
            title,
        }
    }

    #[track_caller]
    fn check(above: &[Window], expected: &[Rect]) {
        assert_eq!(with_windows(Vec::new(), CLIP, above), expected);
    }

    #[test]
    fn parts() {
        let inside = rect([200, 200], [50, 60]);
        check(&[window(inside)], &[inside]);
        check(&[window(rect([0, 0], [150, 120]))], &[rect([100, 100], [50, 20])]);
        check(&[window(rect([500, 100], [50, 50]))], &[]);
        check(&[window(rect([i32::MIN, i32::MIN], [u32::MAX, u32::MAX]))], &[CLIP]);
        check(&[window(rect([200, 200], [2, 500]))], &[]);
        check(&[Window { mapped: false, ..window(inside) }], &[]);
        // One behind the other.
        check(&[window(rect([210, 210], [5, 5])), window(inside)], &[inside]);
        check(&[window(inside), window(rect([210, 210], [5, 5]))], &[inside]);
        let corner = rect([200, 200], [10, 10]);
        check(&[Window { shape: Some(vec![corner]), ..window(inside) }], &[corner]);
        check(&[Window { shape: Some(Vec::new()), ..window(inside) }], &[]);
    }

    #[test]
    fn what_the_page_covers_stays() {
        let page = rect([110, 110], [5, 5]);
        let over = rect([200, 200], [50, 60]);
        assert_eq!(with_windows(vec![page], CLIP, &[window(over)]), [page, over]);
    }

    proptest! {
        #[test]
        fn many_are_joined_and_none_is_lost(
            spots in prop::collection::vec(([0_i32..600, 0_i32..600], [3_u32..90, 3_u32..90]), 0..900),
        ) {
            let above: Vec<_> = spots.iter().map(|(at, size)| window(rect(*at, *size))).collect();
            let covered = with_windows(Vec::new(), CLIP, &above);
            prop_assert!(covered.len() <= MAX_COVERED);
            for window in &above {
                let Some(part) = intersection(window.rect, CLIP) else { continue };
                prop_assert!(covered.iter().any(|rect| is_within(part, *rect)));
            }
            for rect in covered {
                prop_assert!(is_within(rect, CLIP));
            }
        }
    }
}
