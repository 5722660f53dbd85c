//! Command-line values that several binaries take.

use crate::stage_link::RendererChoice;

/// Largest side of a window in pixels.
const MAX_SIDE: u32 = 16_384;

/// `1280x720` as width and height in pixels.
///
/// # Errors
/// What is wrong, for people.
pub fn window_size(text: &str) -> Result<(u32, u32), String> {
    let parsed = text.split_once(['x', 'X']).and_then(|(width, height)| {
        Some((width.trim().parse::<u32>().ok()?, height.trim().parse::<u32>().ok()?))
    });
    match parsed {
        Some((width, height))
            if (1..=MAX_SIDE).contains(&width) && (1..=MAX_SIDE).contains(&height) =>
        {
            Ok((width, height))
        }
        Some(_) => Err(format!("sides are 1 to {MAX_SIDE} pixels")),
        None => Err("write it as WIDTHxHEIGHT, e.g. 1280x720".to_owned()),
    }
}

/// `vulkan`, `gl` or `auto`.
///
/// # Errors
/// What is wrong, for people.
pub fn renderer(text: &str) -> Result<RendererChoice, String> {
    match text {
        "auto" => Ok(RendererChoice::Auto),
        "vulkan" => Ok(RendererChoice::Vulkan),
        "gl" => Ok(RendererChoice::Gl),
        _ => Err("choose vulkan, gl or auto".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes() {
        assert_eq!(window_size("1280x720"), Ok((1280, 720)));
        for bad in ["", "x", "0x10", "10x0", "99999x1", "-1x5", "640*480", "1e3x5"] {
            assert!(window_size(bad).is_err(), "{bad}");
        }
    }
}
