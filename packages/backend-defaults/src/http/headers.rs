//! The security headers, as Helmet sets them for Backstage.

use backend_plugin_api::Result;
use http::HeaderMap;
use http::header::{
    CONTENT_SECURITY_POLICY, HeaderName, HeaderValue, REFERRER_POLICY, STRICT_TRANSPORT_SECURITY,
    X_CONTENT_TYPE_OPTIONS, X_DNS_PREFETCH_CONTROL, X_FRAME_OPTIONS, X_XSS_PROTECTION,
};
use indexmap::IndexMap;

use super::config::{CspConfig, Directive, ReferrerConfig};

/// Helmet's directives with Backstage's changes: `script-src` has `'unsafe-eval'`, there is no `form-action`.
const DIRECTIVES: [(&str, &[&str]); 10] = [
    ("default-src", &["'self'"]),
    ("base-uri", &["'self'"]),
    ("font-src", &["'self'", "https:", "data:"]),
    ("frame-ancestors", &["'self'"]),
    ("img-src", &["'self'", "data:"]),
    ("object-src", &["'none'"]),
    ("script-src", &["'self'", "'unsafe-eval'"]),
    ("script-src-attr", &["'none'"]),
    ("style-src", &["'self'", "https:", "'unsafe-inline'"]),
    ("upgrade-insecure-requests", &[]),
];

/// Headers that every response gets unless it has its own.
#[derive(Clone, Debug)]
pub(crate) struct SecurityHeaders(Vec<(HeaderName, HeaderValue)>);

impl SecurityHeaders {
    pub(crate) fn new(csp: &CspConfig, referrer: &ReferrerConfig) -> Result<Self> {
        let fixed = [
            (X_DNS_PREFETCH_CONTROL, "off"),
            (X_FRAME_OPTIONS, "SAMEORIGIN"),
            (STRICT_TRANSPORT_SECURITY, "max-age=15552000; includeSubDomains"),
            (HeaderName::from_static("x-download-options"), "noopen"),
            (X_CONTENT_TYPE_OPTIONS, "nosniff"),
            (HeaderName::from_static("x-permitted-cross-domain-policies"), "none"),
            (X_XSS_PROTECTION, "0"),
        ];
        let mut headers = fixed.map(|(name, value)| (name, HeaderValue::from_static(value))).to_vec();
        headers.push((REFERRER_POLICY, referrer.policy.join(",").parse()?));
        let csp = policy(csp);
        if !csp.is_empty() {
            headers.push((CONTENT_SECURITY_POLICY, csp.parse()?));
        }
        Ok(Self(headers))
    }

    pub(crate) fn add_to(&self, headers: &mut HeaderMap) {
        headers.reserve(self.0.len());
        for (name, value) in &self.0 {
            headers.entry(name).or_insert_with(|| value.clone());
        }
    }
}

fn policy(config: &CspConfig) -> String {
    let defaults = DIRECTIVES.iter().map(|(name, sources)| ((*name).to_owned(), sources.join(" ")));
    let mut directives: IndexMap<_, _> = defaults.collect();
    for (name, directive) in config.0.iter().flatten() {
        match directive {
            Directive::Sources(sources) => _ = directives.insert(kebab_case(name), sources.join(" ")),
            Directive::Off => _ = directives.shift_remove(&kebab_case(name)),
        }
    }
    let directives = directives.iter().map(|(name, sources)| format!("{name} {sources}").trim_end().to_owned());
    directives.collect::<Vec<_>>().join(";")
}

fn kebab_case(name: &str) -> String {
    let mut kebab = String::with_capacity(name.len() + 4);
    for c in name.chars() {
        if c.is_ascii_uppercase() && !kebab.is_empty() {
            kebab.push('-');
        }
        kebab.push(c.to_ascii_lowercase());
    }
    kebab
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use config::Config;
    use serde_json::json;

    use super::*;

    #[test]
    fn the_default_policy_is_backstages() {
        insta::assert_snapshot!(policy(&CspConfig::default()), @"default-src 'self';base-uri 'self';font-src 'self' https: data:;frame-ancestors 'self';img-src 'self' data:;object-src 'none';script-src 'self' 'unsafe-eval';script-src-attr 'none';style-src 'self' https: 'unsafe-inline';upgrade-insecure-requests");
    }

    #[test]
    fn config_goes_over_the_defaults() {
        let csp = json!({
            "connect-src": ["'self'", "http:", "https:"],
            "scriptSrc": ["'self'"],
            "upgrade-insecure-requests": false,
            "default-src": false,
            "sandbox": [],
        });
        insta::assert_snapshot!(policy(&Config::from_json(csp).read("").unwrap()), @"base-uri 'self';font-src 'self' https: data:;frame-ancestors 'self';img-src 'self' data:;object-src 'none';script-src 'self';script-src-attr 'none';style-src 'self' https: 'unsafe-inline';connect-src 'self' http: https:;sandbox");
    }

    #[test]
    fn a_response_keeps_its_own() {
        let mut headers = HeaderMap::from_iter([(X_FRAME_OPTIONS, HeaderValue::from_static("DENY"))]);
        SecurityHeaders::new(&CspConfig::default(), &ReferrerConfig::default()).unwrap().add_to(&mut headers);
        assert_eq!(headers[X_FRAME_OPTIONS], "DENY");
        assert_eq!(headers[REFERRER_POLICY], "no-referrer");
    }
}
