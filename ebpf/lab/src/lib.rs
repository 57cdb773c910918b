//! The lab: a guest with real DMA, booted under an emulator in each way a kernel can reach memory for its devices.
//!
//! The same program is the command on the host and the init of the guest. Nothing on the machine is needed but Debian's
//! packages, which are fetched by name; nothing is left running.
//!
//! # Reading order
//! | module | holds |
//! |---|---|
//! | [`run`] | **the main path**: parts, image, guests, checks, summary |
//! | [`configuration`] | the machines that are booted |
//! | [`packages`], [`programs`], [`image`] | what a guest is made of |
//! | [`boot`] | one guest |
//! | [`guest`] | what goes on inside it |
//! | [`parcel`] | how files get out |
//! | [`tally`], [`checks`] | what must hold |

pub mod args;
pub mod boot;
pub mod checks;
mod command;
pub mod configuration;
pub mod guest;
pub mod image;
pub mod packages;
pub mod parcel;
pub mod programs;
pub mod run;
pub mod summary;
pub mod tally;

pub use command::CommandError;
pub use run::main;
