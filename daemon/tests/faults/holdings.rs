//! What a daemon holds: on its machines, and of the system.

use busdma_api::client::Client;
use busdma_api::monitor::{MachineSnapshot, MapTotals, Snapshot};
use std::fs;

/// What must be as before once a fault is over.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Holdings {
    machines: Vec<OnMachine>,
    /// What each descriptor leads to.
    descriptors: Vec<String>,
    /// Mapped memory files.
    mappings: Vec<String>,
    threads: usize,
}

#[derive(Clone, PartialEq, Eq, Debug)]
struct OnMachine {
    name: String,
    /// Of each zone: pages reserved and active. The others are free, how many there are: every new tag adds some.
    pages: Vec<[u32; 2]>,
    waiters: u32,
    tags: usize,
    maps: MapTotals,
    memory_bytes: u64,
    dmamem_bytes: u64,
}

impl Holdings {
    /// Looks at a process that serves `monitor`.
    pub(crate) fn of(pid: u32, monitor: &mut Client) -> Self {
        let snapshot = monitor.call(&Snapshot::default()).unwrap();
        Self {
            machines: snapshot.machines.iter().map(OnMachine::of).collect(),
            descriptors: descriptors(pid),
            mappings: mappings(pid),
            threads: fs::read_dir(format!("/proc/{pid}/task")).unwrap().count(),
        }
    }
}

impl Holdings {
    /// Whether it has what a client left that filled a pool on the first machine, and nothing else beyond `before`.
    pub(crate) fn is_with_one_pool_more_than(&self, before: &Self) -> bool {
        let pools = |holdings: &Self| holdings.machines[0].pages.len();
        pools(self) == pools(before) + 1 && self.without_pools() == before.without_pools()
    }

    /// Whether no more memory is registered than `before`.
    pub(crate) fn has_as_little_memory_as(&self, before: &Self) -> bool {
        self.machines[0].memory_bytes <= before.machines[0].memory_bytes
    }

    fn without_pools(&self) -> (&MapTotals, usize, u64, usize, usize) {
        let machine = &self.machines[0];
        (&machine.maps, machine.tags, machine.memory_bytes, self.threads, self.sockets())
    }

    fn sockets(&self) -> usize {
        self.descriptors.iter().filter(|target| *target == "socket").count()
    }
}

impl OnMachine {
    fn of(machine: &MachineSnapshot) -> Self {
        Self {
            name: machine.machine.to_string(),
            pages: machine.zones.iter().map(|zone| pages(machine, zone.zone)).collect(),
            waiters: machine.waiters_total,
            tags: machine.tags.len(),
            maps: machine.maps_total,
            memory_bytes: machine.memory_bytes,
            dmamem_bytes: machine.dmamem_bytes,
        }
    }
}

/// Pages of a zone, which must add up at all times.
fn pages(machine: &MachineSnapshot, zone: u32) -> [u32; 2] {
    let zone = machine.zones.iter().find(|found| found.zone == zone).unwrap();
    let (free, reserved, active) = (zone.free_bpages, zone.reserved_bpages, zone.active_bpages);
    assert_eq!(free + reserved + active, zone.total_bpages, "{zone:?}");
    [reserved, active]
}

fn descriptors(pid: u32) -> Vec<String> {
    let entries = fs::read_dir(format!("/proc/{pid}/fd")).unwrap();
    // One that is closed meanwhile has no target any more.
    let targets = entries.filter_map(|entry| fs::read_link(entry.unwrap().path()).ok());
    let targets = targets.map(|target| without_number(&target.to_string_lossy()));
    // Recordings end, and new files are begun, in their own time.
    let mut targets: Vec<_> = targets.filter(|target| !target.contains("/traces")).collect();
    targets.sort_unstable();
    targets
}

/// `socket:[12345]` as `socket`: which socket it is changes from one connection to the next.
fn without_number(target: &str) -> String {
    target.split_once(":[").map_or(target, |(kind, _)| kind).to_owned()
}

fn mappings(pid: u32) -> Vec<String> {
    let maps = fs::read_to_string(format!("/proc/{pid}/maps")).unwrap();
    let mut files: Vec<_> = maps.lines().filter_map(|line| Some(line[line.find("/memfd:")?..].to_owned())).collect();
    files.sort_unstable();
    files
}
