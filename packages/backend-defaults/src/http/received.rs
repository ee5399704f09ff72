//! The body of a request, which knows when it has arrived.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};

use axum::body::{Body, Bytes};
use hyper::body::{Body as HttpBody, Frame, SizeHint};

/// A body that tells when it has arrived whole.
pub(crate) struct Received {
    body: Body,
    whole: Arc<AtomicBool>,
}

impl Received {
    /// The same body, and whether it has arrived whole.
    pub(crate) fn watch(body: Body) -> (Body, Arc<AtomicBool>) {
        let empty = body.is_end_stream();
        let whole = Arc::new(AtomicBool::new(empty));
        let body = if empty { body } else { Body::new(Self { body, whole: Arc::clone(&whole) }) };
        (body, whole)
    }
}

impl HttpBody for Received {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
        if frame.is_none() || self.body.is_end_stream() {
            self.whole.store(true, Ordering::Relaxed);
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
