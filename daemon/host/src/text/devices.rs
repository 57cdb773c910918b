//! One [`Device`] for each name, so that thousands of events share its memory.

use crate::event::Device;
use rustc_hash::FxHashMap;

/// Names that are kept at most. A machine has fewer devices; a damaged text has any number.
const NAMES_MAX: usize = 4096;

/// The devices that were named.
#[derive(Clone, Default, Debug)]
pub(crate) struct DeviceNames {
    /// Most events name the device that the one before named.
    last: Option<Device>,
    known: FxHashMap<Box<str>, Device>,
}

impl DeviceNames {
    /// The device of that name, the same one each time.
    pub(crate) fn device(&mut self, name: &str) -> Device {
        if let Some(last) = self.last.as_ref().filter(|last| last.name() == name) {
            return last.clone();
        }
        let device = self.known.get(name).cloned().unwrap_or_else(|| self.learn(name));
        self.last = Some(device.clone());
        device
    }

    fn learn(&mut self, name: &str) -> Device {
        let device = Device::new(name);
        if self.known.len() < NAMES_MAX {
            self.known.insert(name.into(), device.clone());
        }
        device
    }
}
