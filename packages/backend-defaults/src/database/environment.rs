use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// What the surroundings say where a connection says nothing: libpq's variables, and where AWS is.
#[derive(Clone, Debug, Default)]
pub struct LibpqEnvironment {
    variables: BTreeMap<String, String>,
    user: Option<String>,
    home: Option<PathBuf>,
}

impl LibpqEnvironment {
    /// That of this process: variables `PG*` and `AWS_*REGION`, who runs it, and their home folder.
    pub fn of_process() -> Self {
        let variables = std::env::vars_os().filter_map(|(name, value)| {
            let name = name
                .into_string()
                .ok()
                .filter(|it| it.starts_with("PG") || (it.starts_with("AWS_") && it.ends_with("REGION")))?;
            Some((name, value.into_string().ok()?))
        });
        let user = ["USER", "LOGNAME"].into_iter().find_map(|it| std::env::var(it).ok()).filter(|it| !it.is_empty());
        Self { variables: variables.collect(), user, home: std::env::home_dir() }
    }

    /// One that has these alone.
    pub fn new<'a>(variables: impl IntoIterator<Item = (&'a str, &'a str)>, user: &str, home: &Path) -> Self {
        let variables = variables.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        Self { variables, user: Some(user.to_owned()), home: Some(home.to_owned()) }
    }

    /// What is not libpq's, for other servers.
    pub(super) fn without_libpq(&self) -> Self {
        let others = self.variables.iter().filter(|(name, _)| !name.starts_with("PG"));
        Self { variables: others.map(|(name, value)| (name.clone(), value.clone())).collect(), user: None, home: None }
    }

    /// What is not of one user, for another.
    pub(super) fn without_password(&self) -> Self {
        let mut environment = self.clone();
        environment.variables.remove("PGPASSWORD");
        environment
    }

    /// A variable that is set and not empty.
    pub fn variable(&self, name: &str) -> Option<&str> {
        self.variables.get(name).map(String::as_str).filter(|it| !it.is_empty())
    }

    /// Who runs the process. libpq: the default of `user`.
    pub fn user(&self) -> Option<&str> {
        self.user.as_deref()
    }

    /// A file of the user's, e.g. `.pgpass`.
    pub fn home_file(&self, name: &str) -> Option<PathBuf> {
        self.home.as_ref().map(|it| it.join(name))
    }
}
