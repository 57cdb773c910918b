//! `busdma correlate`.

use busdma_host::limits::{FactError, Facts};
use clap::Args;
use std::path::PathBuf;

/// What `correlate` takes.
#[derive(Debug, Args)]
#[command(after_help = CORRELATE_EXAMPLES)]
pub struct CorrelateArgs {
    /// What the kernel told, in the order of time: files, - for standard input, or one directory
    ///
    /// Text of ftrace (/sys/kernel/tracing/trace), text of `perf script`, or a capture of busdma; which of them is seen by
    /// itself, and .zst files are decompressed. Several files are one recording in parts. A directory holds trace.txt or
    /// trace.txt.zst, and beside it, as far as they are there, pci.txt, queue.txt, cmdline.txt and swiotlb.txt, which are
    /// read as with --pci and so on; a directory without swiotlb.txt is of a host without a bounce pool.
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,

    /// Print JSON: addresses as hexadecimal strings, times in nanoseconds
    #[arg(long)]
    pub json: bool,

    /// The kernel command line, /proc/cmdline: swiotlb=, iommu=, intel_iommu=
    #[arg(long, value_name = "FILE", help_heading = "Facts")]
    pub cmdline: Option<PathBuf>,

    /// Lines DEVICE KEY=VALUE…: dma_mask_bits, consistent_dma_mask_bits, driver, iommu_group=none or NUMBER:TYPE
    #[arg(long, value_name = "FILE", help_heading = "Facts")]
    pub pci: Vec<PathBuf>,

    /// Lines DISK KEY=VALUE of /sys/block/*/queue, and DISK device=PATH, the target of /sys/block/DISK
    #[arg(long, value_name = "FILE", help_heading = "Facts")]
    pub queue: Vec<PathBuf>,

    /// Lines `[LABEL]` FILE=NUMBER of /sys/kernel/debug/swiotlb: io_tlb_nslabs, io_tlb_used, io_tlb_used_hiwater
    #[arg(long, value_name = "FILE", help_heading = "Facts")]
    pub swiotlb: Option<PathBuf>,

    /// One device's limits, with the keys of --pci and --queue; may be given again, and wins over files
    #[arg(long, value_name = "NAME:KEY=VALUE,...", help_heading = "Facts", value_parser = parse_device)]
    pub device: Vec<String>,
}

fn parse_device(text: &str) -> Result<String, FactError> {
    Facts::default().read_option(text)?;
    Ok(text.to_owned())
}

const CORRELATE_EXAMPLES: &str = "\
Examples:
  busdma correlate trace.txt --cmdline /proc/cmdline --device 0000:00:02.0:dma_mask_bits=32
  perf script | busdma correlate - --pci pci.txt --queue queue.txt
  busdma correlate captures/nvme-pool1M
  busdma correlate --json trace.txt.zst | jq '.verdicts[] | select(.weight == \"failure\")'

To record: cd /sys/kernel/tracing; echo 1 | tee events/{dma,swiotlb,iommu}/enable; echo 1 | tee
events/block/block_rq_{issue,complete}/enable; then read trace.

Exit codes: 0 all is as expected, 1 a mapping failed or differs, 2 usage or unusable input.";
