//! Addresses such as `postgresql://user:password@host:5432/database?sslmode=require`.

use percent_encoding::percent_decode_str;

/// Settings by their names, or what is wrong.
pub(super) type Parsed = Result<Vec<(String, String)>, String>;

/// The settings in an address, by their names.
///
/// libpq: "Connection URIs" and "Keyword/Value Connection Strings"; several hosts come out with commas.
/// node-postgres: also `/folder database`, and `socket:` with the folder as its path.
///
/// # Errors
/// What is wrong, without a word of the text: it may have a password.
pub(super) fn parse(text: &str) -> Parsed {
    let text = text.trim();
    for scheme in ["postgresql://", "postgres://"] {
        if let Some(rest) = text.strip_prefix(scheme) {
            return address(rest);
        }
    }
    if let Some(rest) = text.strip_prefix("socket:") {
        return socket(rest.trim_start_matches("//"));
    }
    if text.starts_with('/') {
        let (folder, database) = text.split_once(' ').map_or((text, None), |(folder, it)| (folder, Some(it)));
        let database = database.map(|it| ("database".to_owned(), it.trim().to_owned()));
        return Ok([("host".to_owned(), folder.to_owned())].into_iter().chain(database).collect());
    }
    if text.contains("://") {
        return Err("expected an address that begins with `postgresql://`".to_owned());
    }
    if text.contains('=') {
        return keywords(text);
    }
    if text == ":memory:" {
        return Err(
            "this is for SQLite: write an object with `host`, `user`, ..., or `{}` for libpq's variables".to_owned()
        );
    }
    Err("expected an address such as `postgresql://user@host:5432`, or an object with `host`, `user`, ...".to_owned())
}

/// `user:password@host:port,host:port/database?name=value&name=value`.
pub(super) fn address(text: &str) -> Parsed {
    let text = text.split_once('#').map_or(text, |(before, _)| before);
    let (text, query) = text.split_once('?').unwrap_or((text, ""));
    // A password may have an `@` that was not encoded: the last one ends it.
    let (hosts_at, login) = text.rsplit_once('@').map_or((text, None), |(login, rest)| (rest, Some(login)));
    let (hosts, database) = hosts_at.split_once('/').unwrap_or((hosts_at, ""));
    let mut settings = Vec::new();
    if let Some(login) = login {
        let (user, password) = login.split_once(':').map_or((login, None), |(user, it)| (user, Some(it)));
        push(&mut settings, "user", user)?;
        push(&mut settings, "password", password.unwrap_or_default())?;
    }
    let (names, ports) = self::hosts(hosts)?;
    push(&mut settings, "host", &names)?;
    push(&mut settings, "port", &ports)?;
    push(&mut settings, "database", database)?;
    parameters(&mut settings, query)?;
    Ok(settings)
}

/// Names and ports, each with commas.
fn hosts(text: &str) -> Result<(String, String), String> {
    let mut names = Vec::new();
    let mut ports = Vec::new();
    for host in text.split(',') {
        let (name, port) = match host.strip_prefix('[') {
            Some(rest) => {
                let (address, rest) = rest.split_once(']').ok_or("an IPv6 address is not closed by `]`")?;
                (address, rest.strip_prefix(':').unwrap_or_default())
            }
            None => host.rsplit_once(':').unwrap_or((host, "")),
        };
        names.push(name);
        ports.push(port);
    }
    let ports = if ports.iter().all(|it| it.is_empty()) { String::new() } else { ports.join(",") };
    Ok((names.join(","), ports))
}

fn parameters(settings: &mut Vec<(String, String)>, query: &str) -> Result<(), String> {
    for pair in query.split('&').filter(|it| !it.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        // JDBC's and libpq's other names.
        let name = match name {
            "dbname" => "database",
            name => name,
        };
        settings.retain(|(it, _)| it != name);
        push(settings, name, &value.replace('+', "%2B"))?;
    }
    Ok(())
}

/// `/folder?db=name`.
fn socket(text: &str) -> Result<Vec<(String, String)>, String> {
    let (login, text) = text.split_once('@').map_or((None, text), |(login, rest)| (Some(login), rest));
    let (folder, query) = text.split_once('?').unwrap_or((text, ""));
    let mut settings = Vec::new();
    if let Some(login) = login {
        let (user, password) = login.split_once(':').unwrap_or((login, ""));
        push(&mut settings, "user", user)?;
        push(&mut settings, "password", password)?;
    }
    push(&mut settings, "host", folder)?;
    parameters(&mut settings, &query.replace("db=", "database=").replace("encoding=", "client_encoding="))?;
    Ok(settings)
}

/// `host=a port=5432 password='it''s'`.
fn keywords(text: &str) -> Result<Vec<(String, String)>, String> {
    let mut settings = Vec::new();
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        let (name, after) = rest.split_once('=').ok_or("expected `name=value` pairs")?;
        let (value, after) = value(after.trim_start())?;
        let name = if name.trim() == "dbname" { "database" } else { name.trim() };
        settings.retain(|(it, _): &(String, String)| it != name);
        settings.push((name.to_owned(), value));
        rest = after.trim_start();
    }
    Ok(settings)
}

/// A value, perhaps in single quotes, with `\` before what is to be taken as it is; and what is behind it.
fn value(text: &str) -> Result<(String, &str), String> {
    let quoted = text.starts_with('\'');
    let mut value = String::new();
    let mut chars = text.char_indices().skip(usize::from(quoted));
    while let Some((at, char)) = chars.next() {
        match char {
            '\\' => value.extend(chars.next().map(|(_, it)| it)),
            '\'' if quoted => return Ok((value, &text[at + 1..])),
            char if !quoted && char.is_whitespace() => return Ok((value, &text[at..])),
            char => value.push(char),
        }
    }
    if quoted { Err("a quote is not closed".to_owned()) } else { Ok((value, "")) }
}

fn push(settings: &mut Vec<(String, String)>, name: &str, encoded: &str) -> Result<(), String> {
    if encoded.is_empty() {
        return Ok(());
    }
    let value = percent_decode_str(encoded).decode_utf8().map_err(|_| format!("`{name}` is not UTF-8"))?;
    settings.push((name.to_owned(), value.into_owned()));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::parse;

    fn parsed(text: &str) -> String {
        match parse(text) {
            Ok(pairs) => pairs.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(" "),
            Err(message) => format!("error: {message}"),
        }
    }

    #[test]
    fn addresses() {
        let cases = [
            ("postgresql://", ""),
            ("postgres://localhost", "host=localhost"),
            ("postgresql://u:p@h:5433/d", "user=u password=p host=h port=5433 database=d"),
            ("postgresql://u:p%40%2F%3A@h/d%20e", "user=u password=p@/: host=h database=d e"),
            ("postgresql://u:p@ss@h", "user=u password=p@ss host=h"),
            ("postgresql://a:1,b:2/d", "host=a,b port=1,2 database=d"),
            ("postgresql://a,b:2", "host=a,b port=,2"),
            ("postgresql://[::1]:5433/d", "host=::1 port=5433 database=d"),
            ("postgresql:///d?host=/run/pg&user=u", "database=d host=/run/pg user=u"),
            ("postgresql://%2Frun%2Fpg/d", "host=/run/pg database=d"),
            ("postgresql://h/?dbname=d&options=-c%20geqo%3Doff", "host=h database=d options=-c geqo=off"),
            ("postgresql://h/d?password=a+b", "host=h database=d password=a+b"),
            ("socket:/run/pg?db=d&encoding=utf8", "host=/run/pg database=d client_encoding=utf8"),
            ("/run/pg d", "host=/run/pg database=d"),
            ("host=h dbname=d password='it\\'s a' user = u", "host=h database=d password=it's a user=u"),
            ("mysql://h", "error: expected an address that begins with `postgresql://`"),
            ("postgresql://[::1/d", "error: an IPv6 address is not closed by `]`"),
            ("host='a", "error: a quote is not closed"),
        ];
        for (text, expected) in cases {
            assert_eq!(parsed(text), expected, "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn nothing_panics(text in "(postgresql://|socket:|/|host=)?\\PC{0,40}") {
            drop(parse(&text));
        }
    }
}
