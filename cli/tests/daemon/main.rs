//! The verbs that talk to the daemon, against real ones.

mod host;
mod unreachable;
mod verbs;
