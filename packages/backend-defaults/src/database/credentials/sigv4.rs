//! AWS Signature Version 4, as much of it as a presigned `GET` takes.

use std::fmt::Write as _;

use chrono::{DateTime, TimeDelta, Utc};
use hmac::{Hmac, KeyInit as _, Mac as _};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use sha2::{Digest as _, Sha256};

use super::aws::AwsCredentials;

const ALGORITHM: &str = "AWS4-HMAC-SHA256";
/// All but the unreserved characters of RFC 3986.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// What is asked for, and when.
pub(super) struct Presign<'a> {
    /// As in the `Host` header: with the port, if it is not the scheme's.
    pub(super) host: &'a str,
    /// Not encoded.
    pub(super) query: &'a [(&'a str, &'a str)],
    pub(super) region: &'a str,
    pub(super) service: &'a str,
    pub(super) time: DateTime<Utc>,
    pub(super) valid: TimeDelta,
}

impl Presign<'_> {
    /// The query of `https://<host>/?<query>`, with who asks and the signature.
    pub(super) fn query(&self, credentials: &AwsCredentials) -> String {
        let date = self.time.format("%Y%m%d").to_string();
        let time = self.time.format("%Y%m%dT%H%M%SZ").to_string();
        let scope = format!("{date}/{}/{}/aws4_request", self.region, self.service);
        let id = format!("{}/{scope}", credentials.access_key_id);
        let valid = self.valid.num_seconds().to_string();
        let mut pairs = self.query.to_vec();
        pairs.extend([
            ("X-Amz-Algorithm", ALGORITHM),
            ("X-Amz-Credential", &id),
            ("X-Amz-Date", &time),
            ("X-Amz-Expires", &valid),
        ]);
        pairs.extend(credentials.session_token.as_ref().map(|it| ("X-Amz-Security-Token", it.expose().as_str())));
        pairs.push(("X-Amz-SignedHeaders", "host"));
        let mut pairs: Vec<_> = pairs.into_iter().map(|(name, value)| (escaped(name), escaped(value))).collect();
        pairs.sort();
        let pairs: Vec<_> = pairs.into_iter().map(|(name, value)| format!("{name}={value}")).collect();
        let query = pairs.join("&");
        let request = format!("GET\n/\n{query}\nhost:{}\n\nhost\n{}", self.host, hex(&Sha256::digest("")));
        let to_sign = format!("{ALGORITHM}\n{time}\n{scope}\n{}", hex(&Sha256::digest(request)));
        let secret = format!("AWS4{}", credentials.secret_access_key.expose());
        let parts = [&date, self.region, self.service, "aws4_request", &to_sign];
        let signature = parts.into_iter().fold(secret.into_bytes(), |key, part| keyed_hash(&key, part));
        format!("{query}&X-Amz-Signature={}", hex(&signature))
    }
}

fn escaped(text: &str) -> String {
    utf8_percent_encode(text, ESCAPED).to_string()
}

fn keyed_hash(key: &[u8], text: &str) -> Vec<u8> {
    let mut hash = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of every length");
    hash.update(text.as_bytes());
    hash.finalize().into_bytes().to_vec()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a string does not fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    /// Of AWS's test suite (aws-c-auth, `tests/aws-signing-test-suite/v4`), the presigned requests for `/`.
    #[test]
    fn signatures_are_those_of_the_test_suite() {
        const UNRESERVED: &str = "-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
        let session = "6e86291e8372ff2a2260956d9b8aae1d763fbf315fa00fa31553b73ebf194267";
        type Query = &'static [(&'static str, &'static str)];
        let cases: [(Query, Option<&str>, &str); 3] = [
            (
                &[("Param-3", "Value3"), ("Param", "Value2"), ("\u{1234}", "Value1")],
                None,
                "c5f1848ceec943ac2ca68ee720460c23aaae30a2300586597ada94c4a65e4787",
            ),
            (&[(UNRESERVED, UNRESERVED)], None, "8e76a88a7433637b12778d5592799b29ad21ecd6cf6325051c21d86f0acda2bf"),
            (&[], Some(session), "7ff2b50b376cb4d151970630573d6291dc128cc5c2a12ffb237f73cc53f67b6c"),
        ];
        for (query, session_token, signature) in cases {
            let credentials = AwsCredentials {
                access_key_id: "AKIDEXAMPLE".to_owned(),
                secret_access_key: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY".to_owned().into(),
                session_token: session_token.map(|it| it.to_owned().into()),
                expires: None,
            };
            let presign = Presign {
                host: "example.amazonaws.com",
                query,
                region: "us-east-1",
                service: "service",
                time: "2015-08-30T12:36:00Z".parse().unwrap(),
                valid: TimeDelta::hours(1),
            };
            let signed = presign.query(&credentials);
            assert_eq!(signed.rsplit_once("&X-Amz-Signature=").unwrap().1, signature, "{signed}");
        }
    }
}
