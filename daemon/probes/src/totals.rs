//! What the kernel counted by itself.

use crate::config::disk_of;
use crate::value::Value;
use aya::maps::{MapData, MapError, PerCpuHashMap};
use busdma_ebpf::Program;
use busdma_ebpf::common::map::{self, SIZE_BUCKETS, TotalKey};
use busdma_host::event::{Device, Disk};

/// What one program saw of one device or disk.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Total {
    /// The program.
    pub program: Program,
    /// Of what.
    pub subject: Subject,
    /// Events.
    pub count: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Events by size: element `n` counts those of at least 2^n and less than 2^(n+1) bytes. 0 bytes are in the first,
    /// all from 2 GiB in the last.
    pub sizes: [u64; SIZE_BUCKETS],
}

/// What a total is of.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Subject {
    /// A device, by the first 31 bytes of its name.
    Device(Device),
    /// A whole disk.
    Disk(Disk),
    /// The tracepoint names nothing.
    Nameless,
}

pub(crate) fn read(
    totals: &PerCpuHashMap<MapData, Value<TotalKey>, Value<map::Total>>,
) -> Result<Vec<Total>, MapError> {
    let mut read = Vec::new();
    for entry in totals {
        let (Value(key), processors) = entry?;
        let Some(program) = Program::from_number(key.program) else { continue };
        let mut total =
            Total { program, subject: subject(&key, program), count: 0, bytes: 0, sizes: [0; SIZE_BUCKETS] };
        for Value(part) in processors.iter() {
            total.count += part.count;
            total.bytes += part.bytes;
            total.sizes.iter_mut().zip(&part.sizes).for_each(|(sum, part)| *sum += part);
        }
        read.push(total);
    }
    Ok(read)
}

fn subject(key: &TotalKey, program: Program) -> Subject {
    match program.group() {
        "block" => Subject::Disk(disk_of(key.disk)),
        "iommu" => Subject::Nameless,
        _ => {
            let name = key.device.split(|&byte| byte == 0).next().unwrap_or_default();
            Subject::Device(Device::new(&String::from_utf8_lossy(name)))
        }
    }
}
