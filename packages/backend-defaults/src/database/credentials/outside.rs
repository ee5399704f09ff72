use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};

use super::http::Http;

/// A process's environment: the value of each variable, by name.
pub type Variables = dyn Fn(&str) -> Option<String> + Send + Sync;

/// What providers of passwords see of the world.
#[derive(Clone)]
pub struct Outside {
    /// The process's environment, by name.
    pub variables: Arc<Variables>,
    /// What time it is.
    pub clock: Arc<dyn Fn() -> DateTime<Utc> + Send + Sync>,
    /// Where the clouds answer.
    pub endpoints: Endpoints,
    /// How long things may take.
    pub limits: Limits,
}

/// Where the clouds answer, each without a slash at its end. The vendors' own variables come first.
#[derive(Clone, Debug)]
pub struct Endpoints {
    /// Credentials of tasks in ECS, which `AWS_CONTAINER_CREDENTIALS_RELATIVE_URI` is relative to.
    pub aws_containers: String,
    /// Of EC2. First: `AWS_EC2_METADATA_SERVICE_ENDPOINT`.
    pub aws_metadata: String,
    /// First: `AZURE_AUTHORITY_HOST`.
    pub azure_authority: String,
    /// Of Azure's virtual machines. First: `AZURE_POD_IDENTITY_AUTHORITY_HOST`.
    pub azure_metadata: String,
    /// Of Google Cloud. First: `GCE_METADATA_HOST`, a host.
    pub google_metadata: String,
    /// For accounts of people; a service account's key file names its own.
    pub google_oauth: String,
    /// The Cloud SQL Admin API.
    pub google_sql_admin: String,
}

/// How long things may take.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// A request, with its retries. 10 s.
    pub request: Duration,
    /// Connecting to a metadata service, which is next to the machine or not there. 2 s.
    pub connect: Duration,
    /// A `passwordCommand`. 30 s.
    pub command: Duration,
}

impl Outside {
    /// The real world, with these variables.
    pub fn new(variables: impl Fn(&str) -> Option<String> + Send + Sync + 'static) -> Self {
        Self {
            variables: Arc::new(variables),
            clock: Arc::new(Utc::now),
            endpoints: Endpoints::default(),
            limits: Limits::default(),
        }
    }
}

impl fmt::Debug for Outside {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outside")
            .field("endpoints", &self.endpoints)
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}

impl Default for Endpoints {
    fn default() -> Self {
        Self {
            aws_containers: "http://169.254.170.2".to_owned(),
            aws_metadata: "http://169.254.169.254".to_owned(),
            azure_authority: "https://login.microsoftonline.com".to_owned(),
            azure_metadata: "http://169.254.169.254".to_owned(),
            google_metadata: "http://metadata.google.internal".to_owned(),
            google_oauth: "https://oauth2.googleapis.com".to_owned(),
            google_sql_admin: "https://sqladmin.googleapis.com".to_owned(),
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self { request: Duration::from_secs(10), connect: Duration::from_secs(2), command: Duration::from_secs(30) }
    }
}

/// The outside, and how to talk to it.
pub(super) struct World {
    pub(super) outside: Outside,
    pub(super) http: Http,
}

impl World {
    pub(super) fn new(outside: Outside) -> Self {
        let http = Http::new(outside.limits);
        Self { outside, http }
    }

    /// A variable that says something.
    pub(super) fn variable(&self, name: &str) -> Option<String> {
        (self.outside.variables)(name).filter(|it| !it.is_empty())
    }

    pub(super) fn now(&self) -> DateTime<Utc> {
        (self.outside.clock)()
    }
}
