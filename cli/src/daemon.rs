//! Talking to busdmad: where it is, and calls that say in words what went wrong.

pub mod failure;
mod words;

pub use failure::DaemonError;
pub use words::{InWords, by_name};

use crate::args::DaemonArgs;
use busdma_api::Method;
use busdma_api::client::{CallError, Client, Stream};
use busdma_api::service::Info;
use busdma_api::wire::Replies;
use rustix::process::geteuid;
use serde::de::DeserializeOwned;
use serde_json::json;
use serde_json::value::RawValue;
use std::env;
use std::io;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

/// The socket of a daemon that root started.
const SYSTEM_SOCKET: &str = "/run/busdma/busdma.varlink";

/// What it is called in a login session's directory.
const SOCKET_NAME: &str = "busdma.varlink";

/// A connection to busdmad.
#[derive(Debug)]
pub struct Daemon {
    path: PathBuf,
    socket: UnixStream,
    client: Client,
}

impl Daemon {
    /// Connects to the daemon that was named, or to the one at the usual place.
    ///
    /// # Errors
    ///
    /// [`DaemonError`] when nobody answers there, or may not be talked to.
    pub fn connect(args: &DaemonArgs) -> Result<Self, DaemonError> {
        Self::connect_to(socket_path(args))
    }

    /// Connects once more to the same daemon.
    ///
    /// # Errors
    ///
    /// As for [`Self::connect`].
    pub fn connect_again(&self) -> Result<Self, DaemonError> {
        Self::connect_to(self.path.clone())
    }

    fn connect_to(path: PathBuf) -> Result<Self, DaemonError> {
        let socket = UnixStream::connect(&path).and_then(|socket| Ok((socket.try_clone()?, socket)));
        match socket {
            Ok((clone, socket)) => Ok(Self { path, socket: clone, client: Client::new(socket) }),
            Err(source) => Err(DaemonError::no_connection(path, &source)),
        }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The socket itself, for hanging up while a call waits.
    ///
    /// # Errors
    ///
    /// There are no descriptors left.
    pub fn socket(&self) -> io::Result<UnixStream> {
        self.socket.try_clone()
    }

    /// Calls a method.
    ///
    /// # Errors
    ///
    /// [`DaemonError`], with an error reply in words.
    pub fn call<M: Method>(&mut self, call: &M) -> Result<M::Reply, DaemonError>
    where
        M::Error: InWords,
    {
        self.client.call(call).map_err(|error| DaemonError::of_call(&self.path, error))
    }

    /// Calls a method whose error replies are part of the answer.
    ///
    /// # Errors
    ///
    /// [`DaemonError`] when there is no answer at all.
    pub fn ask<M: Method>(&mut self, call: &M) -> Result<Result<M::Reply, M::Error>, DaemonError>
    where
        M::Error: InWords,
    {
        match self.client.call(call) {
            Ok(reply) => Ok(Ok(reply)),
            Err(CallError::Refused(refusal)) => Ok(Err(refusal)),
            Err(error) => Err(DaemonError::of_call(&self.path, error)),
        }
    }

    /// Calls a method that replies again and again.
    ///
    /// # Errors
    ///
    /// [`DaemonError`], here and for each reply.
    pub fn follow<M: Method>(&mut self, call: &M) -> Result<Replied<'_, M>, DaemonError>
    where
        M::Error: InWords,
    {
        match self.client.call_more(call) {
            Ok(stream) => Ok(Replied { path: &self.path, stream }),
            Err(error) => Err(DaemonError::of_call(&self.path, error)),
        }
    }

    /// Calls any method with any parameters and hands each reply, JSON, to `visit`.
    ///
    /// # Errors
    ///
    /// [`DaemonError`] with an error reply by its name and parameters; and what `visit` returns.
    pub fn call_raw(
        &mut self,
        method: &str,
        parameters: &RawValue,
        replies: Replies,
        mut visit: impl FnMut(&str) -> io::Result<()>,
    ) -> anyhow::Result<()> {
        let visit = |reply: Option<&RawValue>| visit(reply.map_or("{}", RawValue::get)).map_err(Raw::Output);
        self.client.call_raw(method, &parameters, replies, visit).map_err(|raw| match raw {
            Raw::Call(error) => error.at(&self.path).into(),
            Raw::Output(error) => error.into(),
        })
    }

    /// Which service answers, and its interfaces.
    ///
    /// # Errors
    ///
    /// [`DaemonError`].
    pub fn info(&mut self) -> Result<Info, DaemonError> {
        self.service("org.varlink.service.GetInfo", &json!({}))
    }

    /// An interface in Varlink's language.
    ///
    /// # Errors
    ///
    /// [`DaemonError`].
    pub fn description(&mut self, interface: &str) -> Result<String, DaemonError> {
        let call = json!({ "interface": interface });
        let reply: busdma_api::service::InterfaceDescription =
            self.service("org.varlink.service.GetInterfaceDescription", &call)?;
        Ok(reply.description)
    }

    fn service<R: DeserializeOwned>(&mut self, method: &str, parameters: &serde_json::Value) -> Result<R, DaemonError> {
        let mut answer = None;
        let visit = |reply: Option<&RawValue>| {
            answer = Some(serde_json::from_str(reply.map_or("{}", RawValue::get)));
            Ok::<(), Raw>(())
        };
        match self.client.call_raw(method, parameters, Replies::One, visit) {
            Err(Raw::Call(error)) => return Err(error.at(&self.path)),
            Err(Raw::Output(_)) | Ok(()) => {}
        }
        let not_understood = |source| DaemonError::NotUnderstood { path: self.path.clone(), source };
        answer.ok_or_else(|| DaemonError::lost(&self.path, "it did not reply"))?.map_err(not_understood)
    }
}

/// What a method replies again and again.
#[derive(Debug)]
pub struct Replied<'d, M> {
    path: &'d Path,
    stream: Stream<'d, M>,
}

impl<M: Method> Iterator for Replied<'_, M>
where
    M::Error: InWords,
{
    type Item = Result<M::Reply, DaemonError>;

    fn next(&mut self) -> Option<Self::Item> {
        Some(self.stream.next()?.map_err(|error| DaemonError::of_call(self.path, error)))
    }
}

/// What the client's raw call can end with.
enum Raw {
    Call(failure::RawFailure),
    Output(io::Error),
}

impl<E> From<CallError<E>> for Raw {
    fn from(error: CallError<E>) -> Self {
        Self::Call(error.into())
    }
}

/// The socket that was named, else root's for root, else the login session's if it is there, else root's.
pub fn socket_path(args: &DaemonArgs) -> PathBuf {
    let sessions = env::var_os("XDG_RUNTIME_DIR").filter(|directory| !directory.is_empty());
    let sessions = sessions.map(|directory| Path::new(&directory).join(SOCKET_NAME));
    match (&args.socket, sessions) {
        (Some(path), _) => path.clone(),
        (None, Some(path)) if !geteuid().is_root() && path.exists() => path,
        (None, _) => PathBuf::from(SYSTEM_SOCKET),
    }
}
