//! What `busdma host` looks like, from replies made by hand.

use busdma_api::host::{Gathering, MappingsReply, ProbesReply, WatchReply};
use busdma_cli::host::overview::{self, Overview};
use busdma_cli::host::watch::HostLines;
use busdma_cli::host::{mappings, probes};
use serde_json::{Value, json};

const WIDTH: usize = 130;

fn plain(text: &str) -> String {
    let text = anstream::adapter::strip_str(text).to_string();
    for line in text.lines() {
        assert_eq!(line.trim_end(), line, "no line ends in blanks");
    }
    text
}

fn attached() -> Value {
    json!({ "state": "attached", "gathering": "events", "devices": [], "delivered": 48_213, "dropped": 0, "probes": [
        { "program": "dma_map_page", "tracepoint": "dma:dma_map_page", "state": "missing",
          "reason": "missing: this kernel has no such tracepoint", "delivered": 0, "dropped": 0, "filtered": 0 },
        { "program": "dma_map_phys", "tracepoint": "dma:dma_map_phys", "state": "attached", "delivered": 48_213,
          "dropped": 0, "filtered": 12, "runs": 48_225, "ns_per_run": 412 },
    ] })
}

/// A device that maps: `[mapped, bytes, live, forced, masked, bounced bytes, failed, agree, differ, unknown]`.
fn device(name: &str, limits: &Value, counts: [u64; 10], rates: [f64; 3]) -> Value {
    let [mapped, bytes, live, forced, masked, bounced, failed, agree, differ, unknown] = counts;
    let mut device = json!({ "device": name, "queues": [],
        "totals": { "mapped": mapped, "mapped_bytes": bytes, "unmapped": mapped - live, "failed": failed, "live": live,
            "bounced_forced": forced, "bounced_mask": masked, "bounced_bytes": bounced, "agree": agree,
            "differ": differ, "unknown": unknown },
        "rates": { "mappings": rates[0], "bytes": rates[1], "bounced": rates[2], "failed": 0.0 } });
    device.as_object_mut().unwrap().extend(limits.as_object().unwrap().clone());
    device
}

fn nvme() -> Value {
    json!({ "driver": "nvme", "dma_mask": "0xffffffffffffffff", "coherent_mask": "0xffffffffffffffff",
        "iommu_group": "2", "iommu_domain": "DMA-FQ" })
}

fn healthy() -> Overview {
    let counts = [24_000, 12_884_901_888, 3, 0, 0, 0, 0, 24_000, 0, 0];
    serde_json::from_value(json!({
        "probes": attached(),
        "devices": [device("0000:00:02.0", &nvme(), counts, [1204.0, 644_245_094.0, 0.0])],
        "correlation": { "t_ns": 20_000_000_000_u64, "events": [{ "event": "dma_map_phys", "count": 24_000 }],
            "devices": [{ "device": "0000:00:02.0", "verdicts": [
                { "verdict": "iommu_translated", "count": 23_990 }, { "verdict": "coherent", "count": 10 }] }],
            "differences": [], "findings": [],
            "disks": [{ "disk": "259,0", "issued": 24_000, "reissued": 0, "completed": 23_997, "errors": 0 }],
            "pool": { "total_slots": 32_768, "used_slots": 0, "high_water_slots": 0, "kernel_used_slots": 0,
                "kernel_high_water_slots": 0, "full": 0, "fragmented": 0, "moments": [] },
            "unmatched": 3 },
    }))
    .unwrap()
}

fn difference(verdict: &str, t_ns: u64, sentence: &str, advice: &str) -> Value {
    json!({ "device": "0000:00:03.0", "t_ns": t_ns, "pid": 87, "task": "kworker/0:1H", "size": 65_536, "entries": 1,
        "verdict": verdict, "sentence": sentence, "advice": advice })
}

fn bounced() -> Overview {
    let e1000 = json!({ "driver": "e1000", "dma_mask": "0xffffffff", "coherent_mask": "0xffffffff" });
    let counts = [9000, 13_500_000, 256, 0, 4100, 6_150_000, 0, 8900, 60, 40];
    let reach = "it bounced, and the device reaches it all";
    serde_json::from_value(json!({
        "probes": { "state": "attached", "gathering": "events", "devices": ["0000:00:03.0"], "delivered": 30_000,
            "dropped": 120, "probes": attached()["probes"] },
        "devices": [device("0000:00:03.0", &e1000, counts, [7.25, 12_000.0, 3.5])],
        "correlation": { "t_ns": 20_000_000_000_u64, "events": [],
            "devices": [{ "device": "0000:00:03.0", "verdicts": [
                { "verdict": "direct", "count": 4800 }, { "verdict": "bounced_mask", "count": 4100 },
                { "verdict": "bounced_though_reachable", "count": 60 }, { "verdict": "limits_unknown", "count": 40 }] }],
            "differences": (0..4).map(|nth| difference("bounced_though_reachable", 7_000_000_000 + nth * 1_000_000, reach,
                "look whether the driver sets another mask for streaming mappings")).collect::<Vec<_>>(),
            "findings": [{ "kind": "bypasses_dma_api", "device": "0000:00:04.0",
                "sentence": "12 requests of disk 254,0 were not mapped: the driver leaves the DMA API alone" }],
            "disks": [],
            "pool": { "total_slots": 32_768, "used_slots": 256, "high_water_slots": 310, "full": 0, "fragmented": 0,
                "moments": [] },
            "unmatched": 0 },
    }))
    .unwrap()
}

fn exhausted() -> Overview {
    let counts = [5000, 327_680_000, 8, 5000, 0, 327_680_000, 37, 5000, 37, 0];
    let forced = json!({ "driver": "nvme", "dma_mask": "0xffffffffffffffff" });
    let moment = |nth: u64| {
        json!({ "t_ns": 9_000_000_000 - nth * 1_000_000, "device": "0000:00:03.0", "wanted": 65_536,
            "used_slots": 500 - nth })
    };
    serde_json::from_value(json!({
        "probes": attached(),
        "devices": [device("0000:00:03.0", &forced, counts, [480.0, 31_457_280.0, 480.0])],
        "correlation": { "t_ns": 20_000_000_000_u64, "events": [],
            "devices": [{ "device": "0000:00:03.0", "verdicts": [
                { "verdict": "bounced_forced", "count": 5000 }, { "verdict": "failed_pool_full", "count": 37 }] }],
            "differences": [difference("failed_pool_full", 9_000_000_000,
                "it was not mapped: 32 slots were wanted and 500 of 512 were held", "boot with a larger swiotlb=")],
            "findings": [{ "kind": "retried", "device": "0000:00:03.0",
                "sentence": "requests of disk 259,0 were issued again 37 times",
                "advice": "make the bounce pool larger" }],
            "disks": [{ "disk": "259,0", "issued": 5037, "reissued": 37, "completed": 5000, "errors": 0 }],
            "pool": { "total_slots": 512, "used_slots": 256, "high_water_slots": 508, "kernel_used_slots": 258,
                "kernel_high_water_slots": 512, "full": 37, "fragmented": 30,
                "moments": (0..7).map(moment).collect::<Vec<_>>() },
            "unmatched": 0 },
    }))
    .unwrap()
}

#[test]
fn overviews() {
    insta::assert_snapshot!("host_healthy", plain(&overview::render(&healthy(), WIDTH)));
    insta::assert_snapshot!("host_bounced", plain(&overview::render(&bounced(), WIDTH)));
    insta::assert_snapshot!("host_exhausted", plain(&overview::render(&exhausted(), WIDTH)));
    let mut counted = healthy();
    counted.probes.gathering = Gathering::Totals;
    let text = plain(&overview::render(&counted, WIDTH));
    assert!(
        text.contains("\nMappings by verdict\n  not compared: the probes only count (`busdma host attach` "),
        "{text}"
    );
    insta::assert_snapshot!("host_json", serde_json::to_string_pretty(&exhausted()).unwrap());
}

#[test]
fn probes_attached_denied_and_absent() {
    let show = |reply: Value| plain(&probes::render(&serde_json::from_value::<ProbesReply>(reply).unwrap(), 100));
    let mut denied = attached();
    let reason = "denied: CAP_BPF is missing; run as root";
    denied["state"] = "unavailable".into();
    denied["reason"] = reason.into();
    denied["advice"] = "start busdmad as root, or with CAP_BPF".into();
    for probe in denied["probes"].as_array_mut().unwrap() {
        probe["state"] = "denied".into();
        probe["reason"] = reason.into();
    }
    let mut detached = attached();
    detached["state"] = "detached".into();
    detached["probes"] = json!([]);
    insta::assert_snapshot!("host_probes", [show(attached()), show(denied), show(detached)].join("\n"));
}

#[test]
fn watched_devices_and_pool() {
    let reply = |overview: Overview, dropped: u64| WatchReply {
        t_ns: overview.correlation.as_ref().unwrap().t_ns,
        devices: overview.devices,
        pool: overview.correlation.unwrap().pool,
        delivered: 1000,
        dropped,
    };
    let mut lines = HostLines::default();
    let mut nobody = reply(healthy(), 120);
    nobody.devices.clear();
    let shown =
        [reply(healthy(), 0), reply(bounced(), 120), nobody, reply(exhausted(), 130)].map(|at| lines.render(&at));
    insta::assert_snapshot!("host_watched", plain(&shown.concat()));
}

#[test]
fn live_mappings() {
    let reply: MappingsReply = serde_json::from_value(json!({ "total": 250, "mappings": [
        { "mapping": 7, "device": "0000:00:02.0", "origin": "sg", "direction": "TO_DEVICE", "state": "live",
          "begun_ns": 1_000_000_000, "age_ns": 95_000_000_000_u64, "pid": 87, "task": "kworker/0:1H", "size": 131_072,
          "entries": 32, "given": 1, "pieces": [{ "phys": "0x1eeb000", "dma": "0xfffe0000", "size": 131_072 }],
          "bounces": 0, "verdict": "iommu_translated", "sentence": "translated" },
        { "mapping": 9, "device": "0000:00:03.0", "origin": "page", "direction": "FROM_DEVICE", "state": "live",
          "begun_ns": 95_000_000_000_u64, "age_ns": 1_500_000, "pid": 0, "task": "swapper/0", "size": 2048,
          "entries": 1, "given": 1, "pieces": [{ "phys": "0x13eeb000", "dma": "0x1d000000", "size": 2048 }],
          "bounces": 1, "verdict": "bounced_though_reachable", "sentence": "bounced" },
    ] }))
    .unwrap();
    insta::assert_snapshot!("host_mappings", plain(&mappings::render(&reply, 150)));
    let none = MappingsReply { mappings: Vec::new(), total: 0 };
    assert_eq!(mappings::render(&none, WIDTH), "0 live mappings.\n");
}
