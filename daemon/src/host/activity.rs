//! What the probes have told so far, and what it amounts to.

use super::facts;
use super::rates::RateWindow;
use crate::metrics::{DeviceSample, HostSample};
use busdma_engine::Nanos;
use busdma_host::correlation::Correlation;
use busdma_host::event::{Device, HostEvent};
use busdma_host::mapping::Mapping;
use busdma_host::tracker::Change;
use busdma_host::verdict::Verdict;
use busdma_probes::totals::Total;
use std::collections::BTreeMap;

/// Everything since the probes were attached.
#[derive(Debug)]
pub(crate) struct Activity {
    correlation: Correlation,
    rates: BTreeMap<Device, RateWindow>,
    kernel_totals: Vec<Total>,
    /// Events that were read.
    pub(crate) delivered: u64,
    /// Events that did not fit into the ring.
    pub(crate) dropped: u64,
}

impl Activity {
    /// Nothing yet, on the host as it is now.
    pub(crate) fn begin() -> Self {
        Self {
            correlation: Correlation::new(facts::read()),
            rates: BTreeMap::new(),
            kernel_totals: Vec::new(),
            delivered: 0,
            dropped: 0,
        }
    }

    /// Takes events in, in order.
    pub(crate) fn take(&mut self, events: &[HostEvent]) {
        for event in events {
            if let Some(device) = event.device() {
                self.meet(device);
            }
            let rates = &mut self.rates;
            self.correlation.event_with(event, &mut |change, _| {
                let (mapping, failed) = match change {
                    Change::Began { mapping, .. } => (mapping, false),
                    Change::Failed { mapping, .. } => (mapping, true),
                    _ => return,
                };
                let window = rates.entry(mapping.device.clone()).or_default();
                if failed { window.failed(event.at) } else { window.made(event.at, mapping) }
            });
        }
        self.delivered += events.len() as u64;
    }

    /// Lets time pass without events.
    pub(crate) fn advance(&mut self, now: Nanos) {
        self.correlation.advance(now);
    }

    /// A device that may have come since: sysfs is asked about it once.
    fn meet(&mut self, device: &Device) {
        if !self.rates.contains_key(device) {
            self.rates.insert(device.clone(), RateWindow::default());
            if self.correlation.shadow().facts().device(device).is_none() {
                self.correlation.shadow_mut().learn_device(device.clone(), facts::limits_of(device.name()));
            }
        }
    }

    /// How a mapping compares with what its device can do.
    pub(crate) fn verdict(&mut self, mapping: &Mapping) -> Verdict {
        self.correlation.verdict(mapping)
    }

    pub(crate) fn correlation(&self) -> &Correlation {
        &self.correlation
    }

    /// What the kernel has added up by itself.
    pub(crate) fn set_kernel_totals(&mut self, totals: Vec<Total>) {
        self.kernel_totals = totals;
    }

    pub(crate) fn kernel_totals(&self) -> &[Total] {
        &self.kernel_totals
    }

    /// What the metrics show.
    pub(crate) fn sample(&self) -> HostSample {
        let pool = self.correlation.pool();
        let lives = |device| self.correlation.tracker().devices().find(|totals| totals.device == device);
        let devices = self.correlation.devices().map(|ledger| DeviceSample {
            device: ledger.device.name().to_owned(),
            verdicts: ledger.verdicts.iter().map(|(kind, &count)| (kind.name(), count)).collect(),
            mapped_bytes_total: ledger.mapped_bytes,
            forced_bytes_total: ledger.forced.bytes,
            masked_bytes_total: ledger.masked.bytes,
            live: lives(ledger.device.clone()).map_or(0, |totals| totals.lives.live),
        });
        HostSample {
            events_total: self.delivered,
            events_dropped_total: self.dropped,
            devices: devices.collect(),
            pool_used_slots: pool.used(),
            pool_high_water_slots: pool.high_water(),
            pool_full_total: pool.full().count,
        }
    }

    /// How much a device did lately.
    pub(crate) fn rates(&self, device: &Device, now: Nanos) -> busdma_api::host::Rates {
        self.rates.get(device).map(|window| window.rates(now)).unwrap_or_default()
    }
}
