//! Files of secrets: small, and replaced while the backend runs.

use std::io;
use std::path::Path;

use backend_plugin_api::Secret;
use tokio::io::AsyncReadExt as _;

use super::PasswordError;

/// More than any token or key.
const MOST_BYTES: u64 = 64 << 10;

/// The password in a file: its text, without the end of its line.
pub(super) async fn password(path: &Path) -> Result<Secret<String>, PasswordError> {
    const WHAT: &str = "the password's file";
    let text = read(path, WHAT).await?;
    let password = without_line_end(text.expose());
    if password.is_empty() {
        let problem = "is empty".to_owned();
        return Err(PasswordError::Content { path: path.to_owned(), what: WHAT, problem });
    }
    Ok(Secret::new(password.to_owned()))
}

/// The text of a file, `what` it is being said in errors.
pub(super) async fn read(path: &Path, what: &'static str) -> Result<Secret<String>, PasswordError> {
    text(path).await.map(Secret::new).map_err(|error| PasswordError::file(path, what, error))
}

async fn text(path: &Path) -> io::Result<String> {
    // A pipe would be waited for, and is empty when it is read again.
    if !tokio::fs::metadata(path).await?.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "is not a regular file"));
    }
    let mut text = Vec::new();
    tokio::fs::File::open(path).await?.take(MOST_BYTES + 1).read_to_end(&mut text).await?;
    if text.len() as u64 > MOST_BYTES {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, format!("is larger than {} KiB", MOST_BYTES >> 10)));
    }
    String::from_utf8(text).map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "is not UTF-8 text"))
}

/// What editors and `echo` put at the end is not part of a secret; other blanks may be.
pub(super) fn without_line_end(text: &str) -> &str {
    let text = text.strip_suffix('\n').unwrap_or(text);
    text.strip_suffix('\r').unwrap_or(text)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn one_line_end_is_taken_away() {
        let cases = [("a\n", "a"), ("a\r\n", "a"), ("a", "a"), (" a \n", " a "), ("a\n\n", "a\n"), ("\n", "")];
        for (text, expected) in cases {
            assert_eq!(without_line_end(text), expected, "{text:?}");
        }
    }

    #[tokio::test]
    async fn files_without_a_password_are_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("password");
        let told = async || password(&path).await.unwrap_err().to_string().replace(path.to_str().unwrap(), "FILE");
        assert_eq!(told().await, "cannot read `FILE`, the password's file: No such file or directory (os error 2)");
        let error = password(folder.path()).await.unwrap_err().to_string();
        assert!(error.ends_with(": is not a regular file"), "{error}");
        std::fs::write(&path, "\n").unwrap();
        assert_eq!(told().await, "`FILE`, the password's file, is empty");
        std::fs::write(&path, [b's', 0xff]).unwrap();
        assert_eq!(told().await, "cannot read `FILE`, the password's file: is not UTF-8 text");
        std::fs::write(&path, "s".repeat(65_537)).unwrap();
        assert_eq!(told().await, "cannot read `FILE`, the password's file: is larger than 64 KiB");
        std::fs::write(&path, "s".repeat(65_536)).unwrap();
        assert_eq!(password(&path).await.unwrap().expose().len(), 65_536);
    }
}
