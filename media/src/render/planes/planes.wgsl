// Planes to gamma-encoded R, G, B. All samples are read by integer coordinates as the stored
// code values, so that no sampler rounds and every stride, depth and odd size is exact.
//
// At the picture's own size: fs_direct. Otherwise fs_luma_across and fs_chroma_across scale
// rows into half-float textures, and fs_down scales columns and converts.

struct Params {
    // Factors of planes 0, 1, 2 and a constant.
    red: vec4f,
    green: vec4f,
    blue: vec4f,
    // Top left pixel of the picture on the target.
    origin: vec2i,
    // Size of the picture there before it is turned.
    size: vec2i,
    // Chroma coordinate of a luma coordinate: origin + luma * step.
    chroma_origin: vec2f,
    chroma_step: vec2f,
    chroma_last: vec2i,
    // Code value of the largest stored sample.
    sample_max: f32,
    luma_taps_across: i32,
    chroma_taps_across: i32,
    luma_taps_down: i32,
    chroma_taps_down: i32,
}

override SEMI_PLANAR: bool = false;
override GRAY: bool = false;
// Chroma is not at luma's resolution.
override SUBSAMPLED: bool = true;
// Quarter turns clockwise.
override TURNS: u32 = 0u;
// The target encodes what is written: undo that beforehand.
override SRGB_TARGET: bool = false;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var plane_0: texture_2d<u32>;
@group(0) @binding(2) var plane_1: texture_2d<u32>;
@group(0) @binding(3) var plane_2: texture_2d<u32>;
// Row 0: first sample of each output sample; row 1 + t: its weight t.
@group(0) @binding(4) var luma_weights: texture_2d<f32>;
@group(0) @binding(5) var chroma_weights: texture_2d<f32>;
@group(0) @binding(6) var luma_rows: texture_2d<f32>;
@group(0) @binding(7) var chroma_rows: texture_2d<f32>;

@vertex
fn vs(@builtin(vertex_index) index: u32) -> @builtin(position) vec4f {
    return vec4f(f32(index / 2u) * 4.0 - 1.0, f32(index % 2u) * 4.0 - 1.0, 0.0, 1.0);
}

fn luma(at: vec2i) -> f32 {
    return f32(textureLoad(plane_0, at, 0).r);
}

fn chroma(at: vec2i) -> vec2f {
    if SEMI_PLANAR {
        return vec2f(textureLoad(plane_1, at, 0).rg);
    }
    return vec2f(f32(textureLoad(plane_1, at, 0).r), f32(textureLoad(plane_2, at, 0).r));
}

fn chroma_clamped(at: vec2i) -> vec2f {
    return chroma(clamp(at, vec2i(0), params.chroma_last));
}

// Where a target pixel lies in the picture before it is turned.
fn picture_px(position: vec4f) -> vec2i {
    let at = vec2i(position.xy) - params.origin;
    let last = params.size - vec2i(1);
    switch TURNS {
        case 1u: { return vec2i(at.y, last.y - at.x); }
        case 2u: { return last - at; }
        case 3u: { return vec2i(last.x - at.y, at.x); }
        default: { return at; }
    }
}

fn linear(encoded: vec3f) -> vec3f {
    let low = encoded / 12.92;
    let high = pow((encoded + 0.055) / 1.055, vec3f(2.4));
    return select(high, low, encoded <= vec3f(0.04045));
}

fn rgb(y: f32, uv: vec2f) -> vec4f {
    let codes = vec4f(y, uv, 1.0);
    let encoded = vec3f(dot(params.red, codes), dot(params.green, codes), dot(params.blue, codes));
    let clamped = clamp(encoded, vec3f(0.0), vec3f(1.0));
    if SRGB_TARGET {
        return vec4f(linear(clamped), 1.0);
    }
    return vec4f(clamped, 1.0);
}

@fragment
fn fs_direct(@builtin(position) position: vec4f) -> @location(0) vec4f {
    let at = picture_px(position);
    let y = luma(at);
    if GRAY {
        return rgb(y, vec2f(0.0));
    }
    if !SUBSAMPLED {
        return rgb(y, chroma(at));
    }
    let exact = params.chroma_origin + vec2f(at) * params.chroma_step;
    let corner = floor(exact);
    let part = exact - corner;
    let first = vec2i(corner);
    let above = mix(chroma_clamped(first), chroma_clamped(first + vec2i(1, 0)), part.x);
    let below = mix(
        chroma_clamped(first + vec2i(0, 1)),
        chroma_clamped(first + vec2i(1, 1)),
        part.x,
    );
    return rgb(y, mix(above, below, part.y));
}

@fragment
fn fs_luma_across(@builtin(position) position: vec4f) -> @location(0) vec4f {
    let at = vec2i(position.xy);
    let first = i32(textureLoad(luma_weights, vec2i(at.x, 0), 0).r);
    var sum = 0.0;
    for (var tap = 0; tap < params.luma_taps_across; tap++) {
        let weight = textureLoad(luma_weights, vec2i(at.x, tap + 1), 0).r;
        sum += weight * luma(vec2i(first + tap, at.y));
    }
    return vec4f(sum / params.sample_max, 0.0, 0.0, 1.0);
}

@fragment
fn fs_chroma_across(@builtin(position) position: vec4f) -> @location(0) vec4f {
    let at = vec2i(position.xy);
    let first = i32(textureLoad(chroma_weights, vec2i(at.x, 0), 0).r);
    var sum = vec2f(0.0);
    for (var tap = 0; tap < params.chroma_taps_across; tap++) {
        let weight = textureLoad(chroma_weights, vec2i(at.x, tap + 1), 0).r;
        sum += weight * chroma(vec2i(first + tap, at.y));
    }
    return vec4f(sum / params.sample_max, 0.0, 1.0);
}

@fragment
fn fs_down(@builtin(position) position: vec4f) -> @location(0) vec4f {
    let at = picture_px(position);
    var first = i32(textureLoad(luma_weights, vec2i(at.y, 0), 0).r);
    var y = 0.0;
    for (var tap = 0; tap < params.luma_taps_down; tap++) {
        let weight = textureLoad(luma_weights, vec2i(at.y, tap + 1), 0).r;
        y += weight * textureLoad(luma_rows, vec2i(at.x, first + tap), 0).r;
    }
    var uv = vec2f(0.0);
    if !GRAY {
        first = i32(textureLoad(chroma_weights, vec2i(at.y, 0), 0).r);
        for (var tap = 0; tap < params.chroma_taps_down; tap++) {
            let weight = textureLoad(chroma_weights, vec2i(at.y, tap + 1), 0).r;
            uv += weight * textureLoad(chroma_rows, vec2i(at.x, first + tap), 0).rg;
        }
    }
    return rgb(y * params.sample_max, uv * params.sample_max);
}
