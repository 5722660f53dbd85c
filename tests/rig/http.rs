//! A web server on loopback with one resource, for players that fetch by URL. It keeps to what
//! such servers do: ranges, lengths, connections that are used again.

use anyhow::Context as _;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

/// What the server answers.
#[derive(Clone, Debug)]
pub enum Answer {
    Resource(Vec<u8>),
    /// A status line's end, e.g. `404 Not Found`, with a page that says so.
    Status(&'static str),
    /// Another place.
    Redirect(String),
}

/// See the module. Dropping it closes its connections and waits for its threads.
#[derive(Debug)]
pub struct WebServer {
    port: u16,
    shared: Arc<Shared>,
    accepting: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    answer: Answer,
    stopped: AtomicBool,
    connections: Mutex<Vec<(TcpStream, JoinHandle<()>)>>,
}

impl WebServer {
    /// Serves on a port of its own.
    ///
    /// # Errors
    /// There is no port, or no thread.
    pub fn start(answer: Answer) -> anyhow::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).context("listen on loopback")?;
        let port = listener.local_addr()?.port();
        let (stopped, connections) = (AtomicBool::new(false), Mutex::default());
        let shared = Arc::new(Shared { answer, stopped, connections });
        let serving = Arc::clone(&shared);
        let accepting = std::thread::Builder::new()
            .name("web server".to_owned())
            .spawn(move || accept(&listener, &serving))?;
        Ok(Self { port, shared, accepting: Some(accepting) })
    }

    /// Where the resource is.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}/a/secret/place.mp4", self.port)
    }
}

impl Drop for WebServer {
    fn drop(&mut self) {
        self.shared.stopped.store(true, Ordering::Release);
        // Wakes the thread that accepts.
        drop(TcpStream::connect(("127.0.0.1", self.port)));
        if let Some(accepting) = self.accepting.take() {
            drop(accepting.join());
        }
        let connections = std::mem::take(&mut *self.shared.connections());
        for (stream, thread) in connections {
            drop(stream.shutdown(Shutdown::Both));
            drop(thread.join());
        }
    }
}

fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
    for stream in listener.incoming().flatten() {
        if shared.stopped.load(Ordering::Acquire) {
            return;
        }
        let (Ok(closer), serving) = (stream.try_clone(), Arc::clone(shared)) else { continue };
        let serve = move || {
            while serving.serve(&stream).is_some() {}
            drop(stream.shutdown(Shutdown::Both));
        };
        if let Ok(thread) = std::thread::Builder::new().name("connection".to_owned()).spawn(serve) {
            shared.connections().push((closer, thread));
        }
    }
}

impl Shared {
    fn connections(&self) -> std::sync::MutexGuard<'_, Vec<(TcpStream, JoinHandle<()>)>> {
        self.connections.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Answers one request; `None`: the connection has ended.
    fn serve(&self, mut stream: &TcpStream) -> Option<()> {
        let mut start = None;
        let mut lines = BufReader::new(stream).lines();
        lines.next()?.ok()?;
        for line in lines {
            let line = line.ok()?.to_ascii_lowercase();
            if line.is_empty() {
                break;
            }
            if let Some(range) = line.strip_prefix("range: bytes=") {
                start = Some(range.strip_suffix('-')?.parse::<usize>().ok()?);
            }
        }
        let page = "<!DOCTYPE html><title>A page</title>";
        let (head, body) = match &self.answer {
            Answer::Status(status) => (format!("HTTP/1.1 {status}"), page.as_bytes()),
            Answer::Redirect(to) => (format!("HTTP/1.1 302 Found\r\nLocation: {to}"), &[][..]),
            Answer::Resource(bytes) => {
                let (from, length) = (start.unwrap_or(0), bytes.len());
                match (start, bytes.get(from..)) {
                    (None, _) | (_, None) => ("HTTP/1.1 200 OK".to_owned(), bytes.as_slice()),
                    (Some(_), Some(rest)) => {
                        let range = format!("bytes {from}-{}/{length}", length.saturating_sub(1));
                        let head =
                            format!("HTTP/1.1 206 Partial Content\r\nContent-Range: {range}");
                        (head, rest)
                    }
                }
            }
        };
        let head = format!("{head}\r\nContent-Length: {}\r\n\r\n", body.len());
        stream.write_all(head.as_bytes()).ok()?;
        stream.write_all(body).ok()
    }
}

/// A proxy on loopback (`CONNECT`, RFC 9110, section 9.3.6) that leads to one port, whatever it
/// is asked for.
#[derive(Debug)]
pub struct Proxy {
    port: u16,
    stopped: Arc<AtomicBool>,
    asked: Arc<Mutex<Vec<String>>>,
    accepting: Option<JoinHandle<()>>,
}

impl Proxy {
    /// Leads to `server`.
    ///
    /// # Errors
    /// There is no port, or no thread.
    pub fn start(server: &WebServer) -> anyhow::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).context("listen on loopback")?;
        let port = listener.local_addr()?.port();
        let (stopped, asked) = (Arc::new(AtomicBool::new(false)), Arc::default());
        let (ends, notes, to) = (Arc::clone(&stopped), Arc::clone(&asked), server.port);
        let accepting = std::thread::Builder::new().name("proxy".to_owned()).spawn(move || {
            std::thread::scope(|scope| {
                for stream in listener.incoming().flatten() {
                    if ends.load(Ordering::Acquire) {
                        return;
                    }
                    let notes = &notes;
                    scope.spawn(move || drop(tunnel(&stream, to, notes)));
                }
            });
        })?;
        Ok(Self { port, stopped, asked, accepting: Some(accepting) })
    }

    /// Its address, as environment variables carry it.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// The places that it was asked to lead to.
    pub fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for Proxy {
    /// Drop what goes through it first.
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::Release);
        drop(TcpStream::connect(("127.0.0.1", self.port)));
        if let Some(accepting) = self.accepting.take() {
            drop(accepting.join());
        }
    }
}

fn tunnel(mut client: &TcpStream, to: u16, asked: &Mutex<Vec<String>>) -> std::io::Result<()> {
    let mut lines = BufReader::new(client).lines();
    let first = lines.next().unwrap_or_else(|| Ok(String::new()))?;
    let Some(place) = first.strip_prefix("CONNECT ").and_then(|rest| rest.split(' ').next()) else {
        return client.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n");
    };
    asked.lock().unwrap_or_else(PoisonError::into_inner).push(place.to_owned());
    for line in lines {
        if line?.is_empty() {
            break;
        }
    }
    let server = TcpStream::connect(("127.0.0.1", to))?;
    client.write_all(b"HTTP/1.1 200 OK\r\n\r\n")?;
    std::thread::scope(|scope| {
        scope.spawn(|| {
            drop(std::io::copy(&mut &*client, &mut &server));
            drop(server.shutdown(Shutdown::Write));
        });
        let copied = std::io::copy(&mut &server, &mut &*client);
        drop(client.shutdown(Shutdown::Both));
        copied.map(drop)
    })
}
