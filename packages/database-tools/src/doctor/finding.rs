/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// As it should be.
    Ok,
    /// It works, and may not for long, or not well.
    Warning,
    /// It does not work, or data is in danger.
    Error,
}

impl Severity {
    /// In a word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

/// What came of one check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// A server, a plugin's database, a file or a folder.
    pub about: String,
    /// What was looked at, in a word.
    pub check: &'static str,
    /// What is so.
    pub what: String,
    /// Why it matters.
    pub why: Option<&'static str>,
    /// What to do.
    pub mend: Option<String>,
}

/// All that was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Diagnosis {
    /// By what they are about.
    pub findings: Vec<Finding>,
}

impl Diagnosis {
    /// How many are so bad.
    pub fn count(&self, severity: Severity) -> usize {
        self.findings.iter().filter(|it| it.severity == severity).count()
    }
}

/// Makes findings about one thing.
#[derive(Clone, Debug)]
pub(super) struct About(pub(super) String);

impl About {
    pub(super) fn ok(&self, check: &'static str, what: impl Into<String>) -> Finding {
        let about = self.0.clone();
        Finding { severity: Severity::Ok, about, check, what: what.into(), why: None, mend: None }
    }

    pub(super) fn warning(
        &self,
        check: &'static str,
        what: impl Into<String>,
        why: &'static str,
        mend: impl Into<String>,
    ) -> Finding {
        let bad = Finding { severity: Severity::Warning, why: Some(why), ..self.ok(check, what) };
        Finding { mend: Some(mend.into()), ..bad }
    }

    pub(super) fn error(
        &self,
        check: &'static str,
        what: impl Into<String>,
        why: &'static str,
        mend: impl Into<String>,
    ) -> Finding {
        Finding { severity: Severity::Error, ..self.warning(check, what, why, mend) }
    }

    /// For what could not be found out: said, and no more.
    pub(super) fn unknown(&self, check: &'static str, error: &sqlx::Error) -> Finding {
        let why = "whether it is in order is not known";
        self.warning(check, format!("cannot be looked at: {error}"), why, "let an administrator look at it")
    }
}
