//! The files of a recording: their directory, their names, and how they are written and deleted.

mod directory;
mod name;
mod part;
mod quota;
mod retention;

pub(crate) use directory::{Directory, bytes_below};
pub(crate) use name::{PartName, Stamp};
pub use part::Compression;
pub(crate) use part::{CreateError, Part};
pub(crate) use quota::Quota;
pub use retention::Retention;
