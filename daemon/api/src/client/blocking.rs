//! A client that blocks: one call at a time, or several sent ahead.

use super::{CallError, ConnectError, WithDescriptors};
use crate::interface::Method;
use crate::wire::{MESSAGE_BYTES_DEFAULT, MessageReader, MessageWriter, OutgoingCall, Replies, Reply, WireError};
use serde::Serialize;
use serde_json::value::RawValue;
use std::io::ErrorKind;
use std::marker::PhantomData;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::Arc;

/// Replies can be larger than calls: a batch's results, a snapshot of many maps.
const REPLY_BYTES_MAX: usize = 16 * MESSAGE_BYTES_DEFAULT;

/// A connection to busdmad.
#[derive(Debug)]
pub struct Client {
    reader: MessageReader<Arc<UnixStream>>,
    writer: MessageWriter<Arc<UnixStream>>,
}

/// What a method replies, with the descriptors that came along.
#[derive(Debug)]
struct Answer<R> {
    reply: R,
    descriptors: Vec<OwnedFd>,
    continues: bool,
}

impl Client {
    /// Connects to the service at `path`.
    ///
    /// # Errors
    /// [`ConnectError`], with the path in it.
    pub fn connect(path: &Path) -> Result<Self, ConnectError> {
        match UnixStream::connect(path) {
            Ok(socket) => Ok(Self::new(socket)),
            Err(source) => Err(ConnectError { path: path.to_owned(), source }),
        }
    }

    /// Speaks over a socket that is connected already.
    pub fn new(socket: UnixStream) -> Self {
        let socket = Arc::new(socket);
        Self { reader: MessageReader::new(Arc::clone(&socket), REPLY_BYTES_MAX), writer: MessageWriter::new(socket) }
    }

    /// Calls a method.
    ///
    /// # Errors
    /// [`CallError`].
    pub fn call<M: Method>(&mut self, call: &M) -> Result<M::Reply, CallError<M::Error>> {
        Ok(self.call_with(call, &[])?.0)
    }

    /// Calls a method, passing descriptors along and taking those of the reply.
    ///
    /// # Errors
    /// [`CallError`].
    pub fn call_with<M: Method>(
        &mut self,
        call: &M,
        descriptors: &[BorrowedFd<'_>],
    ) -> Result<WithDescriptors<M>, CallError<M::Error>> {
        if let Err(error) = self.send(call, descriptors, Replies::One) {
            return Err(self.why_hung_up::<M>(error));
        }
        let answer = self.receive::<M>()?;
        Ok((answer.reply, answer.descriptors))
    }

    /// Calls a method that replies several times.
    ///
    /// # Errors
    /// [`CallError`] when the call cannot be sent; the replies' own come from the stream.
    pub fn call_more<M: Method>(&mut self, call: &M) -> Result<Stream<'_, M>, CallError<M::Error>> {
        self.send(call, &[], Replies::Many)?;
        Ok(Stream { client: self, ended: false, method: PhantomData })
    }

    /// Sends a call whose reply is taken later, by [`Self::receive_ahead`], in order. Not sent before the next flush.
    ///
    /// # Errors
    /// [`CallError`].
    pub fn send_ahead<M: Method>(&mut self, call: &M) -> Result<(), CallError<M::Error>> {
        Ok(self.writer.write(&OutgoingCall { method: M::NAME, parameters: call, more: Replies::One })?)
    }

    /// Takes the reply to the oldest call that was sent ahead.
    ///
    /// # Errors
    /// [`CallError`].
    pub fn receive_ahead<M: Method>(&mut self) -> Result<M::Reply, CallError<M::Error>> {
        if !self.reader.has_message() {
            self.writer.flush()?;
        }
        Ok(self.receive::<M>()?.reply)
    }

    /// Calls any method with any parameters and hands each reply to `visit`, as JSON, until the last.
    ///
    /// # Errors
    /// [`CallError::Unknown`] holds the errors of all interfaces; and what `visit` returns.
    pub fn call_raw<X: From<CallError<NoError>>>(
        &mut self,
        method: &str,
        parameters: &impl Serialize,
        replies: Replies,
        mut visit: impl FnMut(Option<&RawValue>) -> Result<(), X>,
    ) -> Result<(), X> {
        let wire = |error| X::from(CallError::Wire(error));
        self.writer.write(&OutgoingCall { method, parameters, more: replies }).map_err(wire)?;
        self.writer.flush().map_err(wire)?;
        loop {
            let message = self.reader.read().map_err(wire)?.ok_or_else(|| X::from(CallError::Closed))?;
            let reply: Reply<'_> =
                serde_json::from_slice(message.text).map_err(|error| X::from(CallError::Malformed(error)))?;
            if let Some(name) = reply.error {
                return Err(X::from(CallError::from_reply(&name, message.text)));
            }
            visit(reply.parameters)?;
            if !reply.continues {
                return Ok(());
            }
        }
    }

    fn send<M: Method>(
        &mut self,
        call: &M,
        descriptors: &[BorrowedFd<'_>],
        more: Replies,
    ) -> Result<(), CallError<M::Error>> {
        let message = OutgoingCall { method: M::NAME, parameters: call, more };
        Ok(self.writer.write_with(&message, descriptors)?)
    }

    /// A service that hangs up before it has read all of a call may have said why.
    fn why_hung_up<M: Method>(&mut self, error: CallError<M::Error>) -> CallError<M::Error> {
        match &error {
            CallError::Wire(WireError::Socket(cause)) if cause.kind() == ErrorKind::BrokenPipe => {}
            _ => return error,
        }
        match self.receive::<M>() {
            Err(said @ (CallError::Refused(_) | CallError::Service(_) | CallError::Unknown { .. })) => said,
            _ => error,
        }
    }

    fn receive<M: Method>(&mut self) -> Result<Answer<M::Reply>, CallError<M::Error>> {
        let message = self.reader.read()?.ok_or(CallError::Closed)?;
        let reply: Reply<'_> = serde_json::from_slice(message.text).map_err(CallError::Malformed)?;
        if let Some(name) = reply.error {
            return Err(CallError::from_reply(&name, message.text));
        }
        let text = reply.parameters.map_or("{}", RawValue::get);
        Ok(Answer {
            reply: serde_json::from_str(text).map_err(CallError::Malformed)?,
            continues: reply.continues,
            descriptors: message.descriptors,
        })
    }
}

/// The replies to one call, as they come.
#[derive(Debug)]
pub struct Stream<'c, M> {
    client: &'c mut Client,
    ended: bool,
    method: PhantomData<M>,
}

impl<M: Method> Iterator for Stream<'_, M> {
    type Item = Result<M::Reply, CallError<M::Error>>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        match self.client.receive::<M>() {
            Ok(answer) => {
                self.ended = !answer.continues;
                Some(Ok(answer.reply))
            }
            Err(error) => {
                self.ended = true;
                Some(Err(error))
            }
        }
    }
}

/// The error type of a call whose interface is not known.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NoError {}

impl<'de> serde::Deserialize<'de> for NoError {
    fn deserialize<D: serde::Deserializer<'de>>(_: D) -> Result<Self, D::Error> {
        Err(serde::de::Error::custom("errors of this interface are not known"))
    }
}
