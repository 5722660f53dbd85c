//! Scenarios: the real programs, started as people and plugins start them, and what they say.

mod actions;
mod bringers;
mod by_url;
mod captions;
mod clip;
mod control;
mod controls;
mod faults;
mod files;
mod formats;
mod host_session;
mod hostile;
mod hostile_media;
mod idle;
mod overlay;
mod spare;
mod surroundings;
mod tray;
