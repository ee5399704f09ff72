//! Servers of a test's own.

use std::fs;
use std::path::PathBuf;

use test_servers::{Postgres, PostgresOptions, SqlServer, Tls};

use super::pki::Pair;

/// Everybody's.
pub(super) const PASSWORD: &str = "correct horse";

/// Who may come in how is said by the user's name.
const HBA: &str = "\
local     all postgres                 trust
local     all stranger                 trust
local     all all                      scram-sha-256
host      all either      0.0.0.0/0    scram-sha-256
hostssl   all tls_only    0.0.0.0/0    scram-sha-256
hostnossl all plain_only  0.0.0.0/0    scram-sha-256
hostssl   all certified   0.0.0.0/0    scram-sha-256 clientcert=verify-full
";

const USERS: [&str; 4] = ["either", "tls_only", "plain_only", "certified"];

pub(super) struct Server {
    postgres: Postgres,
}

impl Server {
    /// Without TLS.
    pub(super) fn start() -> Self {
        Self::with(None)
    }

    /// With TLS.
    pub(super) fn with_tls(pair: &Pair, client_ca: &str) -> Self {
        let (certificate, key) = (pair.certificate.clone(), pair.key.clone());
        Self::with(Some(Tls { certificate, key, client_ca: Some(client_ca.to_owned()) }))
    }

    fn with(tls: Option<Tls>) -> Self {
        let settings = vec![("listen_addresses", "127.0.0.1,127.0.0.2")];
        let postgres = Postgres::start(&PostgresOptions { tls, hba: Some(HBA.to_owned()), settings }).unwrap();
        let server = Self { postgres };
        for user in USERS {
            server.sql(&format!("CREATE ROLE {user} LOGIN PASSWORD '{PASSWORD}'"));
        }
        server
    }

    /// Makes it a standby, with nothing to follow.
    pub(super) fn stand_by(&mut self) {
        let signal = PathBuf::from(self.sql("SHOW data_directory")).join("standby.signal");
        self.postgres.stop().unwrap();
        fs::write(signal, "").unwrap();
        self.postgres.restart().unwrap();
    }

    /// From now on with this certificate.
    pub(super) fn present(&self, pair: &Pair) {
        fs::write(self.sql("SHOW ssl_cert_file"), &pair.certificate).unwrap();
        fs::write(self.sql("SHOW ssl_key_file"), &pair.key).unwrap();
        self.reload();
    }

    /// Reads its settings again.
    pub(super) fn reload(&self) {
        let before = self.sql("SELECT pg_conf_load_time()");
        self.sql("SELECT pg_reload_conf()");
        while self.sql("SELECT pg_conf_load_time()") == before {}
    }

    /// As the superuser.
    pub(super) fn sql(&self, sql: &str) -> String {
        self.postgres.address().sql(sql).unwrap()
    }

    pub(super) fn port(&self) -> u16 {
        self.postgres.address().port()
    }

    pub(super) fn socket_directory(&self) -> PathBuf {
        self.postgres.address().socket().to_owned()
    }
}
