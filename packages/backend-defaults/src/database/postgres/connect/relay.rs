//! Hands sqlx a line that it could not have made: through a Unix socket that takes exactly one connection.

use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use tokio::io::{AsyncWriteExt, copy};
use tokio::net::{UnixListener, UnixStream};
use tokio::task::JoinHandle;

use super::line::Line;
use crate::database::postgres::server;

/// A part of the socket's name.
pub(super) const PORT: u16 = 5432;

/// How long the server gets to take what was sent last.
const FAREWELL: Duration = Duration::from_secs(1);

/// A Unix socket in a folder that is this user's alone.
pub(super) struct Relay {
    directory: tempfile::TempDir,
    listener: UnixListener,
}

impl Relay {
    pub(super) fn new() -> io::Result<Self> {
        let alone = std::fs::Permissions::from_mode(0o700);
        let directory = tempfile::Builder::new().prefix("greenroom-").permissions(alone).tempdir()?;
        let listener = UnixListener::bind(server::socket_path(directory.path(), PORT))?;
        Ok(Self { directory, listener })
    }

    pub(super) fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// Takes the one connection, removes the socket, and carries bytes until either side ends.
    ///
    /// Cancel-safe; what carries them runs on by itself, and ends with the error that ended it.
    pub(super) async fn accept(self, line: impl Line) -> io::Result<JoinHandle<io::Result<()>>> {
        let (client, _) = self.listener.accept().await?;
        Ok(tokio::spawn(carry(client, line)))
    }
}

async fn carry(client: UnixStream, line: impl Line) -> io::Result<()> {
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = tokio::io::split(line);
    // Not `copy_bidirectional`: that waits for the other side to end as well, which a dead server does not.
    let ended = tokio::select! {
        ended = copy(&mut from_server, &mut to_client) => ended,
        ended = copy(&mut from_client, &mut to_server) => match ended {
            Ok(bytes) => Ok(bytes),
            // Why the server hung up is in what it said last.
            Err(error) => match tokio::time::timeout(FAREWELL, copy(&mut from_server, &mut to_client)).await {
                Ok(Err(reason)) => Err(reason),
                _ => Err(error),
            },
        },
    };
    let _ = tokio::time::timeout(FAREWELL, to_server.shutdown()).await;
    ended.map(drop)
}
