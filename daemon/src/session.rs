//! Sessions: who owns what, and where the ends of deferred loads are collected.

use crate::bell::Bell;
use crate::config::{Limits, Quota, Scope};
use crate::quota::{Account, Holdings, QuotaExceeded};
use busdma_api::engine::{EngineError, LoadReply};
use busdma_api::{MapRef, SessionId};
use rustc_hash::FxHashMap;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// One session: a client, on one connection or several of one uid.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) id: SessionId,
    pub(crate) uid: u32,
    pub(crate) token: String,
    pub(crate) account: Account,
    mailbox: Mutex<Mailbox>,
}

/// The deferred loads of a session. Whoever locks it holds no machine, or holds one already.
#[derive(Debug, Default)]
struct Mailbox {
    /// Loads that wait for pages.
    waiting: FxHashMap<MapRef, Claim>,
    /// Loads that have come to their end, by age.
    ended: BTreeMap<u64, (End, Claim)>,
    ended_maps: FxHashMap<MapRef, u64>,
    next: u64,
    /// Of workers that wait for an end.
    bells: Vec<Arc<Bell>>,
}

/// Who may collect the end of a deferred load.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Claim {
    /// Whoever calls Wait.
    Anybody,
    /// The Load call itself, which was made with `more`.
    Caller,
}

/// The end of a deferred load.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct End {
    pub(crate) map: MapRef,
    pub(crate) result: Result<LoadReply, EngineError>,
    pub(crate) waited_ns: u64,
}

/// What a look into the mailbox finds.
#[derive(Debug)]
pub(crate) enum Found {
    /// The end that was looked for; it is taken out.
    End(Box<End>),
    /// It is still to come.
    NotYet,
    /// Nothing of the kind was deferred.
    Nothing,
}

impl Session {
    fn mailbox(&self) -> MutexGuard<'_, Mailbox> {
        self.mailbox.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A load of the map waits from now on. What an earlier one left is forgotten.
    pub(crate) fn deferred(&self, map: MapRef, claim: Claim) {
        let mut mailbox = self.mailbox();
        mailbox.forget(map);
        mailbox.waiting.insert(map, claim);
    }

    /// A waiting load has come to its end.
    pub(crate) fn ended(&self, end: End) {
        let mut mailbox = self.mailbox();
        let claim = mailbox.waiting.remove(&end.map).unwrap_or(Claim::Anybody);
        let (age, map) = (mailbox.next, end.map);
        mailbox.next += 1;
        mailbox.ended.insert(age, (end, claim));
        mailbox.ended_maps.insert(map, age);
        mailbox.drop_oldest();
        for bell in &mailbox.bells {
            bell.ring();
        }
    }

    /// The map is destroyed or loaded anew: nobody can ask for its end any more.
    pub(crate) fn forget(&self, map: MapRef) {
        self.mailbox().forget(map);
    }

    /// The Load call that had claimed the end is gone; Wait may have it.
    pub(crate) fn unclaim(&self, map: MapRef) {
        let mut mailbox = self.mailbox();
        if let Some(claim) = mailbox.waiting.get_mut(&map) {
            *claim = Claim::Anybody;
        }
        if let Some(age) = mailbox.ended_maps.get(&map).copied()
            && let Some((_, claim)) = mailbox.ended.get_mut(&age)
        {
            *claim = Claim::Anybody;
        }
    }

    /// Takes the end of a map's load, claimed as `claim` says; without a map that of the oldest anybody may have.
    pub(crate) fn collect(&self, map: Option<MapRef>, claim: Claim) -> Found {
        let mut mailbox = self.mailbox();
        let age = match map {
            Some(map) => mailbox.ended_maps.get(&map).copied(),
            None => mailbox.ended.iter().find(|(_, (_, claimed))| *claimed == claim).map(|(age, _)| *age),
        };
        if let Some(age) = age
            && mailbox.ended.get(&age).is_some_and(|(_, claimed)| *claimed == claim)
            && let Some((end, _)) = mailbox.ended.remove(&age)
        {
            mailbox.ended_maps.remove(&end.map);
            return Found::End(Box::new(end));
        }
        let expected = match map {
            Some(map) => mailbox.waiting.get(&map) == Some(&claim),
            None => mailbox.waiting.values().any(|claimed| *claimed == claim),
        };
        if expected { Found::NotYet } else { Found::Nothing }
    }

    /// Rings `bell` whenever a load comes to its end, as long as the guard lives.
    pub(crate) fn listen(self: &Arc<Self>, bell: &Arc<Bell>) -> Listening {
        self.mailbox().bells.push(Arc::clone(bell));
        Listening { session: Arc::clone(self), bell: Arc::clone(bell) }
    }
}

/// Ends that wait to be collected; whoever never collects loses the oldest.
const ENDS_MAX: usize = 1 << 16;

impl Mailbox {
    fn drop_oldest(&mut self) {
        if self.ended.len() > ENDS_MAX
            && let Some((_, (end, _))) = self.ended.pop_first()
        {
            self.ended_maps.remove(&end.map);
        }
    }

    fn forget(&mut self, map: MapRef) {
        self.waiting.remove(&map);
        let age = self.ended_maps.get(&map).copied();
        // The Load call that claimed its end is about to take it, whatever becomes of the map.
        if let Some(age) = age.filter(|age| self.ended.get(age).is_none_or(|(_, claim)| *claim == Claim::Anybody)) {
            self.ended_maps.remove(&map);
            self.ended.remove(&age);
        }
    }
}

/// A worker that listens for the ends of its session's loads.
#[derive(Debug)]
pub(crate) struct Listening {
    session: Arc<Session>,
    bell: Arc<Bell>,
}

impl Drop for Listening {
    fn drop(&mut self) {
        self.session.mailbox().bells.retain(|bell| !Arc::ptr_eq(bell, &self.bell));
    }
}

/// All sessions.
#[derive(Debug, Default)]
pub(crate) struct Sessions {
    registry: Mutex<Registry>,
}

#[derive(Debug, Default)]
struct Registry {
    opened: u32,
    by_token: FxHashMap<String, Member>,
    uids: FxHashMap<u32, Arc<Holdings>>,
}

#[derive(Debug)]
struct Member {
    session: Arc<Session>,
    connections: u32,
}

/// Whether a session goes on without the connection that left it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Left {
    /// Others are in it.
    GoesOn,
    /// That was the last one: what the session holds is to be released.
    Ended,
}

impl Sessions {
    fn registry(&self) -> MutexGuard<'_, Registry> {
        self.registry.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Opens a session for a connection of `uid`.
    ///
    /// # Errors
    /// The host has no random numbers.
    pub(crate) fn open(&self, uid: u32) -> io::Result<Arc<Session>> {
        let token = token()?;
        let mut registry = self.registry();
        registry.opened += 1;
        let session = Arc::new(Session {
            id: SessionId(registry.opened),
            uid,
            token: token.clone(),
            account: Account::new(Arc::clone(registry.uids.entry(uid).or_default())),
            mailbox: Mutex::default(),
        });
        registry.by_token.insert(token, Member { session: Arc::clone(&session), connections: 1 });
        Ok(session)
    }

    /// Enters the session with that token if it is of the same uid.
    ///
    /// # Errors
    /// [`EngineError::NoSuchToken`], and [`EngineError::QuotaExceeded`] when it has as many connections as it may have.
    pub(crate) fn join(&self, token: &str, uid: u32, limits: &Limits) -> Result<Arc<Session>, EngineError> {
        let mut registry = self.registry();
        let member = registry.by_token.get_mut(token).filter(|member| member.session.uid == uid);
        let member = member.ok_or(EngineError::NoSuchToken)?;
        let (quota, limit) = (Quota::Connections, limits.per_connection.connections);
        if u64::from(member.connections) >= limit {
            return Err(QuotaExceeded { quota, limit, scope: Scope::Connection }.into());
        }
        member.connections += 1;
        Ok(Arc::clone(&member.session))
    }

    /// Leaves a session.
    pub(crate) fn leave(&self, session: &Session) -> Left {
        let mut registry = self.registry();
        let Some(member) = registry.by_token.get_mut(&session.token) else { return Left::GoesOn };
        member.connections -= 1;
        if member.connections > 0 {
            return Left::GoesOn;
        }
        registry.by_token.remove(&session.token);
        Left::Ended
    }

    /// Connections in a session.
    pub(crate) fn connections(&self, session: &Session) -> u32 {
        self.registry().by_token.get(&session.token).map_or(0, |member| member.connections)
    }

    /// Forgets uids that nobody is here for any more.
    pub(crate) fn forget_idle_uids(&self) {
        self.registry().uids.retain(|_, holdings| Arc::strong_count(holdings) > 1);
    }
}

/// 128 random bits in hexadecimal digits.
fn token() -> io::Result<String> {
    let mut bytes = [0u8; 16];
    let mut filled = 0;
    while filled < bytes.len() {
        filled += rustix::rand::getrandom(&mut bytes[filled..], rustix::rand::GetRandomFlags::empty())?;
    }
    let mut text = String::with_capacity(32);
    for byte in bytes {
        let _ = write!(text, "{byte:02x}");
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::{Claim, End, Found, Left, Sessions};
    use crate::config::Limits;
    use busdma_api::engine::EngineError;
    use busdma_api::{MachineId, MapRef};

    const fn map(number: u32) -> MapRef {
        MapRef { machine: MachineId::HOST0, number }
    }

    fn end(number: u32) -> End {
        End { map: map(number), result: Err(EngineError::ShuttingDown), waited_ns: 1 }
    }

    #[test]
    fn each_end_is_collected_once_by_whom_it_is_for() {
        let sessions = Sessions::default();
        let session = sessions.open(1).expect("random numbers");
        session.deferred(map(1), Claim::Anybody);
        session.deferred(map(2), Claim::Caller);
        assert!(matches!(session.collect(None, Claim::Anybody), Found::NotYet));
        session.ended(end(2));
        session.ended(end(1));
        assert!(matches!(session.collect(Some(map(2)), Claim::Anybody), Found::Nothing));
        assert!(matches!(session.collect(None, Claim::Anybody), Found::End(end) if end.map == map(1)));
        assert!(matches!(session.collect(None, Claim::Anybody), Found::Nothing));
        session.unclaim(map(2));
        assert!(matches!(session.collect(None, Claim::Anybody), Found::End(end) if end.map == map(2)));
        session.deferred(map(3), Claim::Anybody);
        session.ended(end(3));
        session.forget(map(3));
        assert!(matches!(session.collect(Some(map(3)), Claim::Anybody), Found::Nothing));
    }

    #[test]
    fn a_token_opens_only_a_session_of_the_same_uid_that_lives() {
        let sessions = Sessions::default();
        let session = sessions.open(1).expect("random numbers");
        let mut limits = Limits::default();
        limits.per_connection.connections = 2;
        assert!(matches!(sessions.join(&session.token, 2, &limits), Err(EngineError::NoSuchToken)));
        assert!(sessions.join(&session.token, 1, &limits).is_ok());
        assert!(matches!(sessions.join(&session.token, 1, &limits), Err(EngineError::QuotaExceeded { limit: 2, .. })));
        assert_eq!(sessions.leave(&session), Left::GoesOn);
        assert_eq!(sessions.leave(&session), Left::Ended);
        assert!(matches!(sessions.join(&session.token, 1, &limits), Err(EngineError::NoSuchToken)));
    }
}
