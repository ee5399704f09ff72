//! Keys of Backstage's config that nothing here reads: a config file from there works unchanged,
//! and says what has no effect.

use backend_app_api::Backend;
use serde_json::{Value, json};

/// Adds what is known of them.
pub(crate) fn describe(backend: Backend) -> Backend {
    let backend = UNUSED.iter().fold(backend, |backend, (key, reason)| backend.unused_key(key, reason));
    let backend = COMMUNITY.iter().fold(backend, |backend, key| backend.unused_key(key, NO_PLUGIN));
    of_frontend().into_iter().fold(backend, |backend, (key, schema)| backend.described_key(key, schema))
}

/// Key and why it has no effect, completing "`key` has no effect: ". With the sections that are
/// read, all of `backend` in Backstage's `config.d.ts`.
const UNUSED: [(&str, &str); 30] = [
    ("auth", NO_PLUGIN),
    ("backend.actions", NO_SERVICE),
    ("backend.auditor", NO_SERVICE),
    ("backend.auth", NO_SERVICE),
    ("backend.cache", NO_SERVICE),
    ("backend.health", NO_SERVICE),
    ("backend.metrics", NO_SERVICE),
    ("backend.packages", "plugins are compiled in"),
    ("backend.rateLimit", NO_SERVICE),
    ("backend.reading", NO_SERVICE),
    ("backend.tracing", NO_SERVICE),
    ("backend.trustProxy", NO_SERVICE),
    ("backend.workingDirectory", NO_SERVICE),
    ("costInsights", NO_PLUGIN),
    ("discovery", NO_SERVICE),
    ("enableExperimentalRedirectFlow", NO_PLUGIN),
    ("events", NO_PLUGIN),
    ("integrations", NO_SERVICE),
    ("jenkins", NO_PLUGIN),
    ("kafka", NO_PLUGIN),
    ("kubernetes", NO_PLUGIN),
    ("lighthouse", NO_PLUGIN),
    ("mcpActions", NO_PLUGIN),
    ("notifications", NO_PLUGIN),
    ("permission", NO_SERVICE),
    ("proxy", NO_PLUGIN),
    ("scaffolder", NO_PLUGIN),
    ("search", NO_PLUGIN),
    ("signals", NO_PLUGIN),
    ("techdocs", NO_PLUGIN),
];

/// Sections of well-known community plugins.
const COMMUNITY: [&str; 56] = [
    "adr",
    "airbrake",
    "allure",
    "analytics",
    "apacheAirflow",
    "argocd",
    "announcements",
    "azureDevOps",
    "badges",
    "bazaar",
    "bitrise",
    "blackduck",
    "buildkite",
    "catalogGraph",
    "cicdStatistics",
    "cloudbuild",
    "codeClimate",
    "codeCoverage",
    "confluence",
    "copilot",
    "cortex",
    "datadog",
    "devTools",
    "dora",
    "dynamicPlugins",
    "dynatrace",
    "entityFeedback",
    "fossa",
    "gcp",
    "githubActions",
    "gocd",
    "grafana",
    "harbor",
    "humanitec",
    "ilert",
    "jira",
    "linguist",
    "newrelic",
    "nexusRepositoryManager",
    "nomad",
    "octopusdeploy",
    "opencost",
    "opsgenie",
    "pagerDuty",
    "periskop",
    "prometheus",
    "puppetdb",
    "rbac",
    "rollbar",
    "sentry",
    "servicenow",
    "sonarqube",
    "splunk",
    "stackoverflow",
    "techRadar",
    "vault",
];

const NO_PLUGIN: &str = "this version does not have that plugin";
const NO_SERVICE: &str = "this version does not have that service";

/// Key and schema of what the frontend reads, which gets what is marked.
fn of_frontend() -> [(&'static str, Value); 5] {
    let name = json!({ "type": "string", "description": "What the frontend calls you", "visibility": "frontend" });
    [
        ("app", app()),
        ("auth.environment", json!({ "type": "string", "visibility": "frontend" })),
        ("catalog.import", json!({ "description": "The frontend's import page", "deepVisibility": "frontend" })),
        ("homepage", json!({ "description": "The frontend's home page", "deepVisibility": "frontend" })),
        ("organization", json!({ "type": "object", "properties": { "name": name } })),
    ]
}

/// Backstage: `core-app-api/config.d.ts` and `frontend-app-api/config.d.ts`.
fn app() -> Value {
    let text = |description: &str| json!({ "type": "string", "description": description, "visibility": "frontend" });
    let deep = |description: &str| json!({ "description": description, "deepVisibility": "frontend" });
    json!({
        "type": "object",
        "description": "The frontend's settings; the backend does not read them",
        "properties": {
            "title": text("The title of the frontend"),
            "baseUrl": text("Where users open the frontend"),
            "support": deep("Where users get help"),
            "routes": deep("Which routes of plugins lead to which"),
            "extensions": deep("The frontend's extensions and their settings"),
            "experimental": deep("What may change"),
            "packages": deep("Which packages of the frontend are found by themselves"),
        },
    })
}
