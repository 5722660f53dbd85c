//! What has to hold over an RDP connection.

mod carrying;
mod credits;
mod far;
mod host;
mod hostile;
mod hostile_device;
mod playing;
