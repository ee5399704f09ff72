//! Foreign keys, and whether rows are as they say.

use anyhow::bail;
use backend_defaults::database::mysql::quoted;

use super::catalog::texts;
use super::session::Session;

const KEYS: &str = "SELECT CONSTRAINT_NAME, TABLE_NAME, COLUMN_NAME, REFERENCED_TABLE_NAME, REFERENCED_COLUMN_NAME \
                    FROM information_schema.KEY_COLUMN_USAGE WHERE TABLE_SCHEMA = DATABASE() \
                    AND REFERENCED_TABLE_SCHEMA = DATABASE() AND REFERENCED_TABLE_NAME IS NOT NULL \
                    ORDER BY TABLE_NAME, CONSTRAINT_NAME, ORDINAL_POSITION";

/// A foreign key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Reference {
    name: String,
    pub(super) table: String,
    /// The other table.
    pub(super) to: String,
    /// Of this one and of the other.
    columns: Vec<(String, String)>,
}

/// All there are within the database.
pub(super) async fn references(session: &mut Session) -> anyhow::Result<Vec<Reference>> {
    let mut references: Vec<Reference> = Vec::new();
    for row in session.texts(KEYS).await? {
        let [name, table, column, to, other] = texts(row);
        match references.last_mut().filter(|it| it.name == name && it.table == table) {
            Some(reference) => reference.columns.push((column, other)),
            None => references.push(Reference { name, table, to, columns: vec![(column, other)] }),
        }
    }
    Ok(references)
}

/// That each row refers to one that is there: the server does not look at them again when it minds them again.
///
/// # Errors
/// When one does not: which key, and what it refers to.
pub(super) async fn check(session: &mut Session, references: &[Reference]) -> anyhow::Result<()> {
    for reference in references {
        let lost = session.texts(&reference.lost()).await?;
        if let Some(row) = lost.into_iter().next() {
            let values: Vec<_> = row.into_iter().map(Option::unwrap_or_default).collect();
            let Reference { name, table, to, .. } = reference;
            bail!("table `{table}` refers to `{to}` (by `{name}`), which has no row `{}`", values.join(", "));
        }
    }
    Ok(())
}

impl Reference {
    /// Asks for a row that refers to none.
    fn lost(&self) -> String {
        let each = |write: &dyn Fn(&str, &str) -> String, between: &str| {
            let written: Vec<_> = self.columns.iter().map(|(own, other)| write(&quoted(own), &quoted(other))).collect();
            written.join(between)
        };
        format!(
            "SELECT {} FROM {} own LEFT JOIN {} other ON {} WHERE {} AND {} LIMIT 1",
            each(&|own, _| format!("CAST(own.{own} AS CHAR)"), ", "),
            quoted(&self.table),
            quoted(&self.to),
            each(&|own, other| format!("own.{own} = other.{other}"), " AND "),
            each(&|own, _| format!("own.{own} IS NOT NULL"), " AND "),
            each(&|_, other| format!("other.{other} IS NULL"), " AND "),
        )
    }
}
