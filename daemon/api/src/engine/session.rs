//! Who calls, and how much they hold.

use crate::ids::SessionId;
use serde::{Deserialize, Serialize};
use zlink::introspect;

/// Asks which session this connection is in.
#[derive(Clone, Debug, Default, Serialize, Deserialize, introspect::CustomType)]
#[zlink(rename = "SessionParameters")]
#[serde(deny_unknown_fields)]
pub struct Session {}

/// The session of a connection.
#[derive(Clone, Debug, Serialize, Deserialize, introspect::CustomType)]
pub struct SessionReply {
    /// The session.
    pub session: SessionId,
    /// Whoever has it and the same uid may join.
    pub token: String,
    /// The uid of its connections.
    pub uid: u32,
    /// Connections in it.
    pub connections: u32,
    /// What it and its uid hold, against the limits.
    pub quotas: Vec<QuotaUse>,
}

/// One quota.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, introspect::CustomType)]
pub struct QuotaUse {
    /// What is limited: `maps`, `memory_bytes`, …
    pub quota: String,
    /// Held by the session.
    pub used: u64,
    /// The session's limit.
    pub limit: u64,
    /// Held by all sessions of the uid.
    pub uid_used: u64,
    /// The uid's limit.
    pub uid_limit: u64,
}

/// Joins a session.
#[derive(Clone, Debug, Serialize, Deserialize, introspect::CustomType)]
#[zlink(rename = "JoinParameters")]
#[serde(deny_unknown_fields)]
pub struct Join {
    /// From Session's reply on another connection.
    pub token: String,
}

/// The session that was joined.
#[derive(Clone, Debug, Serialize, Deserialize, introspect::CustomType)]
pub struct JoinReply {
    /// The session.
    pub session: SessionId,
}
