//! A config that a server has.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};

use crate::process::Home;

/// Serves a text over HTTP, for as long as this process is there. Returns its URL.
fn serve(text: &Arc<Mutex<&'static str>>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/app-config.yaml", listener.local_addr().unwrap());
    let text = Arc::clone(text);
    std::thread::spawn(move || {
        for mut connection in listener.incoming().flatten() {
            let mut head = [0; 4096];
            let _ = connection.read(&mut head);
            let text = *text.lock().unwrap();
            let (status, length) = (if text.is_empty() { "404 Not Found" } else { "200 OK" }, text.len());
            let _ =
                write!(connection, "HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{text}");
        }
    });
    url
}

#[test]
fn a_config_from_a_url_is_asked_for_again() {
    let text = Arc::new(Mutex::new("backend: {listen: '127.0.0.1:0'}\n"));
    let url = serve(&text);
    let home = Home::with_config("this is not read");
    let mut backend = home.spawn(home.command().args(["--config", &url, "--config-reload-interval", "50ms"]));
    *text.lock().unwrap() = "backend: {listen: '127.0.0.1:0', logger: {level: debug}}\n";
    backend.wait_for_message("holds from now on: `backend.logger`");
    *text.lock().unwrap() = "";
    let message = backend.wait_for_message("cannot be read");
    assert!(message.contains("/app-config.yaml: cannot be fetched: the server answers 404 Not Found"), "{message}");
    *text.lock().unwrap() = "backend: {listen: '127.0.0.1:0', logger: {level: info}}\n";
    backend.wait_for_message("holds from now on: `backend.logger");
}

#[test]
fn variables_may_be_in_a_file() {
    let home = Home::with_config("todo: {maxOpen: '${MOST}'}\n");
    home.write("variables.env", "# some\nMOST=7\n");
    let output = home.command().args(["config", "print", "--env-file", "variables.env"]).output().unwrap();
    assert_eq!(String::from_utf8(output.stdout).unwrap(), "todo:\n  maxOpen: '7'\n");
}
