//! One connection, from the handshake to its end.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::body::Body;
use futures::StreamExt;
use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use http::header::CONNECTION;
use http::{HeaderValue, Request, Response, StatusCode, Version};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use super::activity::{Activity, Doing, Watched};
use super::app::App;
use super::config::ServerConfig;
use super::response::ResponseBody;

/// How long a connection without a request stays open once the server drains: a client that has
/// just sent one does not know yet that it should not have.
const LINGER: Duration = Duration::from_millis(100);

/// How often an HTTP/2 client that is silent is asked whether it is still there.
const HTTP2_PING: Duration = Duration::from_secs(30);

/// What all connections share.
pub(crate) struct Connections {
    pub(crate) app: Arc<App>,
    pub(crate) tls: Option<TlsAcceptor>,
    pub(crate) limits: ServerConfig,
    pub(crate) signals: Signals,
    pub(crate) http: Builder<TokioExecutor>,
}

/// What connections are told when the server stops, in this order.
#[derive(Default)]
pub(crate) struct Signals {
    /// Say with each answer that it is the last one.
    pub(crate) closing: AtomicBool,
    /// End as soon as no request is lost by it.
    pub(crate) draining: CancellationToken,
    /// End now.
    pub(crate) abort: CancellationToken,
}

/// The HTTP of every connection.
pub(crate) fn http(limits: &ServerConfig) -> Builder<TokioExecutor> {
    let mut http = Builder::new(TokioExecutor::new());
    // hyper counts the time between requests as time to read a head; `watch` keeps them apart.
    http.http1().header_read_timeout(None);
    if let Some(max) = limits.max_headers_count {
        http.http1().max_headers(max);
    }
    http.http2().timer(TokioTimer::new()).keep_alive_interval(HTTP2_PING);
    http
}

impl Connections {
    /// Serves a connection until it ends.
    pub(crate) async fn serve(self: Arc<Self>, stream: TcpStream, peer: SocketAddr) {
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%peer, "the connection ended: {error}");
        } else if let Some(tls) = self.tls.clone() {
            let handshake = timeout(self.limits.headers_timeout.get(), tls.accept(stream));
            let shaken = tokio::select! {
                shaken = handshake => shaken,
                () = self.lingered() => return,
            };
            match shaken {
                Ok(Ok(stream)) => {
                    let http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
                    self.serve_http(stream, peer, http2).await;
                }
                Ok(Err(error)) => tracing::debug!(%peer, "no TLS handshake: {error}"),
                Err(_) => tracing::debug!(%peer, "no TLS handshake in time"),
            }
        } else {
            self.serve_http(stream, peer, false).await;
        }
    }

    /// `http2`: known to be, before the first request.
    async fn serve_http<S>(self: Arc<Self>, stream: S, peer: SocketAddr, http2: bool)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let activity = Arc::new(Activity::new(http2));
        let service = {
            let (connections, activity) = (Arc::clone(&self), Arc::clone(&activity));
            service_fn(move |request| {
                let (connections, activity) = (Arc::clone(&connections), Arc::clone(&activity));
                async move { Ok::<_, std::convert::Infallible>(connections.answer(request, &activity, peer).await) }
            })
        };
        let stream = TokioIo::new(Watched { stream, activity: Arc::clone(&activity) });
        let mut http = std::pin::pin!(self.http.serve_connection_with_upgrades(stream, service));
        // In a collection: so it is polled when it has something to say, not whenever `http` has.
        let mut orders = FuturesUnordered::<BoxFuture<'_, Order>>::from_iter([self.watch(&activity)]);
        loop {
            tokio::select! {
                biased;
                ended = http.as_mut() => {
                    if let Err(error) = ended {
                        tracing::debug!(%peer, "the connection ended: {error}");
                    }
                    return;
                }
                Some(order) = orders.next() => match order {
                    Order::Finish => {
                        http.as_mut().graceful_shutdown();
                        orders.push(Box::pin(self.aborted()));
                    }
                    Order::Cut => return,
                },
            }
        }
    }

    async fn answer(
        &self,
        request: Request<Incoming>,
        activity: &Arc<Activity>,
        peer: SocketAddr,
    ) -> Response<ResponseBody> {
        let http2 = request.version() == Version::HTTP_2;
        let (in_flight, nth) = activity.begin(http2);
        let mut response = self.app.answer(request.map(Body::new), peer).await;
        let max = self.limits.max_requests_per_socket;
        let last = self.signals.closing.load(Ordering::Relaxed) || (max > 0 && nth >= max);
        if last && !http2 && response.status() != StatusCode::SWITCHING_PROTOCOLS {
            response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        }
        response.map(|body| body.held_by(in_flight))
    }
}

/// What becomes of a connection.
enum Order {
    /// It takes no more requests.
    Finish,
    /// It ends now.
    Cut,
}

impl Connections {
    fn watch<'a>(&'a self, activity: &'a Activity) -> BoxFuture<'a, Order> {
        Box::pin(async move {
            tokio::select! {
                order = self.idle(activity) => order,
                order = self.stuck(activity) => order,
                order = self.drained(activity) => order,
                order = self.aborted() => order,
            }
        })
    }

    /// When nothing happened, or a part of a head came and no more, for as long as it may.
    async fn idle(&self, activity: &Activity) -> Order {
        let (head, idle) = (self.limits.headers_timeout.get(), self.limits.keep_alive_timeout.get());
        loop {
            let now = Instant::now();
            let (deadline, order) = match activity.doing() {
                Doing::Answering => (now + head.min(idle), Order::Finish),
                Doing::Receiving(since) => (since + head, Order::Cut),
                Doing::Nothing(since) => (since + idle, Order::Finish),
            };
            if deadline <= now {
                return order;
            }
            sleep_until(deadline.min(now + head.min(idle))).await;
        }
    }

    /// When nothing moved while a request is answered.
    async fn stuck(&self, activity: &Activity) -> Order {
        let limit = self.limits.timeout.get();
        if limit.is_zero() {
            return std::future::pending().await;
        }
        while activity.has_moved() || activity.doing() != Doing::Answering {
            sleep(limit).await;
        }
        Order::Cut
    }

    /// When the server drains and no request is lost.
    async fn drained(&self, activity: &Activity) -> Order {
        self.signals.draining.cancelled().await;
        // HTTP/2 tells which requests are still answered; in HTTP/1 a client may just be asking.
        while !activity.is_http2() {
            sleep(LINGER).await;
            if !matches!(activity.doing(), Doing::Receiving(_)) {
                break;
            }
        }
        Order::Finish
    }

    async fn lingered(&self) {
        self.signals.draining.cancelled().await;
        sleep(LINGER).await;
    }

    async fn aborted(&self) -> Order {
        self.signals.abort.cancelled().await;
        Order::Cut
    }
}
