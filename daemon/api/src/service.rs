//! `org.varlink.service`: what every Varlink service answers.

use crate::engine::EngineMethod;
use crate::host::HostMethod;
use crate::monitor::MonitorMethod;
use crate::recorder::RecorderMethod;
use serde::{Deserialize, Serialize};

/// The interface's name.
pub const INTERFACE: &str = "org.varlink.service";

/// The interface's description, as Varlink's specification gives it.
pub const DESCRIPTION: &str = "\
interface org.varlink.service

method GetInfo() -> (
  vendor: string,
  product: string,
  version: string,
  url: string,
  interfaces: []string
)

method GetInterfaceDescription(interface: string) -> (description: string)

error InterfaceNotFound (interface: string)

error MethodNotFound (method: string)

error MethodNotImplemented (method: string)

error InvalidParameter (parameter: string)

error PermissionDenied ()

error ExpectedMore ()
";

/// Every interface of the service.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Interface {
    /// [`INTERFACE`].
    Service,
    /// [`crate::engine`].
    Engine,
    /// [`crate::monitor`].
    Monitor,
    /// [`crate::recorder`].
    Recorder,
    /// [`crate::host`].
    Host,
}

impl Interface {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Service, Self::Engine, Self::Monitor, Self::Recorder, Self::Host];

    /// Its full name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Service => INTERFACE,
            Self::Engine => EngineMethod::INTERFACE,
            Self::Monitor => MonitorMethod::INTERFACE,
            Self::Recorder => RecorderMethod::INTERFACE,
            Self::Host => HostMethod::INTERFACE,
        }
    }

    /// The interface of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|interface| interface.name() == name)
    }

    /// It in Varlink's interface description language.
    pub fn description(self) -> String {
        match self {
            Self::Service => DESCRIPTION.to_owned(),
            Self::Engine => EngineMethod::description(),
            Self::Monitor => MonitorMethod::description(),
            Self::Recorder => RecorderMethod::description(),
            Self::Host => HostMethod::description(),
        }
    }
}

/// Parameters of GetInterfaceDescription.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GetInterfaceDescription {
    /// The interface's full name.
    pub interface: String,
}

/// What GetInterfaceDescription replies.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct InterfaceDescription {
    /// The interface in Varlink's language.
    pub description: String,
}

/// What GetInfo replies.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Info {
    /// Who made the service.
    pub vendor: String,
    /// What it is.
    pub product: String,
    /// Which one.
    pub version: String,
    /// Where to learn more.
    pub url: String,
    /// Full names.
    pub interfaces: Vec<String>,
}

/// An error of `org.varlink.service`.
#[derive(Clone, PartialEq, Eq, Debug, zlink::ReplyError)]
#[zlink(interface = "org.varlink.service")]
pub enum ServiceError {
    /// There is no such interface.
    InterfaceNotFound {
        /// Its name.
        interface: String,
    },
    /// The interface has no such method.
    MethodNotFound {
        /// Its name.
        method: String,
    },
    /// The interface has the method, the service does not.
    MethodNotImplemented {
        /// Its name.
        method: String,
    },
    /// A parameter is unknown, missing, or no value of its type.
    InvalidParameter {
        /// Its name.
        parameter: String,
    },
    /// The caller may not.
    PermissionDenied,
    /// The method must be called with `more`.
    ExpectedMore,
}
