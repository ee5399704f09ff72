use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Signal, kill_process};

use crate::initdb::without_settings;
use crate::pid_file::{self, PidFile, Status};
use crate::wait::wait;
use crate::{Account, Binaries, Error};

/// How long a server may take to stop when it is asked, and then when it is told.
const STOP_TIMES: [(Signal, Duration); 3] = [
    (Signal::INT, Duration::from_secs(30)),
    (Signal::QUIT, Duration::from_secs(10)),
    (Signal::KILL, Duration::from_secs(5)),
];
/// From this size on, a new log is begun when the server is started.
const LOG_BYTES: u64 = 1 << 20;
/// Of the log, in errors.
const LOG_LINES: usize = 8;

/// What a server is started with.
#[derive(Clone, Copy, Debug)]
pub struct Start<'a> {
    /// The programs.
    pub binaries: &'a Binaries,
    /// As whom it is run.
    pub account: &'a Account,
    /// Made by [`initdb`](crate::initdb).
    pub data: &'a Path,
    /// What it writes is added to this file.
    pub log: &'a Path,
    /// As in `postgresql.conf`, and stronger than that.
    pub settings: &'a [(String, String)],
    /// How long it may take until it is ready.
    pub timeout: Duration,
}

/// A running server. It goes on when this is dropped.
#[derive(Debug)]
pub struct Server {
    data: PathBuf,
    pid: u32,
    port: u16,
    socket: PathBuf,
    /// If this process started it.
    child: Option<Child>,
}

impl Server {
    /// Starts it and waits until it is ready. A `postmaster.pid` that a killed server left is no
    /// hindrance.
    ///
    /// # Errors
    /// When it ends or is not ready in time: with the last lines of its log.
    pub fn start(start: Start<'_>) -> Result<Self, Error> {
        let until = Instant::now() + start.timeout;
        loop {
            match Self::start_once(start, until) {
                // Those who served a killed server end soon after it.
                Err(Error::Exited { log, .. }) if log.contains("is still in use") && Instant::now() < until => {}
                done => return done,
            }
        }
    }

    fn start_once(start: Start<'_>, until: Instant) -> Result<Self, Error> {
        let data = start.data;
        // PostgreSQL sees that a process is not there any more, but takes any other one for a server.
        if PidFile::read(data)?.is_some_and(|it| !it.is_true(data)) {
            let file = PidFile::path(data);
            std::fs::remove_file(&file).map_err(Error::io("remove", &file))?;
        }
        let (log_file, log) = Log::open(start.log)?;
        let mut command = start.account.command(start.binaries.program("postgres"));
        without_settings(&mut command).arg("-D").arg(data).current_dir(data).stdout(Stdio::null());
        command.stderr(log_file);
        command.args(start.settings.iter().flat_map(|(name, value)| ["-c".to_owned(), format!("{name}={value}")]));
        let mut child = command.spawn().map_err(Error::io("run", &start.binaries.program("postgres")))?;

        let ready = wait(until, || {
            if let Some(status) = child.try_wait().map_err(Error::io("wait for the server in", data))? {
                return Err(Error::Exited { data: data.to_owned(), status, log: log.last_lines() });
            }
            Ok(PidFile::read(data)?.filter(|it| it.pid == child.id() && it.status == Status::Ready))
        });
        let server = |file: PidFile| Self {
            data: data.to_owned(),
            pid: file.pid,
            port: file.port,
            socket: file.socket,
            child: None,
        };
        match ready {
            Ok(Some(file)) => Ok(Self { child: Some(child), ..server(file) }),
            Ok(None) => {
                let late = Error::NotReady { data: data.to_owned(), waited: start.timeout, log: log.last_lines() };
                let file = PidFile { pid: child.id(), port: 0, socket: PathBuf::new(), status: Status::Starting };
                Self { child: Some(child), ..server(file) }.stop().and(Err(late))
            }
            Err(error) => Err(error),
        }
    }

    /// The server that runs on `data`, waited for if it is just starting; one that is just stopping is
    /// waited for and is none.
    ///
    /// # Errors
    /// When it does not come to an end with that in time.
    pub fn running(data: &Path, timeout: Duration) -> Result<Option<Self>, Error> {
        let found = wait(Instant::now() + timeout, || {
            let file = PidFile::read(data)?;
            Ok(match file.filter(|it| it.is_true(data)) {
                None => Some(None),
                Some(file) if file.status == Status::Ready => Some(Some(file)),
                Some(_) => None,
            })
        })?;
        match found {
            Some(file) => Ok(file.map(|PidFile { pid, port, socket, .. }| Self {
                data: data.to_owned(),
                pid,
                port,
                socket,
                child: None,
            })),
            None => Err(Error::NotReady {
                data: data.to_owned(),
                waited: timeout,
                log: "another process started it".into(),
            }),
        }
    }

    /// Part of the socket's name, also without TCP.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The folder of its Unix socket.
    pub fn socket(&self) -> &Path {
        &self.socket
    }

    /// Its process.
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// Ends what it is doing, and stops it: what is committed stays.
    ///
    /// # Errors
    /// When it does not end.
    pub fn stop(&mut self) -> Result<(), Error> {
        for (signal, time) in STOP_TIMES {
            self.signal(signal);
            let until = Instant::now() + time;
            if wait(until, || Ok(self.has_ended()?.then_some(())))?.is_some() {
                return Ok(());
            }
        }
        Err(Error::NotStopped { data: self.data.clone(), pid: self.pid })
    }

    /// As a crash would: what is committed stays, if it was started with `fsync`.
    ///
    /// # Errors
    /// When it does not end.
    pub fn kill(&mut self) -> Result<(), Error> {
        self.signal(Signal::KILL);
        match wait(Instant::now() + Duration::from_secs(10), || Ok(self.has_ended()?.then_some(())))? {
            Some(()) => Ok(()),
            None => Err(Error::NotStopped { data: self.data.clone(), pid: self.pid }),
        }
    }

    fn signal(&self, signal: Signal) {
        if let Some(pid) = pid_file::pid(self.pid) {
            // Fails if it has ended, which is what is wanted.
            let _ = kill_process(pid, signal);
        }
    }

    fn has_ended(&mut self) -> Result<bool, Error> {
        if let Some(child) = &mut self.child {
            return Ok(child.try_wait().map_err(Error::io("wait for the server in", &self.data))?.is_some());
        }
        // The process of another parent stays a zombie for as long as that likes.
        let named = PidFile::read(&self.data)?.is_some_and(|it| it.pid == self.pid);
        Ok(!named || !pid_file::is_alive(self.pid))
    }
}

/// What was written to the log from here on.
struct Log<'a> {
    path: &'a Path,
    start: u64,
}

impl<'a> Log<'a> {
    fn open(path: &'a Path) -> Result<(File, Self), Error> {
        if path.metadata().is_ok_and(|it| it.len() > LOG_BYTES) {
            let mut old = path.as_os_str().to_owned();
            old.push(".old");
            std::fs::rename(path, &old).map_err(Error::io("rename", path))?;
        }
        let file = OpenOptions::new().append(true).create(true).mode(0o600).open(path);
        let file = file.map_err(Error::io("open", path))?;
        let start = file.metadata().map_err(Error::io("read", path))?.len();
        Ok((file, Self { path, start }))
    }

    fn last_lines(&self) -> String {
        let text = self.text().unwrap_or_default();
        let lines: Vec<_> = text.lines().map(str::trim).filter(|it| !it.is_empty()).collect();
        match lines.is_empty() {
            true => format!("it wrote nothing to `{}`", self.path.display()),
            false => lines[lines.len().saturating_sub(LOG_LINES)..].join("; "),
        }
    }

    fn text(&self) -> std::io::Result<String> {
        let mut file = File::open(self.path)?;
        file.seek(SeekFrom::Start(self.start))?;
        let mut text = Vec::new();
        file.take(LOG_BYTES).read_to_end(&mut text)?;
        Ok(String::from_utf8_lossy(&text).into_owned())
    }
}
