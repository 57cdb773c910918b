//! The captures in `tests/data`.

use busdma_host::event::HostEvent;
use busdma_host::text::{TextReader, TextStats};

/// One directory of `tests/data`.
pub(crate) struct Capture {
    pub(crate) name: &'static str,
    trace: &'static [u8],
    pub(crate) counts: &'static str,
}

macro_rules! captures {
    ($($name:literal)*) => {
        /// Every capture.
        pub(crate) const CAPTURES: &[Capture] = &[$(Capture {
            name: $name,
            trace: include_bytes!(concat!("../data/", $name, "/trace.txt.zst")),
            counts: include_str!(concat!("../data/", $name, "/counts.txt")),
        }),*];
    };
}

captures! {
    "e1000-6G-natural" "ide32-6G-noforce" "nvme-direct" "nvme-force" "nvme-iommu" "nvme-iommu-swforce" "nvme-pool1M"
    "nvme-vblk-iommu-pt" "perf-force" "perf-iommu" "udma-direct" "udma-force" "udma-pool1M" "vblk-force"
}

/// The same events from ftrace and from perf.
pub(crate) struct Twin {
    pub(crate) name: &'static str,
    pub(crate) ftrace: &'static [u8],
    /// As `perf script` prints them by default, with `--ns` and both ids, and with its header.
    pub(crate) perf: [&'static [u8]; 3],
}

macro_rules! twins {
    ($($name:literal)*) => {
        /// Every such pair.
        pub(crate) const TWINS: &[Twin] = &[$(Twin {
            name: $name,
            ftrace: include_bytes!(concat!("../data/", $name, "/trace.txt.zst")),
            perf: [
                include_bytes!(concat!("../data/", $name, "/perf.txt.zst")),
                include_bytes!(concat!("../data/", $name, "/perf-ns-tid.txt.zst")),
                include_bytes!(concat!("../data/", $name, "/perf-header.txt.zst")),
            ],
        }),*];
    };
}

twins! { "perf-force" "perf-iommu" }

impl Capture {
    pub(crate) fn text(&self) -> Vec<u8> {
        unpacked(self.trace)
    }
}

pub(crate) fn unpacked(bytes: &[u8]) -> Vec<u8> {
    zstd::decode_all(bytes).unwrap()
}

/// All events of a text, and what else there was.
pub(crate) fn read(text: &[u8]) -> (Vec<HostEvent>, TextStats) {
    let mut reader = TextReader::new();
    let events = reader.events(text).collect::<Result<_, _>>().unwrap();
    (events, reader.stats().clone())
}

/// Lines that were put to some use, or to none that is known.
pub(crate) fn accounted(stats: &TextStats) -> u64 {
    stats.events.total()
        + stats.comments
        + stats.lost_notices
        + stats.others.total()
        + stats.not_understood
        + stats.blank
}
