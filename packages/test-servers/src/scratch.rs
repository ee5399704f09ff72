use std::fmt::Debug;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::Result;

/// What a [`Scratch`] needs of a server.
pub trait SqlServer: Clone + Debug {
    /// Runs statements as the superuser, each on its own, and returns the rows, with tabs between values.
    ///
    /// # Errors
    /// With what the server said of the first that failed.
    fn sql(&self, sql: &str) -> Result<String>;

    /// Makes a user who may do everything in a database of its own.
    ///
    /// # Errors
    /// As [`Self::sql`].
    fn create(&self, login: &Login) -> Result<()>;

    /// Drops the databases and users whose names begin so, also while they are in use.
    ///
    /// # Errors
    /// As [`Self::sql`].
    fn drop_all(&self, prefix: &str) -> Result<()>;
}

/// A prefix of names that nobody else has. What is called so on the server is dropped with it.
#[derive(Debug)]
pub struct Scratch<S: SqlServer> {
    server: S,
    prefix: String,
    logins: AtomicU32,
}

/// A user with a database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Login {
    /// Its name.
    pub database: String,
    /// Its owner, who may do nothing else.
    pub user: String,
    /// The owner's.
    pub password: String,
}

impl<S: SqlServer> Scratch<S> {
    pub(crate) fn new(server: S) -> Self {
        let random = RandomState::new().build_hasher().finish();
        Self { server, prefix: format!("t{random:016x}_"), logins: AtomicU32::new(0) }
    }

    /// Of names. Ends with `_`, and has small letters and digits before that.
    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    /// A new database and its owner.
    ///
    /// # Errors
    /// With what the server said.
    pub fn login(&self) -> Result<Login> {
        let name = format!("{}{}", self.prefix, self.logins.fetch_add(1, Ordering::Relaxed));
        let login = Login { database: name.clone(), user: name, password: "it's \"secret\"".to_owned() };
        self.server.create(&login)?;
        Ok(login)
    }
}

impl<S: SqlServer> Drop for Scratch<S> {
    fn drop(&mut self) {
        // The server may have been stopped by the test.
        drop(self.server.drop_all(&self.prefix));
    }
}

/// The text as a value in SQL.
pub(crate) fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}
