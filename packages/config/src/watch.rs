//! Tells of every change of the config while the program runs.

use std::{
    collections::BTreeSet,
    fmt,
    path::{Path, PathBuf},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread,
    time::{Duration, Instant, SystemTime},
};

use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher};

use crate::{Config, ConfigErrors, Sources, include::resolve, load};

/// How long there has to be silence after a change, as one edit comes as several.
const QUIET: Duration = Duration::from_millis(100);
/// After which time silence is no longer waited for.
const LONGEST: Duration = Duration::from_secs(1);
const MOST_LINKS: usize = 20;

/// What a change of the sources led to.
#[derive(Clone, Debug)]
pub enum Reload {
    /// There is a new config.
    Changed {
        /// All of it.
        config: Config,
        /// The full keys whose values are new, other or gone.
        keys: Vec<String>,
    },
    /// The sources are wrong: the old config stays.
    Failed(ConfigErrors),
}

/// Watches the sources until it is dropped.
///
/// What is watched are the directories of all files that were read or looked for: config files, those that may come
/// (`app-config.local.yaml`), included and env files, and whatever symbolic links lead to them, so that Kubernetes may
/// swap a `ConfigMap`. URLs are asked again in an interval.
#[must_use = "what is dropped watches nothing"]
pub struct Watch(Arc<Shared>);

/// Watching could not begin.
#[derive(Debug)]
pub struct WatchError(String);

impl fmt::Display for WatchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot watch the config: {}", self.0)
    }
}

impl std::error::Error for WatchError {}

impl Watch {
    /// Begins to watch what `current` was read from. `on_reload` is called from a thread of its own.
    ///
    /// # Errors
    /// The system gives no thread or no way to watch.
    pub fn start(
        current: Config,
        sources: Sources,
        env: impl Fn(&str) -> Option<String> + Send + 'static,
        on_reload: impl FnMut(Reload) + Send + 'static,
    ) -> Result<Self, WatchError> {
        let shared = Arc::new(Shared::default());
        let handler = shared.clone();
        let watcher = notify::recommended_watcher(move |event: notify::Result<Event>| handler.take(event));
        let watcher = watcher.map_err(|error| WatchError(error.to_string()))?;
        let worker = Worker {
            current,
            sources,
            env,
            on_reload,
            watcher,
            shared: shared.clone(),
            seen: Seen::default(),
            failed: None,
        };
        let thread = thread::Builder::new().name("config-watch".into()).spawn(move || worker.run());
        thread.map_err(|error| WatchError(error.to_string()))?;
        Ok(Self(shared))
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.0.state().stop = true;
        self.0.wake.notify_all();
    }
}

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Watch")
    }
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    wake: Condvar,
}

#[derive(Default)]
struct State {
    stop: bool,
    /// Something changed in a watched directory.
    changed: Option<Instant>,
    /// It was one of the files.
    touched: bool,
    files: BTreeSet<PathBuf>,
}

/// Why the worker goes on.
enum Wake {
    Stop,
    /// Whether one of the files is known to have been written.
    Changed(bool),
    Poll,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self, event: notify::Result<Event>) {
        let mut state = self.state();
        match event {
            // The loader's own reading.
            Ok(event) if matches!(event.kind, EventKind::Access(_)) => return,
            Ok(event) => {
                state.touched |= event.need_rescan() || event.paths.iter().any(|path| state.files.contains(path));
            }
            // Events may be lost.
            Err(_) => state.touched = true,
        }
        state.changed = Some(Instant::now());
        self.wake.notify_all();
    }

    /// Waits for a change and the silence after it, or until `poll`.
    fn wait(&self, poll: Option<Instant>) -> Wake {
        let mut state = self.state();
        let mut first = None;
        loop {
            if state.stop {
                return Wake::Stop;
            }
            let now = Instant::now();
            let until = match state.changed {
                Some(last) => Some((last + QUIET).min(*first.get_or_insert(now) + LONGEST)),
                None => poll,
            };
            state = match until.map(|until| until.saturating_duration_since(now)) {
                Some(Duration::ZERO) => break,
                Some(left) => self.wake.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0,
                None => self.wake.wait(state).unwrap_or_else(PoisonError::into_inner),
            };
        }
        match state.changed.take() {
            Some(_) => Wake::Changed(std::mem::take(&mut state.touched)),
            None => Wake::Poll,
        }
    }
}

/// What the files looked like.
#[derive(Default, PartialEq, Eq)]
struct Seen(Vec<(PathBuf, Option<Look>)>);

#[derive(PartialEq, Eq)]
struct Look {
    real: PathBuf,
    modified: Option<SystemTime>,
    bytes: u64,
}

impl Seen {
    fn now(files: &BTreeSet<PathBuf>) -> Self {
        let look = |path: &PathBuf| {
            let real = path.canonicalize().ok()?;
            let data = real.metadata().ok()?;
            Some(Look { real, modified: data.modified().ok(), bytes: data.len() })
        };
        Self(files.iter().map(|path| (path.clone(), look(path))).collect())
    }
}

struct Worker<E, F> {
    current: Config,
    sources: Sources,
    env: E,
    on_reload: F,
    watcher: RecommendedWatcher,
    shared: Arc<Shared>,
    seen: Seen,
    failed: Option<ConfigErrors>,
}

impl<E: Fn(&str) -> Option<String>, F: FnMut(Reload)> Worker<E, F> {
    fn run(mut self) {
        self.begin();
        let interval = self.sources.has_urls().then(|| self.sources.reload_interval());
        let mut poll = interval.map(|interval| Instant::now() + interval);
        loop {
            match self.shared.wait(poll) {
                Wake::Stop => return,
                Wake::Changed(touched) => {
                    let files = self.shared.state().files.clone();
                    self.watch(&files);
                    if touched || Seen::now(&files) != self.seen {
                        self.reload();
                    }
                }
                Wake::Poll => {
                    self.reload();
                    poll = interval.map(|interval| Instant::now() + interval);
                }
            }
        }
    }

    /// Watches what is read; what changed since the config was read is a change, too.
    fn begin(&mut self) {
        let files = paths(&load::load(&self.sources, &self.env).files);
        self.watch(&files);
        let mut state = self.shared.state();
        (state.files, state.changed, state.touched) = (files, Some(Instant::now()), true);
    }

    /// Reads, and reads again as long as something changes before it is watched.
    fn reload(&mut self) {
        let mut files = self.shared.state().files.clone();
        loop {
            self.seen = Seen::now(&files);
            let loaded = load::load(&self.sources, &self.env);
            let read = paths(&loaded.files);
            self.watch(&read);
            let settled = read == files && Seen::now(&read) == self.seen;
            files = read;
            self.shared.state().files.clone_from(&files);
            if settled {
                return self.tell(loaded.tree.map(Config::from_tree));
            }
        }
    }

    fn tell(&mut self, loaded: Result<Config, ConfigErrors>) {
        match loaded {
            Ok(config) => {
                self.failed = None;
                let config = config.with_secrets_of(&self.current);
                let keys = config.changed_keys(&self.current);
                if !keys.is_empty() {
                    self.current = config.clone();
                    (self.on_reload)(Reload::Changed { config, keys });
                }
            }
            Err(errors) if self.failed.as_ref() == Some(&errors) => {}
            Err(errors) => {
                self.failed = Some(errors.clone());
                (self.on_reload)(Reload::Failed(errors));
            }
        }
    }

    /// Watches the directories of all files. One that cannot be watched is one that is not there yet.
    fn watch(&mut self, files: &BTreeSet<PathBuf>) {
        let mut directories = BTreeSet::new();
        files.iter().for_each(|file| collect(file, &mut directories, 0));
        for directory in directories {
            let _ = self.watcher.watch(&directory, RecursiveMode::NonRecursive);
        }
    }
}

fn paths(files: &[PathBuf]) -> BTreeSet<PathBuf> {
    files.iter().map(|path| resolve(Path::new("."), path)).collect()
}

/// The directories in which a change may lead to another file: its own, and those of the links on the way to it.
fn collect(path: &Path, directories: &mut BTreeSet<PathBuf>, links: usize) {
    let mut way = PathBuf::new();
    for part in path.components() {
        way.push(part);
        let Ok(target) = way.read_link() else { continue };
        let parent = way.parent().unwrap_or(&way);
        directories.insert(parent.to_owned());
        if links < MOST_LINKS {
            let rest = path.strip_prefix(&way).unwrap_or(Path::new(""));
            collect(&resolve(parent, target.join(rest)), directories, links + 1);
        }
    }
    // What is not there will come in the nearest directory that is.
    directories.extend(path.ancestors().skip(1).find(|above| above.is_dir()).map(Path::to_owned));
}
