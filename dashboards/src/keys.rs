//! What keys do.
//!
//! [`KEYS`] is the one table: defaults, names for `busdma.toml` and the text of help all come from it. A [`Keymap`] is that
//! table with a person's own keys, and [`Chords`] turns keys that are pressed into actions.
//!
//! `g` is the beginning of `g g`, the first row, and it asks for a moment too: what follows decides. `g` once more goes to
//! the first row; a digit, `+`, `-`, `%` or Enter opens the prompt for a moment and is its first character; Esc takes the
//! `g` back; every other key does what it always does.

mod chords;
mod key;
mod keymap;
mod table;

pub use chords::{Chords, Pressed};
pub use key::{Chord, Key, KeyError};
pub use keymap::{Keymap, RebindError};
pub use table::{Binding, KEYS, Section};

use crate::views::View;

/// What a key does. Which keys do it is the key table's business, and can be changed in `busdma.toml`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Ends the program, from anywhere.
    Quit,
    /// Closes what is open: a prompt, a detail, help; from a view itself it ends the program.
    Back,
    /// Shows what keys do.
    Help,
    /// To the view on the right.
    NextView,
    /// To the view on the left.
    PreviousView,
    /// To that view.
    Show(View),
    /// To the next machine alone; after the last, all of them.
    NextMachine,
    /// One row down.
    Down,
    /// One row up.
    Up,
    /// One screen down.
    PageDown,
    /// One screen up.
    PageUp,
    /// To the first row.
    First,
    /// To the last row.
    Last,
    /// Asks for a text that rows must hold.
    Filter,
    /// Sorts by the next column.
    Sort,
    /// Sorts the other way round.
    Reverse,
    /// Opens or closes the detail of the row under the cursor.
    Detail,
    /// Freezes the frame or goes on; a recording plays or pauses.
    Freeze,
    /// A longer interval or step.
    Longer,
    /// A shorter interval or step.
    Shorter,
    /// Lets the daemon record, or stop.
    Record,
    /// Writes the frame into a file as text.
    ExportText,
    /// Writes the frame into a file as JSON.
    ExportJson,
    /// One step back.
    StepBack,
    /// One step on.
    StepOn,
    /// Ten steps back.
    LeapBack,
    /// Ten steps on.
    LeapOn,
    /// To the deferral before.
    PreviousDeferral,
    /// To the next deferral.
    NextDeferral,
    /// Asks for a moment.
    Goto,
    /// Draws everything anew.
    Redraw,
    /// Gives the terminal back to the shell for a while.
    Suspend,
}
