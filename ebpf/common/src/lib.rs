//! The records that the kernel-side programs hand to the daemon, as they lie in memory.
//!
//! Everything is in the byte order of the machine. `../c/record.h` holds the same structures for the programs; sizes
//! are asserted on both sides.
//!
//! # Reading order
//! | module | holds |
//! |---|---|
//! | [`program`] | the programs and their numbers |
//! | [`record`] | what comes through the ring, one structure for each shape |
//! | [`operation`] | what a block request asks for, numbered independently of the kernel |
//! | [`map`] | the values of the maps: switches, counters, totals, calibration |

#![no_std]

pub mod map;
pub mod operation;
pub mod program;
pub mod record;
