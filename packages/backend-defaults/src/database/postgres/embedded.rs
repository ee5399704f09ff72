//! Private servers, which the backend runs itself.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use embedded_postgres::{Cluster, Options, USER};
use tokio::task::spawn_blocking;

use super::{Host, Login};
use crate::database::credentials::PasswordSource;
use crate::database::server::ConnectError;

/// Every plugin has a pool of its own, and there may be dozens. PostgreSQL: 100.
const MAX_CONNECTIONS: &str = "500";

/// The private servers of a backend: one a folder, however many plugins are on it.
#[derive(Default)]
pub(crate) struct EmbeddedServers(Mutex<HashMap<PathBuf, Arc<Server>>>);

struct Server {
    directory: PathBuf,
    state: tokio::sync::Mutex<State>,
}

#[derive(Default)]
enum State {
    #[default]
    Stopped,
    Running {
        cluster: Cluster,
        leases: usize,
    },
    /// Nothing changes by trying again for each plugin.
    Failed(ConnectError),
}

/// Keeps a server running, until it is released.
pub(crate) struct Lease {
    server: Arc<Server>,
    host: Host,
    released: AtomicBool,
}

impl EmbeddedServers {
    /// The server of the folder, which is started for the first who asks.
    pub(crate) async fn lease(&self, directory: &Path) -> Result<Lease, ConnectError> {
        let server = self.server(directory);
        let mut state = server.state.lock().await;
        if matches!(*state, State::Stopped) {
            *state = match start(directory).await {
                Ok(cluster) => State::Running { cluster, leases: 0 },
                Err(error) => State::Failed(error),
            };
        }
        let host = match &mut *state {
            State::Running { cluster, leases } => {
                *leases += 1;
                Host::Unix { directory: cluster.socket().to_owned(), port: cluster.port() }
            }
            State::Failed(error) => return Err(Arc::clone(error)),
            State::Stopped => return Err(Arc::new(std::io::Error::other("it was stopped"))),
        };
        drop(state);
        Ok(Lease { server, host, released: AtomicBool::new(false) })
    }

    fn server(&self, directory: &Path) -> Arc<Server> {
        let directory = std::path::absolute(directory).unwrap_or_else(|_| directory.to_owned());
        let mut servers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let server = servers.entry(directory.clone());
        Arc::clone(server.or_insert_with(|| Arc::new(Server { directory, state: tokio::sync::Mutex::default() })))
    }
}

impl Lease {
    /// Where the server is.
    pub(crate) fn host(&self) -> Host {
        self.host.clone()
    }

    /// Who connects: only this backend's user can get to the server.
    pub(crate) fn login(&self) -> Login {
        Login { user: USER.to_owned(), password: PasswordSource::None }
    }

    /// Stops the server, if this was the last lease. A second time it does nothing.
    pub(crate) async fn release(&self) {
        if self.released.swap(true, Ordering::AcqRel) {
            return;
        }
        let mut state = self.server.state.lock().await;
        if let State::Running { leases, .. } = &mut *state {
            *leases -= 1;
            if *leases > 0 {
                return;
            }
        }
        if let State::Running { cluster, .. } = std::mem::take(&mut *state)
            && let Ok(Err(error)) = spawn_blocking(|| cluster.stop()).await
        {
            tracing::warn!("{error}");
        }
        tracing::debug!("left the PostgreSQL in `{}`", self.server.directory.display());
    }
}

async fn start(directory: &Path) -> Result<Cluster, ConnectError> {
    let mut options = Options::new(directory, std::env::var_os("PATH"));
    options.settings.push(("max_connections".to_owned(), MAX_CONNECTIONS.to_owned()));
    let started = spawn_blocking(move || Cluster::start(&options)).await;
    let cluster = started.map_err(|panic| Arc::new(panic) as ConnectError)?;
    let cluster = cluster.map_err(|error| Arc::new(error) as ConnectError)?;
    let done = if cluster.was_started() { "started" } else { "uses the running" };
    let socket = cluster.socket().display();
    tracing::info!(
        "{done} PostgreSQL {} in `{}`: psql -h '{socket}' -U {USER}",
        cluster.version(),
        directory.display()
    );
    Ok(cluster)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use futures::future::join_all;

    use super::*;

    fn is_running(directory: &Path) -> bool {
        directory.join("data/postmaster.pid").exists()
    }

    #[tokio::test]
    async fn one_server_runs_for_all_plugins_until_the_last_is_closed() {
        let folder = tempfile::tempdir().unwrap();
        let directory = folder.path().join("postgres");
        let servers = EmbeddedServers::default();
        let leases: Vec<_> = join_all((0..8).map(|_| servers.lease(&directory))).await;
        let leases: Vec<_> = leases.into_iter().map(Result::unwrap).collect();
        assert!(leases.iter().all(|it| it.host() == leases[0].host()));
        for lease in &leases[1..] {
            lease.release().await;
            lease.release().await;
        }
        assert!(is_running(&directory));
        leases[0].release().await;
        assert!(!is_running(&directory));

        let again = servers.lease(&directory).await.unwrap();
        assert!(is_running(&directory));
        again.release().await;
    }

    #[tokio::test]
    async fn a_failure_is_told_to_each() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        std::fs::write(&file, "").unwrap();
        let servers = EmbeddedServers::default();
        for lease in join_all((0..2).map(|_| servers.lease(&file))).await {
            let error = lease.err().unwrap().to_string();
            assert_eq!(error, format!("cannot make the folder `{}`: File exists (os error 17)", file.display()));
        }
    }
}
