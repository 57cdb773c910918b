//! `busdma plan`.

use crate::layout::{self, Layout};
use crate::size;
use crate::tag_spec;
use busdma_engine::constraints::TagTemplate;
use busdma_engine::profile::Profile;
use clap::{ArgGroup, Args, ValueEnum};
use std::path::PathBuf;

/// What `plan` takes.
#[derive(Debug, Args)]
#[command(after_help = PLAN_EXAMPLES,
    group = ArgGroup::new("some_tag").args(["preset", "tag", "tags"]).required(true).multiple(true))]
pub struct PlanArgs {
    /// Take the tag of a real driver, with the bus's tag above it; `busdma presets` lists them
    #[arg(long, value_name = "NAME", help_heading = "Tag", conflicts_with = "tags")]
    pub preset: Option<String>,

    /// A tag; given again, a child of the one before. Below --preset or --tags the first is a child of theirs
    ///
    /// Keys, as in bus_dma_tag_create(9): alignment, boundary, lowaddr, highaddr, maxsize, nsegments, maxsegsz, flags. What
    /// is left out does not constrain. Sizes are 4096, 0x1000, 4K or 4KiB; addresses also 32-bit; nsegments also
    /// unrestricted; flags are allocnow, coherent and keep_pg_offset, joined with + or |.
    #[arg(long, value_name = "KEY=VALUE,...", help_heading = "Tag", value_parser = tag_spec::parse_tag)]
    pub tag: Vec<TagTemplate>,

    /// Take the tags from a TOML file: tables `[[tag]]`, root first
    ///
    /// Same keys as --tag, and: name, filter = { deny = [[first, last], ...] } for a filter function that excludes these
    /// addresses, and lock = false for a tag without a lock function.
    #[arg(long, value_name = "FILE.toml", help_heading = "Tag")]
    pub tags: Option<PathBuf>,

    /// Length of the buffer: 131072, 0x20000, 128K or 128KiB
    #[arg(long, value_name = "SIZE", help_heading = "Buffer", value_parser = size::parse_size)]
    pub length: u64,

    /// Where the buffer begins in its first page, 0 to 4095 [default: 0]
    #[arg(long, value_name = "N", help_heading = "Buffer", value_parser = size::parse_size, conflicts_with = "vaddr")]
    pub offset: Option<u64>,

    /// Virtual address of the buffer, which gives its offset too
    #[arg(long, value_name = "ADDR", help_heading = "Buffer", value_parser = size::parse_size)]
    pub vaddr: Option<u64>,

    /// Where the buffer's pages lie: `contiguous[:ADDR]`, `scattered[:SEED]` or `pages=ADDR,ADDR,...`
    ///
    /// contiguous begins in the middle of memory or at ADDR, whose offset in its page becomes the buffer's. scattered draws
    /// pages from all of memory, the same ones for the same seed. pages lists the first byte of each page.
    #[arg(long, value_name = "LAYOUT", help_heading = "Buffer", default_value = "contiguous",
        value_parser = layout::parse_layout)]
    pub layout: Layout,

    /// Which load function the driver calls
    #[arg(long, help_heading = "Buffer", value_enum, default_value_t = LoadKind::Buffer)]
    pub kind: LoadKind,

    /// Bytes of memory
    #[arg(long, value_name = "SIZE", help_heading = "Machine", default_value = "9G", value_parser = size::parse_size)]
    pub maxmem: u64,

    /// Pages of memory to be had for bounce pages, lowest free addresses first
    #[arg(long, value_name = "PAGES", help_heading = "Machine", default_value_t = 16384)]
    pub pool: u32,

    /// Architecture [default: that of --profile, else amd64]
    #[arg(long, help_heading = "Machine", value_enum)]
    pub arch: Option<Arch>,

    /// Whose answers [default: freebsd-11 on amd64, arm64-12 on arm64]
    #[arg(long, help_heading = "Machine", value_enum)]
    pub profile: Option<ProfileName>,

    /// Load with BUS_DMA_NOWAIT: fail rather than wait for bounce pages
    #[arg(long, help_heading = "Machine")]
    pub nowait: bool,

    /// Show every segment, however many there are
    #[arg(long, help_heading = "Output")]
    pub all: bool,

    /// Print one JSON object
    #[arg(long, help_heading = "Output")]
    pub json: bool,
}

const PLAN_EXAMPLES: &str = "\
Examples:
  A real driver's tag and an unaligned buffer:
    busdma plan --preset nvme --length 128K --offset 512

  Pages all over memory, above what the device reaches, and too few bounce pages:
    busdma plan --preset ata --length 64K --layout scattered:7 --pool 16

  Your own tag below the bus's:
    busdma plan --tag boundary=4G --tag alignment=4,lowaddr=32-bit,nsegments=17 --length 64K

Exit codes: 0 it loads, 1 it would not (EFBIG, ENOMEM, EINVAL, waits for ever, panic), 2 usage.

The JSON object has the keys request, tags, constraints, can_bounce, outcome, segments, totals, pool, \
hazards and comparison. Addresses are strings \"0x...\", sizes and counts are numbers, null means none. \
outcome.result is one of loaded, deferred, efbig, enomem, einval, panic.";

/// Which load function is called, and so what the buffer is made of.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum LoadKind {
    /// `bus_dmamap_load`: kernel memory
    Buffer,
    /// `bus_dmamap_load_bio`: the pages of an unmapped bio
    Bio,
    /// `bus_dmamap_load_ccb`: the kernel memory of a SCSI command
    Ccb,
    /// `bus_dmamap_load_mbuf`: a chain of 2 KiB clusters; never waits
    Mbuf,
    /// `bus_dmamap_load_uio`: one vector of user memory; never waits
    Uio,
}

/// The architectures.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum Arch {
    /// At most 8192 bounce pages a zone
    Amd64,
    /// At most 4096 bounce pages a zone
    Arm64,
}

/// The profiles: whose answers are given.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum ProfileName {
    /// FreeBSD 11.0, amd64, quirks included
    #[value(name = "freebsd-11")]
    Freebsd11,
    /// FreeBSD 12.1, amd64, quirks included
    #[value(name = "freebsd-12")]
    Freebsd12,
    /// FreeBSD 12.1, arm64, quirks included
    #[value(name = "arm64-12")]
    Arm64Freebsd12,
    /// What the manual page promises
    Strict,
}

impl From<ProfileName> for Profile {
    fn from(name: ProfileName) -> Self {
        match name {
            ProfileName::Freebsd11 => Self::Freebsd11,
            ProfileName::Freebsd12 => Self::Freebsd12,
            ProfileName::Arm64Freebsd12 => Self::Arm64Freebsd12,
            ProfileName::Strict => Self::Strict,
        }
    }
}
