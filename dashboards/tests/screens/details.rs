//! What is under the cursor, in full.

use crate::{check, sources};
use busdma_dashboards::views::View;

#[test]
fn details() {
    check("detail-zone", sources::pressure, View::Zones, "enter");
    check("detail-zone-in-overview", sources::demo, View::Overview, "enter");
    check("detail-waiter", sources::pressure, View::Waiters, "j j enter");
    check("detail-forgotten-map", sources::leak, View::Maps, "enter");
    check("detail-finding", sources::demo, View::Overview, "G enter");
    check("detail-load", sources::demo, View::Decisions, "/ \"kind:loaded space \"segments space \"demo1 enter enter");
    check("detail-load-that-waits", sources::pressure, View::Decisions, "/ \"kind:deferred enter enter");
    check("detail-device", sources::exhaustion, View::Host, "enter");
}
