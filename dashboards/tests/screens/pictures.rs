//! Pictures of screens. `SCREENS=overwrite` draws them anew.

use crate::seat::Seat;
use crate::sources;
use busdma_dashboards::source::Source;
use busdma_dashboards::svg;
use busdma_dashboards::views::View;
use std::path::Path;

/// Columns and lines of a picture.
const SIZE: (u16, u16) = (100, 30);

/// Compares a picture with what is drawn.
#[track_caller]
fn check(name: &str, source: fn() -> Box<dyn Source>, view: View, keys: &str) {
    let mut seat = Seat::new(source(), view, SIZE);
    seat.press(keys);
    let drawn = svg::picture(seat.buffer());
    let path = Path::new("screens").join(name);
    if std::env::var_os("SCREENS").is_some_and(|word| word == "overwrite") {
        std::fs::write(&path, &drawn).unwrap();
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    assert!(kept == drawn, "{name} is not what is drawn; SCREENS=overwrite draws it anew");
}

#[test]
fn pictures() {
    check("overview.svg", sources::demo, View::Overview, "");
    check("load.svg", sources::demo, View::Decisions, "/ \"kind:loaded space \"segments space \"demo1 enter enter");
}
