//! Who is at the other end, and whether it is served.

use crate::config::SocketConfig;
use std::fmt;
use tokio::net::unix::UCred;

/// The process at the other end of a connection, as the kernel knew it when it connected.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Peer {
    /// Its effective user.
    pub uid: u32,
    /// Its effective group.
    pub gid: u32,
    /// Its id, unless it is outside of our process namespace.
    pub pid: Option<u32>,
}

impl From<UCred> for Peer {
    fn from(credentials: UCred) -> Self {
        let pid = credentials.pid().and_then(|pid| u32::try_from(pid).ok());
        Self { uid: credentials.uid(), gid: credentials.gid(), pid: pid.filter(|pid| *pid != 0) }
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.pid {
            Some(pid) => write!(f, "process {pid} of user {}", self.uid),
            None => write!(f, "a process of user {}", self.uid),
        }
    }
}

/// Who is served.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Admission {
    uids: Vec<u32>,
    gids: Vec<u32>,
}

impl Admission {
    /// As the configuration has it.
    pub fn new(config: &SocketConfig) -> Self {
        Self { uids: config.allowed_uids.clone(), gids: config.allowed_gids.clone() }
    }

    /// Whether the peer is served: it is on a list, or both are empty.
    pub fn allows(&self, peer: &Peer) -> bool {
        let open = self.uids.is_empty() && self.gids.is_empty();
        open || self.uids.contains(&peer.uid) || self.gids.contains(&peer.gid)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn either_list_admits() {
        let check = |uids: &[u32], gids: &[u32], allowed| {
            let config =
                SocketConfig { allowed_uids: uids.to_vec(), allowed_gids: gids.to_vec(), ..SocketConfig::default() };
            let peer = Peer { uid: 1000, gid: 100, pid: None };
            assert_eq!(Admission::new(&config).allows(&peer), allowed, "{uids:?} {gids:?}");
        };
        check(&[], &[], true);
        check(&[1000], &[], true);
        check(&[0], &[], false);
        check(&[], &[100], true);
        check(&[], &[1000], false);
        check(&[0], &[0, 100], true);
    }
}
