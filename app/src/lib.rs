//! What the roles of the `nearside` program share. Links no decoder and no GPU code.

pub mod client_display;
pub mod control;
pub mod logging;
pub mod options;
pub mod paths;
pub mod stage_link;
pub mod status;

/// Width and height of the panel in points when the user has not chosen others.
pub const PANEL_SIZE: [f32; 2] = [440.0, 720.0];
