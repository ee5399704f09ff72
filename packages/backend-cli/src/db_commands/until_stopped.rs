use anyhow::bail;

use crate::signals::Signals;

/// Does it until a signal comes, and then drops it, so that what is unfinished is cleared away.
pub(super) async fn until_stopped<T>(work: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    let mut signals = Signals::catch()?;
    tokio::select! {
        done = work => done,
        (_, name) = signals.next() => bail!("stopped by {name}"),
    }
}
