//! What clients may use: of the daemon, and each connection and user of its own.

use super::text;
use serde::{Deserialize, Deserializer, Serialize, de};
use std::collections::BTreeMap;
use std::time::Duration;

/// The limits a reload applies: to what is asked from then on; nothing already granted is taken back.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct Limits {
    /// Connections at once.
    pub connections: u64,
    /// Bytes of one message, either way, its end mark excluded.
    #[serde(with = "text::size")]
    pub message_bytes: u64,
    /// Operations of one `Submit`.
    pub batch_operations: u64,
    /// Bytes of one `ReadMemory`, `WriteMemory`, `DeviceRead` or `DeviceWrite`.
    #[serde(with = "text::size")]
    pub transfer_bytes: u64,
    /// Decisions held for a reader of `Decisions` that lags; older ones are dropped and counted.
    pub decisions_backlog: u64,
    /// Shortest interval of a `Watch`.
    #[serde(with = "text::duration")]
    pub watch_interval_min: Duration,
    /// How long a client may leave a reply unread before it is disconnected.
    #[serde(with = "text::duration")]
    pub write_timeout: Duration,
    /// Longest that a `Wait` waits.
    #[serde(with = "text::duration")]
    pub wait_timeout_max: Duration,
    /// What one connection, with those that joined its session, may hold.
    #[serde(deserialize_with = "Quotas::over_connection_defaults")]
    pub per_connection: Quotas,
    /// What all connections of one user together may hold.
    #[serde(deserialize_with = "Quotas::over_uid_defaults")]
    pub per_uid: Quotas,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 1024,
            message_bytes: 16 << 20,
            batch_operations: 65_536,
            transfer_bytes: 1 << 20,
            decisions_backlog: 65_536,
            watch_interval_min: Duration::from_millis(20),
            write_timeout: Duration::from_secs(30),
            wait_timeout_max: Duration::from_hours(1),
            per_connection: Quotas::PER_CONNECTION,
            per_uid: Quotas::PER_UID,
        }
    }
}

/// What one holder may have at once. All are inclusive: a limit of 8 allows 8.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct Quotas {
    /// Connections: of one session, or of one user.
    pub connections: u64,
    /// Private machines.
    pub machines: u64,
    /// Tags.
    pub tags: u64,
    /// Maps.
    pub maps: u64,
    /// Bytes of registered memory.
    #[serde(with = "text::size")]
    pub memory_bytes: u64,
    /// Registered memory and memory from `AllocMem`, whatever the sizes: each is a file that the daemon keeps open.
    pub memory_files: u64,
    /// Bounce pages: those of the pools of its private machines, and those its loads hold of a shared pool.
    pub bounce_pages: u64,
    /// Bytes from `AllocMem`.
    #[serde(with = "text::size")]
    pub dmamem_bytes: u64,
    /// Calls that were received and not answered to their end; a deferred load is one.
    pub calls_in_flight: u64,
}

impl Quotas {
    /// What one connection may hold unless the configuration says otherwise.
    pub const PER_CONNECTION: Self = Self {
        connections: 16,
        machines: 16,
        tags: 16_384,
        maps: 131_072,
        memory_bytes: 1 << 30,
        memory_files: 4096,
        bounce_pages: 65_536,
        dmamem_bytes: 256 << 20,
        calls_in_flight: 16_384,
    };

    /// What one user may hold unless the configuration says otherwise.
    pub const PER_UID: Self = Self {
        connections: 768,
        machines: 128,
        tags: 65_536,
        maps: 262_144,
        memory_bytes: 4 << 30,
        memory_files: 16_384,
        bounce_pages: 262_144,
        dmamem_bytes: 1 << 30,
        calls_in_flight: 65_536,
    };

    /// The limit of one quota, inclusive.
    pub const fn limit(&self, quota: Quota) -> u64 {
        match quota {
            Quota::Connections => self.connections,
            Quota::Machines => self.machines,
            Quota::Tags => self.tags,
            Quota::Maps => self.maps,
            Quota::MemoryBytes => self.memory_bytes,
            Quota::MemoryFiles => self.memory_files,
            Quota::BouncePages => self.bounce_pages,
            Quota::DmamemBytes => self.dmamem_bytes,
            Quota::CallsInFlight => self.calls_in_flight,
        }
    }

    const fn limit_mut(&mut self, quota: Quota) -> &mut u64 {
        match quota {
            Quota::Connections => &mut self.connections,
            Quota::Machines => &mut self.machines,
            Quota::Tags => &mut self.tags,
            Quota::Maps => &mut self.maps,
            Quota::MemoryBytes => &mut self.memory_bytes,
            Quota::MemoryFiles => &mut self.memory_files,
            Quota::BouncePages => &mut self.bounce_pages,
            Quota::DmamemBytes => &mut self.dmamem_bytes,
            Quota::CallsInFlight => &mut self.calls_in_flight,
        }
    }

    fn over_connection_defaults<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::PER_CONNECTION.overlaid(deserializer)
    }

    fn over_uid_defaults<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::PER_UID.overlaid(deserializer)
    }

    /// A table that names some quotas leaves the others as they are, which differ between the two tables.
    fn overlaid<'de, D: Deserializer<'de>>(mut self, deserializer: D) -> Result<Self, D::Error> {
        for (name, limit) in BTreeMap::<String, text::Size>::deserialize(deserializer)? {
            let quota = Quota::ALL.into_iter().find(|quota| quota.name() == name);
            let quota = quota.ok_or_else(|| de::Error::custom(format_args!("no quota is named `{name}`")))?;
            *self.limit_mut(quota) = limit.0;
        }
        Ok(self)
    }
}

/// A kind of thing that is counted against a limit.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Quota {
    /// [`Quotas::connections`].
    Connections,
    /// [`Quotas::machines`].
    Machines,
    /// [`Quotas::tags`].
    Tags,
    /// [`Quotas::maps`].
    Maps,
    /// [`Quotas::memory_bytes`].
    MemoryBytes,
    /// [`Quotas::memory_files`].
    MemoryFiles,
    /// [`Quotas::bounce_pages`].
    BouncePages,
    /// [`Quotas::dmamem_bytes`].
    DmamemBytes,
    /// [`Quotas::calls_in_flight`].
    CallsInFlight,
}

impl Quota {
    /// All of them, in the order they are documented.
    pub const ALL: [Self; 9] = [
        Self::Connections,
        Self::Machines,
        Self::Tags,
        Self::Maps,
        Self::MemoryBytes,
        Self::MemoryFiles,
        Self::BouncePages,
        Self::DmamemBytes,
        Self::CallsInFlight,
    ];

    /// The name in files, errors and metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Connections => "connections",
            Self::Machines => "machines",
            Self::Tags => "tags",
            Self::Maps => "maps",
            Self::MemoryBytes => "memory_bytes",
            Self::MemoryFiles => "memory_files",
            Self::BouncePages => "bounce_pages",
            Self::DmamemBytes => "dmamem_bytes",
            Self::CallsInFlight => "calls_in_flight",
        }
    }
}

/// Whose limit it is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Scope {
    /// One connection's and its session's: [`Limits::per_connection`], or a limit on each call.
    Connection,
    /// One user's: [`Limits::per_uid`].
    Uid,
    /// The whole daemon's.
    Daemon,
}

impl Scope {
    /// The name in errors and metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Connection => "connection",
            Self::Uid => "uid",
            Self::Daemon => "daemon",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_with_some_quotas_leaves_the_others_of_its_own_scope() {
        let limits: Limits = toml::from_str("[per_uid]\nmemory_bytes = '8G'\n[per_connection]\ntags = 3").unwrap();
        assert_eq!(limits.per_uid, Quotas { memory_bytes: 8 << 30, ..Quotas::PER_UID });
        assert_eq!(limits.per_connection, Quotas { tags: 3, ..Quotas::PER_CONNECTION });
    }

    #[test]
    fn every_quota_reads_the_field_of_its_name() {
        for quota in Quota::ALL {
            let limits: Limits = toml::from_str(&format!("[per_uid]\n{} = 7", quota.name())).unwrap();
            let fields = toml::Table::try_from(limits.per_uid).unwrap();
            assert_eq!(limits.per_uid.limit(quota), 7, "{quota:?}");
            assert!(matches!(fields[quota.name()].as_str(), None | Some("7")), "{fields:?}");
        }
    }

    #[test]
    fn a_user_may_hold_at_least_what_one_connection_may() {
        for quota in Quota::ALL {
            assert!(Quotas::PER_UID.limit(quota) >= Quotas::PER_CONNECTION.limit(quota), "{quota:?}");
        }
        const { assert!(Quotas::PER_UID.maps >= 100_000) };
    }
}
