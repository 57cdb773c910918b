//! Tags of real drivers, as FreeBSD's sources have them, and what makes tags of the fields that somebody gave.
//!
//! | module | holds |
//! |---|---|
//! | [`catalog`] | all presets, found by name |
//! | [`preset`] | one tag of one driver, with the chain of templates it stands for |
//! | [`fields`] | the arguments of `bus_dma_tag_create` of which some are left out |
//! | [`flags`] | the flags of a tag by name |
//! | [`mod@nearest`] | what somebody most likely meant |
//!
//! ```
//! use busdma_presets::Catalog;
//!
//! let nvme = Catalog::embedded().find("nvme").unwrap();
//! let names: Vec<_> = nvme.chain().iter().map(|tag| tag.name.as_str()).collect();
//! assert_eq!(names, ["pci", "nvme"]);
//! ```

pub mod catalog;
pub mod fields;
pub mod flags;
pub mod nearest;
pub mod preset;

pub use catalog::{Catalog, UnknownPreset};
pub use fields::{FieldError, NamedTag, TagFields};
pub use flags::UnknownFlag;
pub use nearest::nearest;
pub use preset::{Address, Parent, Preset};
