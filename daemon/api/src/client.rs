//! Clients: typed calls over a blocking socket, or over zlink's asynchronous connection.

mod asynchronous;
mod blocking;

pub use asynchronous::AsyncClient;
pub use blocking::{Client, Stream};

use crate::service::ServiceError;
use crate::wire::WireError;
use serde::Deserialize;
use std::io;
use std::path::PathBuf;
use thiserror::Error;

/// Why a call has no reply. `E` is the interface's own error type.
#[derive(Debug, Error)]
pub enum CallError<E> {
    /// The service's answer is an error of the interface.
    #[error("the service answered with an error")]
    Refused(E),
    /// The service does not take the call.
    #[error("the service does not take the call: {0:?}")]
    Service(ServiceError),
    /// The service answered with an error that this client does not know.
    #[error("the service answered with the unknown error {name}")]
    Unknown {
        /// Its full name.
        name: String,
        /// Its parameters, JSON.
        parameters: String,
    },
    /// The answer is not what the interface says.
    #[error("the answer cannot be understood")]
    Malformed(#[source] serde_json::Error),
    /// The service hung up.
    #[error("the service ended the connection")]
    Closed,
    /// The connection failed.
    #[error("the connection failed")]
    Wire(#[from] WireError),
    /// zlink's connection failed.
    #[error("the connection failed")]
    Transport(#[source] zlink::Error),
}

/// A reply with the descriptors that came along.
pub type WithDescriptors<M> = (<M as crate::Method>::Reply, Vec<std::os::fd::OwnedFd>);

/// Why there is no connection.
#[derive(Debug, Error)]
#[error("cannot connect to {}", path.display())]
pub struct ConnectError {
    /// The socket.
    pub path: PathBuf,
    /// What the system said.
    #[source]
    pub source: io::Error,
}

impl<E: for<'de> Deserialize<'de>> CallError<E> {
    /// The error that a reply with the name `error` says.
    fn from_reply(name: &str, text: &[u8]) -> Self {
        if let Ok(error) = serde_json::from_slice(text) {
            return Self::Service(error);
        }
        match serde_json::from_slice(text) {
            Ok(error) => Self::Refused(error),
            Err(_) => Self::Unknown { name: name.to_owned(), parameters: parameters(text) },
        }
    }
}

fn parameters(text: &[u8]) -> String {
    let reply: Option<crate::wire::Reply<'_>> = serde_json::from_slice(text).ok();
    reply.and_then(|reply| reply.parameters).map_or_else(String::new, |parameters| parameters.get().to_owned())
}
