//! The first line.

use super::error::{CaptureErrorKind, syntax};
use super::value::HexRange;
use super::{FORMAT, PoolCounts, VERSION};
use crate::event::Tracepoint;
use busdma_engine::PhysRange;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::borrow::Cow;

/// What holds for a whole capture.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Header {
    /// The clock of all times, in the words of who recorded: `boottime`, `perf`, ftrace's `local`.
    pub clock: Box<str>,
    /// The kernel's release (`uname -r`).
    pub kernel: Option<Box<str>>,
    /// The kernel's command line.
    pub command_line: Option<Box<str>>,
    /// Tracepoints that were listened to, whether or not they fired.
    pub recorded: Vec<Tracepoint>,
    /// Limits of the devices, as [`crate::limits`] writes and reads them.
    pub devices: Option<Value>,
    /// The bounce pool when the recording began.
    pub swiotlb: Option<PoolCounts>,
    /// Where memory is (`System RAM` of `/proc/iomem`).
    pub iomem: Vec<PhysRange>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct HeaderLine<'a> {
    #[serde(borrow)]
    format: Cow<'a, str>,
    version: u64,
    clock: Box<str>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    kernel: Option<Box<str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    command_line: Option<Box<str>>,
    recorded: Vec<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    devices: Option<Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    swiotlb: Option<PoolCounts>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    iomem: Vec<HexRange>,
}

/// What every version of every such format begins with.
#[derive(Deserialize)]
struct AnyHeader<'a> {
    #[serde(default, borrow)]
    format: Option<Cow<'a, str>>,
    #[serde(default)]
    version: Option<u64>,
}

impl Header {
    pub(super) fn parse(line: &[u8]) -> Result<Self, CaptureErrorKind> {
        let any: AnyHeader<'_> = serde_json::from_slice(line).map_err(|_| CaptureErrorKind::NoHeader)?;
        let format = any.format.ok_or(CaptureErrorKind::NoHeader)?;
        if format != FORMAT {
            return Err(CaptureErrorKind::OtherFormat { found: format.into() });
        }
        match any.version {
            Some(VERSION) => {}
            Some(found) => return Err(CaptureErrorKind::OtherVersion { found }),
            None => return Err(CaptureErrorKind::NoHeader),
        }
        let line: HeaderLine<'_> = serde_json::from_slice(line).map_err(|error| syntax(&error))?;
        let recorded = line.recorded.iter().map(|name| {
            Tracepoint::from_name(name).ok_or_else(|| CaptureErrorKind::UnknownEvent { found: (&**name).into() })
        });
        Ok(Self {
            clock: line.clock,
            kernel: line.kernel,
            command_line: line.command_line,
            recorded: recorded.collect::<Result<_, _>>()?,
            devices: line.devices,
            swiotlb: line.swiotlb,
            iomem: line.iomem.into_iter().map(PhysRange::from).collect(),
        })
    }

    /// The line, without its end.
    pub(super) fn to_json(&self) -> serde_json::Result<Vec<u8>> {
        serde_json::to_vec(&HeaderLine {
            format: FORMAT.into(),
            version: VERSION,
            clock: self.clock.clone(),
            kernel: self.kernel.clone(),
            command_line: self.command_line.clone(),
            recorded: self.recorded.iter().map(|point| point.name().into()).collect(),
            devices: self.devices.clone(),
            swiotlb: self.swiotlb,
            iomem: self.iomem.iter().copied().map(HexRange::from).collect(),
        })
    }
}
