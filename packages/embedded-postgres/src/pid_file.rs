use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use rustix::process::{Pid, test_kill_process};

use crate::Error;

/// `postmaster.pid`: what a running server says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PidFile {
    pub(crate) pid: u32,
    pub(crate) port: u16,
    /// The folder of its Unix socket.
    pub(crate) socket: PathBuf,
    pub(crate) status: Status,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Status {
    Starting,
    Ready,
    Stopping,
}

impl PidFile {
    pub(crate) fn path(data: &Path) -> PathBuf {
        data.join("postmaster.pid")
    }

    /// `None` if there is none.
    pub(crate) fn read(data: &Path) -> Result<Option<Self>, Error> {
        let file = Self::path(data);
        match std::fs::read(&file) {
            Ok(text) => Ok(Self::parse(&String::from_utf8_lossy(&text))),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(Error::io("read", &file)(error)),
        }
    }

    /// It is written line by line: pid, data folder, time, port, socket's folder, address, shared
    /// memory, status.
    fn parse(text: &str) -> Option<Self> {
        let lines: Vec<_> = text.lines().map(str::trim).collect();
        let line = |index: usize| lines.get(index).copied().unwrap_or_default();
        let status = match line(7) {
            "ready" | "standby" => Status::Ready,
            "stopping" => Status::Stopping,
            _ => Status::Starting,
        };
        let pid = line(0).parse::<i32>().ok()?.unsigned_abs();
        Some(Self { pid, port: line(3).parse().unwrap_or(0), socket: line(4).into(), status })
    }

    /// Whether it is of a server that runs. Process ids are given again, so that the process has to be
    /// in the data folder, or somebody has to answer at the socket.
    pub(crate) fn is_true(&self, data: &Path) -> bool {
        let of_process = || {
            let folder = std::fs::read_link(format!("/proc/{}/cwd", self.pid)).ok()?;
            Some(folder == std::fs::canonicalize(data).ok()?)
        };
        let answers = || UnixStream::connect(self.socket.join(format!(".s.PGSQL.{}", self.port))).is_ok();
        (is_alive(self.pid) && of_process() == Some(true)) || answers()
    }
}

pub(crate) fn pid(pid: u32) -> Option<Pid> {
    Pid::from_raw(i32::try_from(pid).ok()?)
}

pub(crate) fn is_alive(id: u32) -> bool {
    pid(id).is_some_and(|it| test_kill_process(it) != Err(rustix::io::Errno::SRCH))
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_pid_file_may_be_half_written() {
        let text = "4711\n/a b/data\n1763625600\n5432\n/a b/socket\n\n 1234 56\nready   \n";
        let whole = PidFile::parse(text).unwrap();
        assert_eq!(
            (whole.pid, whole.port, whole.socket, whole.status),
            (4711, 5432, "/a b/socket".into(), Status::Ready)
        );
        let half = PidFile::parse("4711\n/a b/data\n").unwrap();
        assert_eq!((half.pid, half.status), (4711, Status::Starting));
        assert_eq!(PidFile::parse("-4711").unwrap().pid, 4711, "a server for one user");
        assert_eq!(PidFile::parse(&text.replace("ready", "stopping")).unwrap().status, Status::Stopping);
        assert_eq!(PidFile::parse(""), None);
    }

    proptest! {
        #[test]
        fn no_text_is_too_much(text in any::<String>()) {
            PidFile::parse(&text);
        }
    }
}
