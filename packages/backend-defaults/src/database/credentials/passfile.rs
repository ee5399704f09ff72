//! libpq's password file: `host:port:database:user:password` a line, `*` for any, `\` before `:` and `\`.

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use backend_plugin_api::Secret;

use super::{PasswordError, file};

/// What to look for in a password file. libpq: `PGPASSFILE`, `~/.pgpass`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PassFile {
    /// It need not be there.
    pub file: PathBuf,
    /// Names and ports; the first line that fits one of them counts. A Unix socket is `localhost`.
    pub hosts: Vec<(String, u16)>,
    /// The plugin's.
    pub database: String,
    /// Who connects.
    pub user: String,
}

/// The password, if the file is there, private, and has one for this.
pub(super) async fn password(wanted: &PassFile) -> Result<Option<Secret<String>>, PasswordError> {
    let Ok(metadata) = tokio::fs::metadata(&wanted.file).await else { return Ok(None) };
    if metadata.permissions().mode() & 0o077 != 0 {
        // libpq passes over it, too.
        tracing::warn!("`{}` may be read by others, so it is not used: `chmod 0600` it", wanted.file.display());
        return Ok(None);
    }
    let text = file::read(&wanted.file, "the password file").await?;
    Ok(wanted.find(text.expose()).map(Secret::new))
}

impl PassFile {
    fn find(&self, text: &str) -> Option<String> {
        let lines = || text.lines().filter(|it| !it.starts_with('#')).filter_map(fields);
        self.hosts.iter().find_map(|(host, port)| {
            let wanted = [host, &port.to_string(), &self.database, &self.user].map(String::to_owned);
            lines().find_map(|[host, port, database, user, password]| {
                let fields = [host, port, database, user];
                let fits = fields.iter().zip(&wanted).all(|(field, wanted)| field == "*" || field == wanted);
                fits.then_some(password)
            })
        })
    }
}

fn fields(line: &str) -> Option<[String; 5]> {
    let mut fields = vec![String::new()];
    let mut chars = line.chars();
    while let Some(char) = chars.next() {
        match char {
            '\\' => fields.last_mut()?.extend(chars.next()),
            ':' if fields.len() < 5 => fields.push(String::new()),
            char => fields.last_mut()?.push(char),
        }
    }
    fields.try_into().ok()
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn wanted(host: &str, user: &str) -> PassFile {
        let hosts = vec![(host.to_owned(), 5432)];
        PassFile { file: ".pgpass".into(), hosts, database: "d".to_owned(), user: user.to_owned() }
    }

    #[test]
    fn the_first_line_that_fits_counts() {
        let text = "# db:*:*:*:no\ndb:5433:*:u:no\ndb:5432:d:u:it\\:s:\\\\a\n*:*:*:u:any\nbroken\n";
        assert_eq!(wanted("db", "u").find(text).as_deref(), Some("it:s:\\a"));
        assert_eq!(wanted("elsewhere", "u").find(text).as_deref(), Some("any"));
        assert_eq!(wanted("db", "v").find(text), None);
    }

    #[tokio::test]
    async fn a_file_that_others_may_read_is_passed_over() {
        let folder = tempfile::tempdir().unwrap();
        let wanted = PassFile { file: folder.path().join("pgpass"), ..wanted("db", "u") };
        assert!(password(&wanted).await.unwrap().is_none(), "it is not there");
        std::fs::write(&wanted.file, "*:*:*:*:secret\n").unwrap();
        std::fs::set_permissions(&wanted.file, PermissionsExt::from_mode(0o644)).unwrap();
        assert!(password(&wanted).await.unwrap().is_none());
        std::fs::set_permissions(&wanted.file, PermissionsExt::from_mode(0o600)).unwrap();
        assert_eq!(password(&wanted).await.unwrap(), Some(Secret::new("secret".to_owned())));
    }
}
