//! What sessions and uids hold, against what they may.

use crate::config::{Limits, Quota, Scope};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// What one session, or all sessions of one uid, hold.
#[derive(Debug, Default)]
pub(crate) struct Holdings {
    held: [AtomicU64; Quota::ALL.len()],
}

/// A limit that was met.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct QuotaExceeded {
    pub(crate) quota: Quota,
    pub(crate) limit: u64,
    pub(crate) scope: Scope,
}

/// Quotas of one session: its own and its uid's.
#[derive(Debug, Default)]
pub(crate) struct Account {
    pub(crate) session: Holdings,
    pub(crate) uid: Arc<Holdings>,
}

impl Holdings {
    /// How much is held.
    pub(crate) fn held(&self, quota: Quota) -> u64 {
        self.held[quota as usize].load(Ordering::Relaxed)
    }

    fn take(&self, quota: Quota, amount: u64, limit: u64) -> Result<(), ()> {
        let grow = |held: u64| held.checked_add(amount).filter(|&held| held <= limit);
        let cell = &self.held[quota as usize];
        cell.fetch_update(Ordering::Relaxed, Ordering::Relaxed, grow).map(|_| ()).map_err(|_| ())
    }

    fn give_back(&self, quota: Quota, amount: u64) {
        let shrink = |held: u64| Some(held.saturating_sub(amount));
        let _ = self.held[quota as usize].fetch_update(Ordering::Relaxed, Ordering::Relaxed, shrink);
    }
}

impl Account {
    /// An account of a session whose uid holds `uid`.
    pub(crate) fn new(uid: Arc<Holdings>) -> Self {
        Self { session: Holdings::default(), uid }
    }

    /// Takes `amount`, of the session's and of the uid's share, or nothing.
    ///
    /// # Errors
    /// [`QuotaExceeded`], the session's limit first.
    pub(crate) fn take(&self, limits: &Limits, quota: Quota, amount: u64) -> Result<(), QuotaExceeded> {
        let limit = limits.per_connection.limit(quota);
        if self.session.take(quota, amount, limit).is_err() {
            return Err(QuotaExceeded { quota, limit, scope: Scope::Connection });
        }
        let limit = limits.per_uid.limit(quota);
        if self.uid.take(quota, amount, limit).is_err() {
            self.session.give_back(quota, amount);
            return Err(QuotaExceeded { quota, limit, scope: Scope::Uid });
        }
        Ok(())
    }

    /// Takes all of these, or nothing.
    ///
    /// # Errors
    /// [`QuotaExceeded`], of the first that is refused.
    pub(crate) fn take_all(&self, limits: &Limits, shares: &[(Quota, u64)]) -> Result<(), QuotaExceeded> {
        for (at, &(quota, amount)) in shares.iter().enumerate() {
            let taken = self.take(limits, quota, amount);
            if taken.is_err() {
                for &(quota, amount) in &shares[..at] {
                    self.give_back(quota, amount);
                }
                return taken;
            }
        }
        Ok(())
    }

    /// Adds what cannot be refused any more, whatever the limits.
    pub(crate) fn add(&self, quota: Quota, amount: u64) {
        for holdings in [&self.session, &*self.uid] {
            holdings.held[quota as usize].fetch_add(amount, Ordering::Relaxed);
        }
    }

    /// Gives back what was taken.
    pub(crate) fn give_back(&self, quota: Quota, amount: u64) {
        self.session.give_back(quota, amount);
        self.uid.give_back(quota, amount);
    }
}

#[cfg(test)]
mod tests {
    use super::{Account, Holdings};
    use crate::config::{Limits, Quota, Scope};
    use std::sync::Arc;

    #[test]
    fn takes_from_both_or_from_none() {
        let mut limits = Limits::default();
        limits.per_connection.maps = 3;
        limits.per_uid.maps = 4;
        let uid = Arc::new(Holdings::default());
        let (one, other) = (Account::new(Arc::clone(&uid)), Account::new(Arc::clone(&uid)));
        assert_eq!(one.take(&limits, Quota::Maps, 3), Ok(()));
        assert_eq!(one.take(&limits, Quota::Maps, 1).map_err(|refused| refused.scope), Err(Scope::Connection));
        assert_eq!(
            other.take(&limits, Quota::Maps, 2).map_err(|refused| (refused.scope, refused.limit)),
            Err((Scope::Uid, 4))
        );
        assert_eq!((other.session.held(Quota::Maps), uid.held(Quota::Maps)), (0, 3));
        one.give_back(Quota::Maps, 3);
        assert_eq!(other.take(&limits, Quota::Maps, u64::MAX).map_err(|refused| refused.quota), Err(Quota::Maps));
        assert_eq!(uid.held(Quota::Maps), 0);
    }
}
