use std::future::Future;
use std::sync::Arc;

use backend_plugin_api::Secret;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use sea_orm::DatabaseConnection;
use sqlx::mysql::{MySqlConnectOptions, MySqlConnection, MySqlPoolOptions, MySqlSslMode};
use sqlx::{ConnectOptions, Executor, MySqlPool};
use tokio::sync::OnceCell;

use super::error::{MySqlConnectError, MySqlFailure};
use super::server::{MySqlAddress, MySqlServer, MySqlTlsMode};
use crate::database::credentials::Passwords;
use crate::database::postgres::Pem;

/// What each session begins with. `||` joins texts, as sqlx has it.
const BEGIN: &str = "SET sql_mode = CONCAT(@@sql_mode, ',STRICT_TRANS_TABLES,NO_ENGINE_SUBSTITUTION,PIPES_AS_CONCAT'), \
                     time_zone = '+00:00', NAMES utf8mb4";
/// Where no server is.
const NOWHERE: &str = "/nonexistent/the connection was lost";

/// Makes connections to one server.
pub(crate) struct Connector {
    server: MySqlServer,
    passwords: Arc<Passwords>,
    authorities: OnceCell<Vec<u8>>,
}

impl Connector {
    /// Connects to nothing yet.
    pub(super) fn new(server: MySqlServer, passwords: Arc<Passwords>) -> Self {
        Self { server, passwords, authorities: OnceCell::new() }
    }

    /// A connection, to `database` if there is one.
    pub(crate) async fn connect(&self, database: Option<&str>) -> Result<MySqlConnection, MySqlConnectError> {
        self.open(database).await
    }

    /// The same for what works on pools, as migrations do: one connection. When it breaks there is no
    /// other.
    pub(super) async fn connect_alone(&self, database: &str) -> Result<DatabaseConnection, MySqlConnectError> {
        self.open::<MySqlPool>(Some(database)).await.map(DatabaseConnection::from)
    }

    async fn open<O: Open>(&self, database: Option<&str>) -> Result<O, MySqlConnectError> {
        let limit = self.server.connect_timeout;
        let opened = tokio::time::timeout(limit, self.open_with_passwords(database)).await;
        opened.unwrap_or(Err(MySqlFailure::TimedOut(limit))).map_err(|failure| MySqlConnectError {
            server: self.server.address.to_string(),
            user: self.server.login.user.clone(),
            failure,
        })
    }

    /// With a fresh password once, if the first is refused and they differ.
    async fn open_with_passwords<O: Open>(&self, database: Option<&str>) -> Result<O, MySqlFailure> {
        let options = self.options(database).await?;
        let password = self.passwords.password(false).await.map_err(MySqlFailure::Password)?;
        let refused = match self.open_with(&options, password.as_ref()).await {
            Err(failure @ MySqlFailure::Authentication { .. }) => failure,
            done => return done,
        };
        let fresh = self.passwords.password(true).await.map_err(MySqlFailure::Password)?;
        match fresh == password {
            true => Err(refused),
            false => self.open_with(&options, fresh.as_ref()).await,
        }
    }

    async fn open_with<O: Open>(
        &self,
        options: &MySqlConnectOptions,
        password: Option<&Secret<String>>,
    ) -> Result<O, MySqlFailure> {
        let options = match password {
            Some(password) => options.clone().password(password.expose()),
            None => options.clone(),
        };
        let opened = O::open(options).await;
        opened.map_err(|error| MySqlFailure::of(error, &self.server.login.user, password.is_some()))
    }

    /// All but the password.
    async fn options(&self, database: Option<&str>) -> Result<MySqlConnectOptions, MySqlFailure> {
        let MySqlServer { address, login, tls, cleartext, .. } = &self.server;
        // What sqlx would set is set by `BEGIN`.
        let mut options = MySqlConnectOptions::new()
            .username(&login.user)
            .pipes_as_concat(false)
            .no_engine_substitution(false)
            .timezone(None)
            .set_names(false)
            .enable_cleartext_plugin(*cleartext)
            .ssl_mode(match tls.mode {
                MySqlTlsMode::Disabled => MySqlSslMode::Disabled,
                MySqlTlsMode::Preferred => MySqlSslMode::Preferred,
                MySqlTlsMode::Unverified => MySqlSslMode::Required,
                MySqlTlsMode::Verified => MySqlSslMode::VerifyIdentity,
            });
        options = match address {
            MySqlAddress::Tcp { host, port } => options.host(host).port(*port),
            MySqlAddress::Unix(path) => options.socket(path),
        };
        if let Some(database) = database {
            options = options.database(database);
        }
        if let Some(ca) = &tls.ca {
            options = options.ssl_ca_from_pem(read(ca).await?);
        } else if tls.mode == MySqlTlsMode::Verified {
            options = options.ssl_ca_from_pem(self.authorities.get_or_init(authorities).await.clone());
        }
        if let Some(identity) = &tls.identity {
            let (certificate, key) = (read(&identity.certificate).await?, read(&identity.key).await?);
            options = options.ssl_client_cert_from_pem(certificate).ssl_client_key_from_pem(key);
        }
        Ok(options)
    }
}

/// What sqlx opens.
trait Open: Sized + Send {
    fn open(options: MySqlConnectOptions) -> impl Future<Output = Result<Self, sqlx::Error>> + Send;
}

impl Open for MySqlConnection {
    async fn open(options: MySqlConnectOptions) -> Result<Self, sqlx::Error> {
        let mut connection = options.connect().await?;
        connection.execute(BEGIN).await?;
        Ok(connection)
    }
}

impl Open for MySqlPool {
    async fn open(options: MySqlConnectOptions) -> Result<Self, sqlx::Error> {
        let pool = MySqlPoolOptions::new()
            .max_connections(1)
            .idle_timeout(None)
            .max_lifetime(None)
            .test_before_acquire(false)
            .after_connect(|connection, _| Box::pin(async move { connection.execute(BEGIN).await.map(drop) }))
            .connect_with(options)
            .await?;
        // Else it would connect again by itself, without the locks and settings that it had.
        pool.set_connect_options(MySqlConnectOptions::new().socket(NOWHERE));
        Ok(pool)
    }
}

async fn read(pem: &Pem) -> Result<Vec<u8>, MySqlFailure> {
    match pem {
        Pem::Text(text) => Ok(text.expose().clone().into_bytes()),
        Pem::File(file) => tokio::fs::read(file)
            .await
            .map_err(|error| MySqlFailure::Tls(format!("cannot read `{}`: {error}", file.display()))),
    }
}

/// The certificates of the operating system's authorities, as PEM. sqlx knows Mozilla's; other programs look for them in
/// places of their own.
pub async fn authorities() -> Vec<u8> {
    let load = || {
        let found = rustls_native_certs::load_native_certs().certs.into_iter();
        let usable = found.filter(|it| rustls::RootCertStore::empty().add(it.clone()).is_ok());
        let pem = usable.map(|it| {
            let text = BASE64_STANDARD.encode(&it);
            format!("-----BEGIN CERTIFICATE-----\n{text}\n-----END CERTIFICATE-----\n")
        });
        pem.collect::<String>().into_bytes()
    };
    tokio::task::spawn_blocking(load).await.unwrap_or_default()
}
