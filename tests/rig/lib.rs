//! Rig
