//! The certificate of `backend.https: true`, made here and kept between runs.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::{env, fs};

use anyhow::{Context, Result};
use chrono::{DateTime, Datelike, Duration, Utc};
use rcgen::{CertificateParams, DnType, ExtendedKeyUsagePurpose, KeyPair, KeyUsagePurpose, date_time_ymd};

/// Backstage: 30 days, made anew when 5 are left.
const VALID_FOR: Duration = Duration::days(30);
const RENEW_BEFORE: Duration = Duration::days(5);

const FILE: &str = "dev-cert.pem";

/// The certificate and its key as PEM: the one kept in `directory` if it is for `host`, not about
/// to expire, and `fits`; or else a new one, which is kept.
///
/// # Errors
/// When none can be made, e.g. because `host` is not a host's name. That one cannot be kept is
/// only logged.
pub(crate) fn get(host: &str, directory: Option<&Path>, fits: &dyn Fn(&str) -> bool) -> Result<String> {
    let now = Utc::now();
    let directory = directory.map(Path::to_path_buf).or_else(cache_directory);
    let kept = directory.as_deref().and_then(|it| fs::read_to_string(it.join(FILE)).ok());
    if let Some(kept) = kept.filter(|it| is_for(it, host, now) && fits(it)) {
        return Ok(kept);
    }
    let made = make(host, now).with_context(|| format!("cannot make a certificate for `{host}`"))?;
    let saved = match &directory {
        Some(directory) => save(directory, &made),
        None => Err(anyhow::anyhow!("there is no home directory")),
    };
    match saved {
        Ok(path) => tracing::info!("made a self-signed certificate for `{host}`: {}", path.display()),
        Err(error) => tracing::warn!("cannot keep the self-signed certificate, browsers will ask again: {error:#}"),
    }
    Ok(made)
}

/// `$XDG_CACHE_HOME/greenroom`, or `~/.cache/greenroom`.
fn cache_directory() -> Option<PathBuf> {
    let set = |name| env::var_os(name).filter(|it| !it.is_empty()).map(PathBuf::from);
    let cache = set("XDG_CACHE_HOME").or_else(|| Some(set("HOME")?.join(".cache")));
    cache.map(|it| it.join("greenroom"))
}

/// The first line says what the rest is, so that nobody has to read a certificate to know.
fn title(host: &str, until: DateTime<Utc>) -> String {
    format!("Self-signed certificate of Greenroom for {host}, until {}", until.to_rfc3339())
}

fn is_for(kept: &str, host: &str, now: DateTime<Utc>) -> bool {
    let first = kept.lines().next().unwrap_or_default();
    let until = first.rsplit_once("until ").and_then(|(_, it)| DateTime::parse_from_rfc3339(it).ok());
    until.is_some_and(|until| {
        let until = until.to_utc();
        first == title(host, until) && until - now > RENEW_BEFORE
    })
}

fn make(host: &str, now: DateTime<Utc>) -> Result<String> {
    let mut names = vec!["localhost".to_owned(), "127.0.0.1".to_owned(), "::1".to_owned()];
    if !names.iter().any(|it| it == host) {
        names.push(host.to_owned());
    }
    let mut params = CertificateParams::new(names)?;
    let day = |it: DateTime<Utc>| -> Result<_> {
        Ok(date_time_ymd(it.year(), u8::try_from(it.month())?, u8::try_from(it.day())?))
    };
    // A day earlier: clocks differ.
    params.not_before = day(now - Duration::days(1))?;
    params.not_after = day(now + VALID_FOR)?;
    params.distinguished_name.push(DnType::CommonName, "Greenroom development certificate");
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature, KeyUsagePurpose::KeyEncipherment];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let key = KeyPair::generate()?;
    let certificate = params.self_signed(&key)?;
    Ok(format!("{}\n{}{}", title(host, now + VALID_FOR), certificate.pem(), key.serialize_pem()))
}

/// Whole or not at all, and readable by the user alone, as temporary files are.
fn save(directory: &Path, pem: &str) -> Result<PathBuf> {
    fs::create_dir_all(directory)?;
    let mut file = tempfile::NamedTempFile::new_in(directory)?;
    file.write_all(pem.as_bytes())?;
    let path = directory.join(FILE);
    file.persist(&path)?;
    Ok(path)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn it_is_kept_until_it_is_about_to_expire() {
        let (made, now) = (make("example.com", Utc::now()).unwrap(), Utc::now());
        assert!(is_for(&made, "example.com", now + Duration::days(24)));
        assert!(!is_for(&made, "example.com", now + Duration::days(26)));
        assert!(!is_for(&made, "other.com", now));
        assert!(!is_for("", "example.com", now));
    }

    #[test]
    fn a_file_that_does_not_fit_is_replaced() {
        let directory = tempfile::tempdir().unwrap();
        let get = |fits: bool| get("localhost", Some(directory.path()), &move |_| fits).unwrap();
        let first = get(true);
        assert_eq!(get(true), first);
        let second = get(false);
        assert_ne!(second, first);
        assert_eq!(get(true), second);
    }

    #[cfg(unix)]
    #[test]
    fn the_key_is_for_the_user_alone() {
        use std::os::unix::fs::PermissionsExt;
        let directory = tempfile::tempdir().unwrap();
        get("localhost", Some(directory.path()), &|_| true).unwrap();
        let mode = fs::metadata(directory.path().join(FILE)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}
