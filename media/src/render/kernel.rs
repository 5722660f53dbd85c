//! Resampling weights: bicubic, widened when scaling down so that nothing aliases.
//!
//! Pure numbers. The cubic is the one with B = 0, C = 0.6, as FFmpeg's scaler has it, so that
//! both ways to scale give the same picture.

/// Sharpness of the cubic.
const C: f64 = 0.6;

/// The filter grows with the scale factor up to this; pictures shrunk further are thumbnails.
const MAX_STRETCH: f64 = 64.0;

/// One axis: each output sample is a weighted sum of `taps` neighbouring input samples.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Filter {
    /// At least 1, at most 4 times the stretch plus one.
    pub(super) taps: usize,
    /// First input sample of each output sample; `start + taps` is within the input.
    pub(super) starts: Vec<usize>,
    /// `taps` weights an output sample; they sum to 1.
    pub(super) weights: Vec<f64>,
}

impl Filter {
    /// Output sample `i` of `output` lies at input coordinate `origin + i * step`, where input
    /// sample `k` of `input` lies at `k`. Beyond the edges the edge sample repeats.
    #[expect(
        clippy::as_conversions,
        reason = "coordinates below 2^20 in floats, clamped to the input before they index"
    )]
    pub(super) fn new(output: usize, input: usize, origin: f64, step: f64) -> Self {
        let stretch = step.clamp(1.0, MAX_STRETCH);
        let last = input.saturating_sub(1) as f64;
        let rows: Vec<Vec<(usize, f64)>> = (0..output)
            .map(|index| {
                let centre = origin + index as f64 * step;
                let from = (centre - 2.0 * stretch).floor() as i64;
                let to = (centre + 2.0 * stretch).ceil() as i64;
                let mut row: Vec<(usize, f64)> = Vec::new();
                for tap in from..=to {
                    let weight = cubic((tap as f64 - centre) / stretch);
                    let sample = (tap as f64).clamp(0.0, last) as usize;
                    match row.last_mut() {
                        Some((at, sum)) if *at == sample => *sum += weight,
                        _ => row.push((sample, weight)),
                    }
                }
                let zero = |tap: &(usize, f64)| tap.1.abs() < 1e-9;
                let lead = row.iter().take_while(|tap| zero(tap)).count();
                row.drain(..lead.min(row.len() - 1));
                while row.len() > 1 && row.last().is_some_and(zero) {
                    row.pop();
                }
                row
            })
            .collect();
        let taps = rows.iter().map(Vec::len).max().unwrap_or(1);
        let mut starts = Vec::with_capacity(output);
        let mut weights = vec![0.0; output * taps];
        for (row, weights) in rows.iter().zip(weights.chunks_exact_mut(taps)) {
            let sum: f64 = row.iter().map(|tap| tap.1).sum();
            let start = row[0].0.min(input.saturating_sub(taps));
            for (sample, weight) in row {
                weights[sample - start] = weight / sum;
            }
            starts.push(start);
        }
        Self { taps, starts, weights }
    }
}

fn cubic(x: f64) -> f64 {
    let x = x.abs();
    if x < 1.0 {
        (2.0 - C) * x * x * x - (3.0 - C) * x * x + 1.0
    } else if x < 2.0 {
        -C * x * x * x + 5.0 * C * x * x - 8.0 * C * x + 4.0 * C
    } else {
        0.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_sum_to_one_and_stay_inside() {
        for (output, input) in [(1, 1), (720, 1080), (1, 16_384), (500, 1), (7, 3), (720, 720)] {
            let step = f64::from(input) / f64::from(output);
            for shift in [-0.25, 0.0, 0.25] {
                let filter = Filter::new(
                    usize::try_from(output).unwrap(),
                    usize::try_from(input).unwrap(),
                    0.5 * step - 0.5 + shift,
                    step,
                );
                let input = usize::try_from(input).unwrap();
                for (start, weights) in filter.starts.iter().zip(filter.weights.chunks(filter.taps))
                {
                    assert!((weights.iter().sum::<f64>() - 1.0).abs() < 1e-9);
                    assert!(start + filter.taps <= input, "{start} + {} > {input}", filter.taps);
                }
            }
        }
    }

    #[test]
    fn the_same_size_is_the_same_picture() {
        let filter = Filter::new(9, 9, 0.0, 1.0);
        assert_eq!((filter.taps, filter.starts), (1, (0..9).collect()));
    }
}
