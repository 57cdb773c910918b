//! The host's real DMA, counted.

use super::exposition::Families;
use std::fmt;

/// The host since its probes were attached.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct HostSample {
    /// Events that were read.
    pub events_total: u64,
    /// Events that did not fit into the ring.
    pub events_dropped_total: u64,
    /// Its devices.
    pub devices: Vec<DeviceSample>,
    /// Slots of the bounce pool that mappings hold, as estimated.
    pub pool_used_slots: u64,
    /// The most that ever were.
    pub pool_high_water_slots: u64,
    /// Times that the pool had no room.
    pub pool_full_total: u64,
}

/// One device.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct DeviceSample {
    /// Its name.
    pub device: String,
    /// Mappings by verdict, in `snake_case`.
    pub verdicts: Vec<(&'static str, u64)>,
    /// Bytes mapped.
    pub mapped_bytes_total: u64,
    /// Bytes bounced because everything is.
    pub forced_bytes_total: u64,
    /// Bytes bounced because the device does not reach them.
    pub masked_bytes_total: u64,
    /// Mappings that live.
    pub live: u64,
}

impl Families<'_> {
    pub(super) fn host(&mut self, sample: Option<&HostSample>) -> fmt::Result {
        let Some(host) = sample else { return Ok(()) };
        self.counter("host_events", "Events read from the probes", None, [(vec![], host.events_total)])?;
        let dropped = [(vec![], host.events_dropped_total)];
        self.counter("host_events_dropped", "Events that did not fit into the probes' ring", None, dropped)?;
        let verdicts = host.devices.iter().flat_map(|device| {
            let of = move |&(verdict, count)| (vec![("device", device.device.as_str()), ("verdict", verdict)], count);
            device.verdicts.iter().map(of)
        });
        self.counter("host_mappings", "Mappings of the host's devices, made or failed, by verdict", None, verdicts)?;
        let mapped = host.devices.iter().map(|device| (vec![("device", &*device.device)], device.mapped_bytes_total));
        self.counter("host_mapped_bytes", "Bytes that the host's devices mapped", None, mapped)?;
        let bounced = host.devices.iter().flat_map(|device| {
            let of = |cause, bytes| (vec![("device", device.device.as_str()), ("cause", cause)], bytes);
            [of("forced", device.forced_bytes_total), of("mask", device.masked_bytes_total)]
        });
        self.counter("host_bounced_bytes", "Bytes that went through the host's bounce pool, by cause", None, bounced)?;
        let live = host.devices.iter().map(|device| (vec![("device", &*device.device)], device.live));
        self.gauge("host_live_mappings", "Mappings of the host's devices that live", live)?;
        let pool = [("used", host.pool_used_slots), ("high_water", host.pool_high_water_slots)];
        let pool = pool.map(|(state, slots)| (vec![("state", state)], slots));
        self.gauge("host_pool_slots", "Slots of 2 KiB of the host's bounce pool, as estimated", pool)?;
        self.counter(
            "host_pool_full",
            "Times the host's bounce pool had no room",
            None,
            [(vec![], host.pool_full_total)],
        )
    }
}
