//! The program as people and service managers start it: real processes, looked at from outside.

mod config;
mod daemon;
mod grafana;
mod metrics;
mod start;
mod systemd;
