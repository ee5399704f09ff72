use std::str::FromStr;

use backend_plugin_api::Section;
use http::Uri;
use schemars::JsonSchema;
use serde::Deserialize;

/// The URL that clients reach the backend by. Without it: `http://localhost:<port>`.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[schemars(extend("visibility" = "frontend"))]
#[serde(transparent)]
pub struct BaseUrlConfig(pub Option<BaseUrl>);

/// An `http` or `https` URL without query and without a slash at its end.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(try_from = "String")]
pub struct BaseUrl {
    url: String,
    host: String,
}

impl Section for BaseUrlConfig {
    const KEY: &'static str = "backend.baseUrl";
}

impl BaseUrl {
    /// The URL, as `https://backstage.example.com`.
    pub fn as_str(&self) -> &str {
        &self.url
    }

    /// Its host: a name, or an address without brackets.
    pub fn host(&self) -> &str {
        &self.host
    }
}

impl FromStr for BaseUrl {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("expected a URL such as `http://localhost:7007`, got {text:?}");
        let uri: Uri = text.parse().map_err(|_| wrong())?;
        let host = uri.host().filter(|host| !host.is_empty()).ok_or_else(wrong)?;
        if !matches!(uri.scheme_str(), Some("http" | "https")) || uri.query().is_some() {
            return Err(wrong());
        }
        if uri.authority().is_some_and(|it| it.as_str().contains('@')) {
            return Err("a base URL has no user name or password: it is shown to everybody".to_owned());
        }
        let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        Ok(Self { url: text.trim_end_matches('/').to_owned(), host })
    }
}

impl TryFrom<String> for BaseUrl {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn a_url_and_nothing_else() {
        let url: BaseUrl = "https://[::1]:7007/app/".parse().unwrap();
        assert_eq!((url.as_str(), url.host()), ("https://[::1]:7007/app", "::1"));
        for wrong in ["localhost:7007", "ftp://x", "/x", "http://", "http://x?y", "", "http://u:p@x"] {
            assert!(wrong.parse::<BaseUrl>().is_err(), "{wrong}");
        }
    }
}
