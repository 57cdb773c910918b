//! Keys and signals that come faster than the screen is drawn.

use crate::views::View;
use std::time::{Duration, Instant};

/// How long nothing is drawn while keys come. Where a step takes longer than a key that is held repeats, there is always
/// one more to be done.
const UNDRAWN_MAX: Duration = Duration::from_millis(50);

/// What comes one after the other and is done without drawing in between.
pub(super) struct Burst {
    began: Instant,
    view: View,
}

impl Burst {
    /// One that begins now, in front of that view.
    pub(super) const fn beginning(now: Instant, view: View) -> Self {
        Self { began: now, view }
    }

    /// Whether more is done before anything is drawn. Not where another view is shown: which rows and columns it has is
    /// known once it is drawn, and the next key may be meant for them.
    pub(super) fn goes_on(&self, now: Instant, view: View) -> bool {
        view == self.view && now.saturating_duration_since(self.began) < UNDRAWN_MAX
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_ends_with_time_and_with_its_view() {
        let began = Instant::now();
        let burst = Burst::beginning(began, View::Overview);
        let check = |ms, view, expected| {
            assert_eq!(burst.goes_on(began + Duration::from_millis(ms), view), expected, "{ms} ms, {view:?}");
        };
        check(0, View::Overview, true);
        check(49, View::Overview, true);
        check(50, View::Overview, false);
        check(0, View::Maps, false);
    }
}
