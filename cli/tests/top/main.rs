//! `busdma top` in real terminals, which tmux plays, and without one.

#[path = "../daemon/host.rs"]
#[expect(dead_code, reason = "the tests of the other verbs use the rest")]
mod host;

mod demo;
mod frozen;
mod jobs;
mod keys;
mod live;
mod once;
mod panics;
mod recording;
mod tmux;
