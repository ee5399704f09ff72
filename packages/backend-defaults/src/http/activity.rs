//! What a connection is doing: whether it can be closed without losing a request.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;

/// What is known of one connection. Its service says when requests begin and end, its
/// [`Watched`] stream when something arrives.
pub(crate) struct Activity {
    opened: Instant,
    in_flight: AtomicUsize,
    requests: AtomicUsize,
    /// Something arrived since the last request ended: the beginning of the next one.
    receiving: AtomicBool,
    /// When it last became idle or began to receive, in milliseconds since `opened`.
    since: AtomicU64,
    moved: AtomicBool,
    http2: AtomicBool,
}

/// What a connection does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Doing {
    /// At least one request is being answered.
    Answering,
    /// Since then a part of a request's head has been there.
    Receiving(Instant),
    /// Nothing, since then.
    Nothing(Instant),
}

/// A request that is being answered, until this is dropped.
pub(crate) struct InFlight(Arc<Activity>);

impl Activity {
    pub(crate) fn new(http2: bool) -> Self {
        Self {
            opened: Instant::now(),
            in_flight: AtomicUsize::new(0),
            requests: AtomicUsize::new(0),
            receiving: AtomicBool::new(false),
            since: AtomicU64::new(0),
            moved: AtomicBool::new(false),
            http2: AtomicBool::new(http2),
        }
    }

    /// A request begins. Tells how many there were on this connection.
    pub(crate) fn begin(self: &Arc<Self>, http2: bool) -> (InFlight, usize) {
        self.in_flight.fetch_add(1, Relaxed);
        if http2 {
            self.http2.store(true, Relaxed);
        }
        (InFlight(Arc::clone(self)), self.requests.fetch_add(1, Relaxed) + 1)
    }

    pub(crate) fn is_http2(&self) -> bool {
        self.http2.load(Relaxed)
    }

    pub(crate) fn doing(&self) -> Doing {
        let since = self.opened + Duration::from_millis(self.since.load(Relaxed));
        // In HTTP/2 what arrives need not belong to a request, and closing never loses one.
        match (self.in_flight.load(Relaxed), self.receiving.load(Relaxed) && !self.is_http2()) {
            (1.., _) => Doing::Answering,
            (0, true) => Doing::Receiving(since),
            (0, false) => Doing::Nothing(since),
        }
    }

    /// Whether a byte went in either direction since this was last asked.
    pub(crate) fn has_moved(&self) -> bool {
        self.moved.swap(false, Relaxed)
    }

    fn received(&self) {
        self.moved.store(true, Relaxed);
        if !self.receiving.load(Relaxed) {
            self.touch();
            self.receiving.store(true, Relaxed);
        }
    }

    fn touch(&self) {
        let now = u64::try_from(self.opened.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.since.store(now, Relaxed);
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.receiving.store(false, Relaxed);
        self.0.touch();
        self.0.in_flight.fetch_sub(1, Relaxed);
    }
}

/// A stream that tells [`Activity`] what moves.
pub(crate) struct Watched<S> {
    pub(crate) stream: S,
    pub(crate) activity: Arc<Activity>,
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(cx, buf))?;
        if buf.filled().len() > before {
            self.activity.received();
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let written = ready!(Pin::new(&mut self.stream).poll_write(cx, buf))?;
        self.activity.moved.store(true, Relaxed);
        Poll::Ready(Ok(written))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = ready!(Pin::new(&mut self.stream).poll_write_vectored(cx, bufs))?;
        self.activity.moved.store(true, Relaxed);
        Poll::Ready(Ok(written))
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
