use std::{fmt, io};

use sea_orm::sqlx;
use sea_orm::sqlx::mysql::MySqlDatabaseError;

/// What a server said, or how its connection broke, without what sqlx puts before it.
pub(super) struct Said<'a>(pub(super) &'a sqlx::Error);

impl fmt::Display for Said<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            sqlx::Error::Database(error) => match (error.try_downcast_ref::<MySqlDatabaseError>(), error.code()) {
                // By which it is found in the manual; its SQLSTATE says little.
                (Some(error), _) => write!(f, "{} ({})", error.message(), error.number()),
                (None, Some(code)) => write!(f, "{} ({code})", error.message()),
                (None, None) => f.write_str(error.message()),
            },
            sqlx::Error::Io(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                f.write_str("the server closed it")
            }
            sqlx::Error::Io(error) => error.fmt(f),
            error => error.fmt(f),
        }
    }
}
