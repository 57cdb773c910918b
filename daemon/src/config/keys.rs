//! Every key of the file with its explanation, and the file of defaults made of them.

use super::Config;
use std::fmt::Write as _;
use toml::Value;

/// A key of the file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Key {
    /// The tables it is in and its name, with dots between.
    pub path: &'static str,
    /// What it sets, with the unit, in one line.
    pub help: &'static str,
    /// For a key without a default: a value as it is written in the file.
    pub example: Option<&'static str>,
}

/// A key that has a default.
const fn key(path: &'static str, help: &'static str) -> Key {
    Key { path, help, example: None }
}

/// A key that is not set unless a file sets it.
const fn unset(path: &'static str, help: &'static str, example: &'static str) -> Key {
    Key { path, help, example: Some(example) }
}

/// All keys, in the order they are printed.
pub const KEYS: &[Key] = &[
    key("drain_timeout", "How long SIGTERM waits for calls in progress (duration)"),
    unset(
        "socket.path",
        "Where clients connect; unset: /run/busdma/busdma.varlink for root, else $XDG_RUNTIME_DIR/busdma.varlink",
        r#""/run/busdma/busdma.varlink""#,
    ),
    key("socket.mode", "Permission bits of the socket (octal)"),
    key("socket.allowed_uids", "Users that are served; with both lists empty whoever the mode lets connect (user ids)"),
    key("socket.allowed_gids", "Groups that are served too, by the process's effective group (group ids)"),
    key("socket.backlog", "Connections that wait to be accepted; the kernel refuses more (connections)"),
    key("limits.connections", "Connections at once (connections)"),
    key("limits.message_bytes", "Longest message of a client or to it (size)"),
    key("limits.batch_operations", "Operations of one Submit (operations)"),
    key("limits.transfer_bytes", "Bytes of one ReadMemory, WriteMemory, DeviceRead or DeviceWrite (size)"),
    key("limits.decisions_backlog", "Decisions held for a reader that lags, oldest dropped first (decisions)"),
    key("limits.watch_interval_min", "Shortest interval of Watch (duration)"),
    key("limits.write_timeout", "How long a client may leave a reply unread before it is disconnected (duration)"),
    key("limits.wait_timeout_max", "Longest that Wait waits (duration)"),
    key(
        "limits.per_connection.connections",
        "Connections of one session: the first, and those that joined it (connections)",
    ),
    key("limits.per_connection.machines", "Private machines of one session (machines)"),
    key("limits.per_connection.tags", "Tags of one session (tags)"),
    key("limits.per_connection.maps", "Maps of one session (maps)"),
    key("limits.per_connection.memory_bytes", "Registered memory of one session (size)"),
    key(
        "limits.per_connection.memory_files",
        "Registered and allocated memory of one session, each an open file (files)",
    ),
    key("limits.per_connection.bounce_pages", "Bounce pages of one session's machines and loads (pages of 4 KiB)"),
    key("limits.per_connection.dmamem_bytes", "Memory from AllocMem of one session (size)"),
    key("limits.per_connection.calls_in_flight", "Calls not answered to their end, deferred loads included (calls)"),
    key("limits.per_uid.connections", "Connections of one user (connections)"),
    key("limits.per_uid.machines", "Private machines of one user (machines)"),
    key("limits.per_uid.tags", "Tags of one user (tags)"),
    key("limits.per_uid.maps", "Maps of one user (maps)"),
    key("limits.per_uid.memory_bytes", "Registered memory of one user (size)"),
    key("limits.per_uid.memory_files", "Registered and allocated memory of one user, each an open file (files)"),
    key("limits.per_uid.bounce_pages", "Bounce pages of one user's machines and loads (pages of 4 KiB)"),
    key("limits.per_uid.dmamem_bytes", "Memory from AllocMem of one user (size)"),
    key("limits.per_uid.calls_in_flight", "Calls not answered to their end, deferred loads included (calls)"),
    unset(
        "recorder.directory",
        "The only directory recordings are written to; unset: nothing can be recorded",
        r#""/var/lib/busdma/traces""#,
    ),
    key("recorder.autostart", "Start recording with the daemon; --record and BUSDMA_RECORD do too (true or false)"),
    key("recorder.compression", "none or zstd"),
    key("recorder.decisions", "Write the decisions of each operation with it (true or false)"),
    key("recorder.queue_bytes", "Operations that wait to be written; more are dropped and counted (size)"),
    key("recorder.rotate_bytes", "Begin the next file after this much (size or unlimited)"),
    key("recorder.rotate_after", "Begin the next file after this time (duration or unlimited)"),
    key("recorder.sync_interval", "Longest time of operations that a crash of the host may lose (duration)"),
    key("recorder.keep_files", "Closed files kept, newest first (files or unlimited)"),
    key("recorder.keep_bytes", "Bytes of closed files kept, newest first (size or unlimited)"),
    key("recorder.keep_for", "Age up to which closed files are kept (duration or unlimited)"),
    key("recorder.disk_bytes_max", "Bytes of all recordings together, at which recording stops (size)"),
    unset("metrics.listen", "Where GET /metrics is answered; unset: nowhere (address:port)", r#""127.0.0.1:9464""#),
    key("metrics.allow_remote", "Let metrics.listen be an address that other hosts reach (true or false)"),
    key("log.level", "A level, or TARGET=LEVEL, with commas between; levels are off, error, warn, info, debug, trace"),
    key("log.format", "text or json on standard error, or journald"),
    key("host0.profile", "Whose answers the shared machine gives: freebsd-11, freebsd-12, arm64-12 or strict"),
    key("host0.memory_bytes", "Memory of the shared machine, where its addresses end; none of it is real (size)"),
    key("host0.bounce_base", "Address of its first bounce frame (whole pages)"),
    key("host0.bounce_stride", "From one bounce frame to the next; neighbours coalesce (size, whole pages)"),
    key("host0.bounce_frames", "Bounce frames of all its zones together (frames of 4 KiB)"),
    key("host0.max_bpages", "Bounce pages one of its zones may grow to (pages of 4 KiB)"),
    key("probes.load", "Load the eBPF probes at the host's DMA with the daemon; --probes does too (true or false)"),
    key("probes.attach", "Attach them at once; otherwise when a client asks (true or false)"),
    key("probes.ring_bytes", "Events that wait to be read; more are dropped and counted (size, a power of two)"),
    key("probes.measure", "Have the kernel measure its time in eBPF programs, some 20 ns a run (true or false)"),
    key(
        "probes.keep_sys_admin",
        "Keep CAP_SYS_ADMIN once they are loaded, for memory of layout pagemap (true or false)",
    ),
];

/// The file that sets every key to what it is in this configuration, each with its explanation.
pub fn file_of(config: &Config) -> String {
    let values = values(config);
    let mut file = String::from(INTRODUCTION);
    let mut table = "";
    for key in KEYS {
        let (of, name) = key.path.rsplit_once('.').unwrap_or(("", key.path));
        if of != table {
            table = of;
            let _ = write!(file, "\n[{table}]");
        }
        let _ = match value_at(&values, key.path) {
            Some(value) => writeln!(file, "\n# {}\n{name} = {value}", key.help),
            None => writeln!(file, "\n# {}\n#{name} = {}", key.help, key.example.unwrap_or_default()),
        };
    }
    file
}

const INTRODUCTION: &str = "\
# Settings of busdmad.
#
# Sizes are a number of bytes or a text: \"4096\", \"0x1000\", \"64M\", \"1GiB\" (powers of 1024).
# Durations are a text: \"500ms\", \"30s\", \"1h\". Limits are inclusive. SIGHUP applies changed limits;
# all else needs a restart.
";

/// The path of the key nearest to one that does not exist, if any is near.
///
/// A known name in the wrong table is nearest of all: it is what people get wrong most.
pub fn nearest(path: &str) -> Option<&'static str> {
    let name = path.rsplit('.').next().unwrap_or(path);
    let of_that_name = KEYS.iter().find(|key| key.path.rsplit('.').next() == Some(name));
    of_that_name.map(|key| key.path).or_else(|| {
        let similar = |known: &str| {
            let known_name = known.rsplit('.').next().unwrap_or(known);
            strsim::jaro_winkler(path, known).max(strsim::jaro_winkler(name, known_name) * NAME_ALONE)
        };
        let candidates = KEYS.iter().map(|key| (similar(key.path), key.path));
        candidates.filter(|(similarity, _)| *similarity > NEAR).max_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, path)| path)
    })
}

/// Below this similarity a suggestion is more puzzling than none.
const NEAR: f64 = 0.8;

/// A name alone says less than its whole path.
const NAME_ALONE: f64 = 0.95;

/// Whether a key, or a table of keys, has this path.
pub(super) fn is_known(path: &str) -> bool {
    KEYS.iter().any(|key| key.path.strip_prefix(path).is_some_and(|rest| rest.is_empty() || rest.starts_with('.')))
}

fn values(config: &Config) -> Value {
    // It fails on a value TOML has no form for; there is none, or the file of defaults would be empty.
    Value::try_from(config).unwrap_or_else(|_| Value::Table(toml::Table::new()))
}

fn value_at<'a>(root: &'a Value, path: &str) -> Option<&'a Value> {
    path.split('.').try_fold(root, |table, name| table.get(name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_key_is_listed_and_every_listed_key_exists() {
        let mut config = Config::default();
        config.socket.path = Some("/socket".into());
        config.recorder.directory = Some("/traces".into());
        config.metrics.listen = Some(([127, 0, 0, 1], 1).into());
        let mut leaves = BTreeSet::new();
        collect_leaves(&Value::try_from(config).unwrap(), "", &mut leaves);
        let listed: BTreeSet<_> = KEYS.iter().map(|key| key.path.to_owned()).collect();
        assert_eq!(leaves, listed);
        assert_eq!(listed.len(), KEYS.len(), "listed twice");
    }

    fn collect_leaves(value: &Value, path: &str, into: &mut BTreeSet<String>) {
        let Some(table) = value.as_table() else {
            into.insert(path.to_owned());
            return;
        };
        for (name, value) in table {
            collect_leaves(value, &if path.is_empty() { name.clone() } else { format!("{path}.{name}") }, into);
        }
    }

    #[test]
    fn only_keys_without_a_default_have_an_example() {
        let defaults = values(&Config::default());
        for key in KEYS {
            assert_eq!(key.example.is_none(), value_at(&defaults, key.path).is_some(), "{}", key.path);
        }
    }

    #[test]
    fn the_file_of_defaults_and_the_same_with_its_examples_are_read() {
        let file = file_of(&Config::default());
        assert_eq!(toml::from_str::<Config>(&file).unwrap(), Config::default());
        let with_examples: Vec<_> = file.lines().map(without_mark).collect();
        let with_examples = with_examples.join("\n");
        let config: Config = toml::from_str(&with_examples).unwrap();
        assert_eq!(config.recorder.directory.as_deref(), Some("/var/lib/busdma/traces".as_ref()));
        assert_eq!(config.limits, Config::default().limits);
    }

    /// An example as if it were set.
    fn without_mark(line: &str) -> &str {
        line.strip_prefix('#').filter(|rest| !rest.is_empty() && !rest.starts_with(' ')).unwrap_or(line)
    }

    #[test]
    fn suggestions() {
        let check = |path, suggestion| assert_eq!(nearest(path), suggestion, "{path}");
        check("limits.conections", Some("limits.connections"));
        check("socket.drain_timeout", Some("drain_timeout"));
        check("message_bytes", Some("limits.message_bytes"));
        check("metric.listen", Some("metrics.listen"));
        check("recorder.dir", Some("recorder.directory"));
        check("limits.per_uid.mapps", Some("limits.per_uid.maps"));
        check("zzz", None);
    }
}
