//! The command line: what can be typed, and the help for it. One file for each verb, or for verbs that take the same.

mod call;
mod correlate;
mod daemon;
mod demo;
mod host;
mod pages;
mod plan;
mod record;
mod replay;
mod top;
mod watch;

pub use call::CallArgs;
pub use correlate::CorrelateArgs;
pub use daemon::{DaemonArgs, MapsArgs, StatusArgs, TagsArgs, ZonesArgs};
pub use demo::DemoArgs;
pub use host::{
    HostAction, HostArgs, HostAttachArgs, HostDetachArgs, HostEventsArgs, HostMappingsArgs, HostProbesArgs,
    HostRecordArgs,
};
pub use pages::{CompletionsArgs, ManArgs, PresetsArgs};
pub use plan::{Arch, LoadKind, PlanArgs, ProfileName};
pub use record::{
    CompressionName, DecisionsChoice, RecordAction, RecordArgs, RecordStartArgs, RecordStatusArgs, RecordStopArgs,
};
pub use replay::{ReplayArgs, ReplayFormat, ReplayProfile};
pub use top::TopArgs;
pub use watch::WatchArgs;

use clap::{Parser, Subcommand};

/// Shows what FreeBSD's bus_dma(9) does to a buffer, and why
///
/// A driver tells bus_dma(9) with a tag what its device can reach; a load cuts a buffer into segments that the device
/// can use, and copies what it cannot reach through bounce pages. busdma runs that machinery outside a kernel: `plan`
/// shows one load with the reason of every cut and copy, `replay` runs a recorded trace again and compares, and
/// `status`, `watch` and their kin show what goes on in busdmad, the daemon that hosts it for programs.
#[derive(Debug, Parser)]
#[command(name = "busdma", version, propagate_version = true, max_term_width = 100, after_help = MAIN_EXAMPLES)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub verb: Verb,
}

/// The verbs.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Show how a buffer would be cut, bounced or refused, and why
    ///
    /// Makes the tags, a map and one load on a fresh machine, syncs both ways and unloads, as a driver would. Reports
    /// the effective constraints, the segments with the reason of every cut and every bounce, what would make a failing
    /// load fit, and the hazards; then where the strict profile, in which FreeBSD's quirks are repaired, answers
    /// differently.
    Plan(Box<PlanArgs>),
    /// List the tags of real drivers, or show one
    ///
    /// Each preset is one tag of one driver as FreeBSD's source has it on amd64, with the tag above it.
    Presets(PresetsArgs),
    /// Run recorded traces again and compare the answers
    ///
    /// Feeds the operations of busdma-trace files to a fresh engine, scenario by scenario, and compares what it answers
    /// with what was recorded. Files may be compressed (.zst); - reads standard input. Prints the first differences of
    /// each failing scenario and a summary.
    Replay(ReplayArgs),
    /// Compare what a Linux kernel did with DMA with what its devices' limits let one expect
    ///
    /// Reads the events of the kernel's DMA API (ftrace or perf text, or a capture), follows every mapping from its
    /// beginning to its end, and predicts each one from the device's real limits: direct, bounced, translated, or failed.
    /// Shows who maps how much, what bounced and why, when the bounce pool had no room, and each kind of difference with
    /// samples and what to do about it. Facts that are not given are inferred as far as the events tell them.
    Correlate(CorrelateArgs),
    /// Show the daemon, its machines, the recording and what was found wrong
    ///
    /// One screen: which daemon answers and for how long it has run, each machine with its pools, how the recording
    /// stands, and the findings, worst first.
    Status(StatusArgs),
    /// Show the daemon's bounce zones and who waits for their pages
    ///
    /// Each zone with FreeBSD's counters (hw.busdma.zoneN) and the most pages that were ever in use, then the queue of
    /// deferred loads, head first.
    Zones(ZonesArgs),
    /// Show the daemon's tags
    ///
    /// Each tag with what holds after inheritance, its owner, its zone and how many maps belong to it.
    Tags(TagsArgs),
    /// Show the daemon's maps that are loaded or wait, oldest first
    ///
    /// A mapping that is never unloaded stands at the top, with its owner.
    Maps(MapsArgs),
    /// Follow the daemon: its zones every second, or every decision with its reason
    ///
    /// One line for each zone and snapshot, or with --decisions one line for each thing decided. Ctrl-C ends it.
    Watch(WatchArgs),
    /// Watch pools, waiters, decisions and host DMA on the whole terminal, live or from a recording
    ///
    /// Shows at a glance where bounce pages go, who waits and why, and what changed. A daemon that goes away leaves its
    /// last frame on the screen until it is back; a recording plays, stops, and goes back and forth in time. With --once
    /// one frame goes to standard output.
    Top(Box<TopArgs>),
    /// Start or stop the daemon's recording, or see how it stands
    ///
    /// A recording holds every operation of the daemon's machines as busdma-trace files, which `busdma replay` runs
    /// again.
    Record(RecordArgs),
    /// Show the host's real DMA, as the daemon's eBPF probes see it
    ///
    /// Each device with its limits, what it maps and how much of that bounces; then how mappings compare with what their
    /// devices can do, with samples and what to do about what differs; what was found wrong; and the bounce pool as the
    /// events tell it beside the kernel's own numbers. The daemon must run with --probes; without, limits are shown.
    Host(Box<HostArgs>),
    /// Call any method of the daemon
    ///
    /// Prints each reply as JSON. An error reply goes to standard error, its name and its parameters. File descriptors
    /// do not travel this way.
    Call(CallArgs),
    /// Make traffic, so that there is something to look at
    ///
    /// Drives the daemon, or without one an engine inside this process, with loads, syncs and unloads as the drivers of
    /// disks, network adapters and a 24-bit device make them, each client on a machine of its own with a small bounce
    /// pool. Prints a line a second and a summary.
    Demo(DemoArgs),
    /// Write a completion script for a shell to standard output
    Completions(CompletionsArgs),
    /// Write the manual page, or a directory of pages
    ///
    /// Without --dir the whole manual, every verb included, goes to standard output as one page.
    Man(ManArgs),
}

const MAIN_EXAMPLES: &str = "\
Examples:
  busdma plan --preset nvme --length 128K --offset 512
  busdma presets ahci
  busdma replay trace.jsonl
  busdma correlate /sys/kernel/tracing/trace --cmdline /proc/cmdline
  busdma demo --seconds 5
  busdma status
  busdma top --demo
  busdma host

Exit codes: 0 yes (loaded, all match), 1 no (would not load, a difference, the daemon refused), 2 usage or unusable \
input, 3 no daemon to talk to.";
