//! The recorder with machines that work: what it writes replays.

mod disk;
mod recording;
mod support;
