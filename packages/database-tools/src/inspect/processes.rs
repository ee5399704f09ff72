//! Which processes have a file open, by Linux's `/proc`; elsewhere it is not known.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use super::OtherSession;

/// The files that other processes have open, as far as this one may see.
#[derive(Clone, Debug, Default)]
pub(crate) struct OpenFiles(BTreeMap<PathBuf, Vec<OtherSession>>);

impl OpenFiles {
    /// Blocks on the file system. Processes that end meanwhile are left out.
    pub(crate) fn look() -> Self {
        let mut files: BTreeMap<PathBuf, Vec<OtherSession>> = BTreeMap::new();
        for process in fs::read_dir("/proc").into_iter().flatten().flatten() {
            let Some(pid) = process.file_name().to_str().and_then(|it| it.parse::<u32>().ok()) else { continue };
            if pid == std::process::id() {
                continue;
            }
            let Ok(descriptors) = fs::read_dir(process.path().join("fd")) else { continue };
            let mut open: Vec<_> = descriptors.flatten().filter_map(|it| fs::read_link(it.path()).ok()).collect();
            open.retain(|it| it.is_absolute());
            open.sort();
            open.dedup();
            if open.is_empty() {
                continue;
            }
            let name = fs::read_to_string(process.path().join("comm")).ok().map(|it| it.trim().to_owned());
            for file in open {
                let session = OtherSession { id: pid.into(), application: name.clone(), user: None, address: None };
                files.entry(file).or_default().push(session);
            }
        }
        Self(files)
    }

    /// Those that have a SQLite database open.
    pub(crate) fn of(&self, file: &Path) -> Vec<OtherSession> {
        let Ok(file) = file.canonicalize() else { return Vec::new() };
        let mut found: Vec<_> = ["", "-wal", "-shm", "-migration"]
            .into_iter()
            .filter_map(|it| self.0.get(&beside(&file, it)))
            .flatten()
            .cloned()
            .collect();
        found.sort_by_key(|it| it.id);
        found.dedup();
        found
    }
}

/// The file of this name with `suffix`.
pub(crate) fn beside(file: &Path, suffix: &str) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}
