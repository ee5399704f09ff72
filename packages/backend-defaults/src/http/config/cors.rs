use backend_plugin_api::{CheckContext, ConfigError, Section};
use globset::{GlobBuilder, GlobSet, GlobSetBuilder};
use http::{HeaderName, Method};
use schemars::JsonSchema;
use serde::Deserialize;

use super::Texts;

/// Which other origins browsers may call from. Without it: none.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct CorsConfig(pub Option<Cors>);

/// What `backend.cors` has. Backstage: `readCorsOptions`, with the defaults of the npm package
/// `cors`; but `origin` has to be there, as without it that package lets every origin in.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Cors {
    /// Globs: `https://*.example.com`; `*` is every origin. Case is ignored.
    pub origin: Texts,
    /// The methods that they may use.
    #[serde(default = "default_methods")]
    pub methods: Texts,
    /// The request headers that they may send. Without it: those that the browser asks for.
    pub allowed_headers: Option<Texts>,
    /// The response headers that scripts may read, beyond the harmless ones.
    pub exposed_headers: Option<Texts>,
    /// Whether cookies and the like may be sent.
    #[serde(default)]
    pub credentials: bool,
    /// How long a browser may remember the answer, in seconds. Without it: as it likes.
    pub max_age: Option<u64>,
    /// The status of the answer to a preflight.
    #[serde(default = "default_success")]
    pub options_success_status: u16,
    /// Has to be `false`: preflights are answered here, plugins never see them.
    #[serde(default)]
    pub preflight_continue: bool,
}

impl Section for CorsConfig {
    const KEY: &'static str = "backend.cors";

    fn check(&self, cx: &CheckContext<'_>) -> Vec<ConfigError> {
        let Some(cors) = &self.0 else { return Vec::new() };
        let mut errors = Vec::new();
        let mut check = |key: &str, texts: &[String], wrong: &dyn Fn(&str) -> Option<String>| {
            let wrong = texts.iter().filter_map(|text| wrong(text));
            errors.extend(wrong.map(|message| cx.config.error(&format!("{}.{key}", Self::KEY), message)));
        };
        check("origin", &cors.origin, &|text| GlobBuilder::new(text).build().err().map(|it| it.to_string()));
        check("methods", &cors.methods, &|text| {
            text.parse::<Method>().err().map(|_| format!("{text:?} is not a method"))
        });
        let header = |text: &str| text.parse::<HeaderName>().err().map(|_| format!("{text:?} is not a header name"));
        check("allowedHeaders", cors.allowed_headers.as_deref().unwrap_or_default(), &header);
        check("exposedHeaders", cors.exposed_headers.as_deref().unwrap_or_default(), &header);
        if !(200..=299).contains(&cors.options_success_status) {
            let key = format!("{}.optionsSuccessStatus", Self::KEY);
            errors.push(cx.config.error(&key, "expected a status from 200 to 299"));
        }
        if cors.preflight_continue {
            let key = format!("{}.preflightContinue", Self::KEY);
            errors.push(cx.config.error(&key, "preflights are answered here, plugins never see them; remove it"));
        }
        errors
    }
}

impl Cors {
    /// Matches the origins that are let in.
    ///
    /// # Errors
    /// When one is not a glob.
    pub(crate) fn origins(&self) -> Result<GlobSet, globset::Error> {
        let mut globs = GlobSetBuilder::new();
        for origin in self.origin.iter() {
            // Alone, it means what people expect; Backstage's matches no origin, as they have slashes.
            let separator = origin != "*";
            globs.add(GlobBuilder::new(origin).literal_separator(separator).case_insensitive(true).build()?);
        }
        globs.build()
    }
}

fn default_success() -> u16 {
    204
}

fn default_methods() -> Texts {
    Texts(["GET", "HEAD", "PUT", "PATCH", "POST", "DELETE"].map(str::to_owned).into())
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use config::Config;
    use serde_json::json;

    use super::*;

    fn check(cors: serde_json::Value) -> String {
        let config = Config::from_json(json!({ "backend": { "cors": cors } }));
        let cx = CheckContext { config: &config, plugins: &[], databases: &[], modules: &[] };
        let errors = match config.read::<CorsConfig>(CorsConfig::KEY) {
            Ok(read) => read.check(&cx),
            Err(errors) => errors.into_iter().collect(),
        };
        errors.into_iter().map(|it| it.to_string()).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn mistakes_are_told_with_their_key() {
        assert_eq!(check(json!({ "origin": "http://localhost:3000", "allowedHeaders": ["x-a"] })), "");
        insta::assert_snapshot!(check(json!({ "credentials": true })), @"`backend.cors.origin`: is required, but not set");
        let wrong = json!({ "origin": ["http://[a"], "methods": "GE T", "exposedHeaders": ["a b"], "optionsSuccessStatus": 404, "preflightContinue": true });
        insta::assert_snapshot!(check(wrong), @r#"
        `backend.cors.origin`: error parsing glob 'http://[a': unclosed character class; missing ']'
        `backend.cors.methods`: "GE T" is not a method
        `backend.cors.exposedHeaders`: "a b" is not a header name
        `backend.cors.optionsSuccessStatus`: expected a status from 200 to 299
        `backend.cors.preflightContinue`: preflights are answered here, plugins never see them; remove it
        "#);
        insta::assert_snapshot!(check(json!({ "origin": 3, "maxAge": "soon" })), @r#"
        `backend.cors.origin`: expected a string or a list of strings, got 3
        `backend.cors.maxAge`: expected a number, got "soon"
        "#);
    }

    #[test]
    fn origins_are_globs() {
        let origins = |globs: &[&str]| {
            let cors = Config::from_json(json!({ "origin": globs })).read::<Cors>("").unwrap();
            cors.origins().unwrap()
        };
        assert!(origins(&["http://localhost:3000"]).is_match("http://LOCALHOST:3000"));
        assert!(origins(&["https://*.example.com"]).is_match("https://a.example.com"));
        assert!(!origins(&["https://*.example.com"]).is_match("https://evil.com/.example.com"));
        assert!(!origins(&["https://*.example.com"]).is_match("https://example.com"));
        assert!(origins(&["*"]).is_match("https://anything:1"));
    }
}
