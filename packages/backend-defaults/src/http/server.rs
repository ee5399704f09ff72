//! Accepts connections, until it is told to stop.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures::future::join_all;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::connection::Connections;

/// How long after an error that concerns the whole process, such as too many open files, the next
/// connection is accepted.
const BACK_OFF: Duration = Duration::from_secs(1);

/// A server that runs. Dropping it changes nothing.
pub(crate) struct Server {
    connections: Arc<Connections>,
    tasks: TaskTracker,
    stop: CancellationToken,
    accepting: Vec<JoinHandle<()>>,
}

impl Server {
    pub(crate) fn start(listeners: Vec<TcpListener>, connections: Arc<Connections>) -> Self {
        let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
        let room = Arc::new(Semaphore::new(connections.limits.max_connections.min(Semaphore::MAX_PERMITS)));
        let accept = |listener| Accept {
            listener,
            connections: Arc::clone(&connections),
            tasks: tasks.clone(),
            room: Arc::clone(&room),
            stop: stop.clone(),
        };
        let accepting = listeners.into_iter().map(|listener| tokio::spawn(accept(listener).run())).collect();
        Self { connections, tasks, stop, accepting }
    }

    /// Goes on for `delay`, then accepts no more connections and waits until all requests are
    /// answered. Dropped before, it ends what is left.
    pub(crate) async fn drain(self, delay: Duration) {
        let Self { connections, tasks, stop, accepting } = self;
        let left = Left { connections: &connections, tasks: &tasks };
        connections.signals.closing.store(true, Ordering::Relaxed);
        sleep(delay).await;
        stop.cancel();
        join_all(accepting).await;
        connections.signals.draining.cancel();
        tasks.close();
        tasks.wait().await;
        drop(left);
    }
}

/// Ends the connections that are left when the time is up.
struct Left<'a> {
    connections: &'a Connections,
    tasks: &'a TaskTracker,
}

impl Drop for Left<'_> {
    fn drop(&mut self) {
        let left = self.tasks.len();
        if left > 0 {
            tracing::warn!("closing {left} connections whose requests took too long to finish");
        }
        self.connections.signals.abort.cancel();
    }
}

struct Accept {
    listener: TcpListener,
    connections: Arc<Connections>,
    tasks: TaskTracker,
    room: Arc<Semaphore>,
    stop: CancellationToken,
}

impl Accept {
    async fn run(self) {
        while let Some(accepted) = self.stop.run_until_cancelled(self.accept()).await {
            match accepted {
                Ok(()) => {}
                Err(error) if concerns_one(&error) => {}
                Err(error) => {
                    tracing::error!("cannot accept connections: {error}");
                    self.stop.run_until_cancelled(sleep(BACK_OFF)).await;
                }
            }
        }
        self.accept_waiting();
    }

    /// Accepts one connection when there is room for it.
    async fn accept(&self) -> io::Result<()> {
        // The semaphore is never closed.
        let Ok(room) = Arc::clone(&self.room).acquire_owned().await else { return Ok(()) };
        let (stream, peer) = self.listener.accept().await?;
        let connection = Arc::clone(&self.connections).serve(stream, peer);
        self.tasks.spawn(async move {
            connection.await;
            drop(room);
        });
        Ok(())
    }

    /// Accepts what the system has accepted for us already: closing the listener would reset it.
    fn accept_waiting(self) {
        let Ok(listener) = self.listener.into_std() else { return };
        while let Ok((stream, peer)) = listener.accept() {
            let Ok(stream) = stream.set_nonblocking(true).and_then(|()| TcpStream::from_std(stream)) else { continue };
            self.tasks.spawn(Arc::clone(&self.connections).serve(stream, peer));
        }
    }
}

/// Whether it is about a connection that ended before it was accepted.
fn concerns_one(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}
