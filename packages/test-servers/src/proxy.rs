use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::thread::{self, JoinHandle};

use anyhow::{Context, Result};

/// A network between clients and a server that can fail: a TCP proxy on a free port of 127.0.0.1.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    network: Arc<Network>,
    accepting: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Network {
    server: SocketAddr,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug)]
struct State {
    mode: Mode,
    lines: Vec<Weak<Line>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    Works,
    Cut,
    Stalled,
    /// The proxy ends.
    Over,
}

/// A client's connection and the one to the server that belongs to it.
#[derive(Debug)]
struct Line {
    client: TcpStream,
    server: TcpStream,
    lost: AtomicBool,
}

impl Proxy {
    /// To the server at a port of 127.0.0.1, which need not run.
    ///
    /// # Errors
    /// When there is no free port.
    pub fn start(port: u16) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("there is no free port")?;
        let address = listener.local_addr()?;
        let server = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let state = Mutex::new(State { mode: Mode::Works, lines: Vec::new() });
        let network = Arc::new(Network { server, state, changed: Condvar::new() });
        let accepting = thread::spawn({
            let network = Arc::clone(&network);
            move || network.accept(&listener)
        });
        Ok(Self { address, network, accepting: Some(accepting) })
    }

    /// `127.0.0.1`.
    pub fn host(&self) -> &'static str {
        "127.0.0.1"
    }

    /// Of TCP.
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// Ends all connections, and new ones at once.
    pub fn cut(&self) {
        self.network.turn(Mode::Cut);
    }

    /// Carries nothing any more, nor the end of a connection, until [`Self::heal`], and then all of it.
    pub fn stall(&self) {
        self.network.turn(Mode::Stalled);
    }

    /// Carries nothing ever again on the connections there are, without a word, as a router does that
    /// forgot them. New ones work.
    pub fn blackhole(&self) {
        self.network
            .state()
            .lines
            .iter()
            .filter_map(Weak::upgrade)
            .for_each(|it| it.lost.store(true, Ordering::SeqCst));
    }

    /// Works again.
    pub fn heal(&self) {
        self.network.turn(Mode::Works);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.network.turn(Mode::Over);
        // So that it looks at the mode.
        drop(TcpStream::connect(self.address));
        drop(self.accepting.take().map(JoinHandle::join));
    }
}

impl Network {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn turn(&self, mode: Mode) {
        let mut state = self.state();
        state.mode = mode;
        if matches!(mode, Mode::Cut | Mode::Over) {
            state.lines.drain(..).filter_map(|it| it.upgrade()).for_each(|it| it.end());
        }
        drop(state);
        self.changed.notify_all();
    }

    fn accept(self: Arc<Self>, listener: &TcpListener) {
        for client in listener.incoming() {
            // As if it had been there before, or not at all, when the mode changes meanwhile.
            let mut state = self.state();
            match state.mode {
                Mode::Over => return,
                Mode::Cut => continue,
                Mode::Works | Mode::Stalled => {}
            }
            let Ok(line) = client.and_then(|it| Line::new(it, self.server)) else { continue };
            state.lines.retain(|it| it.strong_count() > 0);
            state.lines.push(Arc::downgrade(&line));
            for upwards in [true, false] {
                let (network, line) = (Arc::clone(&self), Arc::clone(&line));
                thread::spawn(move || network.carry(&line, upwards));
            }
        }
    }

    /// Until one side ends.
    fn carry(&self, line: &Line, upwards: bool) {
        let (mut from, mut to) = if upwards { (&line.client, &line.server) } else { (&line.server, &line.client) };
        let mut buffer = vec![0; 16 << 10];
        loop {
            let read = from.read(&mut buffer).unwrap_or(0);
            let stalled = |it: &mut State| it.mode == Mode::Stalled && !line.lost.load(Ordering::SeqCst);
            drop(self.changed.wait_while(self.state(), stalled));
            let lost = line.lost.load(Ordering::SeqCst);
            if read == 0 && lost {
                return;
            }
            if read == 0 || !lost && to.write_all(&buffer[..read]).is_err() {
                return line.end();
            }
        }
    }
}

impl Line {
    fn new(client: TcpStream, server: SocketAddr) -> std::io::Result<Arc<Self>> {
        let server = TcpStream::connect(server)?;
        client.set_nodelay(true)?;
        server.set_nodelay(true)?;
        Ok(Arc::new(Self { client, server, lost: AtomicBool::new(false) }))
    }

    fn end(&self) {
        // One that has ended cannot be.
        drop(self.client.shutdown(Shutdown::Both));
        drop(self.server.shutdown(Shutdown::Both));
    }
}
