// A picture of exactly the viewport's pixels, drawn as it is.

@group(0) @binding(0) var picture: texture_2d<f32>;
@group(0) @binding(1) var nearest: sampler;

struct Corner {
    @builtin(position) position: vec4f,
    @location(0) uv: vec2f,
}

@vertex
fn vs(@builtin(vertex_index) index: u32) -> Corner {
    let at = vec2f(f32(index / 2u), f32(index % 2u)) * 2.0;
    return Corner(vec4f(at * 2.0 - 1.0, 0.0, 1.0), vec2f(at.x, 1.0 - at.y));
}

@fragment
fn fs(corner: Corner) -> @location(0) vec4f {
    return textureSample(picture, nearest, corner.uv);
}
