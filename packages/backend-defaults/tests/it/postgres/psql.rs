//! One connection, made by us and by `psql`.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use backend_defaults::database::postgres::{Host, Identity, Pem, PostgresServer, Roots, SslMode, TlsPlan};
use test_servers::Postgres;

use super::server::PASSWORD;
use super::{ask, connect, plan};

pub(super) const MODES: [(SslMode, &str); 6] = [
    (SslMode::Disable, "disable"),
    (SslMode::Allow, "allow"),
    (SslMode::Prefer, "prefer"),
    (SslMode::Require, "require"),
    (SslMode::VerifyCa, "verify-ca"),
    (SslMode::VerifyFull, "verify-full"),
];

/// Whether the session is.
pub(super) const ENCRYPTED: &str =
    "SELECT CASE WHEN ssl THEN 'encrypted' ELSE 'plain' END FROM pg_stat_ssl WHERE pid = pg_backend_pid()";

/// One cell of the table, for both.
pub(super) struct Case<'a> {
    pub(super) host: Host,
    pub(super) user: &'a str,
    pub(super) mode: (SslMode, &'a str),
    /// libpq's, given; else the one in the home folder.
    pub(super) root: Option<&'a Path>,
    pub(super) home: &'a Path,
    /// A certificate and its key.
    pub(super) identity: Option<(&'a Path, &'a Path)>,
}

impl Case<'_> {
    pub(super) fn plan(&self) -> PostgresServer {
        let root = self.root.map_or_else(|| self.home.join(".postgresql/root.crt"), Path::to_path_buf);
        let identity = self.identity.map(|(certificate, key)| Identity {
            certificate: Pem::File(certificate.to_owned()),
            key: Pem::File(key.to_owned()),
        });
        let tls = TlsPlan { mode: self.mode.0, roots: Roots::LibpqFile(root), identity, server_name: None };
        PostgresServer { tls, ..plan(self.host.clone(), self.user) }
    }

    /// `encrypted`, `plain`, or `refused`, with what was said.
    async fn ours(&self) -> (String, String) {
        match connect(self.plan()).await {
            Ok(mut connection) => (ask(&mut connection, ENCRYPTED).await, String::new()),
            Err(error) => ("refused".to_owned(), error.to_string()),
        }
    }

    fn psql(&self) -> (String, String) {
        let Host::Tcp { name, address, port } = &self.host else { unreachable!() };
        let mut parameters = format!(
            "host={name} port={port} user={} dbname=postgres sslmode={} gssencmode=disable connect_timeout=20",
            self.user, self.mode.1
        );
        if let Some(address) = address {
            parameters += &format!(" hostaddr={address}");
        }
        if let Some(root) = self.root {
            parameters += &format!(" sslrootcert={}", root.display());
        }
        if let Some((certificate, key)) = self.identity {
            parameters += &format!(" sslcert={} sslkey={}", certificate.display(), key.display());
        }
        let mut psql = Command::new(Postgres::program().unwrap().with_file_name("psql"));
        psql.env_clear().env("HOME", self.home).env("PGPASSWORD", PASSWORD).args(["-XAtw", "-c", ENCRYPTED]);
        let output = psql.arg(parameters).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        match output.status.success() {
            true => (String::from_utf8(output.stdout).unwrap().trim().to_owned(), said),
            false => ("refused".to_owned(), said),
        }
    }

    /// What both did, or how they differ.
    pub(super) async fn compare(&self, title: &str) -> Result<String, String> {
        let ((ours, our_words), (theirs, their_words)) = (self.ours().await, self.psql());
        if ours == theirs {
            return Ok(ours);
        }
        let mode = self.mode.1;
        Err(format!("{title} {mode}: we {ours}, psql {theirs}\n    we: {our_words}\n    psql: {their_words}"))
    }
}

/// Files of a test.
pub(super) struct Files(tempfile::TempDir);

impl Files {
    pub(super) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(super) fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        path
    }

    pub(super) fn path(&self) -> &Path {
        self.0.path()
    }
}
