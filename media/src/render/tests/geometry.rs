//! Sizes, strides, aspect ratio, rotation and what lies beside the picture.

use super::*;

const BLACK: [u8; 3] = [0; 3];

/// Gray of code `luma(x, y)`, limited range, at any sampling.
fn gray_picture(
    format: PictureFormat,
    padding: usize,
    luma: impl Fn(u32, u32) -> u32,
) -> VideoFrame {
    picture(format, padding, |component, x, y| if component == 0 { luma(x, y) } else { 128 })
}

fn gray_of(luma: u32) -> [f64; 3] {
    [(f64::from(luma) - 16.0) / 219.0 * 255.0; 3]
}

#[test]
fn odd_sizes_and_strides() {
    each_way(|name, gpu, path| {
        for (width, height) in [(1, 1), (2, 2), (3, 5), (1, 17), (17, 1), (65, 33), (853, 481)] {
            for layout in [Layout::Planar, Layout::SemiPlanar] {
                for padding in [0, 1, 29] {
                    let format = PictureFormat { layout, ..format(width, height) };
                    let luma = |x, y| 16 + code(noise(0, x, y) * 219.0);
                    let frame = gray_picture(format, padding, luma);
                    let image = render(gpu, path, frame, (width, height));
                    for y in 0..height {
                        for x in 0..width {
                            let name = format!("{name} {width}x{height} {layout:?} at {x},{y}");
                            assert_near(&name, image.at(x, y), gray_of(luma(x, y)), 2.0);
                        }
                    }
                }
            }
        }
    });
}

#[test]
fn one_pixel_fills_a_window() {
    each_way(|name, gpu, path| {
        let frame = gray_picture(format(1, 1), 0, |_, _| 180);
        let image = render(gpu, path, frame, (640, 360));
        for (x, y, want) in [
            (320, 180, gray_of(180)),
            (140, 0, gray_of(180)),
            (499, 359, gray_of(180)),
            (139, 180, [0.0; 3]),
            (500, 180, [0.0; 3]),
        ] {
            assert_near(&format!("{name} at {x},{y}"), image.at(x, y), want, 2.0);
        }
    });
}

#[test]
fn aspect_ratio_and_rotation_place_the_picture() {
    // The picture's quarters: top left, top right, bottom left, bottom right.
    const QUARTERS: [u32; 4] = [40, 90, 150, 220];
    let cases = [
        // degrees, aspect ratio, target, area (x, y, width, height), quarters as displayed
        (0, (1, 1), (80, 60), (0, 10, 80, 40), [0, 1, 2, 3]),
        (90, (1, 1), (60, 80), (10, 0, 40, 80), [2, 0, 3, 1]),
        (180, (1, 1), (80, 40), (0, 0, 80, 40), [3, 2, 1, 0]),
        (270, (1, 1), (100, 80), (30, 0, 40, 80), [1, 3, 0, 2]),
        (0, (2, 1), (160, 60), (0, 10, 160, 40), [0, 1, 2, 3]),
        (0, (1, 2), (100, 80), (10, 0, 80, 80), [0, 1, 2, 3]),
        (90, (2, 1), (50, 160), (5, 0, 40, 160), [2, 0, 3, 1]),
        // Other sizes, so that every way of scaling turns too.
        (90, (1, 1), (40, 40), (10, 0, 20, 40), [2, 0, 3, 1]),
        (180, (1, 1), (160, 80), (0, 0, 160, 80), [3, 2, 1, 0]),
        (270, (1, 1), (90, 160), (5, 0, 80, 160), [1, 3, 0, 2]),
    ];
    each_way(|name, gpu, path| {
        for (degrees, sample_aspect_ratio, target, (left, top, width, height), shown) in cases {
            let rotation = Rotation::from_degrees(degrees);
            let format = PictureFormat { rotation, sample_aspect_ratio, ..format(80, 40) };
            let quarter = |x, y| usize::from(x >= 40) + 2 * usize::from(y >= 20);
            let frame = gray_picture(format, 5, |x, y| QUARTERS[quarter(x, y)]);
            let image = render(gpu, path, frame, target);
            let name = format!("{name} {degrees}° {sample_aspect_ratio:?} {target:?}");
            for (index, quarter) in shown.into_iter().enumerate() {
                let (column, row) = (index % 2, index / 2);
                // The quarter's outer corner pixel and its middle.
                let x = [left, left + width - 1][column];
                let y = [top, top + height - 1][row];
                let middle = (left + width * [1, 3][column] / 4, top + height * [1, 3][row] / 4);
                for (x, y) in [(x, y), middle] {
                    let want = gray_of(QUARTERS[quarter]);
                    assert_near(&format!("{name} at {x},{y}"), image.at(x, y), want, 2.0);
                }
            }
            if left > 0 {
                assert_eq!(image.at(left - 1, target.1 / 2), BLACK, "{name}");
                assert_eq!(image.at(left + width, target.1 / 2), BLACK, "{name}");
            }
            if top > 0 {
                assert_eq!(image.at(target.0 / 2, top - 1), BLACK, "{name}");
                assert_eq!(image.at(target.0 / 2, top + height), BLACK, "{name}");
            }
        }
    });
}

#[test]
fn a_viewport_is_a_part_of_the_target() {
    each_way(|name, gpu, path| {
        let target = Offscreen::new(gpu, 50, 40).unwrap();
        let mut renderer = Renderer::new(gpu, Offscreen::FORMAT, path);
        let mut at = |viewport: Viewport, x: u32, y: u32| {
            renderer.set_picture(gray_picture(format(20, 10), 0, |_, _| 235));
            renderer.draw(target.view(), viewport).unwrap();
            let pixels = target.read_rgba(gpu).unwrap().as_chunks().0.to_vec();
            Image { width: 50, pixels }.at(x, y)
        };
        let inside = Viewport { x: 7, y: 9, width: 20, height: 10 };
        assert_near(name, at(inside, 7, 9), [255.0; 3], 1.0);
        assert_near(name, at(inside, 26, 18), [255.0; 3], 1.0);
        assert_eq!(at(inside, 6, 9), BLACK, "{name}");
        assert_eq!(at(inside, 27, 18), BLACK, "{name}");
        let across = Viewport { x: 40, y: 0, width: u32::MAX, height: 5 };
        assert_near(name, at(across, 49, 2), [255.0; 3], 1.0);
        let outside = Viewport { x: 50, y: 0, width: 10, height: 10 };
        assert_eq!(at(outside, 25, 20), BLACK, "{name}");
        let empty = Viewport { x: 0, y: 0, width: 0, height: 10 };
        assert_eq!(at(empty, 0, 0), BLACK, "{name}");
    });
}

#[test]
fn the_picture_changes_with_size_and_format_and_stays_on_redraw() {
    each_way(|name, gpu, path| {
        let mut renderer = Renderer::new(gpu, Offscreen::FORMAT, path);
        let grays = [30_u32, 60, 90, 120, 150, 180, 210, 235];
        for (index, luma) in grays.into_iter().enumerate() {
            let depth = if index % 2 == 0 { 8 } else { 10 };
            let format = PictureFormat { bit_depth: depth, ..format(64, 36) };
            renderer.set_picture(picture(format, 0, |component, _, _| {
                (if component == 0 { luma } else { 128 }) << (depth - 8)
            }));
            for size in [(64, 36), (32, 18), (64, 36), (64, 36)] {
                let image = capture(gpu, &mut renderer, size);
                assert_near(name, image.at(size.0 / 2, size.1 / 2), gray_of(luma), 2.0);
            }
        }
        renderer.clear_picture();
        assert_eq!(capture(gpu, &mut renderer, (8, 8)).at(4, 4), BLACK, "{name}");
        assert!(renderer.picture().is_none());
    });
}

#[test]
fn an_8k_picture_and_a_target_that_is_too_large() {
    each_way(|name, gpu, path| {
        let row = [[50; 3840], [200; 3840]].concat();
        let (luma, chroma) = (row.repeat(4320), vec![128; 3840 * 2160]);
        let planes = [(&luma[..], 7680), (&chroma[..], 3840), (&chroma[..], 3840)];
        let frame = VideoFrame::from_planes(format(7680, 4320), &planes, Pts::ZERO, 0).unwrap();
        let image = render(gpu, path, frame, (160, 90));
        assert_near(name, image.at(20, 45), gray_of(50), 2.0);
        assert_near(name, image.at(140, 45), gray_of(200), 2.0);
        let limit = gpu.max_side_px();
        let error = Offscreen::new(gpu, limit + 1, 1).unwrap_err();
        assert_eq!(error, RenderError::TooLarge { width: limit + 1, height: 1, limit });
    });
}
