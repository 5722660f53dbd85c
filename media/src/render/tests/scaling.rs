//! Scaling against an f64 bicubic reference; a zone plate shows what aliases.

use super::*;

/// The cubic with B = 0, C = 0.6 (Mitchell and Netravali 1988).
fn cubic(x: f64) -> f64 {
    let x = x.abs();
    match x {
        _ if x < 1.0 => 1.4 * x.powi(3) - 2.4 * x.powi(2) + 1.0,
        _ if x < 2.0 => -0.6 * x.powi(3) + 3.0 * x.powi(2) - 4.8 * x + 2.4,
        _ => 0.0,
    }
}

/// One axis: input of `source` at any (also outside) integer coordinate to `output` samples.
fn resample(source: &dyn Fn(i32) -> f64, input: u32, output: u32) -> Vec<f64> {
    let step = f64::from(input) / f64::from(output);
    let stretch = step.max(1.0);
    let last = i32::try_from(input).unwrap() - 1;
    (0..output)
        .map(|index| {
            let centre = (f64::from(index) + 0.5) * step - 0.5;
            let reach = i32::try_from(code(2.0 * stretch)).unwrap() + 2;
            let middle = i32::try_from(code(centre.max(0.0))).unwrap();
            let (mut sum, mut total) = (0.0, 0.0);
            for tap in middle - reach..=middle + reach {
                let weight = cubic((f64::from(tap) - centre) / stretch);
                sum += weight * source(tap.clamp(0, last));
                total += weight;
            }
            sum / total
        })
        .collect()
}

fn index(value: i32) -> usize {
    usize::try_from(value).unwrap()
}

/// Both axes of a luma plane, as gray of 0..=255.
fn reference(luma: &[Vec<f64>], size: (u32, u32)) -> Vec<Vec<f64>> {
    let height = u32::try_from(luma.len()).unwrap();
    let width = u32::try_from(luma[0].len()).unwrap();
    let across: Vec<Vec<f64>> =
        luma.iter().map(|row| resample(&|x| row[index(x)], width, size.0)).collect();
    let columns: Vec<Vec<f64>> = (0..usize::try_from(size.0).unwrap())
        .map(|x| resample(&|y| across[index(y)][x], height, size.1))
        .collect();
    (0..usize::try_from(size.1).unwrap())
        .map(|y| {
            columns.iter().map(|it| ((it[y] - 16.0) / 219.0 * 255.0).clamp(0.0, 255.0)).collect()
        })
        .collect()
}

/// Rings whose frequency grows to the source's limit at the edge's middle.
fn zone_plate(side: u32) -> Vec<Vec<f64>> {
    let middle = f64::from(side) / 2.0;
    (0..side)
        .map(|y| {
            (0..side)
                .map(|x| {
                    let square = (f64::from(x) - middle).powi(2) + (f64::from(y) - middle).powi(2);
                    let phase = std::f64::consts::PI * square / f64::from(side);
                    (125.5 + 100.0 * phase.cos()).round()
                })
                .collect()
        })
        .collect()
}

fn psnr(image: &Image, reference: &[Vec<f64>]) -> f64 {
    let (mut sum, mut count) = (0.0, 0.0);
    for (y, row) in reference.iter().enumerate() {
        for (x, want) in row.iter().enumerate() {
            let [_, green, _] = image.at(u32::try_from(x).unwrap(), u32::try_from(y).unwrap());
            sum += (f64::from(green) - want).powi(2);
            count += 1.0;
        }
    }
    10.0 * (255.0 * 255.0 / (sum / count)).log10()
}

fn render_gray(gpu: &Gpu, path: Path, luma: &[Vec<f64>], size: (u32, u32)) -> Image {
    let at = |value: u32| usize::try_from(value).unwrap();
    let sides = (u32::try_from(luma[0].len()).unwrap(), u32::try_from(luma.len()).unwrap());
    let format = format(sides.0, sides.1);
    let frame = picture(
        format,
        0,
        |component, x, y| {
            if component == 0 { code(luma[at(y)][at(x)]) } else { 128 }
        },
    );
    render(gpu, path, frame, size)
}

#[test]
fn a_zone_plate_is_scaled_like_the_reference() {
    let plate = zone_plate(384);
    let sides = [96, 144, 200, 256, 383, 500, 700];
    let references = sides.map(|side| reference(&plate, (side, side)));
    each_way(|name, gpu, path| {
        for (side, reference) in sides.into_iter().zip(&references) {
            let image = render_gray(gpu, path, &plate, (side, side));
            let psnr = psnr(&image, reference);
            assert!(psnr > 45.0, "{name} to {side}: {psnr:.1} dB");
        }
    });
}

#[test]
fn what_is_too_fine_to_show_becomes_flat() {
    // Rings beyond the target's limit: outside a third of the side from the middle.
    let plate = zone_plate(384);
    each_way(|name, gpu, path| {
        let image = render_gray(gpu, path, &plate, (96, 96));
        let (mut sum, mut square, mut count) = (0.0, 0.0, 0.0);
        for y in 0..96_u32 {
            for x in 0..96_u32 {
                let from_middle = (f64::from(x) - 48.0).hypot(f64::from(y) - 48.0);
                if (24.0..44.0).contains(&from_middle) {
                    let green = f64::from(image.at(x, y)[1]);
                    sum += green;
                    square += green * green;
                    count += 1.0;
                }
            }
        }
        let mean: f64 = sum / count;
        let deviation = (square / count - mean * mean).sqrt();
        // Without a widened filter the rings come back at their full 82 (standard deviation).
        assert!(deviation < 6.0, "{name}: deviation {deviation:.1} around {mean:.1}");
    });
}

#[test]
fn chroma_follows_luma_when_scaled() {
    // A step in colour and brightness at the same place: it stays at one place at any size.
    each_way(|name, gpu, path| {
        for (width, height) in [(96, 48), (200, 100), (64, 32), (480, 240)] {
            for siting in [Siting::Left, Siting::Centre] {
                let format = PictureFormat { siting, ..format(128, 64) };
                let frame = picture(format, 0, |component, x, _| match component {
                    0 => {
                        if x < 64 {
                            63
                        } else {
                            173
                        }
                    }
                    1 => {
                        if x < 32 {
                            102
                        } else {
                            42
                        }
                    }
                    _ => {
                        if x < 32 {
                            240
                        } else {
                            26
                        }
                    }
                });
                let image = render(gpu, path, frame, (width, height));
                // Away from the step by more than the chroma filter's reach.
                let reach = 5 * width.div_ceil(128) + 3;
                let name = format!("{name} {width}x{height} {siting:?}");
                let (left, right) = (width / 2 - reach, width / 2 + reach);
                assert_near(&name, image.at(left, height / 2), [255.0, 0.0, 0.0], 4.0);
                assert_near(&name, image.at(right, height / 2), [0.0, 255.0, 0.0], 4.0);
            }
        }
    });
}

#[test]
fn both_ways_give_the_same_picture() {
    each_gpu(|gpu| {
        for (layout, bit_depth) in [(Layout::Planar, 8), (Layout::SemiPlanar, 10)] {
            let format = PictureFormat { layout, bit_depth, ..format(160, 90) };
            let wave = |component: usize, x: u32, y: u32| {
                let angle = f64::from(x * 3 + y * 2) / 17.0 + noise(component, 1, 1) * 6.0;
                code((125.0 + 80.0 * angle.sin()) * f64::from(1_u32 << (bit_depth - 8)))
            };
            for size in [(160, 90), (100, 56), (320, 180), (333, 187)] {
                let one = render(gpu, Path::Gpu, picture(format, 0, wave), size);
                let other = render(gpu, Path::Cpu, picture(format, 0, wave), size);
                let mut worst = 0;
                for (a, b) in one.pixels.iter().zip(&other.pixels) {
                    worst = (0..3).map(|it| a[it].abs_diff(b[it])).max().unwrap_or(0).max(worst);
                }
                let name = gpu.facts().backend;
                // At its own size the shader interpolates chroma linearly, the scaler cubically.
                let bound = if size == (160, 90) { 12 } else { 3 };
                assert!(worst <= bound, "{name} {layout:?} to {size:?}: {worst}");
            }
        }
    });
}
