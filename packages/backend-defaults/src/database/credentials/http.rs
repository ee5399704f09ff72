//! Requests to token endpoints: short, bounded, and without a secret in what is told of them.

use std::net::IpAddr;
use std::sync::OnceLock;
use std::time::Duration;

use reqwest::{Client, Method, StatusCode, Url, redirect};
use serde_json::Value;

use super::{EndpointProblem, Limits, PasswordError};

/// More than any answer has.
const MOST_BYTES: usize = 256 << 10;
/// As much of an explanation as is told.
const MOST_TOLD: usize = 400;
/// Before each other try: metadata services hiccup when a machine starts.
const PAUSES: [Duration; 2] = [Duration::from_millis(100), Duration::from_millis(400)];

/// A request to a service that is named in errors.
pub(super) struct Request<'a> {
    pub(super) service: &'static str,
    pub(super) method: Method,
    pub(super) url: String,
    pub(super) headers: Vec<(&'static str, String)>,
    /// Of a form.
    pub(super) body: Option<String>,
    /// What is never told, should the service repeat it.
    pub(super) secrets: Vec<&'a str>,
    /// What to do if it refuses.
    pub(super) advice: &'static str,
}

pub(super) struct Http {
    limits: Limits,
    near: OnceLock<Client>,
    far: OnceLock<Client>,
}

impl<'a> Request<'a> {
    pub(super) fn get(service: &'static str, url: impl Into<String>) -> Self {
        let (headers, secrets) = (Vec::new(), Vec::new());
        Self { service, method: Method::GET, url: url.into(), headers, body: None, secrets, advice: "" }
    }

    pub(super) fn post(service: &'static str, url: impl Into<String>, form: &[(&str, &str)]) -> Self {
        let form_type = ("content-type", "application/x-www-form-urlencoded".to_owned());
        let request = Self { method: Method::POST, body: Some(encoded(form)), ..Self::get(service, url) };
        Self { headers: vec![form_type], ..request }
    }

    pub(super) fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    pub(super) fn secret(mut self, secret: &'a str) -> Self {
        self.secrets.push(secret);
        self
    }

    pub(super) fn advice(mut self, advice: &'static str) -> Self {
        self.advice = advice;
        self
    }

    pub(super) fn error(&self, problem: EndpointProblem) -> PasswordError {
        let endpoint = shown(&self.url);
        PasswordError::Endpoint { service: self.service, endpoint, problem, advice: self.advice }
    }
}

impl Http {
    pub(super) fn new(limits: Limits) -> Self {
        Self { limits, near: OnceLock::new(), far: OnceLock::new() }
    }

    /// The answer's JSON, as `read` takes it apart.
    pub(super) async fn json<T>(
        &self,
        request: Request<'_>,
        read: impl FnOnce(&Value) -> Result<T, &'static str>,
    ) -> Result<T, PasswordError> {
        let text = self.text(&request).await?;
        let answer = |problem: &str| request.error(EndpointProblem::Answer(problem.to_owned()));
        let value = serde_json::from_str(&text).map_err(|_| answer("it is no JSON"))?;
        read(&value).map_err(answer)
    }

    /// The answer's text, if the status is one of success.
    pub(super) async fn text(&self, request: &Request<'_>) -> Result<String, PasswordError> {
        let limit = self.limits.request;
        let answer = tokio::time::timeout(limit, self.tries(request)).await;
        answer.unwrap_or(Err(EndpointProblem::Slow(limit))).map_err(|problem| request.error(problem))
    }

    async fn tries(&self, request: &Request<'_>) -> Result<String, EndpointProblem> {
        let url = Url::parse(&request.url).map_err(|error| EndpointProblem::Unreachable(error.to_string()))?;
        let client = self.client(is_near(&url)).map_err(|error| unreachable(error, Duration::ZERO))?;
        for pause in PAUSES {
            match self.once(client, url.clone(), request).await {
                Err(problem) if may_pass(&problem) => tokio::time::sleep(pause).await,
                done => return done,
            }
        }
        self.once(client, url, request).await
    }

    async fn once(&self, client: &Client, url: Url, request: &Request<'_>) -> Result<String, EndpointProblem> {
        let cause = |error| unreachable(error, self.limits.connect);
        let mut builder = client.request(request.method.clone(), url);
        for (name, value) in &request.headers {
            builder = builder.header(*name, value);
        }
        if let Some(body) = &request.body {
            builder = builder.body(body.clone());
        }
        let mut response = builder.send().await.map_err(cause)?;
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(cause)? {
            body.extend_from_slice(&chunk);
            if body.len() > MOST_BYTES {
                return Err(EndpointProblem::Answer(format!("it is larger than {} KiB", MOST_BYTES >> 10)));
            }
        }
        let status = response.status();
        if status.is_success() {
            return String::from_utf8(body).map_err(|_| EndpointProblem::Answer("it is not UTF-8 text".to_owned()));
        }
        Err(EndpointProblem::Refused { status: status.as_u16(), detail: detail(&body, &request.secrets) })
    }

    /// Made when they are needed first: finding the system's certificates takes time.
    fn client(&self, near: bool) -> reqwest::Result<&Client> {
        let (made, builder) = match near {
            true => (&self.near, Client::builder().no_proxy().connect_timeout(self.limits.connect)),
            false => (&self.far, Client::builder()),
        };
        if let Some(client) = made.get() {
            return Ok(client);
        }
        let client = builder.redirect(redirect::Policy::none()).build()?;
        Ok(made.get_or_init(|| client))
    }
}

/// A query, or the body of a form.
pub(super) fn encoded(pairs: &[(&str, &str)]) -> String {
    form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish()
}

/// Whether a secret may be sent there: encrypted, or not leaving the machine.
pub(super) fn is_safe(url: &str) -> bool {
    Url::parse(url).is_ok_and(|url| url.scheme() == "https" || (url.scheme() == "http" && is_near(&url)))
}

/// This machine, and the addresses of its metadata services: never asked through a proxy.
fn is_near(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    match host.trim_matches(['[', ']']).parse() {
        Ok(IpAddr::V4(address)) => address.is_loopback() || address.is_link_local(),
        // The addresses of AWS: ECS and EKS, EC2.
        Ok(IpAddr::V6(address)) => address.is_loopback() || address.segments()[..2] == [0xfd00, 0xec2],
        Err(_) => host == "localhost" || host == "metadata.google.internal",
    }
}

/// Without what is asked, and who asks.
fn shown(url: &str) -> String {
    let end = url.find(['?', '#']).unwrap_or(url.len());
    match (url[..end].split_once("://"), url[..end].rsplit_once('@')) {
        (Some((scheme, _)), Some((_, rest))) => format!("{scheme}://{rest}"),
        _ => url[..end].to_owned(),
    }
}

fn may_pass(problem: &EndpointProblem) -> bool {
    match problem {
        EndpointProblem::Unreachable(_) => true,
        EndpointProblem::Refused { status, .. } => *status == StatusCode::TOO_MANY_REQUESTS.as_u16() || *status >= 500,
        EndpointProblem::Slow(_) | EndpointProblem::Answer(_) => false,
    }
}

fn unreachable(error: reqwest::Error, connect: Duration) -> EndpointProblem {
    if error.is_timeout() {
        return EndpointProblem::Slow(connect);
    }
    // The deepest says what happened, those above only where.
    let error = error.without_url();
    let causes = std::iter::successors(Some(&error as &dyn std::error::Error), |it| it.source());
    EndpointProblem::Unreachable(causes.last().map(ToString::to_string).unwrap_or_default())
}

/// What an answer says of its being an error, in one line: OAuth's, Google's and AWS's ways.
fn detail(body: &[u8], secrets: &[&str]) -> String {
    let body = String::from_utf8_lossy(body);
    let json: Value = serde_json::from_str(&body).unwrap_or_default();
    let text = |pointer: &str| json.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
    let code = text("/error").or_else(|| text("/error/status")).or_else(|| text("/code")).or_else(|| text("/Code"));
    let messages = ["/error_description", "/error/message", "/message", "/Message"];
    let message = messages.into_iter().find_map(text).or_else(|| tagged(&body, "Message"));
    let parts = [code.or_else(|| tagged(&body, "Code")), message];
    let mut line = parts.into_iter().flatten().collect::<Vec<_>>().join(": ");
    for secret in secrets.iter().filter(|it| !it.is_empty()) {
        line = line.replace(secret, "********");
    }
    let line = line.split_whitespace().collect::<Vec<_>>().join(" ");
    let line = line.trim_end_matches('.').to_owned();
    match line.char_indices().nth(MOST_TOLD) {
        Some((end, _)) => format!("{}...", &line[..end]),
        None => line,
    }
}

/// The text of the first XML element of a name: AWS's answers are flat and their values have nothing to unescape.
pub(super) fn tagged(xml: &str, name: &str) -> Option<String> {
    let (_, rest) = xml.split_once(&format!("<{name}>"))?;
    let (text, _) = rest.split_once(&format!("</{name}>"))?;
    Some(text.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_go_to_safe_places() {
        for url in [
            "https://sts.eu-west-1.amazonaws.com/",
            "http://127.0.0.1:80/x",
            "http://localhost/x",
            "http://[::1]/x",
            "http://169.254.170.2/x",
            "http://169.254.170.23/v1/credentials",
            "http://[fd00:ec2::23]/v1/credentials",
            "http://metadata.google.internal",
        ] {
            assert!(is_safe(url), "{url}");
        }
        for url in
            ["http://example.com", "http://10.0.0.1/", "ftp://localhost", "localhost", "http://127.0.0.1.example.com/"]
        {
            assert!(!is_safe(url), "{url}");
        }
    }

    #[test]
    fn urls_are_shown_without_secrets() {
        assert_eq!(shown("http://u:s3cret@host/path?client_secret=s3cret#x"), "http://host/path");
        assert_eq!(shown("https://host/path"), "https://host/path");
        assert_eq!(shown("s3cret"), "s3cret");
    }

    #[test]
    fn answers_say_why() {
        let cases = [
            (
                r#"{"error": "invalid_client", "error_description": "AADSTS7000215: no s3cret\r\nTrace: 1"}"#,
                "invalid_client: AADSTS7000215: no ******** Trace: 1",
            ),
            (
                r#"{"error": {"code": 403, "status": "PERMISSION_DENIED", "message": "no access"}}"#,
                "PERMISSION_DENIED: no access",
            ),
            (r#"{"Code": "AccessDenied", "Message": "not you"}"#, "AccessDenied: not you"),
            (
                "<Error><Code>ExpiredTokenException</Code><Message>Token expired</Message></Error>",
                "ExpiredTokenException: Token expired",
            ),
            ("<html>s3cret</html>", ""),
            ("", ""),
        ];
        for (body, expected) in cases {
            assert_eq!(detail(body.as_bytes(), &["s3cret", ""]), expected, "{body}");
        }
        let long = serde_json::json!({ "message": "ä".repeat(1000) }).to_string();
        assert_eq!(detail(long.as_bytes(), &[]).chars().count(), 403);
    }
}
