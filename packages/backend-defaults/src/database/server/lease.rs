use std::sync::Arc;
use std::time::{Duration, Instant};

use deadpool::managed::Object;

use super::Engine;
use super::opener::{Opener, Pooled};
use super::pool::Shared;

/// How long a server may take to see that who asked has gone, and to end what it asked for. Until then the
/// connection is counted.
const ENDING: Duration = Duration::from_millis(1500);

/// A connection that is held. Dropping it gives it back.
pub(super) struct Lease<E: Engine> {
    object: Option<Object<Opener<E>>>,
    /// Something runs on it, or is open: dropping it ends it.
    dirty: bool,
    shared: Arc<Shared<E>>,
}

impl<E: Engine> Lease<E> {
    pub(super) fn new(object: Object<Opener<E>>, transaction: bool, shared: &Arc<Shared<E>>) -> Self {
        shared.held().insert(Object::id(&object), (transaction, Instant::now()));
        Self { object: Some(object), dirty: false, shared: Arc::clone(shared) }
    }

    pub(super) fn connection(&mut self) -> &mut E::Connection {
        &mut self.object.as_mut().expect("it is there until this is dropped").connection
    }

    pub(super) fn shared(&self) -> &Arc<Shared<E>> {
        &self.shared
    }

    /// What the server calls it, if that is known.
    pub(super) fn session(&self) -> Option<i64> {
        self.object.as_ref().and_then(|it| it.session)
    }

    /// Whether it was used before, and not looked at since: it may have been lost meanwhile.
    pub(super) fn is_reused(&self) -> bool {
        self.object.as_ref().is_some_and(|it| it.reused)
    }

    /// Ends the connection, on which nothing runs: another is opened when needed.
    pub(super) async fn close(mut self) {
        if let Some(pooled) = self.take() {
            drop(pooled.close(self.shared.limits.pool.destroy_timeout).await);
        }
    }

    /// Whether dropping it is to end it, and with it what runs on it.
    pub(super) fn set_dirty(&mut self, dirty: bool) {
        self.dirty = dirty;
    }

    /// Ends the connection and with it what runs on it.
    pub(super) fn discard(mut self) {
        self.set_dirty(true);
    }

    /// The connection was lost: the others are looked at before they are used again.
    pub(super) fn lost(mut self) {
        self.shared.note_loss();
        // Nothing is left of it.
        drop(self.take());
    }

    /// The server is not the right one any more: neither this nor the others are used again.
    pub(super) fn retire(mut self) {
        self.shared.retire();
        drop(self.take());
    }

    fn release(&mut self) -> Option<Object<Opener<E>>> {
        let object = self.object.take()?;
        self.shared.held().remove(&Object::id(&object));
        Some(object)
    }

    fn take(&mut self) -> Option<Pooled<E::Connection>> {
        self.release().map(Object::take)
    }
}

impl<E: Engine> Drop for Lease<E> {
    fn drop(&mut self) {
        let Some(mut object) = self.release() else { return };
        let runtime = tokio::runtime::Handle::try_current().ok();
        match runtime {
            Some(runtime) if self.dirty => {
                let slot = Object::take(object).into_slot();
                runtime.spawn(async move {
                    tokio::time::sleep(ENDING).await;
                    drop(slot);
                });
            }
            _ if self.dirty => drop(Object::take(object)),
            Some(runtime) if self.shared.is_closed() => {
                let (pooled, limit) = (Object::take(object), self.shared.limits.pool.destroy_timeout);
                runtime.spawn(async move { drop(pooled.close(limit).await) });
            }
            _ => {
                object.since = Instant::now();
                self.shared.give_back(object);
            }
        }
    }
}
