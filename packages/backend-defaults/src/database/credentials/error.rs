use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// Why there is no password. Never has a secret in it.
#[derive(Clone, Debug, thiserror::Error)]
pub enum PasswordError {
    /// A file of a password, key or token that cannot be used.
    #[error("cannot read `{}`, {what}: {cause}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// What is in it.
        what: &'static str,
        /// What went wrong.
        cause: Arc<io::Error>,
    },
    /// A file that was read and is of no use.
    #[error("`{}`, {what}, {problem}", path.display())]
    Content {
        /// Which.
        path: PathBuf,
        /// What is in it.
        what: &'static str,
        /// What is wrong, and what to do.
        problem: String,
    },
    /// `passwordCommand` gave no password.
    #[error("`passwordCommand` (`{program}`) {problem}{}", said(stderr))]
    Command {
        /// What was run.
        program: String,
        /// What went wrong.
        problem: CommandProblem,
        /// The end of what it wrote to stderr.
        stderr: String,
    },
    /// A variable with a value that is of no use.
    #[error("the variable `{name}` {problem}")]
    Variable {
        /// Its name.
        name: &'static str,
        /// What is wrong, and what to do.
        problem: String,
    },
    /// Nothing says who this is.
    #[error("there are no credentials of {cloud}: {tried}")]
    NoCredentials {
        /// Whose.
        cloud: &'static str,
        /// Where they were looked for, and what to do.
        tried: String,
    },
    /// A service on the network that gave no token.
    #[error("{service} (`{endpoint}`) {problem}{}", advised(problem, advice))]
    Endpoint {
        /// What it is.
        service: &'static str,
        /// Its URL, without what is asked.
        endpoint: String,
        /// What went wrong.
        problem: EndpointProblem,
        /// What to do if it refuses; may be empty.
        advice: &'static str,
    },
}

/// What went wrong with a `passwordCommand`.
#[derive(Clone, Debug, thiserror::Error)]
pub enum CommandProblem {
    /// It did not start.
    #[error("cannot be started: {0}")]
    Start(Arc<io::Error>),
    /// What it writes could not be read.
    #[error("cannot be read from: {0}")]
    Read(Arc<io::Error>),
    /// It took too long.
    #[error("did not end within {} s", .0.as_secs_f64())]
    Slow(Duration),
    /// It ended badly.
    #[error("failed with {0}")]
    Failed(std::process::ExitStatus),
    /// It wrote something that is no password.
    #[error("{0}")]
    Output(&'static str),
}

/// What went wrong with a service on the network.
#[derive(Clone, Debug, thiserror::Error)]
pub enum EndpointProblem {
    /// No connection, or it broke.
    #[error("cannot be reached: {0}")]
    Unreachable(String),
    /// No answer in time.
    #[error("did not answer within {} s", .0.as_secs_f64())]
    Slow(Duration),
    /// It says no.
    #[error("answered {status}{}", said(detail))]
    Refused {
        /// Of HTTP.
        status: u16,
        /// What it says of it.
        detail: String,
    },
    /// An answer that is not what was asked for.
    #[error("answered with something else: {0}")]
    Answer(String),
}

impl PasswordError {
    /// Whether the same may work in a moment: the network's fault, not the config's.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Endpoint { problem, .. } => match problem {
                EndpointProblem::Unreachable(_) | EndpointProblem::Slow(_) => true,
                EndpointProblem::Refused { status, .. } => *status == 429 || *status >= 500,
                EndpointProblem::Answer(_) => false,
            },
            Self::Command { problem, .. } => matches!(problem, CommandProblem::Slow(_)),
            _ => false,
        }
    }

    /// Whether there is nobody at an endpoint.
    pub(super) fn is_absence(&self) -> bool {
        let Self::Endpoint { problem, .. } = self else { return false };
        matches!(problem, EndpointProblem::Unreachable(_) | EndpointProblem::Slow(_))
    }

    pub(super) fn file(path: impl Into<PathBuf>, what: &'static str, cause: io::Error) -> Self {
        Self::File { path: path.into(), what, cause: Arc::new(cause) }
    }
}

fn said(text: &str) -> String {
    if text.is_empty() { String::new() } else { format!(": {text}") }
}

fn advised(problem: &EndpointProblem, advice: &str) -> String {
    match problem {
        EndpointProblem::Refused { status: 400..=428 | 430..=499, .. } if !advice.is_empty() => format!("; {advice}"),
        _ => String::new(),
    }
}
