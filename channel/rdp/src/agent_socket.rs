//! The socket on which the agent of this user waits for plugins.
//!
//! Connecting never waits: it happens on the RDP client's channel thread, and an agent that
//! does not accept must not stop the session.

use std::io;
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use rustix::io::Errno;
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketAddrUnix, SocketFlags, SocketType, connect, recv,
    send, socket_with, sockopt,
};
use rustix::process::{Uid, getuid};

use crate::pump::Link;

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refusal {
    #[error("no agent is running")]
    NoAgent,
    #[error("the agent's socket belongs to another user")]
    OtherUser,
    #[error("the agent cannot be reached: {0}")]
    System(#[from] io::Error),
}

impl From<Errno> for Refusal {
    fn from(errno: Errno) -> Self {
        match errno {
            Errno::NOENT | Errno::CONNREFUSED | Errno::NOTDIR => Refusal::NoAgent,
            other => Refusal::System(other.into()),
        }
    }
}

/// Where the agent waits, unless the user says otherwise: `plugin.sock` in
/// `$NEARSIDE_RUNTIME_DIR`, else in `$XDG_RUNTIME_DIR/nearside`, else in this user's folder in
/// the temporary folder. The same rule as the agent's.
pub(crate) fn default_path() -> PathBuf {
    path_from(|name| std::env::var_os(name).map(PathBuf::from), &std::env::temp_dir(), getuid())
}

fn path_from(variable: impl Fn(&str) -> Option<PathBuf>, temporary: &Path, user: Uid) -> PathBuf {
    let absolute = |name| variable(name).filter(|path| path.is_absolute());
    absolute("NEARSIDE_RUNTIME_DIR")
        .or_else(|| absolute("XDG_RUNTIME_DIR").map(|dir| dir.join("nearside")))
        .unwrap_or_else(|| temporary.join(format!("nearside-{}", user.as_raw())))
        .join("plugin.sock")
}

/// A connection to an agent of this user.
pub(crate) struct AgentSocket(UnixStream);

impl AgentSocket {
    /// # Errors
    /// Nobody listens, the listener is another user's, or its queue is full.
    pub(crate) fn connect(path: &Path) -> Result<AgentSocket, Refusal> {
        Self::connect_to(path, getuid())
    }

    fn connect_to(path: &Path, user: Uid) -> Result<AgentSocket, Refusal> {
        let address = SocketAddrUnix::new(path)?;
        let socket = socket_with(
            AddressFamily::UNIX,
            SocketType::STREAM,
            SocketFlags::CLOEXEC | SocketFlags::NONBLOCK,
            None,
        )?;
        connect(&socket, &address)?;
        if sockopt::socket_peercred(&socket)?.uid != user {
            return Err(Refusal::OtherUser);
        }
        let stream = UnixStream::from(socket);
        stream.set_nonblocking(false)?;
        Ok(AgentSocket(stream))
    }
}

impl From<UnixStream> for AgentSocket {
    fn from(stream: UnixStream) -> Self {
        AgentSocket(stream)
    }
}

impl Link for AgentSocket {
    fn receive(&self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            match recv(&self.0, &mut *buffer, RecvFlags::empty()) {
                Ok((_, length)) => return Ok(length),
                Err(Errno::INTR) => {}
                Err(errno) => return Err(errno.into()),
            }
        }
    }

    fn send(&self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            // A signal for a closed peer would end the RDP client.
            match send(&self.0, bytes, SendFlags::NOSIGNAL) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(length) => bytes = bytes.get(length..).unwrap_or_default(),
                Err(Errno::INTR) => {}
                Err(errno) => return Err(errno.into()),
            }
        }
        Ok(())
    }

    fn hang_up(&self) {
        let _ = self.0.shutdown(Shutdown::Both);
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixListener;

    use super::*;

    #[test]
    fn the_path_follows_the_agents_rule() {
        let user = Uid::from_raw(1000);
        for (nearside, xdg, expected) in [
            (Some("/run/n"), Some("/run/user/1000"), "/run/n/plugin.sock"),
            (None, Some("/run/user/1000"), "/run/user/1000/nearside/plugin.sock"),
            (Some("relative"), Some("/x"), "/x/nearside/plugin.sock"),
            (None, Some("relative"), "/tmp/nearside-1000/plugin.sock"),
            (None, None, "/tmp/nearside-1000/plugin.sock"),
        ] {
            let variable = |name: &str| match name {
                "NEARSIDE_RUNTIME_DIR" => nearside.map(PathBuf::from),
                _ => xdg.map(PathBuf::from),
            };
            assert_eq!(path_from(variable, Path::new("/tmp"), user), Path::new(expected));
        }
    }

    #[test]
    fn only_a_listener_of_this_user_is_spoken_to() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("plugin.sock");
        assert!(matches!(AgentSocket::connect(&path), Err(Refusal::NoAgent)));
        let listener = UnixListener::bind(&path).unwrap();
        let other = Uid::from_raw(getuid().as_raw() + 1);
        assert!(matches!(AgentSocket::connect_to(&path, other), Err(Refusal::OtherUser)));
        assert!(AgentSocket::connect(&path).is_ok());
        drop(listener);
        // The file is still there, but nobody listens.
        assert!(matches!(AgentSocket::connect(&path), Err(Refusal::NoAgent)));
    }

    #[test]
    fn an_agent_that_does_not_accept_is_refused_and_not_waited_for() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("plugin.sock");
        let _listener = UnixListener::bind(&path).unwrap();
        let mut waiting = Vec::new();
        let refusal = loop {
            match AgentSocket::connect(&path) {
                Ok(socket) => waiting.push(socket),
                Err(refusal) => break refusal,
            }
        };
        assert!(matches!(refusal, Refusal::System(_)), "{refusal}");
    }

    #[test]
    fn a_path_that_is_too_long_is_an_error() {
        let path = PathBuf::from(format!("/tmp/{}", "x".repeat(200)));
        assert!(matches!(AgentSocket::connect(&path), Err(Refusal::System(_))));
    }
}
