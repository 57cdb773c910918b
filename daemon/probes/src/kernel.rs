//! The object and its maps, loaded.

use crate::config::{Filter, Mode, RingSize, disk_key, name_key};
use crate::diagnosis;
use crate::per_program::{PerProgram, ProgramSet};
use crate::status::ProbeStatus;
use crate::value::Value;
use aya::maps::{Array, HashMap, Map, MapData, MapError, PerCpuArray, PerCpuHashMap, RingBuf};
use aya::programs::tp_btf::BtfTracePointLinkId;
use aya::programs::{BtfTracePoint, ProgramError};
use aya::{Btf, Ebpf, EbpfLoader};
use busdma_ebpf::Program;
use busdma_ebpf::common::map::{self, Calibration, Counters, Total, TotalKey};
use busdma_ebpf::common::program::{CALIBRATE, CALIBRATE_TRACEPOINT};
use busdma_ebpf::common::record::NAME_BYTES;
use std::fmt;
use std::hash::Hash;
use std::os::fd::{AsFd, AsRawFd, RawFd};

/// The object in the kernel. Dropping it detaches and frees everything.
pub(crate) struct Kernel {
    object: Ebpf,
    links: PerProgram<Option<BtfTracePointLinkId>>,
    switches: Array<MapData, Value<map::Config>>,
    devices: HashMap<MapData, [u8; NAME_BYTES], u8>,
    disks: HashMap<MapData, u32, u8>,
    counters: PerCpuArray<MapData, Value<Counters>>,
    pub(crate) totals: PerCpuHashMap<MapData, Value<TotalKey>, Value<Total>>,
    calibration: Array<MapData, Value<Calibration>>,
}

/// What is loaded, the ring, and what became of each program: [`ProbeStatus::Disabled`] for those that can be attached.
pub(crate) struct Loaded {
    pub(crate) kernel: Kernel,
    pub(crate) ring: RingBuf<MapData>,
    pub(crate) statuses: PerProgram<ProbeStatus>,
}

impl Kernel {
    /// Loads every program. The error is what became of all of them.
    pub(crate) fn load(ring: RingSize) -> Result<Loaded, ProbeStatus> {
        let btf = Btf::from_sys_fs().map_err(|error| diagnosis::of_btf(&error))?;
        let mut object = EbpfLoader::new()
            .btf(Some(&btf))
            .map_max_entries("events", ring.bytes())
            .load(busdma_ebpf::OBJECT)
            .map_err(|error| diagnosis::of_object(&error))?;
        let statuses = PerProgram::from_fn(|program| {
            match load_program(&mut object, program.function(), program.tracepoint(), &btf) {
                Ok(()) => ProbeStatus::Disabled,
                Err(error) => diagnosis::of_program(&error),
            }
        });
        // A kernel that refuses this one still gives every event, but for where scatter lists are.
        let _ = load_program(&mut object, CALIBRATE, CALIBRATE_TRACEPOINT, &btf);
        Self::take_maps(object, statuses).map_err(|error| diagnosis::of_map(&error))
    }

    fn take_maps(mut object: Ebpf, statuses: PerProgram<ProbeStatus>) -> Result<Loaded, MapError> {
        let ring = RingBuf::try_from(take(&mut object, "events")?)?;
        let kernel = Self {
            links: PerProgram::default(),
            switches: Array::try_from(take(&mut object, "config")?)?,
            devices: HashMap::try_from(take(&mut object, "devices")?)?,
            disks: HashMap::try_from(take(&mut object, "disks")?)?,
            counters: PerCpuArray::try_from(take(&mut object, "counters")?)?,
            totals: PerCpuHashMap::try_from(take(&mut object, "totals")?)?,
            calibration: Array::try_from(take(&mut object, "calibration")?)?,
            object,
        };
        Ok(Loaded { kernel, ring, statuses })
    }

    /// Attaches a loaded program, if it is not.
    pub(crate) fn attach(&mut self, program: Program) -> Result<(), ProgramError> {
        let link = self.links.get_mut(program);
        if link.is_none() {
            *link = Some(tracepoint(&mut self.object, program.function())?.attach()?);
        }
        Ok(())
    }

    /// Detaches a program, if it is attached. It stays loaded.
    pub(crate) fn detach(&mut self, program: Program) -> Result<(), ProgramError> {
        match self.links.get_mut(program).take() {
            Some(link) => tracepoint(&mut self.object, program.function())?.detach(link),
            None => Ok(()),
        }
    }

    /// The programs that are attached.
    pub(crate) fn attached(&self) -> ProgramSet {
        self.links.iter().filter(|(_, link)| link.is_some()).map(|(program, _)| program).collect()
    }

    /// The descriptor of a loaded program, which stays open as long as this does.
    pub(crate) fn descriptor(&self, program: Program) -> Option<RawFd> {
        let loaded = self.object.program(program.function())?.fd().ok()?;
        Some(loaded.as_fd().as_raw_fd())
    }

    /// Sets what is wanted and what becomes of it. While the filter changes, both the old and the new one's events pass.
    pub(crate) fn switch(&mut self, filter: &Filter, mode: Mode) -> Result<(), MapError> {
        let devices: Vec<_> = filter.devices.iter().map(name_key).collect();
        let disks: Vec<_> = filter.disks.iter().copied().map(disk_key).collect();
        insert_all(&mut self.devices, &devices)?;
        insert_all(&mut self.disks, &disks)?;
        let switches = map::Config {
            mode: match mode {
                Mode::Events => map::MODE_EVENTS,
                Mode::Totals => map::MODE_TOTALS,
            },
            device_filter: u32::from(!devices.is_empty()),
            disk_filter: u32::from(!disks.is_empty()),
            reserved: 0,
        };
        self.switches.set(0, Value(switches), 0)?;
        remove_others(&mut self.devices, &devices)?;
        remove_others(&mut self.disks, &disks)
    }

    /// What became of every run so far, on each processor.
    pub(crate) fn counters(&self) -> Result<Vec<Counters>, MapError> {
        Ok(self.counters.get(&0, 0)?.iter().map(|counters| counters.0).collect())
    }

    /// Runs `work` while the kernel samples the page structures that the calling thread is given; returns the samples.
    pub(crate) fn sample_pages(&mut self, thread: u32, work: impl FnOnce()) -> Result<Calibration, ProgramError> {
        let empty = Calibration { thread, count: 0, page_struct_bytes: 0, reserved: 0, pages: [0; _] };
        self.calibration.set(0, Value(empty), 0)?;
        let program = tracepoint(&mut self.object, CALIBRATE)?;
        let link = program.attach()?;
        work();
        program.detach(link)?;
        Ok(self.calibration.get(&0, 0)?.0)
    }
}

impl fmt::Debug for Kernel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Kernel").field("attached", &self.attached()).finish_non_exhaustive()
    }
}

fn load_program(object: &mut Ebpf, function: &str, name: &str, btf: &Btf) -> Result<(), ProgramError> {
    tracepoint(object, function)?.load(name, btf)
}

fn tracepoint<'object>(object: &'object mut Ebpf, function: &str) -> Result<&'object mut BtfTracePoint, ProgramError> {
    object.program_mut(function).ok_or(ProgramError::NotLoaded)?.try_into()
}

fn take(object: &mut Ebpf, name: &str) -> Result<Map, MapError> {
    object.take_map(name).ok_or_else(|| MapError::InvalidName { name: name.to_owned() })
}

fn insert_all<K: aya::Pod>(map: &mut HashMap<MapData, K, u8>, keys: &[K]) -> Result<(), MapError> {
    keys.iter().try_for_each(|key| map.insert(key, 1, 0))
}

fn remove_others<K: aya::Pod + Eq + Hash>(map: &mut HashMap<MapData, K, u8>, kept: &[K]) -> Result<(), MapError> {
    let present = map.keys().collect::<Result<Vec<_>, _>>()?;
    present.iter().filter(|key| !kept.contains(key)).try_for_each(|key| map.remove(key))
}
