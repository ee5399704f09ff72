//! Which files a target means, and their text. Blocks: not for the runtime's threads.

use std::fs::{self, File};
use std::io::{ErrorKind, Read};
use std::path::{Component, Path, PathBuf};

use globset::{GlobBuilder, GlobMatcher};

/// The largest file that is read, in bytes.
const MAX_FILE_SIZE: u64 = 16 * 1024 * 1024;
/// How many files and folders one glob may look at.
const MAX_VISITED: usize = 200_000;
/// How deep `**` goes.
const MAX_DEPTH: usize = 64;

/// Why a target gives nothing.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FilesError {
    #[error("file {} does not exist", .0.display())]
    Missing(PathBuf),
    #[error("no file matches {}", .0.display())]
    NoMatch(PathBuf),
    #[error("{} is a folder; name a file, or files with a glob such as `{}/*.yaml`", .0.display(), .0.display())]
    Folder(PathBuf),
    #[error("{} is not a regular file", .0.display())]
    Special(PathBuf),
    #[error("{} is larger than {} MiB", .0.display(), MAX_FILE_SIZE / 1024 / 1024)]
    TooLarge(PathBuf),
    #[error("{} is not UTF-8 text", .0.display())]
    NotText(PathBuf),
    #[error("{} looks at more than {MAX_VISITED} files; make it narrower", .0.display())]
    TooMany(PathBuf),
    #[error(transparent)]
    Pattern(#[from] globset::Error),
    #[error("cannot read {}: {error}", path.display())]
    Io {
        path: PathBuf,
        #[source]
        error: std::io::Error,
    },
}

/// A target made absolute, without `.` and `..`.
///
/// Backstage: `path.resolve(folder, target)`.
pub(crate) fn resolve(folder: &Path, target: &str) -> PathBuf {
    let mut resolved = PathBuf::new();
    for component in folder.join(target).components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir => {
                resolved.pop();
            }
            other => resolved.push(other),
        }
    }
    resolved
}

/// The files that `target`, relative to `folder`, means: one, or what a glob matches, sorted.
///
/// Globs have `*`, `?`, `**`, `[ab]` and `{a,b}`; they pass over names that start with a dot unless they name one.
pub(crate) fn matching(folder: &Path, target: &str) -> Result<Vec<PathBuf>, FilesError> {
    let path = resolve(folder, target);
    match fs::metadata(&path) {
        Ok(found) if found.is_file() => return Ok(vec![path]),
        Ok(found) if found.is_dir() => return Err(FilesError::Folder(path)),
        Ok(_) => return Err(FilesError::Special(path)),
        Err(_) if has_magic(target) => {}
        Err(error) if error.kind() == ErrorKind::NotFound => return Err(FilesError::Missing(path)),
        Err(error) => return Err(FilesError::Io { path, error }),
    }
    // Only what the target says is a glob: the folder may have any name.
    let mut segments: Vec<&str> = target.split('/').filter(|it| !it.is_empty() && *it != ".").collect();
    let literal = segments.iter().take_while(|it| !has_magic(it)).count();
    let pattern = segments.split_off(literal).join("/");
    let root = if Path::new(target).is_absolute() { "/" } else { "" };
    let base = resolve(folder, &format!("{root}{}", segments.join("/")));
    let found = Walk::new(&pattern)?.run(&base).map_err(|error| error.unwrap_or(FilesError::TooMany(path.clone())))?;
    if found.is_empty() { Err(FilesError::NoMatch(path)) } else { Ok(found) }
}

/// The text of a file.
pub(crate) fn read(path: &Path) -> Result<String, FilesError> {
    let io = |error| FilesError::Io { path: path.to_owned(), error };
    let mut bytes = vec![];
    File::open(path).map_err(io)?.take(MAX_FILE_SIZE + 1).read_to_end(&mut bytes).map_err(io)?;
    if bytes.len() as u64 > MAX_FILE_SIZE {
        return Err(FilesError::TooLarge(path.to_owned()));
    }
    String::from_utf8(bytes).map_err(|_| FilesError::NotText(path.to_owned()))
}

fn has_magic(target: &str) -> bool {
    target.contains(['*', '?', '[', '{'])
}

struct Walk {
    glob: GlobMatcher,
    depth: usize,
    recursive: bool,
    hidden: bool,
}

impl Walk {
    fn new(pattern: &str) -> Result<Self, globset::Error> {
        let recursive = pattern.contains("**");
        Ok(Self {
            glob: GlobBuilder::new(pattern).literal_separator(true).build()?.compile_matcher(),
            depth: if recursive { MAX_DEPTH } else { pattern.matches('/').count() + 1 },
            recursive,
            hidden: pattern.starts_with('.') || pattern.contains("/."),
        })
    }

    /// `None` as error: too many.
    fn run(&self, base: &Path) -> Result<Vec<PathBuf>, Option<FilesError>> {
        let (mut found, mut visited) = (vec![], 0_usize);
        let mut folders = vec![(base.to_owned(), 1)];
        while let Some((folder, depth)) = folders.pop() {
            let entries = match fs::read_dir(&folder) {
                Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => continue,
                entries => entries.map_err(|error| FilesError::Io { path: folder.clone(), error })?,
            };
            for entry in entries {
                let entry = entry.map_err(|error| FilesError::Io { path: folder.clone(), error })?;
                visited += 1;
                if visited > MAX_VISITED {
                    return Err(None);
                }
                if !self.hidden && entry.file_name().as_encoded_bytes().starts_with(b".") {
                    continue;
                }
                let path = entry.path();
                let is_link = entry.file_type().is_ok_and(|it| it.is_symlink());
                let Ok(metadata) = fs::metadata(&path) else { continue };
                if metadata.is_dir() {
                    // `**` through a link could go in circles.
                    if depth < self.depth && !(is_link && self.recursive) {
                        folders.push((path, depth + 1));
                    }
                } else if metadata.is_file() && path.strip_prefix(base).is_ok_and(|it| self.glob.is_match(it)) {
                    found.push(path);
                }
            }
        }
        found.sort();
        Ok(found)
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn tree() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for file in ["a.yaml", "b/c.yaml", "b/d.yml", "b/[e]/f.yaml", "b/g/h.yaml", ".git/x.yaml", "b/.hidden.yaml"] {
            let path = folder.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, file).unwrap();
        }
        folder
    }

    #[test]
    fn a_target_is_a_file_or_a_glob() {
        let tree = tree();
        let matching = |target: &str| match matching(tree.path(), target) {
            Ok(found) => found
                .iter()
                .map(|it| it.strip_prefix(tree.path()).unwrap().to_str().unwrap().to_owned())
                .collect::<Vec<_>>()
                .join(" "),
            Err(error) => error.to_string().replace(tree.path().to_str().unwrap(), "/tree"),
        };
        assert_eq!(matching("./a.yaml"), "a.yaml");
        assert_eq!(matching("b/../a.yaml"), "a.yaml");
        assert_eq!(matching(tree.path().join("b/*.yaml").to_str().unwrap()), "b/c.yaml");
        assert_eq!(matching("./*.yaml"), "a.yaml");
        assert_eq!(matching("b/*.{yml,yaml}"), "b/c.yaml b/d.yml");
        assert_eq!(matching("*/*.y?ml"), "b/c.yaml");
        assert_eq!(matching("**/*.yaml"), "a.yaml b/[e]/f.yaml b/c.yaml b/g/h.yaml");
        assert_eq!(matching("b/[e]/f.yaml"), "b/[e]/f.yaml");
        assert_eq!(matching("b/.*.yaml"), "b/.hidden.yaml");
        assert_eq!(matching("none.yaml"), "file /tree/none.yaml does not exist");
        assert_eq!(matching("none/*.yaml"), "no file matches /tree/none/*.yaml");
        assert_eq!(matching("b"), "/tree/b is a folder; name a file, or files with a glob such as `/tree/b/*.yaml`");
        assert!(matching("b/[.yaml").contains("error parsing glob"));
    }

    #[test]
    fn a_folder_with_the_name_of_a_glob_is_a_folder() {
        let tree = tree();
        let found = matching(&tree.path().join("b/[e]"), "*.yaml").unwrap();
        assert_eq!(found, [tree.path().join("b/[e]/f.yaml")]);
    }

    #[test]
    fn what_is_not_text_or_too_large_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x");
        fs::write(&path, [0xff, 0xfe]).unwrap();
        assert!(matches!(read(&path), Err(FilesError::NotText(_))));
        File::create(&path).unwrap().set_len(MAX_FILE_SIZE + 1).unwrap();
        assert!(matches!(read(&path), Err(FilesError::TooLarge(_))));
    }
}
