//! The binary itself, in a folder of its own.

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

/// A folder with a copy of what the project ships, to start the backend in.
pub(crate) struct Home(TempDir);

impl Home {
    /// With `app-config.yaml` as shipped and `local` as `app-config.local.yaml`.
    pub(crate) fn shipped(local: &str) -> Self {
        let home = Self::with_config(&std::fs::read_to_string(crate::root().join("app-config.yaml")).unwrap());
        copy(&crate::root().join("examples"), &home.path().join("examples"));
        home.write("app-config.local.yaml", local);
        home
    }

    /// With this as `app-config.yaml`, and nothing else.
    pub(crate) fn with_config(config: &str) -> Self {
        let home = Self(tempfile::tempdir().unwrap());
        home.write("app-config.yaml", config);
        home
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    pub(crate) fn write(&self, file: &str, text: &str) {
        std::fs::write(self.path().join(file), text).unwrap();
    }

    pub(crate) fn command(&self) -> Command {
        self.command_of(env!("CARGO_BIN_EXE_backend"))
    }

    /// As [`command`](Self::command), of another program.
    pub(crate) fn command_of(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        for variable in ["LOG_LEVEL", "BACKSTAGE_ENV", "RUST_BACKTRACE", "NO_COLOR"] {
            command.env_remove(variable);
        }
        for (variable, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("PG")) {
            command.env_remove(variable);
        }
        command.env("USER", "somebody");
        command.current_dir(self.path()).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Runs a backend that ends by itself.
    ///
    /// # Panics
    /// When it starts.
    pub(crate) fn run(&self) -> Output {
        let mut child = self.command().spawn().unwrap();
        let mut stdout = Vec::new();
        for line in BufReader::new(child.stdout.take().unwrap()).lines() {
            let line = line.unwrap();
            if line.contains("\"address\"") {
                child.kill().unwrap();
                panic!("it started: {line}");
            }
            stdout.extend(line.into_bytes());
        }
        Output { stdout, ..child.wait_with_output().unwrap() }
    }

    /// What a backend that cannot start says, without what differs between runs. It must end with
    /// code 1 and log nothing but what it says.
    pub(crate) fn refusal(&self) -> String {
        let output = self.run();
        let text = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{text}");
        assert!(!text.contains("panicked") && !text.contains("stack backtrace"), "{text}");
        text.replace(&self.path().to_string_lossy().into_owned(), "<home>")
    }

    /// Starts a backend and waits until it says that it has started.
    pub(crate) fn start(&self) -> Backend {
        self.spawn(&mut self.command())
    }

    /// As [`start`](Self::start), by a command of this home's.
    pub(crate) fn spawn(&self, command: &mut Command) -> Backend {
        Backend::wait_for(command.spawn().unwrap())
    }
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let (path, name) = entry.map(|it| (it.path(), it.file_name())).unwrap();
        match path.is_dir() {
            true => copy(&path, &to.join(name)),
            false => drop(std::fs::copy(&path, to.join(name)).unwrap()),
        }
    }
}

/// A backend that has started. Killed when dropped.
pub(crate) struct Backend {
    child: Child,
    log: BufReader<ChildStdout>,
    /// What it logged until it had started.
    pub(crate) started: Vec<Value>,
    url: String,
}

impl Backend {
    fn wait_for(mut child: Child) -> Self {
        let mut log = BufReader::new(child.stdout.take().unwrap());
        let mut started = Vec::new();
        loop {
            let mut line = String::new();
            if log.read_line(&mut line).unwrap() == 0 {
                let mut said = String::new();
                child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
                panic!("it did not start: {said}\n{started:#?}");
            }
            let line: Value = serde_json::from_str(&line).unwrap();
            let url = line["address"].as_str().map(|it| format!("http://{it}"));
            started.push(line);
            if let Some(url) = url {
                return Self { child, log, started, url };
            }
        }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.url)
    }

    /// Waits for a line of the log whose message has this in it.
    pub(crate) fn wait_for_message(&mut self, text: &str) -> String {
        loop {
            let mut line = String::new();
            assert!(self.log.read_line(&mut line).unwrap() > 0, "it ended before it said {text:?}");
            let line: Value = serde_json::from_str(&line).unwrap();
            if let Some(message) = line["message"].as_str().filter(|it| it.contains(text)) {
                return message.to_owned();
            }
        }
    }

    pub(crate) fn signal(&self, name: &str) {
        let kill = Command::new("kill").args([&format!("-{name}"), &self.child.id().to_string()]).status().unwrap();
        assert!(kill.success());
    }

    /// Waits for its end. Returns its exit code and the rest of its log.
    pub(crate) fn ended(mut self) -> (Option<i32>, String) {
        let mut rest = String::new();
        self.log.read_to_string(&mut rest).unwrap();
        (self.child.wait().unwrap().code(), rest)
    }
}

impl Drop for Backend {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
