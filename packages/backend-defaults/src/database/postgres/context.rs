//! What the databases of all plugins share.

use std::sync::Arc;

use backend_plugin_api::Secret;
use tokio::sync::Mutex;

use super::connect::{Connector, TlsOffers};
use super::embedded::{EmbeddedServers, Lease};
use super::shared::{Servers, SharedServer};
use super::{Host, Login, Pem, PostgresServer, Roots, SslMode, TlsPlan};
use crate::database::credentials::{CloudSqlInstance, CloudSqlServer, Keyring, PasswordError, PasswordSource};
use crate::database::plan::{BudgetPlan, PostgresPlan};
use crate::database::server;

const PORT: u16 = 5432;

/// One for a backend.
pub(crate) struct PostgresContext {
    servers: Servers,
    offers: Arc<TlsOffers>,
    keyring: Arc<Keyring>,
    embedded: EmbeddedServers,
    /// Where the instances of Cloud SQL are, once asked for.
    located: Mutex<Vec<(CloudSqlInstance, CloudSqlServer)>>,
}

impl PostgresContext {
    pub(crate) fn new(keyring: Arc<Keyring>) -> Self {
        Self {
            servers: Servers::default(),
            offers: Arc::default(),
            keyring,
            embedded: EmbeddedServers::default(),
            located: Mutex::default(),
        }
    }

    /// Where the server is: known from the config, or once a private one runs, or a cloud has told.
    pub(crate) async fn locate(
        &self,
        plan: &PostgresPlan,
    ) -> Result<(PostgresServer, Option<Lease>), server::ConnectError> {
        let server = plan.server.clone();
        if let Some(directory) = &plan.embedded {
            let lease = self.embedded.lease(directory).await?;
            let (hosts, login) = (vec![lease.host()], lease.login());
            return Ok((PostgresServer { hosts, login, ..server }, Some(lease)));
        }
        match &server.login.password {
            PasswordSource::CloudSql(Some(instance)) if server.hosts.is_empty() => {
                let found = self.locate_instance(instance).await?;
                Ok((at(server, found), None))
            }
            _ => Ok((server, None)),
        }
    }

    /// However many plugins ask, the cloud is asked once.
    async fn locate_instance(&self, instance: &CloudSqlInstance) -> Result<CloudSqlServer, server::ConnectError> {
        let mut located = self.located.lock().await;
        if let Some((_, found)) = located.iter().find(|(it, _)| it == instance) {
            return Ok(found.clone());
        }
        let found = self.keyring.locate(instance).await.map_err(|error| Arc::new(error) as server::ConnectError)?;
        located.push((instance.clone(), found.clone()));
        Ok(found)
    }

    pub(super) fn shared(&self, server: &PostgresServer, budget: BudgetPlan) -> Arc<SharedServer> {
        self.servers.get(server.to_string(), budget)
    }

    /// As it is now.
    pub(crate) async fn password(&self, login: &Login) -> Result<Option<Secret<String>>, PasswordError> {
        self.keyring.passwords(&login.password).password(false).await
    }

    /// Connects as `login`.
    pub(crate) fn connector(&self, server: &PostgresServer, login: &Login) -> Connector {
        let passwords = self.keyring.passwords(&login.password);
        let server = PostgresServer { login: login.clone(), ..server.clone() };
        Connector::new(server, passwords).tls_offers(Arc::clone(&self.offers))
    }
}

/// The instance's own authority is the only one that is trusted.
fn at(server: PostgresServer, found: CloudSqlServer) -> PostgresServer {
    let CloudSqlServer { host, ca, server_name } = found;
    let mode = if server_name.is_some() { SslMode::VerifyFull } else { SslMode::VerifyCa };
    let tls = TlsPlan { mode, roots: Roots::Pem(Pem::Text(Secret::new(ca))), server_name, ..server.tls };
    let hosts = vec![Host::Tcp { name: host, address: None, port: PORT }];
    PostgresServer { hosts, tls, ..server }
}
