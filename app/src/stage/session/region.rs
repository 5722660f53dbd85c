//! What stays of a rectangle when others are cut out of it, as the SHAPE extension takes it.
//!
//! Pure. The result is in YX-banded order (X11 protocol, SetClipRectangles): from the top,
//! then from the left; rectangles never overlap, and those that share rows share them all.
//! With `n` cuts there are at most `(2n + 1)(n + 1)` rectangles, whatever the numbers are.

use nearside_channel::message::Rect;

/// `whole` without every rectangle of `cuts`. Empty when nothing stays.
pub(crate) fn difference(whole: Rect, cuts: &[Rect]) -> Vec<Rect> {
    let outer = Edges::of(whole);
    let cuts: Vec<Edges> = cuts.iter().filter_map(|cut| Edges::of(*cut).within(outer)).collect();
    let mut rows: Vec<i64> = cuts.iter().flat_map(|cut| [cut.top, cut.bottom]).collect();
    rows.extend([outer.top, outer.bottom]);
    rows.sort_unstable();
    rows.dedup();

    let mut bands: Vec<Band> = Vec::new();
    for pair in rows.windows(2) {
        let &[top, bottom] = pair else { continue };
        let spans = spans(outer, cuts.iter().filter(|cut| cut.top <= top && bottom <= cut.bottom));
        match bands.last_mut() {
            Some(last) if last.spans == spans => last.bottom = bottom,
            _ => bands.push(Band { top, bottom, spans }),
        }
    }
    let rects = bands.iter().flat_map(|band| {
        let rect = |&(left, right): &(i64, i64)| {
            Edges { left, top: band.top, right, bottom: band.bottom }.rect()
        };
        band.spans.iter().filter_map(rect)
    });
    rects.collect()
}

/// Rows that look the same.
struct Band {
    top: i64,
    bottom: i64,
    spans: Vec<(i64, i64)>,
}

/// What stays of one row, from the left.
fn spans<'a>(outer: Edges, cuts: impl Iterator<Item = &'a Edges>) -> Vec<(i64, i64)> {
    let mut cuts: Vec<(i64, i64)> = cuts.map(|cut| (cut.left, cut.right)).collect();
    cuts.sort_unstable();
    let mut spans = Vec::new();
    let mut from = outer.left;
    for (left, right) in cuts {
        if from < left {
            spans.push((from, left));
        }
        from = from.max(right);
    }
    if from < outer.right {
        spans.push((from, outer.right));
    }
    spans
}

/// A rectangle by its edges; right and bottom are outside.
#[derive(Clone, Copy)]
struct Edges {
    left: i64,
    top: i64,
    right: i64,
    bottom: i64,
}

impl Edges {
    fn of(rect: Rect) -> Self {
        let (left, top) = (i64::from(rect.x), i64::from(rect.y));
        Self {
            left,
            top,
            right: left + i64::from(rect.width),
            bottom: top + i64::from(rect.height),
        }
    }

    /// The part of it inside `outer`; `None` when there is none.
    fn within(self, outer: Self) -> Option<Self> {
        let cut = Self {
            left: self.left.max(outer.left),
            top: self.top.max(outer.top),
            right: self.right.min(outer.right),
            bottom: self.bottom.min(outer.bottom),
        };
        (cut.left < cut.right && cut.top < cut.bottom).then_some(cut)
    }

    /// `None` never comes for edges inside a [`Rect`].
    fn rect(self) -> Option<Rect> {
        Some(Rect {
            x: i32::try_from(self.left).ok()?,
            y: i32::try_from(self.top).ok()?,
            width: u32::try_from(self.right - self.left).ok()?,
            height: u32::try_from(self.bottom - self.top).ok()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rect([x, y]: [i32; 2], [width, height]: [u32; 2]) -> Rect {
        Rect { x, y, width, height }
    }

    #[test]
    fn cuts_leave_bands() {
        let whole = rect([0, 0], [10, 10]);
        let cases: [(&[Rect], &[Rect]); 6] = [
            (&[], &[whole]),
            (&[rect([20, 0], [5, 5])], &[whole]),
            (&[rect([-5, -5], [50, 50])], &[]),
            // A hole has a band above, two spans beside it, and a band below.
            (
                &[rect([2, 3], [4, 5])],
                &[
                    rect([0, 0], [10, 3]),
                    rect([0, 3], [2, 5]),
                    rect([6, 3], [4, 5]),
                    rect([0, 8], [10, 2]),
                ],
            ),
            // Cuts that touch are one; the last may reach outside.
            (
                &[rect([0, 0], [10, 2]), rect([0, 2], [10, 2]), rect([8, 4], [9, 9])],
                &[rect([0, 4], [8, 6])],
            ),
            (&[rect([0, 0], [3, 10]), rect([2, 0], [3, 10])], &[rect([5, 0], [5, 10])]),
        ];
        for (cuts, left) in cases {
            assert_eq!(difference(whole, cuts), left, "{cuts:?}");
        }
    }

    /// Every pixel is in the result exactly when it is in no cut, and in one rectangle only.
    #[test]
    fn each_pixel_counts_once() {
        let whole = rect([-3, 2], [17, 13]);
        let mut seed = 7_u32;
        let mut next = |below: u32| {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (seed >> 16) % below
        };
        for count in 0..60 {
            let mut cut = || {
                let at = [next(24), next(20)].map(|at| i32::try_from(at).unwrap() - 6);
                rect(at, [next(9), next(9)])
            };
            let cuts: Vec<Rect> = (0..count % 9).map(|_| cut()).collect();
            let left = difference(whole, &cuts);
            let holds = |rect: &Rect, x: i64, y: i64| {
                let edges = Edges::of(*rect);
                edges.left <= x && x < edges.right && edges.top <= y && y < edges.bottom
            };
            for (x, y) in (-6..18).flat_map(|x| (-1..18).map(move |y| (x, y))) {
                let wanted = holds(&whole, x, y) && !cuts.iter().any(|cut| holds(cut, x, y));
                let found = left.iter().filter(|rect| holds(rect, x, y)).count();
                assert_eq!(found, usize::from(wanted), "{x},{y} of {cuts:?}");
            }
        }
    }

    #[test]
    fn any_numbers() {
        let whole = rect([i32::MIN, i32::MIN], [u32::MAX, u32::MAX]);
        let cuts = [rect([i32::MAX, i32::MAX], [u32::MAX, u32::MAX]), rect([0, 0], [1, 1]), whole];
        assert_eq!(difference(whole, &cuts), []);
        assert_eq!(difference(rect([5, 5], [0, 9]), &[]), []);
    }
}
