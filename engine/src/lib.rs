//! types
pub mod addr;
pub mod constraints;
pub mod decision;
pub mod error;
pub mod hazard;
pub mod ids;
pub mod memdesc;
pub mod platform;
pub mod profile;
pub mod segment;
pub mod sync;
