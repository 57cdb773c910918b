//! What a person sees: every view at three sizes, of fixed recordings, a capture of a host and the demonstration.
//!
//! Everything goes the way of the program: a source makes frames, keys go to the app, and the app draws. Each snapshot
//! holds one screen at all sizes; colours are in the pictures.

mod details;
mod pictures;
mod seat;
mod sources;
mod states;
mod views;

use busdma_dashboards::source::Source;
use busdma_dashboards::views::View;
use seat::Seat;

/// Columns and lines: a usual terminal, a large one, a tiny one.
const SIZES: [(u16, u16); 3] = [(80, 24), (120, 40), (40, 12)];

/// Compares the screen after these keys, at all sizes, with what it was.
#[track_caller]
fn check(name: &str, source: fn() -> Box<dyn Source>, view: View, keys: &str) {
    let screens = SIZES.map(|size| {
        let mut seat = Seat::new(source(), view, size);
        seat.press(keys);
        seat.framed()
    });
    insta::assert_snapshot!(name, screens.join("\n"));
}
