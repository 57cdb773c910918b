//! Rates and trends of zones, from one frame to the next.
//!
//! For sources that see a machine again and again and keep nothing else of its past.

use crate::frame::{Machine, Name, Trend, TrendSample, ZoneRates, ZoneRow};
use std::collections::{HashMap, VecDeque};
use std::time::Duration;

/// Samples that are kept.
pub const SAMPLES: usize = 120;

/// How much time rates are taken over, at least, nanoseconds.
const RATE_NS: u64 = 2_000_000_000;

/// The past of zones, as far as it is shown.
#[derive(Clone, Debug)]
pub struct Rates {
    interval_ns: u64,
    zones: HashMap<(Name, u32), Past>,
    /// Moments that were taken in; zones that missed the last one are gone.
    moments: u64,
}

#[derive(Clone, Debug)]
struct Past {
    seen_at: u64,
    /// The newest are from the last while; the oldest is at least [`RATE_NS`] before the newest once there is one.
    counts: VecDeque<Counts>,
    /// As it was when the sample began that is not yet complete.
    began: Counts,
    active: u32,
    samples: VecDeque<TrendSample>,
}

#[derive(Clone, Copy, Debug)]
struct Counts {
    t_ns: u64,
    bounced: u32,
    deferred: u32,
}

impl Rates {
    /// No past; samples shall each stand for `interval`, of at least a millisecond.
    pub fn new(interval: Duration) -> Self {
        Self { interval_ns: nanoseconds(interval).max(1_000_000), zones: HashMap::new(), moments: 0 }
    }

    /// Samples stand for `interval` from now on. Where that is something else than before, those there were are forgotten.
    pub fn set_interval(&mut self, interval: Duration) {
        if self.interval_ns != nanoseconds(interval).max(1_000_000) {
            *self = Self::new(interval);
        }
    }

    /// Forgets everything: what comes is not what was there before.
    pub fn reset(&mut self) {
        self.zones.clear();
    }

    /// Takes in how `machines` are at `t_ns`, and fills in the rates and trends of their zones. Only complete samples are
    /// shown, so that the last one does not begin anew with every frame.
    pub fn take(&mut self, t_ns: u64, machines: &mut [Machine]) {
        self.moments += 1;
        let (moment, interval_ns) = (self.moments, self.interval_ns);
        for zone in machines.iter_mut().flat_map(|machine| &mut machine.zones) {
            let key = (zone.machine.clone(), zone.zone);
            let past = self.zones.entry(key).or_insert_with(|| Past::of(t_ns, zone));
            if past.last().is_some_and(|last| last.t_ns > t_ns) {
                *past = Past::of(t_ns, zone);
            }
            past.seen_at = moment;
            past.take(t_ns, zone, interval_ns);
            zone.rates = past.rates();
            zone.trend = Trend { interval_ns, samples: past.samples.iter().copied().collect() };
        }
        self.zones.retain(|_, past| past.seen_at == moment);
    }
}

impl Past {
    fn of(t_ns: u64, zone: &ZoneRow) -> Self {
        let counts = Counts::of(t_ns, zone);
        Self {
            seen_at: 0,
            counts: VecDeque::new(),
            began: counts,
            active: zone.active_bpages,
            samples: VecDeque::new(),
        }
    }

    fn last(&self) -> Option<&Counts> {
        self.counts.back()
    }

    fn take(&mut self, t_ns: u64, zone: &ZoneRow, interval_ns: u64) {
        let now = Counts::of(t_ns, zone);
        self.active = self.active.max(zone.active_bpages);
        if self.complete(now, interval_ns) {
            self.active = zone.active_bpages;
        }
        if self.last().is_none_or(|last| last.t_ns < t_ns) {
            self.counts.push_back(now);
        }
        while self.counts.get(1).is_some_and(|second| t_ns - second.t_ns >= RATE_NS) {
            self.counts.pop_front();
        }
    }

    /// Completes the sample if its time is over, or as many as time has gone by for: what happened meanwhile is shared evenly
    /// among them. Says whether there were any.
    fn complete(&mut self, now: Counts, interval_ns: u64) -> bool {
        let passed = (now.t_ns - self.began.t_ns) / interval_ns;
        let Some(shares) = u32::try_from(passed.min(SAMPLES as u64)).ok().filter(|shares| *shares > 0) else {
            return false;
        };
        let bounced = now.bounced.wrapping_sub(self.began.bounced);
        let deferred = now.deferred.wrapping_sub(self.began.deferred);
        for nth in 0..shares {
            if self.samples.len() == SAMPLES {
                self.samples.pop_front();
            }
            self.samples.push_back(TrendSample {
                active: self.active,
                bounced: share(bounced, nth, shares),
                deferred: share(deferred, nth, shares),
            });
        }
        self.began = Counts { t_ns: self.began.t_ns + passed * interval_ns, ..now };
        true
    }

    #[expect(clippy::cast_precision_loss, reason = "a span of seconds in nanoseconds is far below 2^53")]
    fn rates(&self) -> ZoneRates {
        let (Some(first), Some(last)) = (self.counts.front(), self.counts.back()) else {
            return ZoneRates::default();
        };
        if first.t_ns == last.t_ns {
            return ZoneRates::default();
        }
        let seconds = (last.t_ns - first.t_ns) as f64 / 1e9;
        ZoneRates {
            bounced: Some(f64::from(last.bounced.wrapping_sub(first.bounced)) / seconds),
            deferred: Some(f64::from(last.deferred.wrapping_sub(first.deferred)) / seconds),
        }
    }
}

impl Counts {
    const fn of(t_ns: u64, zone: &ZoneRow) -> Self {
        Self { t_ns, bounced: zone.total_bounced, deferred: zone.total_deferred }
    }
}

/// The `nth` of `shares` equal parts, rounded so that all together are the whole.
fn share(whole: u32, nth: u32, shares: u32) -> u32 {
    let upto = |nth: u32| u64::from(whole) * u64::from(nth) / u64::from(shares);
    u32::try_from(upto(nth + 1) - upto(nth)).unwrap_or(u32::MAX)
}

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::Latency;

    fn machine(name: &str, active: u32, bounced: u32, deferred: u32) -> Machine {
        let zone = ZoneRow {
            machine: name.into(),
            zone: 0,
            lowaddr: 0xff_ffff,
            alignment: 4096,
            total_bpages: 64,
            free_bpages: 64 - active,
            reserved_bpages: 0,
            active_bpages: active,
            active_bpages_max: active,
            total_bounced: bounced,
            total_deferred: deferred,
            total_deferred_time: 0,
            map_count: 1,
            waiters: 0,
            rates: ZoneRates::default(),
            trend: Trend::default(),
        };
        Machine {
            machine: name.into(),
            session: None,
            profile: "freebsd-11".into(),
            zones: vec![zone],
            waiters: Vec::new(),
            waiters_total: 0,
            tags: Vec::new(),
            maps: Vec::new(),
            maps_total: crate::frame::MapTotals::default(),
            memory_bytes: None,
            dmamem_bytes: None,
            loads: 0,
            loads_failed: 0,
            latency: Latency::default(),
        }
    }

    /// Rates and samples (active, bounced, deferred) after moments of (ms, active, bounced, deferred).
    fn after(moments: &[(u64, u32, u32, u32)]) -> (ZoneRates, Vec<(u32, u32, u32)>) {
        let mut rates = Rates::new(Duration::from_secs(1));
        let mut zone = None;
        for &(ms, active, bounced, deferred) in moments {
            let mut machines = [machine("vm1", active, bounced, deferred)];
            rates.take(ms * 1_000_000, &mut machines);
            zone = machines[0].zones.pop();
        }
        let zone = zone.unwrap();
        let samples = zone.trend.samples.iter().map(|sample| (sample.active, sample.bounced, sample.deferred));
        (zone.rates, samples.collect())
    }

    #[test]
    fn samples_are_complete_and_even() {
        let check = |moments: &[_], expected: &[_]| assert_eq!(after(moments).1, expected, "{moments:?}");
        check(&[(0, 5, 0, 0)], &[]);
        check(&[(0, 5, 0, 0), (900, 9, 10, 1)], &[]);
        check(&[(0, 5, 0, 0), (500, 9, 10, 1), (1000, 2, 12, 1)], &[(9, 12, 1)]);
        check(&[(0, 5, 0, 0), (1000, 2, 12, 1), (2000, 1, 15, 1)], &[(5, 12, 1), (2, 3, 0)]);
        // Nobody looked for a while.
        check(&[(0, 5, 100, 0), (3000, 2, 107, 2)], &[(5, 2, 0), (5, 2, 1), (5, 3, 1)]);
        // FreeBSD's counters are of 32 bits.
        check(&[(0, 0, u32::MAX, 0), (1000, 0, 4, 0)], &[(0, 5, 0)]);
        // A clock that begins anew is another daemon's.
        check(&[(0, 5, 0, 0), (9000, 5, 900, 0), (1000, 2, 12, 1)], &[]);
    }

    #[test]
    fn rates_are_of_the_last_seconds() {
        let check = |moments: &[_], bounced| assert_eq!(after(moments).0.bounced, bounced, "{moments:?}");
        check(&[(0, 0, 7, 0)], None);
        check(&[(0, 0, 7, 0), (100, 0, 17, 0)], Some(100.0));
        check(&[(0, 0, 0, 0), (1000, 0, 50, 0), (2000, 0, 60, 0), (4000, 0, 60, 0)], Some(0.0));
        check(&[(0, 0, 0, 0), (0, 0, 50, 0)], None);
    }

    #[test]
    fn many_samples_and_zones_that_are_gone_are_not_kept() {
        let mut rates = Rates::new(Duration::from_millis(100));
        for second in 0..1000 {
            let mut machines = [machine("vm1", 1, second, 0), machine("vm2", 1, 0, 0)];
            let machines = if second == 999 { &mut machines[..1] } else { &mut machines[..] };
            rates.take(u64::from(second) * 1_000_000_000, machines);
            assert!(machines[0].zones[0].trend.samples.len() <= SAMPLES);
        }
        assert_eq!(rates.zones.len(), 1);
    }
}
