//! What has to hold over an RDP connection.

mod carrying;
