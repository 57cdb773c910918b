//! A client for asynchronous programs, on zlink's connection.

use super::{CallError, ConnectError, WithDescriptors};
use crate::interface::Method;
use serde::{Deserialize, Serialize};
use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;
use zlink::tokio::unix;

/// A connection to busdmad.
#[derive(Debug)]
pub struct AsyncClient {
    connection: unix::Connection,
}

#[derive(Debug, Serialize)]
struct CallTo<'a, P> {
    method: &'a str,
    parameters: &'a P,
}

/// An error reply, whichever interface it belongs to.
#[derive(Debug, Deserialize)]
struct ErrorReply {
    error: String,
    #[serde(default)]
    parameters: serde_json::Value,
}

impl AsyncClient {
    /// Connects to the service at `path`.
    ///
    /// # Errors
    /// [`ConnectError`], with the path in it.
    pub async fn connect(path: &Path) -> Result<Self, ConnectError> {
        match unix::connect(path).await {
            Ok(connection) => Ok(Self { connection }),
            Err(zlink::Error::Io(source)) => Err(ConnectError { path: path.to_owned(), source }),
            Err(error) => Err(ConnectError { path: path.to_owned(), source: io::Error::other(error) }),
        }
    }

    /// Calls a method.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn call<M: Method>(&mut self, call: &M) -> Result<M::Reply, CallError<M::Error>> {
        Ok(self.call_with(call, Vec::new()).await?.0)
    }

    /// Calls a method, passing descriptors along and taking those of the reply.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn call_with<M: Method>(
        &mut self,
        call: &M,
        descriptors: Vec<OwnedFd>,
    ) -> Result<WithDescriptors<M>, CallError<M::Error>> {
        let message = zlink::Call::new(CallTo { method: M::NAME, parameters: call });
        self.connection.send_call(&message, descriptors).await.map_err(CallError::Transport)?;
        self.receive::<M>().await
    }

    async fn receive<M: Method>(&mut self) -> Result<WithDescriptors<M>, CallError<M::Error>> {
        let answer = self.connection.receive_reply::<serde_json::Value, ErrorReply>().await;
        let (answer, descriptors) = answer.map_err(|error| match error {
            zlink::Error::UnexpectedEof => CallError::Closed,
            zlink::Error::VarlinkService(error) => service_error(&error),
            other => CallError::Transport(other),
        })?;
        match answer {
            Ok(reply) => {
                let value =
                    reply.into_parameters().unwrap_or_else(|| serde_json::Value::Object(serde_json::Map::new()));
                Ok((serde_json::from_value(value).map_err(CallError::Malformed)?, descriptors))
            }
            Err(error) => {
                let text = serde_json::json!({ "error": error.error, "parameters": error.parameters }).to_string();
                Err(CallError::from_reply(&error.error, text.as_bytes()))
            }
        }
    }
}

fn service_error<E: for<'de> Deserialize<'de>>(error: &zlink::varlink_service::OwnedError) -> CallError<E> {
    let text = serde_json::to_vec(error.inner()).unwrap_or_default();
    CallError::from_reply("org.varlink.service", &text)
}
