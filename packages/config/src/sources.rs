use std::{
    env,
    fs::File,
    io::Read,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use crate::limits::MAX_FILE_MB;

const RELOAD_INTERVAL: Duration = Duration::from_secs(60);

/// What config is read from, the later ones winning.
#[derive(Clone)]
pub struct Sources {
    pub(crate) files: Files,
    pub(crate) over: Vec<Target>,
    pub(crate) variables: Vec<(String, String)>,
    pub(crate) env_files: Vec<PathBuf>,
    pub(crate) overrides: Vec<Override>,
    fetch: Option<Arc<Fetch>>,
    reload_interval: Duration,
}

/// What a command line says.
#[derive(Clone)]
pub(crate) struct Override {
    /// As it was typed.
    pub(crate) option: String,
    pub(crate) key: String,
    pub(crate) value: serde_json::Value,
}

type Fetch = dyn Fn(&str) -> Result<String, String> + Send + Sync;

#[derive(Clone)]
pub(crate) enum Files {
    Directory(PathBuf),
    Upwards(PathBuf),
    List(Vec<Target>),
}

#[derive(Clone)]
pub(crate) enum Target {
    File(PathBuf),
    Url(String),
}

impl Sources {
    /// The default files of a directory: `app-config.yaml`, which has to be there, and those that are of
    /// `app-config.<env>.yaml`, `app-config.local.yaml` and `app-config.<env>.local.yaml`, for each `<env>` in the
    /// comma-separated variable `BACKSTAGE_ENV`.
    pub fn in_directory(directory: impl Into<PathBuf>) -> Self {
        Self::of(Files::Directory(directory.into()))
    }

    /// The default files of the nearest directory, from this one upwards, that has an `app-config.yaml`.
    pub fn upwards_from(directory: impl Into<PathBuf>) -> Self {
        Self::of(Files::Upwards(directory.into()))
    }

    /// Exactly these files, the last one winning; all of them must be there.
    pub fn files(files: impl IntoIterator<Item = impl Into<PathBuf>>) -> Self {
        Self::of(Files::List(files.into_iter().map(|file| Target::File(file.into())).collect()))
    }

    /// Exactly these files and URLs (`--config`), the last one winning. URLs need [`with_fetch`](Self::with_fetch).
    pub fn targets(targets: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self::of(Files::List(targets.into_iter().map(|text| target(text.into())).collect()))
    }

    /// Lays these files and URLs over those before them, the last one winning.
    #[must_use]
    pub fn with_targets_over(mut self, targets: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.over.extend(targets.into_iter().map(|text| target(text.into())));
        self
    }

    fn of(files: Files) -> Self {
        Self {
            files,
            over: Vec::new(),
            variables: Vec::new(),
            env_files: Vec::new(),
            overrides: Vec::new(),
            fetch: None,
            reload_interval: RELOAD_INTERVAL,
        }
    }

    /// Takes the variables named `APP_CONFIG_*` as config over all files; others are ignored. Their order matters when
    /// one sets an object and another something in it, which is fine only in this order.
    ///
    /// `APP_CONFIG_backend_listen=':7008'` sets `backend.listen`: `_` separates keys, the value is JSON or else a
    /// string (Backstage: `EnvConfigSource`).
    #[must_use]
    pub fn with_variables(mut self, variables: impl IntoIterator<Item = (String, String)>) -> Self {
        self.variables.extend(variables.into_iter().filter(|(name, _)| name.starts_with(crate::env::PREFIX)));
        self
    }

    /// Reads more variables for `${NAME}` from dotenv files (`--env-file`); real variables win, then the last file.
    #[must_use]
    pub fn with_env_files(mut self, files: impl IntoIterator<Item = impl Into<PathBuf>>) -> Self {
        self.env_files.extend(files.into_iter().map(Into::into));
        self
    }

    /// Sets a key over all files and variables, for an option of the command line, which is named as it was typed:
    /// `--store fs`. The value takes the place of what is there, also of an object; `null` hides it. In the key, `*`
    /// stands for each name that is there.
    #[must_use]
    pub fn with_override(
        mut self,
        option: impl Into<String>,
        key: impl Into<String>,
        value: serde_json::Value,
    ) -> Self {
        self.overrides.push(Override { option: option.into(), key: key.into(), value });
        self
    }

    /// How to get the text at a URL, or say why that fails. May block: it is called by [`Config::load`] and on the
    /// thread of a [`Watch`].
    ///
    /// [`Config::load`]: crate::Config::load
    /// [`Watch`]: crate::Watch
    #[must_use]
    pub fn with_fetch(mut self, fetch: impl Fn(&str) -> Result<String, String> + Send + Sync + 'static) -> Self {
        self.fetch = Some(Arc::new(fetch));
        self
    }

    /// How often a [`Watch`](crate::Watch) reads URLs again. Default: 60 s.
    #[must_use]
    pub fn with_reload_interval(mut self, interval: Duration) -> Self {
        self.reload_interval = interval;
        self
    }

    pub(crate) fn reload_interval(&self) -> Duration {
        self.reload_interval
    }

    /// Whether reading needs the network.
    pub fn has_urls(&self) -> bool {
        let listed = if let Files::List(targets) = &self.files { targets.as_slice() } else { &[] };
        listed.iter().chain(&self.over).any(|it| matches!(it, Target::Url(_)))
    }

    pub(crate) fn fetch(&self, url: &str) -> Result<String, String> {
        let fetch = self.fetch.as_ref().ok_or("is a URL, and config is read from files alone here")?;
        let text = fetch(url)?;
        match text.len() as u64 > MAX_FILE_MB << 20 {
            true => Err(too_large()),
            false => Ok(text),
        }
    }
}

fn target(text: String) -> Target {
    if is_url(&text) { Target::Url(text) } else { Target::File(text.into()) }
}

/// Backstage: what `new URL` takes and has a host.
fn is_url(text: &str) -> bool {
    let Some((scheme, rest)) = text.split_once("://") else { return false };
    let is_scheme = scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.'));
    is_scheme && !scheme.eq_ignore_ascii_case("file") && !rest.starts_with(['/', '?', '#']) && !rest.is_empty()
}

/// The nearest directory upwards with default files, or the one to start at.
pub(crate) fn nearest(directory: &Path) -> PathBuf {
    if directory.join("app-config.yaml").exists() {
        return directory.to_owned();
    }
    let absolute = std::path::absolute(directory).unwrap_or_else(|_| directory.to_owned());
    let found = absolute.ancestors().find(|above| above.join("app-config.yaml").exists());
    found.unwrap_or(directory).to_owned()
}

/// The path as the user would type it: relative when it is below the working directory.
pub(crate) fn display(path: &Path) -> String {
    let cwd = path.is_absolute().then(|| env::current_dir().ok()).flatten();
    let path = cwd.as_ref().and_then(|cwd| path.strip_prefix(cwd).ok()).unwrap_or(path);
    path.strip_prefix(".").unwrap_or(path).display().to_string()
}

/// The text of one file, or why there is none.
pub(crate) fn read(path: &Path) -> Result<String, String> {
    let describe = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::NotFound => "no such file".to_owned(),
        std::io::ErrorKind::IsADirectory => "is a directory, not a file".to_owned(),
        _ => format!("cannot be read: {error}"),
    };
    let limit = MAX_FILE_MB << 20;
    let file = File::open(path).map_err(describe)?;
    // One more than there is, so that its end is seen at once.
    let size = file.metadata().map_or(0, |data| data.len().min(limit)) + 1;
    let mut bytes = Vec::with_capacity(usize::try_from(size).unwrap_or_default());
    file.take(limit + 1).read_to_end(&mut bytes).map_err(describe)?;
    if bytes.len() as u64 > limit {
        return Err(too_large());
    }
    String::from_utf8(bytes).map_err(|_| "is not UTF-8 text".to_owned())
}

fn too_large() -> String {
    format!("is larger than {MAX_FILE_MB} MB, which config is at most")
}
