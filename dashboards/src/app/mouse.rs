//! The mouse: tabs, rows, headings and the time bar.

use super::{App, Effect};
use crate::screen::{header, timeline};
use crate::source::{Moment, Wish};
use crate::views::{self, Scene, View};
use ratatui::crossterm::event::{MouseButton, MouseEvent, MouseEventKind};
use ratatui::layout::Position;

/// Rows that one notch of the wheel goes.
const NOTCH: usize = 3;

impl App {
    /// A click, a drag or the wheel.
    pub(super) fn mouse(&mut self, mouse: MouseEvent) -> Vec<Effect> {
        let at = Position { x: mouse.column, y: mouse.row };
        match mouse.kind {
            MouseEventKind::ScrollDown => self.list_mut().down(NOTCH),
            MouseEventKind::ScrollUp => self.list_mut().up(NOTCH),
            MouseEventKind::Down(MouseButton::Left) => {
                self.message = None;
                return self.click(at);
            }
            MouseEventKind::Drag(MouseButton::Left) => return self.seek(at),
            _ => {}
        }
        Vec::new()
    }

    /// What is typed stays as it is, and is done with: what is clicked on may be of another list.
    fn click(&mut self, at: Position) -> Vec<Effect> {
        self.prompt = None;
        let Some(layout) = self.layout else { return Vec::new() };
        if layout.header.contains(at) {
            let tab = (at.y > layout.header.y).then(|| header::tab_at(layout.header, at.x, self.view)).flatten();
            if let Some(view) = tab {
                self.go_to(view);
            }
            return Vec::new();
        }
        if layout.body.contains(at) {
            self.click_row(at);
            return Vec::new();
        }
        self.seek(at)
    }

    /// A heading sorts, a row gets the cursor, and the row that has it opens or closes its detail.
    fn click_row(&mut self, at: Position) {
        let list = self.list();
        if at.y.checked_add(1) == Some(list.body.y) {
            let column = list.columns.iter().find(|column| (column.x..column.x + column.width).contains(&at.x));
            if let Some(field) = column.map(|column| column.field) {
                self.sort_by(field);
            }
            return;
        }
        let Some(place) = self.place_at(at) else { return };
        if self.view == View::Help {
            return;
        }
        if self.list().cursor != place {
            self.list_mut().select(place);
        } else if self.has_detail() {
            self.toggle_detail();
        }
    }

    fn place_at(&self, at: Position) -> Option<usize> {
        let (View::Overview, Some(frame), Some(layout)) = (self.view, self.frame.as_deref(), self.layout) else {
            return self.list().place_at(at.x, at.y);
        };
        let scene = Scene { frame, machine: self.machine.as_ref(), theme: &self.theme, time_zone: &self.time_zone };
        views::overview::place_at(scene, self.list(), layout.body, at.y)
    }

    /// The time bar leads to the moment under the mouse.
    fn seek(&self, at: Position) -> Vec<Effect> {
        let bar = self.layout.and_then(|layout| layout.timeline).filter(|bar| bar.contains(at));
        let share = bar.and_then(|bar| timeline::share_at(bar, at.x));
        share.map(|share| Effect::Ask(Wish::Seek(Moment::Share(share)))).into_iter().collect()
    }
}
