//! Finds bubbles in lines of pixels. Pure.
//!
//! The extension paints [`PLACEHOLDER`] where a picture of the device lies. A shade that a page
//! puts over it can only make it darker. What hangs from the browser's bars comes down over
//! the picture's upper edge, is wide, and does not end at once; small things of the page itself
//! (a logo, a line of a spinner) are none of that.

use nearside_channel::message::Rect;

use super::Spot;

/// Red, green and blue where a picture is: `COLOUR` of the extension's placeholder.ts.
const PLACEHOLDER: [u8; 3] = [0x10, 0x10, 0x12];
/// Brighter by more than this is something else. Desktops of 16 bits a pixel round.
const TOLERANCE: u8 = 8;

/// Between two lines that are looked at.
pub(super) const STEP_PX: u32 = 8;
/// A bubble begins so near to the upper edge.
pub(super) const REACH_PX: u32 = 48;
/// Least sizes; at a side edge of the picture a part may be seen that is narrower.
const WIDTH_PX: u32 = 96;
const EDGE_WIDTH_PX: u32 = 16;
const HEIGHT_PX: u32 = 24;
/// Dark letters and lines in a bubble.
const GAP_PX: u32 = 24;
/// A bubble's soft edge.
const MARGIN_PX: u32 = 1;
/// Of one picture.
const MAX_BUBBLES: usize = 8;

/// A row of a spot's pixels, from its left edge on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Line {
    /// In pixels of the desktop.
    pub(super) y: i32,
    pub(super) pixels: Vec<[u8; 3]>,
}

/// Columns from `start` to before `end`, from the spot's left edge on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Run {
    start: u32,
    end: u32,
}

/// Whether most of what is seen there is the placeholder: only then does another colour mean
/// anything.
pub(super) fn is_placeholder(spot: &Spot, lines: &[Line]) -> bool {
    let (mut own, mut all) = (0_usize, 0_usize);
    for line in lines {
        for (column, pixel) in (0_u32..).zip(&line.pixels) {
            if !is_known(spot, column, line.y) {
                all += 1;
                own += usize::from(is_own(*pixel));
            }
        }
    }
    all < own.saturating_mul(2)
}

/// Whether a bubble may begin in one of these lines.
pub(super) fn has_beginning(spot: &Spot, lines: &[Line]) -> bool {
    lines.iter().any(|line| runs(spot, line).iter().any(|run| is_wide(spot, *run)))
}

/// The bubbles over a spot, from all its lines, the uppermost first.
pub(super) fn bubbles(spot: &Spot, lines: &[Line]) -> Vec<Rect> {
    let reach = spot.clip.y.saturating_add_unsigned(REACH_PX);
    let mut open: Vec<(Run, i32)> = Vec::new();
    let mut found = Vec::new();
    for line in lines {
        let runs = runs(spot, line);
        let mut still_open = Vec::new();
        for (run, last) in open {
            let below = runs.iter().filter(|below| below.start < run.end && run.start < below.end);
            match below.copied().reduce(|all, one| Run {
                start: all.start.min(one.start),
                end: all.end.max(one.end),
            }) {
                // What is much wider below is something else that begins there.
                Some(below) if is_wide(spot, below) && is_like(run, below) => {
                    let (start, end) = (run.start.min(below.start), run.end.max(below.end));
                    still_open.push((Run { start, end }, line.y));
                }
                _ => found.push((run, last)),
            }
        }
        if line.y < reach {
            for run in runs.into_iter().filter(|run| is_wide(spot, *run)) {
                let is_in = |(open, _): &(Run, i32)| open.start <= run.start && run.end <= open.end;
                if !still_open.iter().any(is_in) {
                    still_open.push((run, line.y));
                }
            }
        }
        open = still_open;
    }
    found.extend(open);
    let high = |last: i32| HEIGHT_PX <= last.abs_diff(spot.clip.y);
    let found = found.into_iter().filter(|(_, last)| high(*last));
    found.map(|(run, last)| rect(spot, run, last)).take(MAX_BUBBLES).collect()
}

/// From the picture's upper edge to below the last line, with the soft edge.
fn rect(Spot { clip, .. }: &Spot, run: Run, last: i32) -> Rect {
    let left = run.start.saturating_sub(MARGIN_PX);
    let right = run.end.saturating_add(MARGIN_PX).min(clip.width);
    let height = last.abs_diff(clip.y).saturating_add(STEP_PX + MARGIN_PX).min(clip.height);
    let x = clip.x.saturating_add_unsigned(left);
    Rect { x, y: clip.y, width: right.saturating_sub(left), height }
}

fn is_wide(spot: &Spot, run: Run) -> bool {
    let at_edge = run.start == 0 || run.end == spot.clip.width;
    let least = if at_edge { EDGE_WIDTH_PX } else { WIDTH_PX };
    least <= run.end.saturating_sub(run.start)
}

/// Corners are round.
fn is_like(run: Run, below: Run) -> bool {
    run.start <= below.start.saturating_add(GAP_PX) && below.end <= run.end.saturating_add(GAP_PX)
}

/// Where a line has other colours than the placeholder's, small gaps closed.
fn runs(spot: &Spot, line: &Line) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    for (column, pixel) in (0_u32..).zip(&line.pixels) {
        if is_own(*pixel) || is_known(spot, column, line.y) {
            continue;
        }
        match runs.last_mut() {
            Some(run) if column.saturating_sub(run.end) <= GAP_PX => run.end = column + 1,
            _ => runs.push(Run { start: column, end: column + 1 }),
        }
    }
    runs
}

fn is_own(pixel: [u8; 3]) -> bool {
    pixel.iter().zip(PLACEHOLDER).all(|(channel, own)| *channel <= own + TOLERANCE)
}

/// Whether it is known that the picture is not seen there.
fn is_known(spot: &Spot, column: u32, y: i32) -> bool {
    let x = i64::from(spot.clip.x) + i64::from(column);
    let within = |start: i32, length: u32, at: i64| {
        let start = i64::from(start);
        start <= at && at < start + i64::from(length)
    };
    spot.covered
        .iter()
        .any(|part| within(part.x, part.width, x) && within(part.y, part.height, i64::from(y)))
}

#[cfg(test)]
mod tests;
