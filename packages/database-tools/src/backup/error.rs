use std::fmt;
use std::io;
use std::path::PathBuf;

use backend_plugin_api::PluginId;

use super::manifest::FORMAT;

/// There is no backup, or nothing was restored.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// Something is in the folder already.
    #[error("`{}` is not empty: name a folder that is, or that is not there", folder.display())]
    NotEmpty {
        /// Which.
        folder: PathBuf,
    },
    /// There is no manifest.
    #[error(
        "`{}` is no backup: it has no `manifest.json`, which is written when all else is (one that was interrupted has \
         none)", folder.display()
    )]
    NoBackup {
        /// Where.
        folder: PathBuf,
    },
    /// The manifest is damaged.
    #[error("cannot read `{}`: {cause}", file.display())]
    Manifest {
        /// Which.
        file: PathBuf,
        /// Why.
        cause: serde_json::Error,
    },
    /// A later version wrote it.
    #[error("`{}` is of format {format}, and this version reads format {FORMAT}: use the one that wrote it", file.display())]
    Format {
        /// Which.
        file: PathBuf,
        /// Its format.
        format: u32,
    },
    /// It names what is not in its folder.
    #[error("`{}` names `{path}`, which is not in its folder", file.display())]
    Outside {
        /// The manifest.
        file: PathBuf,
        /// What it names.
        path: String,
    },
    /// The backup has nothing of a plugin.
    #[error("the backup has no plugin `{plugin}`; it has {has}")]
    NoPlugin {
        /// Which.
        plugin: String,
        /// Those that it has.
        has: String,
    },
    /// A file or folder.
    #[error("cannot {what} `{}`: {cause}", path.display())]
    Io {
        /// E.g. `write`.
        what: &'static str,
        /// Which.
        path: PathBuf,
        /// Why.
        cause: io::Error,
    },
    /// By plugin.
    #[error(transparent)]
    Plugins(#[from] Failures),
}

/// What failed of which plugins: at least one.
#[derive(Debug)]
pub struct Failures(pub Vec<(PluginId, anyhow::Error)>);

impl fmt::Display for Failures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (plugin, error)) in self.0.iter().enumerate() {
            let line = if index == 0 { "" } else { "\n" };
            write!(f, "{line}`{plugin}`: {error:#}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Failures {}
