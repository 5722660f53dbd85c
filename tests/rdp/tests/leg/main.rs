//! What has to hold over an RDP connection.

mod carrying;
mod clip;
mod credits;
mod host;
mod hostile;
mod hostile_device;
mod playing;
