//! Bounce zones as lines tell of them.

use super::Model;
use crate::frame::TrendSample;
use busdma_trace::format::Zone;

/// A zone: what was told last, and what no line tells.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct ZoneNow {
    pub(super) told: Zone,
    pub(super) active_max: u32,
    pub(super) deferred_ns: u64,
}

/// What a line tells of a zone.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(in crate::source::recording) struct ZoneStep {
    /// Pages promised or in use of all there are.
    pub(in crate::source::recording) pressure: f32,
    /// Pages in use, and what its counters grew by.
    pub(in crate::source::recording) sample: TrendSample,
}

impl Model {
    /// Takes in what a line tells of a zone.
    pub(super) fn zone_told(&mut self, index: usize, told: &Zone) -> ZoneStep {
        let fresh = ZoneNow { told: *told, active_max: 0, deferred_ns: 0 };
        if index >= self.zones.len() {
            // Nothing of it had been told, so that all of its counters are what it grew by.
            let told = Zone { bounced: 0, deferred: 0, ..*told };
            self.zones.push(ZoneNow { told, ..fresh });
        }
        let mut sample = TrendSample { active: told.active, bounced: 0, deferred: 0 };
        if let Some(zone) = self.zones.get_mut(index) {
            sample.bounced = grown(zone.told.bounced, told.bounced);
            sample.deferred = grown(zone.told.deferred, told.deferred);
            zone.active_max = zone.active_max.max(told.active);
            zone.told = *told;
        }
        ZoneStep { pressure: pressure(told), sample }
    }
}

#[expect(clippy::cast_precision_loss, reason = "a share of a bar needs no more digits")]
fn pressure(zone: &Zone) -> f32 {
    let used = zone.reserved.saturating_add(zone.active);
    if zone.total == 0 { 0.0 } else { used as f32 / zone.total as f32 }
}

/// By how much a counter of 32 bits grew.
fn grown(before: u64, after: u64) -> u32 {
    u32::try_from(after.wrapping_sub(before) & u64::from(u32::MAX)).unwrap_or(0)
}
