//! Matrix × range × depth × sampling against the standard's equations in double precision.

use super::*;

/// ITU-T H.273: code values to R, G, B in 0..=255.
fn reference(format: &PictureFormat, codes: [f64; 3]) -> [f64; 3] {
    let scale = f64::from(1_u32 << (format.bit_depth - 8));
    let full = 256.0 * scale - 1.0;
    let luma = |code: f64| match format.range {
        Range::Limited => (code / scale - 16.0) / 219.0,
        Range::Full => code / full,
    };
    let chroma = |code: f64| match format.range {
        Range::Limited => (code / scale - 128.0) / 224.0,
        Range::Full => (code - 128.0 * scale) / full,
    };
    let [r, g, b] = if format.matrix == Matrix::Identity {
        [luma(codes[2]), luma(codes[0]), luma(codes[1])]
    } else if format.subsampling == Subsampling::Gray {
        [luma(codes[0]); 3]
    } else {
        let (kr, kb) = match format.matrix {
            Matrix::Bt601 => (0.299, 0.114),
            Matrix::Bt709 => (0.2126, 0.0722),
            Matrix::Bt2020 => (0.2627, 0.0593),
            other => panic!("{other:?} is not in this matrix"),
        };
        let (y, pb, pr) = (luma(codes[0]), chroma(codes[1]), chroma(codes[2]));
        let r = y + 2.0 * (1.0 - kr) * pr;
        let b = y + 2.0 * (1.0 - kb) * pb;
        [r, (y - kr * r - kb * b) / (1.0 - kr - kb), b]
    };
    [r, g, b].map(|value| (value * 255.0).clamp(0.0, 255.0))
}

/// Chroma as a slope that any interpolation keeps: its value at chroma coordinates.
fn slope(format: &PictureFormat, component: usize, x: f64, y: f64) -> f64 {
    let scale = f64::from(1_u32 << (format.bit_depth - 8));
    let sign = if component == 1 { 1.0 } else { -1.0 };
    (128.0 + sign * (4.0 * (x - 6.0) - 3.0 * (y - 6.0))) * scale
}

fn check(name: &str, gpu: &Gpu, path: Path, format: PictureFormat) {
    let top = f64::from((256_u32 << (format.bit_depth - 8)) - 1);
    let full_chroma = format.subsampling.factors() == (1, 1);
    let exact = |component: usize, x: u32, y: u32| {
        if component == 0 || full_chroma {
            noise(component, x, y) * top
        } else {
            slope(&format, component, f64::from(x), f64::from(y))
        }
    };
    let frame = picture(format, 3, |component, x, y| code(exact(component, x, y)));
    let image = render(gpu, path, frame, (format.width, format.height));
    let (factor_x, factor_y) = format.subsampling.factors();
    let (offset_x, offset_y) = format.siting.offsets(format.subsampling);
    // Where chroma is interpolated, the outermost samples are: the slope ends there.
    let margin = if full_chroma { 0 } else { 8 };
    for y in margin..format.height - margin {
        for x in margin..format.width - margin {
            let at = (
                (f64::from(x) - offset_x) / f64::from(factor_x),
                (f64::from(y) - offset_y) / f64::from(factor_y),
            );
            let codes = [0, 1, 2].map(|component| {
                if component == 0 || full_chroma {
                    exact(component, x, y).round()
                } else {
                    slope(&format, component, at.0, at.1)
                }
            });
            let name = format!("{name} {format:?} at {x},{y} of codes {codes:.1?}");
            assert_near(&name, image.at(x, y), reference(&format, codes), 2.0);
        }
    }
}

#[test]
fn every_matrix_range_depth_and_sampling() {
    each_way(|name, gpu, path| {
        let mut cases = 0;
        for matrix in [Matrix::Bt601, Matrix::Bt709, Matrix::Bt2020] {
            for range in [Range::Limited, Range::Full] {
                for (bit_depth, layout) in [
                    (8, Layout::Planar),
                    (10, Layout::Planar),
                    (12, Layout::Planar),
                    (8, Layout::SemiPlanar),
                    (10, Layout::SemiPlanar),
                ] {
                    for subsampling in
                        [Subsampling::Yuv420, Subsampling::Yuv422, Subsampling::Yuv444]
                    {
                        let semi = layout == Layout::SemiPlanar;
                        if semi && subsampling != Subsampling::Yuv420 {
                            continue;
                        }
                        let format = PictureFormat {
                            bit_depth,
                            subsampling,
                            layout,
                            matrix,
                            range,
                            ..format(38, 30)
                        };
                        check(name, gpu, path, format);
                        cases += 1;
                    }
                }
            }
        }
        assert_eq!(cases, 3 * 2 * (3 * 3 + 2));
    });
}

#[test]
fn gray_and_rgb() {
    each_way(|name, gpu, path| {
        for bit_depth in [8, 10, 12] {
            for range in [Range::Limited, Range::Full] {
                let subsampling = Subsampling::Gray;
                let gray = PictureFormat { subsampling, bit_depth, range, ..format(31, 17) };
                check(name, gpu, path, gray);
                let subsampling = Subsampling::Yuv444;
                let matrix = Matrix::Identity;
                let rgb = PictureFormat { matrix, subsampling, bit_depth, range, ..gray };
                check(name, gpu, path, rgb);
            }
        }
    });
}

#[test]
fn chroma_lies_where_the_format_says() {
    each_way(|name, gpu, path| {
        for siting in [
            Siting::Left,
            Siting::Centre,
            Siting::TopLeft,
            Siting::Top,
            Siting::BottomLeft,
            Siting::Bottom,
        ] {
            for subsampling in [Subsampling::Yuv420, Subsampling::Yuv440, Subsampling::Yuv411] {
                check(name, gpu, path, PictureFormat { siting, subsampling, ..format(40, 34) });
            }
        }
    });
}

#[test]
fn ten_bits_make_a_gradient_without_steps() {
    each_way(|name, gpu, path| {
        let format = PictureFormat { bit_depth: 10, ..format(877, 8) };
        let frame = picture(format, 0, |component, x, _| if component == 0 { 64 + x } else { 512 });
        let image = render(gpu, path, frame, (877, 8));
        for x in 0..877 {
            let want = f64::from(x) / 876.0 * 255.0;
            let [r, g, b] = image.at(x, 4);
            assert!(r.abs_diff(g).max(b.abs_diff(g)) <= 1, "{name}: {:?} at {x}", (r, g, b));
            assert!((f64::from(g) - want).abs() <= 1.0, "{name}: {g} for {want:.2} at {x}");
        }
    });
}

#[test]
fn an_encoding_target_gets_the_same_values() {
    use wgpu::TextureFormat::{Bgra8Unorm, Bgra8UnormSrgb, Rgba8Unorm, Rgba8UnormSrgb};
    let usage = wgpu::TextureUsages::RENDER_ATTACHMENT | wgpu::TextureUsages::COPY_SRC;
    let gray = PictureFormat { subsampling: Subsampling::Yuv444, ..format(256, 4) };
    each_way(|name, gpu, path| {
        for target_format in [Bgra8Unorm, Bgra8UnormSrgb, Rgba8Unorm, Rgba8UnormSrgb] {
            for usage in [usage, usage | wgpu::TextureUsages::COPY_DST] {
                let name = format!("{name} {target_format:?} {usage:?}");
                let target = Offscreen::with_usage(gpu, 256, 4, target_format, usage).unwrap();
                let mut renderer = Renderer::new(gpu, target_format, path);
                renderer.set_picture(picture(gray, 0, |c, x, _| if c == 0 { x } else { 90 }));
                let bytes = target.capture(gpu, &mut renderer).unwrap();
                let image = Image { width: 256, pixels: bytes.as_chunks().0.to_vec() };
                for x in 0..256 {
                    let want = reference(&gray, [f64::from(x), 90.0, 90.0]);
                    assert_near(&format!("{name} at {x}"), image.at(x, 2), want, 2.0);
                }
            }
        }
    });
}
