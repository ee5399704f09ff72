use std::time::Duration;

/// How long it may take to get all of one.
const TIMEOUT: Duration = Duration::from_secs(30);
/// As much as the loader takes of a file.
const MOST_BYTES: usize = 16 << 20;

/// Gets the text at a URL, or says why that fails. Blocks, also within a runtime.
pub(crate) fn fetch(url: &str) -> Result<String, String> {
    let url = url.to_owned();
    let fetched = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.map_err(|error| error.to_string())?.block_on(get(&url))
    });
    fetched.join().unwrap_or_else(|_| Err("cannot be fetched".to_owned()))
}

async fn get(url: &str) -> Result<String, String> {
    // The URL may have a password in it, and is told by who asked.
    let cause = |error: reqwest::Error| {
        let error = error.without_url();
        let causes = std::iter::successors(Some(&error as &dyn std::error::Error), |it| it.source());
        format!("cannot be fetched: {}", causes.map(ToString::to_string).collect::<Vec<_>>().join(": "))
    };
    let client = reqwest::Client::builder().timeout(TIMEOUT).build().map_err(cause)?;
    let mut response = client.get(url).send().await.map_err(cause)?;
    if !response.status().is_success() {
        return Err(format!("cannot be fetched: the server answers {}", response.status()));
    }
    let mut bytes = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(cause)? {
        bytes.extend_from_slice(&chunk);
        if bytes.len() > MOST_BYTES {
            return Err(format!("is larger than {} MB", MOST_BYTES >> 20));
        }
    }
    String::from_utf8(bytes).map_err(|_| "is not UTF-8 text".to_owned())
}
