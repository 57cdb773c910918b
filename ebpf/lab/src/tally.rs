//! Counts read off a trace's text, independently of busdma's own reading of it.
//!
//! A mapping is taken to end with the first unmapping of the same device that has its bus address (pages) or its first
//! physical address (lists).

use std::collections::BTreeMap;

/// A bus address of all ones: the mapping failed.
const FAILED: &str = "ffffffffffffffff";

/// What a trace says of one device, or of all.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct Tally {
    /// How often each event came, by its name.
    pub events: BTreeMap<String, u64>,
    /// Bounced for `swiotlb=force`.
    pub bounced_forced: u64,
    /// Bounced because the device's mask is too small.
    pub bounced_natural: u64,
    /// Pages mapped at their physical address.
    pub pages_identical: u64,
    /// Pages mapped elsewhere.
    pub pages_elsewhere: u64,
    /// Pages whose mapping failed.
    pub pages_failed: u64,
    /// Lists whose entries are all mapped at their physical addresses.
    pub lists_identical: u64,
    /// Other lists.
    pub lists_elsewhere: u64,
    /// Entries of all mapped lists, those that the trace cut off among them.
    pub list_entries: u64,
    /// Mappings that no unmapping ended.
    pub live: u64,
    /// Unmappings of what was not mapped.
    pub strays: u64,
    /// Bytes that the IOMMU was told to translate.
    pub translated_bytes: u64,
    /// Lines that are no event.
    pub unreadable: u64,
}

impl Tally {
    /// How often `event` came.
    pub fn count(&self, event: &str) -> u64 {
        self.events.get(event).copied().unwrap_or(0)
    }
}

/// The counts of a trace, by device and in all.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct Tallies {
    /// Everything.
    pub all: Tally,
    by_device: BTreeMap<String, Tally>,
}

impl Tallies {
    /// Counts what `trace`, a trace file's text, tells.
    pub fn of(trace: &str) -> Self {
        let mut tallies = Self::default();
        let mut mapped: BTreeMap<(String, Key), u64> = BTreeMap::new();
        for line in trace.lines().filter(|line| !line.starts_with('#') && !line.trim().is_empty()) {
            match Event::parse(line) {
                Some(event) => tallies.count(&event, &mut mapped),
                None => tallies.all.unreadable += 1,
            }
        }
        for ((device, _), live) in &mapped {
            tallies.all.live += live;
            tallies.by_device.entry(device.clone()).or_default().live += live;
        }
        tallies
    }

    /// What concerns `device`, as the trace spells it.
    pub fn device(&self, device: &str) -> Tally {
        self.by_device.get(device).cloned().unwrap_or_default()
    }

    fn count(&mut self, event: &Event<'_>, mapped: &mut BTreeMap<(String, Key), u64>) {
        let mut change = Tally::default();
        change.events.insert(event.name.to_owned(), 1);
        let device = event.device();
        match event.name {
            "swiotlb_bounced" if event.rest.ends_with("FORCE") => change.bounced_forced = 1,
            "swiotlb_bounced" => change.bounced_natural = 1,
            "map" => change.translated_bytes = event.number("size").unwrap_or(0),
            "dma_map_page" | "dma_map_phys" => match (event.field("dma_addr"), event.field("phys_addr")) {
                (Some(FAILED), _) => change.pages_failed = 1,
                (bus, physical) => {
                    if bus == physical {
                        change.pages_identical = 1;
                    } else {
                        change.pages_elsewhere = 1;
                    }
                    *mapped.entry((device.to_owned(), Key::bus(bus))).or_default() += 1;
                }
            },
            "dma_map_sg" => {
                let (bus, physical) = (event.list("dma_addrs"), event.list("phys_addrs"));
                if bus == physical {
                    change.lists_identical = 1;
                } else {
                    change.lists_elsewhere = 1;
                }
                change.list_entries = event.entries().unwrap_or(0);
                *mapped.entry((device.to_owned(), Key::list(physical))).or_default() += 1;
            }
            "dma_unmap_page" | "dma_unmap_phys" => {
                change.strays = end(mapped, device, Key::bus(event.field("dma_addr")));
            }
            "dma_unmap_sg" => change.strays = end(mapped, device, Key::list(event.list("phys_addrs"))),
            _ => {}
        }
        self.all.add(&change);
        self.by_device.entry(device.to_owned()).or_default().add(&change);
    }
}

impl Tally {
    fn add(&mut self, other: &Self) {
        for (event, count) in &other.events {
            *self.events.entry(event.clone()).or_default() += count;
        }
        self.bounced_forced += other.bounced_forced;
        self.bounced_natural += other.bounced_natural;
        self.pages_identical += other.pages_identical;
        self.pages_elsewhere += other.pages_elsewhere;
        self.pages_failed += other.pages_failed;
        self.lists_identical += other.lists_identical;
        self.lists_elsewhere += other.lists_elsewhere;
        self.list_entries += other.list_entries;
        self.live += other.live;
        self.strays += other.strays;
        self.translated_bytes += other.translated_bytes;
        self.unreadable += other.unreadable;
    }
}

/// What a mapping is known by when it ends.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Key {
    Bus(String),
    List(String),
}

impl Key {
    fn bus(address: Option<&str>) -> Self {
        Self::Bus(address.unwrap_or_default().to_owned())
    }

    fn list(addresses: &str) -> Self {
        Self::List(addresses.split(',').next().unwrap_or_default().to_owned())
    }
}

/// Ends the mapping; one where there is none to end.
fn end(mapped: &mut BTreeMap<(String, Key), u64>, device: &str, key: Key) -> u64 {
    match mapped.get_mut(&(device.to_owned(), key)) {
        Some(live @ 1..) => {
            *live -= 1;
            0
        }
        _ => 1,
    }
}

/// One line of a trace.
struct Event<'a> {
    name: &'a str,
    rest: &'a str,
}

impl<'a> Event<'a> {
    /// `TASK-PID [CPU] FLAGS TIME: NAME: REST`.
    fn parse(line: &'a str) -> Option<Self> {
        let (head, after) = line.split_once(": ")?;
        let time = head.rsplit(' ').next()?;
        time.parse::<f64>().ok()?;
        let (name, rest) = after.split_once(": ")?;
        let plain = name.chars().all(|c| c.is_ascii_lowercase() || c == '_');
        (plain && !rest.contains("[LINE TOO BIG]")).then_some(Self { name, rest: rest.trim_end() })
    }

    fn device(&self) -> &'a str {
        let rest = self.rest.strip_prefix("dev_name: ").unwrap_or(self.rest);
        rest.split(' ').next().unwrap_or_default()
    }

    fn field(&self, key: &str) -> Option<&'a str> {
        self.rest.split(' ').find_map(|word| word.strip_prefix(key)?.strip_prefix('='))
    }

    fn number(&self, key: &str) -> Option<u64> {
        self.field(key)?.parse().ok()
    }

    /// The inside of `key={…}`.
    fn list(&self, key: &str) -> &'a str {
        self.field(key).unwrap_or_default().trim_matches(['{', '}'])
    }

    /// All of the list's entries: the second number of `nents=SHOWN/ALL`.
    fn entries(&self) -> Option<u64> {
        self.field("nents")?.rsplit('/').next()?.parse().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "    kworker/u8:0-12      [001] .....     3.710016: ";

    fn tallies(lines: &[&str]) -> Tallies {
        let text: String = lines.iter().flat_map(|line| [HEAD, line, "\n"]).collect();
        Tallies::of(&format!("# tracer: nop\n#\n{text}"))
    }

    #[test]
    fn pages_end_by_bus_address_and_lists_by_physical_address() {
        let lines = [
            "swiotlb_bounced: dev_name: 0000:00:02.0 dma_mask=ffffffffffffffff dev_addr=1000 size=512 FORCE",
            "dma_map_page: 0000:00:02.0 dir=TO_DEVICE dma_addr=9000 size=512 phys_addr=1000 attrs=",
            "dma_map_page: 0000:00:02.0 dir=TO_DEVICE dma_addr=ffffffffffffffff size=512 phys_addr=1000 attrs=",
            "dma_map_sg: udmabuf dir=BIDIRECTIONAL nents=2/300 ents=2/300 [TRUNCATED] dma_addrs={0x1000,0x2000} \
             sizes={0x1000,0x1000} phys_addrs={0x1000,0x2000} attrs=",
            "dma_unmap_page: 0000:00:02.0 dir=TO_DEVICE dma_addr=9000 size=512 attrs=",
            "dma_unmap_page: 0000:00:02.0 dir=TO_DEVICE dma_addr=9000 size=512 attrs=",
        ];
        let found = tallies(&lines);
        let expected = (1, 1, 1, 1, 300, 1, 1);
        let all = &found.all;
        let counted = (
            all.bounced_forced,
            all.pages_elsewhere,
            all.pages_failed,
            all.lists_identical,
            all.list_entries,
            all.live,
            all.strays,
        );
        assert_eq!(counted, expected);
        assert_eq!((found.device("udmabuf").live, found.device("0000:00:02.0").live), (1, 0));
        assert_eq!((all.count("dma_unmap_page"), all.count("dma_map_sg"), all.unreadable), (2, 1, 0));
    }

    #[test]
    fn an_ended_list_is_not_live_and_other_lines_are_counted() {
        let lines = [
            "dma_map_sg: udmabuf dir=BIDIRECTIONAL nents=1/1 ents=1/1 dma_addrs={0x5000} sizes={0x1000} phys_addrs={0x1000} \
             attrs=",
            "dma_unmap_sg: udmabuf dir=BIDIRECTIONAL phys_addrs={0x1000} attrs=",
            "map: IOMMU: iova=0x00000000fffff000 - 0x0000000100000000 paddr=0x00000000034a0000 size=4096",
            "tracing_mark_write: LABMARK settle",
        ];
        let found = tallies(&lines);
        assert_eq!((found.all.live, found.all.strays, found.all.lists_elsewhere), (0, 0, 1));
        assert_eq!((found.all.translated_bytes, found.all.count("map")), (4096, 1));
        assert_eq!(Tallies::of("CPU:0 [LOST 3 EVENTS]\nnonsense\n").all.unreadable, 2);
    }
}
