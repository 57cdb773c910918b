//! The views, each in a file of its own. They draw what a [`Scene`] holds, and nothing else.

pub(crate) mod decisions;
#[cfg(test)]
pub(crate) mod fixtures;
mod gauge;
pub(crate) mod help;
pub(crate) mod host;
pub(crate) mod latency;
pub(crate) mod maps;
pub(crate) mod overview;
#[cfg(test)]
mod property;
pub(crate) mod sparkline;
mod table;
pub(crate) mod waiters;
pub(crate) mod zones;

pub use decisions::LogView;
pub(crate) use maps::suspects::Baselines;
pub(crate) use waiters::holders::Holders;

use crate::frame::{Frame, Machine, Name};
use crate::pen::{columns, cut};
use crate::theme::Theme;
use jiff::tz::TimeZone;

/// What can be looked at, in the order of the tabs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum View {
    /// Pools as gauges, trends, findings.
    Overview,
    /// Zones as a table.
    Zones,
    /// The queues for bounce pages.
    Waiters,
    /// Maps that are loaded or wait.
    Maps,
    /// How long things take.
    Latency,
    /// The log of decisions.
    Decisions,
    /// Devices of the host.
    Host,
    /// What keys do.
    Help,
}

/// Fields that say the same in every row: the machine, where there is one only.
fn hidden(scene: Scene<'_>) -> &'static [&'static str] {
    if scene.machines().nth(1).is_none() { &["machine"] } else { &[] }
}

impl View {
    /// All, in the order of the tabs.
    pub const ALL: [Self; 8] = [
        Self::Overview,
        Self::Zones,
        Self::Waiters,
        Self::Maps,
        Self::Latency,
        Self::Decisions,
        Self::Host,
        Self::Help,
    ];

    /// Its name on the command line and, with a capital, on its tab.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Overview => "overview",
            Self::Zones => "zones",
            Self::Waiters => "waiters",
            Self::Maps => "maps",
            Self::Latency => "latency",
            Self::Decisions => "decisions",
            Self::Host => "host",
            Self::Help => "help",
        }
    }
}

/// What a view sees beside the state of its own list.
#[derive(Clone, Copy, Debug)]
pub struct Scene<'a> {
    /// The moment.
    pub frame: &'a Frame,
    /// The one machine to show; all when none is chosen.
    pub machine: Option<&'a Name>,
    /// What colours mean.
    pub theme: &'a Theme,
    /// Where the clock on the wall hangs.
    pub time_zone: &'a TimeZone,
}

impl<'a> Scene<'a> {
    /// The machines to show.
    pub fn machines(self) -> impl Iterator<Item = &'a Machine> + Clone {
        self.frame.machines.iter().filter(move |machine| self.machine.is_none_or(|name| *name == machine.machine))
    }
}

/// A machine's name and what on it is meant, for so many columns of the screen: where there is too little room the name
/// is cut, since what stands behind it tells rows of one machine apart.
fn on_machine(machine: &str, what: &str, room: u16) -> String {
    format!("{} {what}", cut(machine, room.saturating_sub(columns(what) + 1)))
}

/// Lines of a detail below a list in an area of that height. A few lines of the list stay in sight.
fn pane_lines(height: u16) -> u16 {
    match height {
        0..=12 => height.saturating_sub(3),
        _ => height / 5 * 3,
    }
}

#[cfg(test)]
mod tests;
