//! The body of a response, which knows when it has been sent.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use axum::body::{Body, Bytes};
use hyper::body::{Body as HttpBody, Frame, SizeHint};

use super::access_log::Entry;
use super::activity::InFlight;

/// A body with what ends with it: its line in the log and the request in flight, in this order.
pub(crate) struct ResponseBody {
    body: Body,
    log: Option<Entry>,
    _in_flight: Option<InFlight>,
}

impl ResponseBody {
    pub(crate) fn new(body: Body, log: Option<Entry>) -> Self {
        Self { body, log, _in_flight: None }
    }

    /// Has the connection know that the request is in flight until this is sent.
    pub(crate) fn held_by(self, in_flight: InFlight) -> Self {
        Self { _in_flight: Some(in_flight), ..self }
    }
}

impl HttpBody for ResponseBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
        let ended = self.body.is_end_stream();
        if let Some(log) = &mut self.log {
            match &frame {
                Some(Ok(frame)) => log.sent(frame.data_ref().map_or(0, Bytes::len), ended),
                Some(Err(error)) => log.broken(error),
                None => log.sent(0, true),
            }
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
