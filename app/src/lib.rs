//! What the roles of the `nearside` program share. Links no decoder and no GPU code.

pub mod client_display;
pub mod control;
pub mod logging;
pub mod options;
pub mod paths;
pub mod stage_link;
pub mod status;
