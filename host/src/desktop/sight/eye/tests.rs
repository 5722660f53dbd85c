use super::*;

const RECT: Rect = Rect { x: 10, y: 20, width: 300, height: 200 };

fn moved(by: i32) -> Rect {
    Rect { x: RECT.x + by, ..RECT }
}

fn over(player: u64, rects: &[Rect]) -> Bubbles {
    if rects.is_empty() { Bubbles::new() } else { [(player, rects.to_vec())].into() }
}

#[test]
fn what_is_seen_twice_counts() {
    let check = |seen: &[Rect], before: &[Rect], told: &[Rect], expected: &[Rect], sure: bool| {
        let found = confirm(&over(1, seen), &over(1, before), &over(1, told));
        assert_eq!(found, (over(1, expected), sure));
    };
    check(&[], &[RECT], &[RECT], &[], true);
    check(&[RECT], &[], &[], &[], false);
    check(&[RECT], &[RECT], &[], &[RECT], true);
    check(&[RECT], &[], &[RECT], &[RECT], true);
    // It slides in.
    check(&[moved(10)], &[RECT], &[], &[moved(10)], true);
    check(&[moved(100)], &[RECT], &[], &[], false);
    check(&[RECT, moved(400)], &[RECT], &[], &[RECT], false);
    // Another player's is another bubble.
    let other = confirm(&over(1, &[RECT]), &over(2, &[RECT]), &Bubbles::new());
    assert_eq!(other, (Bubbles::new(), false));
}
