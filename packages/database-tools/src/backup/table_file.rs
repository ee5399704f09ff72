//! The file of one table, written and read in little memory.

use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use sha2::{Digest as _, Sha256};
use tokio::sync::mpsc;
use tokio::task::{JoinHandle, spawn_blocking};

use super::folder::create;

/// Zstandard's own default.
const LEVEL: i32 = 3;
/// How many pieces may wait to be compressed.
const WAITING: usize = 2;

/// What was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Written {
    pub(super) bytes: u64,
    pub(super) sha256: String,
}

impl Written {
    /// That the file is still this one.
    pub(super) fn check(&self, path: &Path) -> anyhow::Result<()> {
        let mut file = self.open(path)?;
        io::copy(&mut file, &mut io::sink())?;
        self.compare(file)
    }

    fn open(&self, path: &Path) -> anyhow::Result<Hashed<File>> {
        let inner = File::open(path)?;
        let bytes = inner.metadata()?.len();
        anyhow::ensure!(bytes == self.bytes, "it has {bytes} bytes, and had {} when it was written", self.bytes);
        Ok(Hashed { inner, hash: Sha256::new(), bytes: 0 })
    }

    fn compare(&self, read: Hashed<File>) -> anyhow::Result<()> {
        let found = read.written();
        anyhow::ensure!(found == *self, "its SHA-256 is {}, and was {}", found.sha256, self.sha256);
        Ok(())
    }
}

/// Compresses and writes in a thread of its own.
pub(super) struct Writer {
    path: PathBuf,
    pieces: mpsc::Sender<Vec<u8>>,
    thread: JoinHandle<io::Result<Written>>,
}

impl Writer {
    /// The file is not there yet.
    pub(super) fn create(path: &Path) -> Self {
        let (pieces, receiver) = mpsc::channel(WAITING);
        let own = path.to_owned();
        Self { path: path.to_owned(), pieces, thread: spawn_blocking(move || write(&own, receiver)) }
    }

    /// Whether it can go on; else [`Self::finish`] says why not.
    pub(super) async fn add(&self, lines: Vec<u8>) -> bool {
        self.pieces.send(lines).await.is_ok()
    }

    /// All of it is on the disk.
    pub(super) async fn finish(self) -> anyhow::Result<Written> {
        drop(self.pieces);
        let written = self.thread.await.map_err(io::Error::other).flatten();
        written.with_context(|| format!("cannot write `{}`", self.path.display()))
    }
}

fn write(path: &Path, mut pieces: mpsc::Receiver<Vec<u8>>) -> io::Result<Written> {
    let hashed = Hashed { inner: create(path)?, hash: Sha256::new(), bytes: 0 };
    let mut encoder = zstd::Encoder::new(BufWriter::with_capacity(128 * 1024, hashed), LEVEL)?;
    encoder.include_checksum(true)?;
    while let Some(piece) = pieces.blocking_recv() {
        encoder.write_all(&piece)?;
    }
    let hashed = encoder.finish()?.into_inner().map_err(io::IntoInnerError::into_error)?;
    hashed.inner.sync_all()?;
    Ok(hashed.written())
}

/// Reads the lines of a file that was written so, and calls `line` with each.
///
/// # Errors
/// When it is not the same file, or what `line` says.
pub(super) fn read(
    path: &Path,
    wanted: &Written,
    mut line: impl FnMut(&str) -> anyhow::Result<Flow>,
) -> anyhow::Result<()> {
    let mut lines = BufReader::with_capacity(128 * 1024, zstd::Decoder::new(wanted.open(path)?)?);
    let mut text = String::new();
    while lines.read_line(&mut text)? > 0 {
        if line(text.trim_end_matches('\n'))? == Flow::End {
            return Ok(());
        }
        text.clear();
    }
    let mut compressed = lines.into_inner().finish();
    // What comes after the compressed part.
    io::copy(&mut compressed, &mut io::sink())?;
    wanted.compare(compressed.into_inner())
}

/// Whether to go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flow {
    Go,
    End,
}

struct Hashed<T> {
    inner: T,
    hash: Sha256,
    bytes: u64,
}

impl<T> Hashed<T> {
    fn written(self) -> Written {
        let sha256 = self.hash.finalize().iter().map(|it| format!("{it:02x}")).collect();
        Written { bytes: self.bytes, sha256 }
    }

    fn add(&mut self, bytes: &[u8]) {
        self.hash.update(bytes);
        self.bytes += bytes.len() as u64;
    }
}

impl<T: Write> Write for Hashed<T> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.inner.write(bytes)?;
        self.add(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

impl<T: Read> Read for Hashed<T> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(bytes)?;
        self.add(&bytes[..read]);
        Ok(read)
    }
}
