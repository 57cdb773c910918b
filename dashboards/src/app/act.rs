//! What actions do.

use super::prompt::Prompt;
use super::{App, Effect, ExportKind, pace};
use crate::fields::Row;
use crate::frame::{DeviceRow, MapRow, OriginKind, OriginState, TimeAxis, Timeline, WaiterRow, ZoneRow};
use crate::keys::Action;
use crate::list::{Detail, Filter, Sort};
use crate::screen::header::Frozen;
use crate::source::{Play, Towards, Wish};
use crate::theme::Role;
use crate::views::View;
use std::time::Duration;

/// Steps of a leap.
const LEAP: i64 = 10;

impl App {
    /// Does what a key means.
    pub(super) fn act(&mut self, action: Action) -> Vec<Effect> {
        match action {
            Action::Quit => return vec![Effect::Quit],
            Action::Back => return self.back(),
            Action::Suspend => return vec![Effect::Suspend],
            Action::Redraw => return vec![Effect::Redraw],
            Action::Help => self.toggle_help(),
            Action::NextView => self.neighbour(1),
            Action::PreviousView => self.neighbour(View::ALL.len() - 1),
            Action::Show(view) => self.go_to(view),
            Action::NextMachine => self.next_machine(),
            Action::Down => self.list_mut().down(1),
            Action::Up => self.list_mut().up(1),
            Action::PageDown => self.list_mut().page_down(),
            Action::PageUp => self.list_mut().page_up(),
            Action::First => self.list_mut().first(),
            Action::Last => self.list_mut().last(),
            Action::Filter => self.prompt = Some(Prompt::filter(&self.list().filter)),
            Action::Sort => self.sort_by_next(),
            Action::Reverse => self.reverse(),
            Action::Detail if !self.has_detail() => self.there_are_none("details"),
            Action::Detail if self.list().shown == 0 && self.list().detail == Detail::Closed => {
                self.there_are_none("rows");
            }
            Action::Detail => self.toggle_detail(),
            Action::Freeze => return self.freeze(),
            Action::Longer => return self.choose_interval(pace::longer),
            Action::Shorter => return self.choose_interval(pace::shorter),
            Action::Record => return vec![Effect::Ask(Wish::ToggleRecording)],
            Action::ExportText => return vec![Effect::Export(ExportKind::Text)],
            Action::ExportJson => return vec![Effect::Export(ExportKind::Json)],
            Action::StepBack => return self.stay_at(Wish::Step(-1)),
            Action::StepOn => return self.stay_at(Wish::Step(1)),
            Action::LeapBack => return self.stay_at(Wish::Step(-LEAP)),
            Action::LeapOn => return self.stay_at(Wish::Step(LEAP)),
            Action::PreviousDeferral => return self.stay_at(Wish::Deferral(Towards::Earlier)),
            Action::NextDeferral => return self.stay_at(Wish::Deferral(Towards::Later)),
            Action::Goto => self.ask_for_moment(None),
        }
        Vec::new()
    }

    /// Asks for a moment, of which the first character may be typed already.
    pub(super) fn ask_for_moment(&mut self, first: Option<char>) {
        if self.is_recording() {
            self.prompt = Some(Prompt::moment(first));
        } else {
            self.message = Some((Role::Warn, crate::source::Refused::NotARecording.to_string()));
        }
    }

    /// To a view.
    pub(super) fn go_to(&mut self, view: View) {
        if view == View::Help && self.view != View::Help {
            self.before_help = self.view;
        }
        self.view = view;
    }

    /// Sorts by the field of that index, or the other way round where it is sorted by already.
    pub(super) fn sort_by(&mut self, field: usize) {
        match self.list().sort {
            Some(sort) if sort.field == field => self.reverse(),
            _ => {
                let sort = match self.view {
                    View::Zones => Sort::by::<ZoneRow>(field),
                    View::Waiters => Sort::by::<WaiterRow>(field),
                    View::Maps => Sort::by::<MapRow>(field),
                    View::Host => Sort::by::<DeviceRow>(field),
                    View::Overview | View::Latency | View::Decisions | View::Help => None,
                };
                self.set_sort(sort);
            }
        }
    }

    /// Whether rows of the view have details to open.
    pub(super) const fn has_detail(&self) -> bool {
        !matches!(self.view, View::Latency | View::Help)
    }

    /// Opens the detail of the row under the cursor, or closes it.
    pub(super) fn toggle_detail(&mut self) {
        let list = self.list_mut();
        list.detail = list.detail.toggled();
    }

    /// What the key that freezes asks of a recording. One at its end plays from the beginning.
    pub(super) fn next_play(&self) -> Play {
        match self.frame().map(|frame| &frame.origin.state) {
            Some(OriginState::Running) => Play::Pause,
            Some(OriginState::Paused | OriginState::Ended) => Play::Run,
            _ if self.play == Play::Run => Play::Pause,
            _ => Play::Run,
        }
    }

    /// Closes what is open: the detail, the filter, help; else ends the program.
    fn back(&mut self) -> Vec<Effect> {
        let view = self.view;
        let list = self.list_mut();
        if list.detail == Detail::Open {
            list.detail = Detail::Closed;
        } else if !list.filter.is_empty() {
            list.filter = Filter::default();
        } else if view == View::Help {
            self.view = self.before_help;
        } else {
            return vec![Effect::Quit];
        }
        Vec::new()
    }

    fn toggle_help(&mut self) {
        let view = if self.view == View::Help { self.before_help } else { View::Help };
        self.go_to(view);
    }

    /// To the view so many tabs to the right, from the last one to the first.
    fn neighbour(&mut self, tabs: usize) {
        let place = (self.view as usize + tabs) % View::ALL.len();
        self.go_to(View::ALL.get(place).copied().unwrap_or(View::Overview));
    }

    fn next_machine(&mut self) {
        let Some(frame) = self.frame.as_deref() else { return };
        if let (OriginKind::Live, Some(name)) = (frame.origin.kind, &self.asked_for) {
            let text = format!("the daemon is asked for {name} alone; without --machine it shows the others too");
            self.message = Some((Role::Warn, text));
            return;
        }
        let names: Vec<_> = frame.machines.iter().map(|machine| &machine.machine).collect();
        let next = match &self.machine {
            None => names.first(),
            Some(shown) => names.iter().position(|name| *name == shown).and_then(|place| names.get(place + 1)),
        };
        self.machine = next.copied().cloned();
        let text = match &self.machine {
            Some(name) => format!("machine {name} alone"),
            None => "all machines".to_owned(),
        };
        self.said(text);
    }

    fn sort_by_next(&mut self) {
        let (sort, columns) = (self.list().sort, &self.list().columns);
        let fields: Vec<usize> = columns.iter().map(|column| column.field).collect();
        let next = match self.view {
            View::Zones => Sort::next::<ZoneRow>(sort, &fields),
            View::Waiters => Sort::next::<WaiterRow>(sort, &fields),
            View::Maps => Sort::next::<MapRow>(sort, &fields),
            View::Host => Sort::next::<DeviceRow>(sort, &fields),
            View::Overview | View::Latency | View::Decisions | View::Help => {
                return self.there_are_none("columns to sort by");
            }
        };
        self.set_sort(next);
    }

    fn reverse(&mut self) {
        match self.list().sort {
            Some(sort) => self.set_sort(Some(Sort { way: sort.way.reversed(), ..sort })),
            None => self.sort_by_next(),
        }
    }

    /// Rows come in another order: what is first in it is what is looked for.
    fn set_sort(&mut self, sort: Option<Sort>) {
        let list = self.list_mut();
        list.sort = sort;
        list.first();
        let text = match (sort, self.view) {
            (None, _) => "rows as they come".to_owned(),
            (Some(sort), View::Zones) => sorted_by::<ZoneRow>(sort),
            (Some(sort), View::Waiters) => sorted_by::<WaiterRow>(sort),
            (Some(sort), View::Maps) => sorted_by::<MapRow>(sort),
            (Some(sort), _) => sorted_by::<DeviceRow>(sort),
        };
        self.said(text);
    }

    fn there_are_none(&mut self, what: &str) {
        self.message = Some((Role::Warn, format!("{} has no {what}", self.view.name())));
    }

    fn freeze(&mut self) -> Vec<Effect> {
        if self.is_recording() {
            self.play = self.next_play();
            return vec![Effect::Ask(Wish::Play(self.play))];
        }
        self.frozen = match self.frozen {
            Frozen::No => Frozen::Yes,
            Frozen::Yes => Frozen::No,
        };
        if self.frozen == Frozen::Yes {
            return vec![Effect::Ask(Wish::Play(Play::Pause))];
        }
        if let Some(newest) = self.newest.take() {
            self.put(newest);
        }
        self.unseen_frames = 0;
        vec![Effect::Ask(Wish::Play(Play::Run))]
    }

    /// Asks for a moment at which a recording stays: who takes single steps wants to look at what is there.
    fn stay_at(&mut self, wish: Wish) -> Vec<Effect> {
        self.play = Play::Pause;
        vec![Effect::Ask(wish)]
    }

    fn choose_interval(&mut self, next_to: fn(Duration, Option<TimeAxis>) -> Duration) -> Vec<Effect> {
        let (before, axis) = (self.interval_in_force(), self.axis());
        self.interval = next_to(before, axis);
        if self.interval == before { Vec::new() } else { vec![Effect::Ask(Wish::Interval(self.interval))] }
    }

    /// How often frames come; of a recording, which chooses its step itself unless somebody does, how far that goes.
    fn interval_in_force(&self) -> Duration {
        match self.frame().and_then(|frame| frame.timeline.as_ref()) {
            Some(Timeline { axis: TimeAxis::Nanoseconds, step, .. }) => Duration::from_nanos(*step),
            // A millisecond stands for one operation.
            Some(Timeline { axis: TimeAxis::Operations, step, .. }) => Duration::from_millis(*step),
            None => self.interval,
        }
    }

    /// What a recording's steps are counted in; none of what has no steps.
    fn axis(&self) -> Option<TimeAxis> {
        let axis = self.frame()?.timeline.as_ref().map(|timeline| timeline.axis);
        axis.or_else(|| self.is_recording().then_some(TimeAxis::Nanoseconds))
    }
}

fn sorted_by<R: Row>(sort: Sort) -> String {
    let name = R::fields().get(sort.field).map_or("", |field| field.meaning);
    format!("sorted {} by: {name}", sort.way.arrow())
}
