use proptest::prelude::*;

use super::*;

const CLIP: Rect = Rect { x: 100, y: 200, width: 640, height: 360 };
const WHITE: [u8; 3] = [255; 3];
/// The browser's dark bubbles.
const DARK: [u8; 3] = [0x1f, 0x1f, 0x1f];

fn spot(covered: &[Rect]) -> Spot {
    Spot { player: 1, clip: CLIP, covered: covered.to_vec() }
}

fn rect([x, y]: [i32; 2], [width, height]: [u32; 2]) -> Rect {
    Rect { x, y, width, height }
}

/// The screen at `CLIP`, painted one over the other.
fn lines(painted: &[(Rect, [u8; 3])]) -> Vec<Line> {
    let is_in = |rect: &Rect, x: i32, y: i32| {
        let at = Rect { x, y, width: 1, height: 1 };
        nearside_channel::geometry::intersection(*rect, at).is_some()
    };
    let colour = |x: i32, y: i32| {
        let over = painted.iter().rev().find(|(rect, _)| is_in(rect, x, y));
        over.map_or(PLACEHOLDER, |(_, colour)| *colour)
    };
    (CLIP.y..CLIP.y + 360)
        .step_by(8)
        .map(|y| Line { y, pixels: (CLIP.x..CLIP.x + 640).map(|x| colour(x, y)).collect() })
        .collect()
}

#[track_caller]
fn check(covered: &[Rect], painted: &[(Rect, [u8; 3])], expected: &[Rect]) {
    let (spot, lines) = (spot(covered), lines(painted));
    assert_eq!(bubbles(&spot, &lines), expected);
    let top: Vec<_> = lines.iter().take(6).cloned().collect();
    assert!(expected.is_empty() || has_beginning(&spot, &top));
}

#[test]
fn what_hangs_from_above() {
    check(&[], &[], &[]);
    let bubble = rect([200, 150], [330, 186]);
    let seen = rect([199, 200], [332, 137]);
    check(&[], &[(bubble, WHITE)], &[seen]);
    check(&[], &[(bubble, DARK)], &[seen]);
    // With letters on it, of the placeholder's colour.
    let letters = rect([230, 240], [20, 30]);
    check(&[], &[(bubble, WHITE), (letters, PLACEHOLDER)], &[seen]);
    // At a side.
    let left = rect([60, 180], [70, 120]);
    check(&[], &[(left, WHITE)], &[rect([100, 200], [31, 105])]);
    // Two.
    let right = rect([600, 200], [200, 100]);
    let seen_right = rect([599, 200], [141, 105]);
    check(&[], &[(bubble, WHITE), (right, WHITE)], &[seen_right, seen]);
    // All of it.
    check(&[], &[(rect([0, 0], [900, 900]), WHITE)], &[CLIP]);
}

#[test]
fn what_is_the_pages_own() {
    // A shade, a logo, a line, a button in the middle, controls at the bottom.
    check(&[], &[(CLIP, [0; 3])], &[]);
    check(&[], &[(rect([640, 210], [80, 60]), WHITE)], &[]);
    check(&[], &[(rect([100, 200], [640, 3]), WHITE)], &[]);
    check(&[], &[(rect([340, 320], [160, 100]), WHITE)], &[]);
    check(&[], &[(rect([100, 500], [640, 60]), WHITE)], &[]);
    // What the page has said.
    let bar = rect([100, 200], [640, 40]);
    check(&[bar], &[(bar, WHITE)], &[]);
    // A bubble that ends on the page's controls does not become as wide.
    let controls = rect([100, 320], [640, 240]);
    let bubble = rect([200, 150], [330, 170]);
    check(&[], &[(bubble, WHITE), (controls, WHITE)], &[rect([199, 200], [332, 121])]);
}

#[test]
fn trust() {
    assert!(is_placeholder(&spot(&[]), &lines(&[])));
    let half = |height| lines(&[(rect([100, 200], [640, height]), WHITE)]);
    assert!(is_placeholder(&spot(&[]), &half(170)));
    assert!(!is_placeholder(&spot(&[]), &half(190)));
    assert!(!is_placeholder(&spot(&[]), &half(360)));
    // Nothing to be seen is no reason to trust.
    assert!(!is_placeholder(&spot(&[CLIP]), &lines(&[])));
    assert!(!is_placeholder(&spot(&[]), &[]));
}

proptest! {
    #[test]
    fn bubbles_lie_in_the_picture(
        painted in prop::collection::vec(
            ([0_i32..900, 0_i32..700], [0_u32..700, 0_u32..500], any::<[u8; 3]>()), 0..12),
    ) {
        let painted: Vec<_> =
            painted.into_iter().map(|(at, size, colour)| (rect(at, size), colour)).collect();
        for found in bubbles(&spot(&[]), &lines(&painted)) {
            prop_assert_eq!(nearside_channel::geometry::intersection(found, CLIP), Some(found));
            prop_assert!(found.y == CLIP.y);
        }
    }
}
