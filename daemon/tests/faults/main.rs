//! Faults: a real daemon, real clients that die or misbehave, and what must hold afterwards.

mod bystander;
mod crowds;
#[path = "../program/daemon.rs"]
mod daemon;
mod descriptors;
mod disk;
mod driver;
mod fault;
mod holdings;
mod killed;
mod memory;
mod messages;
mod raw;
mod recording;
mod sizes;
mod victim;
