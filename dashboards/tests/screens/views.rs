//! Every view of every source.

use crate::{check, sources};
use busdma_dashboards::source::Source;
use busdma_dashboards::views::View;

#[track_caller]
fn check_views(prefix: &str, source: fn() -> Box<dyn Source>, views: &[View]) {
    for &view in views {
        check(&format!("{prefix}-{}", view.name()), source, view, "");
    }
}

const ALL_BUT_HELP: [View; 7] =
    [View::Overview, View::Zones, View::Waiters, View::Maps, View::Latency, View::Decisions, View::Host];

#[test]
fn idle() {
    check_views("idle", sources::idle, &ALL_BUT_HELP);
}

#[test]
fn pressure() {
    check_views("pressure", sources::pressure, &ALL_BUT_HELP);
}

#[test]
fn leak() {
    check_views("leak", sources::leak, &ALL_BUT_HELP);
}

#[test]
fn thousands() {
    check_views("thousands", sources::thousands, &ALL_BUT_HELP);
}

#[test]
fn exhaustion() {
    check_views("exhaustion", sources::exhaustion, &ALL_BUT_HELP);
}

#[test]
fn demo() {
    check_views("demo", sources::demo, &ALL_BUT_HELP);
}
