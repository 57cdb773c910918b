//! Devices and threads, by the names that the kernel prints.

use std::fmt;
use std::sync::Arc;

/// A device, by the name the kernel prints: `0000:00:02.0`, `udmabuf`. Cheap to clone.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Device(Arc<str>);

/// Who was running.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Task {
    /// The thread's id; 0 is idle.
    pub pid: u32,
    /// Its name, cut to 15 bytes by the kernel.
    pub name: TaskName,
}

/// A thread's name: at most 15 bytes, the rest zero.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct TaskName([u8; 16]);

impl Device {
    /// A device of that name.
    pub fn new(name: &str) -> Self {
        Self(Arc::from(name))
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.0
    }
}

impl TaskName {
    /// The first 15 bytes of a name, up to its first NUL.
    pub fn new(name: &[u8]) -> Self {
        let mut bytes = [0; 16];
        let kept = name.iter().take(15).take_while(|&&byte| byte != 0);
        for (to, from) in bytes.iter_mut().zip(kept) {
            *to = *from;
        }
        Self(bytes)
    }

    /// The name.
    pub fn bytes(&self) -> &[u8] {
        until_nul(&self.0)
    }
}

pub(super) fn until_nul(bytes: &[u8]) -> &[u8] {
    let end = bytes.iter().position(|&byte| byte == 0).unwrap_or(bytes.len());
    bytes.get(..end).unwrap_or_default()
}

impl fmt::Display for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl fmt::Display for TaskName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&String::from_utf8_lossy(self.bytes()))
    }
}

impl fmt::Debug for TaskName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&String::from_utf8_lossy(self.bytes()), f)
    }
}

impl fmt::Debug for Task {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.name, self.pid)
    }
}
