//! A real HTTP server on loopback that serves one resource, well or badly.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::JoinHandle;

/// How the resource is served. The default is as a good server does it.
#[derive(Clone, Debug)]
pub(super) struct Manner {
    pub(super) ranges: bool,
    /// Says how long the resource is.
    pub(super) length: bool,
    /// Ranges, but without their total, at most so many bytes at once.
    pub(super) parts_of: Option<usize>,
    /// Added to the length that is said.
    pub(super) lie: i64,
    /// Answers nothing but this, with a body of HTML.
    pub(super) status: Option<&'static str>,
    /// Redirects to this place.
    pub(super) redirect: Option<String>,
    /// The first requests are answered by this.
    pub(super) busy_times: usize,
    /// Each answer breaks off after this many bytes of its body.
    pub(super) breaks_after: Option<usize>,
    /// The first answer falls silent after this many bytes of its body.
    pub(super) stalls_after: Option<usize>,
    /// Each answer waits after this many bytes of its body until [`Server::release`].
    pub(super) pauses_after: Option<usize>,
    /// Each answer is another version of the resource.
    pub(super) changes: bool,
    /// The resource again and again, for ever.
    pub(super) endless: bool,
    /// What [`Server::playlist_url`] leads to.
    pub(super) playlist: Option<String>,
    /// A header more.
    pub(super) header: &'static str,
}

impl Default for Manner {
    fn default() -> Self {
        Self {
            ranges: true,
            length: true,
            parts_of: None,
            lie: 0,
            status: None,
            redirect: None,
            busy_times: 0,
            breaks_after: None,
            stalls_after: None,
            pauses_after: None,
            changes: false,
            endless: false,
            playlist: None,
            header: "",
        }
    }
}

/// A running server; dropping it ends all its connections.
pub(super) struct Server {
    port: u16,
    shared: Arc<Shared>,
    accepting: Option<JoinHandle<()>>,
}

struct Shared {
    bytes: Vec<u8>,
    manner: Manner,
    stopped: AtomicBool,
    sent: AtomicU64,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    /// First byte asked for by each request.
    asked: Vec<u64>,
    open: Vec<TcpStream>,
    /// Answers that the client has ended.
    hung_up: usize,
    released: bool,
    handlers: Vec<JoinHandle<()>>,
}

impl Server {
    pub(super) fn start(bytes: &[u8], manner: Manner) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let shared = Arc::new(Shared {
            bytes: bytes.to_vec(),
            manner,
            stopped: AtomicBool::new(false),
            sent: AtomicU64::new(0),
            state: Mutex::default(),
            changed: Condvar::new(),
        });
        let serving = Arc::clone(&shared);
        let accepting = std::thread::Builder::new()
            .name("server".to_owned())
            .spawn(move || accept(&listener, &serving))
            .unwrap();
        Self { port, shared, accepting: Some(accepting) }
    }

    pub(super) fn url(&self) -> String {
        format!("http://127.0.0.1:{}/media", self.port)
    }

    pub(super) fn playlist_url(&self) -> String {
        format!("http://127.0.0.1:{}/index.m3u8", self.port)
    }

    /// First byte of each request so far.
    pub(super) fn asked(&self) -> Vec<u64> {
        self.shared.state.lock().unwrap().asked.clone()
    }

    /// Bytes of bodies so far.
    pub(super) fn sent(&self) -> u64 {
        self.shared.sent.load(Ordering::Relaxed)
    }

    /// Waits until this many requests have come.
    pub(super) fn wait_asked(&self, count: usize) {
        let state = self.shared.state.lock().unwrap();
        drop(self.shared.changed.wait_while(state, |state| state.asked.len() < count).unwrap());
    }

    /// Answers that wait go on.
    pub(super) fn release(&self) {
        self.shared.state.lock().unwrap().released = true;
        self.shared.changed.notify_all();
    }

    /// Waits until the client has ended a connection by itself.
    pub(super) fn wait_hung_up(&self) {
        let state = self.shared.state.lock().unwrap();
        drop(self.shared.changed.wait_while(state, |state| state.hung_up == 0).unwrap());
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.shared.stopped.store(true, Ordering::Release);
        drop(TcpStream::connect(("127.0.0.1", self.port)));
        if let Some(accepting) = self.accepting.take() {
            accepting.join().unwrap();
        }
        self.shared.changed.notify_all();
        let handlers = {
            let mut state = self.shared.state.lock().unwrap();
            state.released = true;
            for stream in &state.open {
                let _ = stream.shutdown(Shutdown::Both);
            }
            std::mem::take(&mut state.handlers)
        };
        self.shared.changed.notify_all();
        for handler in handlers {
            handler.join().unwrap();
        }
    }
}

fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
    for stream in listener.incoming() {
        if shared.stopped.load(Ordering::Acquire) {
            return;
        }
        let Ok(stream) = stream else { continue };
        let mut state = shared.state.lock().unwrap();
        state.open.push(stream.try_clone().unwrap());
        let serving = Arc::clone(shared);
        let handler = std::thread::Builder::new()
            .name("connection".to_owned())
            .spawn(move || while serving.answer(&stream).is_some() {})
            .unwrap();
        state.handlers.push(handler);
    }
}

impl Shared {
    /// Answers one request; `None` ends the connection.
    fn answer(&self, stream: &TcpStream) -> Option<()> {
        let (mut start, mut ranged) = (0, false);
        let mut lines = BufReader::new(stream).lines();
        let asks_playlist = lines.next()?.ok()?.contains("/index.m3u8 ");
        for line in lines {
            let line = line.ok()?.to_ascii_lowercase();
            if line.is_empty() {
                break;
            }
            if let Some(range) = line.strip_prefix("range: bytes=") {
                (start, ranged) = (range.trim_end_matches('-').parse().ok()?, true);
            }
        }
        let (number, manner) = {
            let mut state = self.state.lock().unwrap();
            state.asked.push(start);
            self.changed.notify_all();
            (state.asked.len(), &self.manner)
        };
        if let (Some(text), true) = (&manner.playlist, asks_playlist) {
            let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", text.len());
            return (&*stream).write_all((head + text).as_bytes()).ok();
        }
        if let Some(to) = &manner.redirect {
            let head = format!("HTTP/1.1 302 Found\r\nLocation: {to}\r\nContent-Length: 0\r\n\r\n");
            return (&*stream).write_all(head.as_bytes()).ok();
        }
        let busy = (number <= manner.busy_times).then_some("503 Service Unavailable");
        if let Some(status) = busy.or(manner.status) {
            let body = "<!DOCTYPE html><html><body>No.</body></html>";
            let head = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n\r\n", body.len());
            return (&*stream).write_all((head + body).as_bytes()).ok();
        }
        let length = u64::try_from(self.bytes.len()).unwrap();
        let said = length.saturating_add_signed(manner.lie);
        let ranged = ranged && manner.ranges;
        if ranged && said <= start {
            let head = "HTTP/1.1 416 Range Not Satisfiable\r\nContent-Length: 0\r\n\r\n";
            return (&*stream).write_all(head.as_bytes()).ok();
        }
        let from = if ranged { start } else { 0 };
        let part = manner.parts_of.map(|part| u64::try_from(part).unwrap()).unwrap_or(u64::MAX);
        let end = if ranged { from.saturating_add(part).min(said) } else { said };
        let mut head = match ranged {
            true => {
                let total = manner.parts_of.map_or(said.to_string(), |_| "*".to_owned());
                let range = format!("bytes {from}-{}/{total}", end - 1);
                format!("HTTP/1.1 206 Partial Content\r\nContent-Range: {range}\r\n")
            }
            false => "HTTP/1.1 200 OK\r\n".to_owned(),
        };
        if manner.length {
            head += &format!("Content-Length: {}\r\n", end - from);
        } else {
            head += "Connection: close\r\n";
        }
        let version = if manner.changes { number } else { 0 };
        head += &format!("ETag: \"{version}\"\r\n{}\r\n", manner.header);
        (&*stream).write_all(head.as_bytes()).ok()?;
        let whole = self.body(stream, from, number).is_some();
        let reusable = whole && manner.length && manner.lie == 0 && manner.breaks_after.is_none();
        if !reusable {
            let _ = stream.shutdown(Shutdown::Both);
        }
        reusable.then_some(())
    }

    /// Sends the body; `None`: not all of it.
    fn body(&self, stream: &TcpStream, from: u64, number: usize) -> Option<()> {
        const PIECE: usize = 16 << 10;
        let limit = self.manner.breaks_after.or(self.manner.parts_of).unwrap_or(usize::MAX);
        let stall = self.manner.stalls_after.filter(|_| number == 1).unwrap_or(usize::MAX);
        let mut pause = self.manner.pauses_after;
        let rest = self.bytes.get(usize::try_from(from).unwrap()..).unwrap_or_default();
        let mut sent = 0;
        loop {
            for piece in rest.chunks(PIECE) {
                let count = piece.len().min(limit - sent).min(stall - sent);
                if (&*stream).write_all(&piece[..count]).is_err() {
                    self.note_hung_up();
                    return None;
                }
                sent += count;
                self.sent.fetch_add(u64::try_from(count).unwrap(), Ordering::Relaxed);
                if pause.is_some_and(|pause| pause <= sent) {
                    pause = None;
                    let state = self.state.lock().unwrap();
                    drop(self.changed.wait_while(state, |state| !state.released).unwrap());
                }
                if sent == stall {
                    // Silent until the client or the server is ended.
                    let gone = std::io::copy(&mut &*stream, &mut std::io::sink());
                    if gone.is_ok() && !self.stopped.load(Ordering::Acquire) {
                        self.note_hung_up();
                    }
                    return None;
                }
                if sent == limit {
                    return self.manner.parts_of.map(drop);
                }
            }
            if !self.manner.endless {
                return Some(());
            }
        }
    }

    fn note_hung_up(&self) {
        self.state.lock().unwrap().hung_up += 1;
        self.changed.notify_all();
    }
}
