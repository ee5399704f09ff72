use std::ffi::OsStr;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result};
use embedded_postgres::Account;

/// Waits until its input ends, which it does when the process that holds the other end is gone. Then
/// the server, which is the process in the file `$2`, is ended, with which that file goes, and its
/// folder `$1` is removed.
const WATCH: &str = r#"
cat
pid=$(head -n 1 "$2" 2>/dev/null)
if [ -n "$pid" ] && kill -QUIT "$pid" 2>/dev/null; then
    turns=0
    while [ -e "$2" ] && [ $turns -lt 100 ]; do sleep 0.05; turns=$((turns + 1)); done
    kill -KILL "$pid" 2>/dev/null
fi
rm -rf "$1"
"#;

/// The temporary folder of a server, which is removed, and the server ended, also if this process is
/// killed.
#[derive(Debug)]
pub(crate) struct ServerFolder {
    path: PathBuf,
    account: Account,
    watch: Child,
}

impl ServerFolder {
    /// With the server's `pid_file`, in the folder.
    pub(crate) fn new(account: Account, prefix: &str, pid_file: &str) -> Result<Self> {
        let path = account.make_temporary_folder(&std::env::temp_dir(), prefix)?.keep();
        let mut watch = Command::new("/bin/sh");
        watch.args(["-c", WATCH, "sh"]).arg(&path).arg(path.join(pid_file));
        watch.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).process_group(0);
        let watch = watch.spawn().context("cannot run `/bin/sh`")?;
        Ok(Self { path, account, watch })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn account(&self) -> &Account {
        &self.account
    }

    /// Writes a file that only the server can read.
    pub(crate) fn write(&self, name: impl AsRef<OsStr>, text: &str) -> Result<PathBuf> {
        let path = self.path.join(name.as_ref());
        let written = std::fs::write(&path, text);
        let closed = written.and_then(|()| std::fs::set_permissions(&path, PermissionsExt::from_mode(0o600)));
        closed.with_context(|| format!("cannot write `{}`", path.display()))?;
        self.account.own(&path)?;
        Ok(path)
    }
}

impl Drop for ServerFolder {
    fn drop(&mut self) {
        drop(self.watch.stdin.take());
        // If it could not be waited for, it has ended.
        drop(self.watch.wait());
    }
}

/// A TCP port that is free now.
pub(crate) fn free_port() -> Result<u16> {
    let listener = TcpListener::bind("127.0.0.1:0").and_then(|it| it.local_addr());
    Ok(listener.context("there is no free port")?.port())
}

/// Starts a server at a free port, and at another one if that was taken meanwhile.
pub(crate) fn at_a_free_port<T>(mut start: impl FnMut(u16) -> Result<T>) -> Result<T> {
    let mut tries = 0;
    loop {
        match start(free_port()?) {
            Err(error) if tries < 3 && format!("{error:#}").to_lowercase().contains("address already in use") => {
                tries += 1
            }
            done => return done,
        }
    }
}

/// Between two looks at a server that starts.
#[expect(clippy::disallowed_methods, reason = "this crate blocks, and says so")]
pub(crate) fn pause() {
    std::thread::sleep(Duration::from_millis(5));
}
