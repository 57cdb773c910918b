//! The verbs that talk to the daemon, against real ones.

mod host;
mod host_verb;
mod host_views;
mod unreachable;
mod verbs;
