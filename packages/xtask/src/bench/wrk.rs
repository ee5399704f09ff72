use anyhow::{Context, Result, bail};

use crate::sh;

/// Requests a second that `wrk` gets answered on 16 connections from one thread, in 5 s.
pub(crate) fn requests_per_second(url: &str) -> Result<f64> {
    parse(&sh::output(sh::command("wrk").args(["-t1", "-c16", "-d5s", url]))?)
}

fn parse(report: &str) -> Result<f64> {
    if let Some(line) = report.lines().find(|line| line.contains("Non-2xx") || line.contains("Socket errors")) {
        bail!("the server did not answer every request: {}", line.trim());
    }
    let rate = report.lines().find_map(|line| line.trim().strip_prefix("Requests/sec:"));
    rate.and_then(|rate| rate.trim().parse().ok()).with_context(|| format!("`wrk` reported no rate:\n{report}"))
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::parse;

    const GOOD: &str = "Running 5s test @ http://127.0.0.1:7007/\n  1 threads and 16 connections\n\
                        61234 requests in 5.00s, 9.01MB read\nRequests/sec:  12246.80\nTransfer/sec:      1.80MB\n";

    #[test]
    fn a_rate_counts_if_every_request_was_answered() {
        assert_eq!(parse(GOOD).unwrap(), 12246.8);
        let bad = format!("{GOOD}  Non-2xx or 3xx responses: 7\n");
        assert_eq!(
            parse(&bad).unwrap_err().to_string(),
            "the server did not answer every request: Non-2xx or 3xx responses: 7"
        );
        assert!(parse("unable to connect to 127.0.0.1:1 Connection refused\n").is_err());
    }
}
