/// Why nothing was loaded. No row of the target was changed; it may have been made and migrated.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// It has rows already.
    #[error(
        "the target {target} is not empty: {}; nothing was changed there; name another, or empty it (`backend db truncate`)",
        counted(filled)
    )]
    NotEmpty {
        /// Where it is.
        target: String,
        /// Tables and how many rows they have.
        filled: Vec<(String, u64)>,
    },
    /// It has migrations that this backend does not know.
    #[error("the target {target} has migrations that this backend does not: {}", quoted(unknown))]
    Newer {
        /// Where it is.
        target: String,
        /// Their names.
        unknown: Vec<String>,
    },
    /// The tables are not the same.
    #[error("the tables of the source and of the target differ: {}", differences.join("; "))]
    Differs {
        /// A sentence each.
        differences: Vec<String>,
    },
    /// What is there afterwards is not what was written.
    #[error(
        "{} would not keep what was copied into the target: other rows or values were there afterwards, such as numbers \
         rounded to fewer digits",
        tables_of(tables)
    )]
    Altered {
        /// Which tables.
        tables: Vec<String>,
    },
    /// Somebody wrote to the source.
    #[error(
        "{} changed in the source while it was copied: stop the backend that uses it, and copy again",
        tables_of(tables)
    )]
    Changed {
        /// Which tables.
        tables: Vec<String>,
    },
    /// Something else.
    #[error(transparent)]
    Other(#[from] anyhow::Error),
}

fn counted(filled: &[(String, u64)]) -> String {
    let tables = filled.iter().map(|(table, rows)| match rows {
        1 => format!("table `{table}` has 1 row"),
        _ => format!("table `{table}` has {rows} rows"),
    });
    tables.collect::<Vec<_>>().join(", ")
}

fn quoted(names: &[String]) -> String {
    names.iter().map(|it| format!("`{it}`")).collect::<Vec<_>>().join(", ")
}

fn tables_of(names: &[String]) -> String {
    format!("{} {}", if names.len() == 1 { "table" } else { "tables" }, quoted(names))
}
