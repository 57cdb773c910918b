//! `busdma top`: bounce pools, waiters, decisions and host DMA at a glance, live or from a recording.
//!
//! One pipeline for everything: a [`source`] makes a [`frame`] of each moment, the app keeps what the person at the
//! keyboard has chosen, and [`views`] draw. Views hold no sockets and read no clock: they see a frame.
//!
//! # Reading order
//! | module | holds |
//! |---|---|
//! | [`frame`] | all that is shown of one moment |
//! | [`source`] | where frames come from: the daemon, a recording, a capture of a host, a demonstration |
//! | [`fields`] | the field table: every column's name, unit, width and precision, for screen, text and JSON |
//! | [`units`] | how numbers are written |
//! | [`json`] | a frame as JSON |
//! | [`list`] | rows chosen of many: cursor, sort, filter |
//! | [`keys`] | what keys do |
//! | [`settings`] | `busdma.toml` |
//! | [`theme`] | what colours mean |
//! | [`words`] | decisions in words |
//! | [`screen`] | what stands around the views: header, time bar, footer |
//! | [`app`] | what the person at the keyboard has chosen |
//! | [`views`] | the views |
//! | [`terminal`] | the terminal, taken and given back |
//! | [`run`] | keys, frames and signals until somebody quits |
//! | [`once`], [`export`], [`svg`] | one frame as text, JSON or a picture |

pub mod app;
pub mod export;
pub mod fields;
pub mod frame;
pub mod json;
pub mod keys;
pub mod list;
mod moment;
pub mod once;
mod pen;
pub mod run;
pub mod screen;
pub mod settings;
pub mod source;
pub mod svg;
pub mod terminal;
pub mod theme;
pub mod units;
pub mod views;
pub mod words;
