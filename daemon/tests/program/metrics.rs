//! The metrics as a scraper gets them: over HTTP from the real program, judged by a parser that is not ours.

use crate::daemon::{Daemon, PATIENCE, busdmad, directory};
use busdmad::config::{Quota, Scope};
use busdmad::metrics::{
    ConnectionSample, DeviceSample, HostSample, Latency, LoadCounts, MachineSample, MapCounts, NamedTotal,
    QuotaRefusals, RecorderSample, RecorderState, Refusal, Sample, ZoneSample, exposition,
};
use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::time::Instant;

/// Prometheus's own parser for Python, which is stricter than what scrapes; pinned, so that its opinion stays the same.
const PARSER: &str = "prometheus_client==0.26.0";

/// Parses standard input, and prints every sample as `name{labels} value`.
const PARSE: &str = "
import sys
from prometheus_client.openmetrics.parser import text_string_to_metric_families
for family in text_string_to_metric_families(sys.stdin.read()):
    print('family', family.name, family.type, family.unit)
    for sample in family.samples:
        labels = ','.join(f'{key}={value!r}' for key, value in sorted(sample.labels.items()))
        print(f'{sample.name}{{{labels}}} {sample.value:g}')
";

fn run(command: &mut Command) {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// A Python that has the parser: made once, by the first of the tests that wants it.
fn python() -> &'static Path {
    static PYTHON: OnceLock<PathBuf> = OnceLock::new();
    PYTHON.get_or_init(make_python)
}

/// What is made under another name first is never found half made.
fn make_python() -> PathBuf {
    let environment = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("openmetrics-{PARSER}"));
    let python = environment.join("bin/python");
    if !python.exists() {
        let draft = environment.with_extension(std::process::id().to_string());
        run(Command::new("python3").args(["-m", "venv"]).arg(&draft));
        run(Command::new(draft.join("bin/python")).args(["-m", "pip", "install", "--quiet", PARSER]));
        if fs::rename(&draft, &environment).is_err() {
            fs::remove_dir_all(&draft).unwrap();
        }
    }
    python
}

fn parsed(text: &str) -> Vec<String> {
    let mut parser = Command::new(python());
    let mut parser = parser.args(["-c", PARSE]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    parser.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let output = parser.wait_with_output().unwrap();
    assert!(output.status.success(), "not OpenMetrics:\n{text}");
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}

fn metrics_address(daemon: &mut Daemon) -> String {
    let line = daemon.logged(" metrics ");
    line.split("address=").nth(1).unwrap().trim().to_owned()
}

pub(crate) fn serving(socket: &Path) -> (Daemon, String) {
    let mut command = busdmad();
    let mut daemon = Daemon::spawn(command.arg("--socket").arg(socket).args(["--metrics", "127.0.0.1:0"]));
    let address = metrics_address(&mut daemon);
    daemon.logged("serving");
    (daemon, address)
}

/// The head and the body of an answer.
fn asked(address: &str, request: &str) -> (String, String) {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.to_lowercase(), body.to_owned())
}

pub(crate) fn get(address: &str, path: &str) -> (String, String) {
    asked(address, &format!("GET {path} HTTP/1.1\r\nHost: {address}\r\n\r\n"))
}

#[test]
fn a_scrape_of_the_real_program_is_openmetrics() {
    let (_directory, socket) = directory();
    let (_daemon, address) = serving(&socket);
    let (head, body) = get(&address, "/metrics");
    assert!(head.starts_with("http/1.1 200 ok"), "{head}");
    let content_type = "content-type: application/openmetrics-text; version=1.0.0; charset=utf-8";
    assert!(head.lines().any(|line| line == content_type), "{head}");
    let samples = parsed(&body);
    let build = format!("busdma_build_info{{version='{}'}} 1", env!("CARGO_PKG_VERSION"));
    for expected in [
        build.as_str(),
        "busdma_recorder_state{state='off'} 1",
        "busdma_connections_refused_total{reason='not_allowed'} 0",
    ] {
        assert!(samples.iter().any(|sample| sample == expected), "{expected}: {samples:#?}");
    }
}

#[test]
fn other_requests_are_answered_as_http_has_it() {
    let (_directory, socket) = directory();
    let (_daemon, address) = serving(&socket);
    let check = |request: &str, status: &str| {
        let (head, _) = asked(&address, request);
        assert!(head.starts_with(&format!("http/1.1 {status}")), "{request}: {head}");
        head
    };
    check("GET /healthz HTTP/1.1\r\nHost: h\r\n\r\n", "200");
    check("GET / HTTP/1.1\r\nHost: h\r\n\r\n", "404");
    check("GET /metrics/ HTTP/1.1\r\nHost: h\r\n\r\n", "404");
    let head = check("POST /metrics HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n", "405");
    assert!(head.contains("\r\nallow: get"), "{head}");
    check("DELETE /healthz HTTP/1.1\r\nHost: h\r\n\r\n", "405");
    check("nonsense\r\n\r\n", "400");
    check(&format!("GET /metrics HTTP/1.1\r\n{}\r\n", "X: y\r\n".repeat(1000)), "431");
}

#[test]
fn clients_that_say_nothing_hold_up_neither_the_socket_nor_metrics_for_long() {
    let (_directory, socket) = directory();
    let (_daemon, address) = serving(&socket);
    let silent: Vec<_> = (0..24).map(|_| TcpStream::connect(&address).unwrap()).collect();
    for stream in &silent[..12] {
        (&*stream).write_all(b"GET /metr").unwrap();
    }
    let begin = Instant::now();
    for _ in 0..50 {
        drop(UnixStream::connect(&socket).unwrap());
    }
    let mut last = UnixStream::connect(&socket).unwrap();
    last.set_read_timeout(Some(PATIENCE)).unwrap();
    last.write_all(b"\0").unwrap();
    drop(last);
    assert!(begin.elapsed().as_secs() < 4, "{:?}", begin.elapsed());
    let (head, _) = get(&address, "/healthz");
    assert!(head.starts_with("http/1.1 200"), "{head}");
}

#[test]
fn refused_connections_are_counted() {
    let (directory, socket) = directory();
    let file = directory.path().join("busdmad.toml");
    let uid = rustix::process::geteuid().as_raw();
    fs::write(&file, format!("socket.allowed_uids = [{}]\nmetrics.listen = '[::1]:0'", uid + 1)).unwrap();
    let mut command = busdmad();
    let mut daemon = Daemon::spawn(command.arg("--socket").arg(&socket).arg("--config").arg(&file));
    let address = metrics_address(&mut daemon);
    daemon.logged("serving");
    for _ in 0..3 {
        let mut stream = UnixStream::connect(&socket).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        assert_eq!(stream.read(&mut [0]).unwrap(), 0);
    }
    let (_, body) = get(&address, "/metrics");
    assert!(body.contains("\nbusdma_connections_refused_total{reason=\"not_allowed\"} 3\n"), "{body}");
    assert!(body.contains("\nbusdma_connections_served_total 0\n"), "{body}");
}

#[test]
fn an_address_that_is_taken_is_a_socket_that_cannot_be_made() {
    let (_directory, socket) = directory();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let output = busdmad().arg("--socket").arg(&socket).args(["--metrics", &address]).output().unwrap();
    let message = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(5), "{message}");
    assert!(message.contains(&format!("cannot listen on {address} for metrics")), "{message}");
    assert!(!socket.exists());
}

/// A value in every place, all different, under names that want escaping.
pub(crate) fn full_sample() -> Sample {
    let mut load = Latency::new();
    for ns in [90, 150, 3_000_000, 200_000_000_000] {
        load.record(ns);
    }
    let zone = |name: &str, base: u64| ZoneSample {
        name: name.to_owned(),
        free: base + 1,
        reserved: base + 2,
        active: base + 3,
        total: base + 4,
        active_max: base + 5,
        bounced_total: base + 6,
        deferred_total: base + 7,
        deferred_ns_total: (base + 8) * 1_500_000_000,
        waiters: base + 9,
    };
    let machine = |name: &str, base: u64| MachineSample {
        name: name.to_owned(),
        zones: vec![zone("zone0", base), zone("zone1", base + 10)],
        loads: LoadCounts { loaded: base + 21, deferred: base + 22, no_data: base + 23 },
        rejected: vec![NamedTotal { name: "too_many_segments", total: base + 24 }],
        hazards: vec![NamedTotal { name: "never_satisfiable", total: base + 25 }],
        tags: base + 26,
        maps: MapCounts { idle: base + 27, deferred: base + 28, loaded: base + 29 },
        load: load.sample(),
        sync: Latency::new().sample(),
        load_deferred: Latency::new().sample(),
    };
    Sample {
        machines: vec![machine("host0", 100), machine("q\"uo\\te\nline", 200)],
        connections: ConnectionSample {
            open: 1,
            served_total: 2,
            refused: vec![(Refusal::TooMany, 3), (Refusal::UidQuota, 4), (Refusal::TooMany, 5)],
        },
        quota_refusals: vec![QuotaRefusals { quota: Quota::Maps.name(), scope: Scope::Uid, total: 6 }],
        recorder: RecorderSample {
            state: RecorderState::Recording,
            queue_bytes: 8,
            operations_written_total: 9,
            operations_dropped_total: 10,
            bytes_written_total: 11,
            errors_total: 12,
        },
        host: Some(HostSample {
            events_total: 301,
            events_dropped_total: 302,
            devices: vec![DeviceSample {
                device: "0000:00:02.0".to_owned(),
                verdicts: vec![("bounced_forced", 303), ("failed_pool_full", 304)],
                mapped_bytes_total: 305,
                forced_bytes_total: 306,
                masked_bytes_total: 307,
                live: 308,
            }],
            pool_used_slots: 309,
            pool_high_water_slots: 310,
            pool_full_total: 311,
        }),
    }
}

#[test]
fn every_count_is_where_its_name_says() {
    let samples = parsed(&exposition(full_sample()));
    for expected in [
        "busdma_zone_bpages{machine='host0',state='free',zone='zone0'} 101",
        "busdma_zone_bpages{machine='host0',state='reserved',zone='zone0'} 102",
        "busdma_zone_bpages{machine='host0',state='active',zone='zone1'} 113",
        "busdma_zone_bpages{machine='host0',state='total',zone='zone1'} 114",
        "busdma_zone_active_bpages_max{machine='host0',zone='zone0'} 105",
        "busdma_zone_bounced_total{machine='host0',zone='zone0'} 106",
        "busdma_zone_deferred_total{machine='host0',zone='zone0'} 107",
        "busdma_zone_deferred_seconds_total{machine='host0',zone='zone0'} 162",
        "busdma_waiters{machine='host0',zone='zone1'} 119",
        "busdma_loads_total{machine='host0',outcome='loaded'} 121",
        "busdma_loads_total{machine='host0',outcome='deferred'} 122",
        "busdma_loads_total{machine='host0',outcome='no_data'} 123",
        "busdma_rejected_total{machine='host0',reason='too_many_segments'} 124",
        "busdma_hazards_total{kind='never_satisfiable',machine='host0'} 125",
        "busdma_tags{machine='host0'} 126",
        "busdma_maps{machine='host0',state='idle'} 127",
        "busdma_maps{machine='host0',state='deferred'} 128",
        "busdma_maps{machine='host0',state='loaded'} 129",
        r#"busdma_tags{machine='q"uo\\te\nline'} 226"#,
        "busdma_load_seconds_bucket{le='1e-7',machine='host0'} 1",
        "busdma_load_seconds_bucket{le='2e-7',machine='host0'} 2",
        "busdma_load_seconds_bucket{le='0.002',machine='host0'} 2",
        "busdma_load_seconds_bucket{le='0.005',machine='host0'} 3",
        "busdma_load_seconds_bucket{le='100.0',machine='host0'} 3",
        "busdma_load_seconds_bucket{le='+Inf',machine='host0'} 4",
        "busdma_load_seconds_count{machine='host0'} 4",
        "busdma_load_seconds_sum{machine='host0'} 200.003",
        "busdma_sync_seconds_count{machine='host0'} 0",
        "busdma_load_deferred_seconds_bucket{le='+Inf',machine='host0'} 0",
        "busdma_connections{} 1",
        "busdma_connections_served_total{} 2",
        "busdma_connections_refused_total{reason='too_many'} 8",
        "busdma_connections_refused_total{reason='uid_quota'} 4",
        "busdma_connections_refused_total{reason='no_resources'} 0",
        "busdma_quota_refusals_total{quota='maps',scope='uid'} 6",
        "busdma_host_events_total{} 301",
        "busdma_host_events_dropped_total{} 302",
        "busdma_host_mappings_total{device='0000:00:02.0',verdict='bounced_forced'} 303",
        "busdma_host_mappings_total{device='0000:00:02.0',verdict='failed_pool_full'} 304",
        "busdma_host_mapped_bytes_total{device='0000:00:02.0'} 305",
        "busdma_host_bounced_bytes_total{cause='forced',device='0000:00:02.0'} 306",
        "busdma_host_bounced_bytes_total{cause='mask',device='0000:00:02.0'} 307",
        "busdma_host_live_mappings{device='0000:00:02.0'} 308",
        "busdma_host_pool_slots{state='used'} 309",
        "busdma_host_pool_slots{state='high_water'} 310",
        "busdma_host_pool_full_total{} 311",
        "busdma_recorder_state{state='off'} 0",
        "busdma_recorder_state{state='recording'} 1",
        "busdma_recorder_queue_bytes{} 8",
        "busdma_recorder_operations_written_total{} 9",
        "busdma_recorder_operations_dropped_total{} 10",
        "busdma_recorder_bytes_written_total{} 11",
        "busdma_recorder_errors_total{} 12",
        "family busdma_load_seconds histogram seconds",
        "family busdma_zone_deferred_seconds counter seconds",
        "family busdma_build info ",
    ] {
        assert!(samples.iter().any(|sample| sample == expected), "{expected}: {samples:#?}");
    }
}
