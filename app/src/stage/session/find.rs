//! Which X11 window shows the remote session: from the RDP client's process to its window.
//!
//! Windows are named by their process (`_NET_WM_PID`), looked for in the window manager's list
//! and, without one, in the tree. Other programs' windows come and go while this looks: a
//! window that is gone is one that does not answer, never an error.
//!
//! INVARIANT: bounded by [`MAX_WINDOWS`] and [`MAX_DEPTH`], whatever other programs create.

use nearside_channel::message::Size;
use nearside_channel::plugin::ConnectionFacts;
use x11rb::errors::ConnectionError;
use x11rb::protocol::xproto::{
    Atom, AtomEnum, ConnectionExt as _, GetPropertyReply, MapState, Window, WindowClass,
};
use x11rb::rust_connection::RustConnection;

/// Windows looked at in one search.
const MAX_WINDOWS: usize = 4096;

/// Levels below the root in which clients' windows lie: frames of window managers are one.
const MAX_DEPTH: usize = 3;

/// Longest title that is read, in bytes.
const MAX_TITLE: u32 = 1024;

/// Sides of a window that can show a desktop, at least; smaller ones are helpers of programs.
const MIN_SIDE_PX: u32 = 32;

x11rb::atom_manager! {
    /// Names of properties.
    pub(crate) Atoms: AtomsCookie {
        _NET_CLIENT_LIST,
        _NET_SUPPORTING_WM_CHECK,
        _NET_WM_PID,
        _NET_WM_NAME,
        UTF8_STRING,
    }
}

/// A window that may show the session.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Candidate {
    window: Window,
    pid: Option<u32>,
    title: Option<String>,
    size: Size,
    mapped: bool,
}

/// The window that shows the session now. `None`: there is none yet.
///
/// # Errors
/// The X server is gone.
pub(crate) fn session_window(
    connection: &RustConnection,
    root: Window,
    atoms: &Atoms,
    facts: &ConnectionFacts,
) -> Result<Option<Window>, ConnectionError> {
    let look = Look { connection, atoms };
    let embedder = facts.parent_window.and_then(|window| Window::try_from(window).ok());
    let candidates = match embedder {
        Some(embedder) => look.tree(embedder, facts.pid)?,
        None => {
            let listed = look.client_list(root)?;
            let listed = look.candidates(&listed)?;
            if choose(&listed, facts).is_some() { listed } else { look.tree(root, facts.pid)? }
        }
    };
    let Some(top) = choose(&candidates, facts).map(|top| (top.window, top.size)) else {
        // The client was told to embed itself there, but does not say which window is its own.
        return Ok(embedder.filter(|_| facts.pid == 0));
    };
    look.view_within(top, facts.desktop).map(Some)
}

/// The best of these windows; the first of equals. `None` when none is the client's.
fn choose<'a>(candidates: &'a [Candidate], facts: &ConnectionFacts) -> Option<&'a Candidate> {
    let title = facts.window_title.as_deref().filter(|title| !title.is_empty());
    let large = |it: &&Candidate| MIN_SIDE_PX <= it.size.width && MIN_SIDE_PX <= it.size.height;
    let owned = |it: &&Candidate| it.pid.is_some_and(|pid| pid == facts.pid && pid != 0);
    let titled = |it: &Candidate| title.is_some() && it.title.as_deref() == title;
    let rank = |it: &&Candidate| {
        let area = u64::from(it.size.width) * u64::from(it.size.height);
        (it.mapped, titled(it), Some(it.size) == facts.desktop, area)
    };
    let best = candidates.iter().filter(large).filter(owned).rev().max_by_key(rank);
    best.or_else(|| {
        // Windows that hide their process: only a title of which there is one leads there.
        let mut same = candidates.iter().filter(large).filter(|it| it.pid.is_none() && titled(it));
        same.next().filter(|_| same.next().is_none())
    })
}

struct Look<'a> {
    connection: &'a RustConnection,
    atoms: &'a Atoms,
}

impl Look<'_> {
    fn client_list(&self, root: Window) -> Result<Vec<Window>, ConnectionError> {
        let length = u32::try_from(MAX_WINDOWS).unwrap_or(u32::MAX);
        let cookie = self.connection.get_property(
            false,
            root,
            self.atoms._NET_CLIENT_LIST,
            AtomEnum::WINDOW,
            0,
            length,
        )?;
        let reply = cookie.reply().ok();
        let list = reply.as_ref().and_then(GetPropertyReply::value32);
        Ok(list.map(|list| list.take(MAX_WINDOWS).collect()).unwrap_or_default())
    }

    /// Windows of process `pid` below `root`, or all that may show something when it is 0.
    fn tree(&self, root: Window, pid: u32) -> Result<Vec<Candidate>, ConnectionError> {
        let mut found = Vec::new();
        let mut level = vec![root];
        let mut left = MAX_WINDOWS;
        for _ in 0..MAX_DEPTH {
            let mut children = self.children(&level)?;
            children.truncate(left);
            left -= children.len();
            // A client's own windows lie in its first one.
            let (own, other): (Vec<_>, Vec<_>) =
                self.candidates(&children)?.into_iter().partition(|it| it.pid == Some(pid));
            level = other.iter().map(|it| it.window).collect();
            found.extend(own);
            found.extend(other.into_iter().filter(|it| it.pid.is_none() && it.title.is_some()));
        }
        Ok(found)
    }

    /// Children of these windows, the topmost last.
    fn children(&self, windows: &[Window]) -> Result<Vec<Window>, ConnectionError> {
        let cookies: Result<Vec<_>, _> =
            windows.iter().map(|window| self.connection.query_tree(*window)).collect();
        let replies = cookies?.into_iter().filter_map(|cookie| cookie.reply().ok());
        Ok(replies.flat_map(|reply| reply.children).collect())
    }

    /// What these windows are, as far as they exist and show anything.
    fn candidates(&self, windows: &[Window]) -> Result<Vec<Candidate>, ConnectionError> {
        let ask = |window: &Window| {
            Ok((
                *window,
                self.property(*window, self.atoms._NET_WM_PID, AtomEnum::CARDINAL.into(), 1)?,
                self.property(
                    *window,
                    self.atoms._NET_WM_NAME,
                    self.atoms.UTF8_STRING,
                    MAX_TITLE / 4,
                )?,
                self.property(
                    *window,
                    AtomEnum::WM_NAME.into(),
                    AtomEnum::STRING.into(),
                    MAX_TITLE / 4,
                )?,
                self.connection.get_geometry(*window)?,
                self.connection.get_window_attributes(*window)?,
            ))
        };
        // All questions go out before the first answer is waited for.
        let cookies: Result<Vec<_>, ConnectionError> = windows.iter().map(ask).collect();
        let mut candidates = Vec::new();
        for (window, pid, name, old_name, geometry, attributes) in cookies? {
            let pid = pid.reply().ok();
            let title = text(name.reply().ok()).or_else(|| text(old_name.reply().ok()));
            let (Ok(geometry), Ok(attributes)) = (geometry.reply(), attributes.reply()) else {
                continue;
            };
            if attributes.class != WindowClass::INPUT_OUTPUT {
                continue;
            }
            candidates.push(Candidate {
                window,
                pid: pid.and_then(|pid| pid.value32().and_then(|mut values| values.next())),
                title,
                size: Size { width: u32::from(geometry.width), height: u32::from(geometry.height) },
                mapped: attributes.map_state != MapState::UNMAPPED,
            });
        }
        Ok(candidates)
    }

    fn property(
        &self,
        window: Window,
        name: Atom,
        kind: Atom,
        length: u32,
    ) -> Result<x11rb::cookie::Cookie<'_, RustConnection, GetPropertyReply>, ConnectionError> {
        self.connection.get_property(false, window, name, kind, 0, length)
    }

    /// Where in the client's window the session is: clients with bars of their own show it in
    /// a child of the desktop's size. Override-redirect children are pictures of ours.
    fn view_within(
        &self,
        (top, size): (Window, Size),
        desktop: Option<Size>,
    ) -> Result<Window, ConnectionError> {
        if desktop.is_none_or(|desktop| desktop == size) {
            return Ok(top);
        }
        let mut level = vec![top];
        for _ in 0..MAX_DEPTH {
            let mut children = self.children(&level)?;
            children.truncate(MAX_WINDOWS);
            let cookies: Result<Vec<_>, _> = children
                .iter()
                .map(|window| {
                    let geometry = self.connection.get_geometry(*window)?;
                    Ok::<_, ConnectionError>((
                        *window,
                        geometry,
                        self.connection.get_window_attributes(*window)?,
                    ))
                })
                .collect();
            level.clear();
            for (window, geometry, attributes) in cookies? {
                let (Ok(geometry), Ok(attributes)) = (geometry.reply(), attributes.reply()) else {
                    continue;
                };
                let (width, height) = (u32::from(geometry.width), u32::from(geometry.height));
                if attributes.override_redirect || attributes.map_state == MapState::UNMAPPED {
                    continue;
                }
                if attributes.class == WindowClass::INPUT_OUTPUT
                    && desktop == Some(Size { width, height })
                {
                    return Ok(window);
                }
                level.push(window);
            }
        }
        Ok(top)
    }
}

fn text(reply: Option<GetPropertyReply>) -> Option<String> {
    let reply = reply.filter(|reply| reply.format == 8 && !reply.value.is_empty())?;
    Some(String::from_utf8_lossy(&reply.value).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candidate(window: Window, pid: Option<u32>, title: &str, size: [u32; 2]) -> Candidate {
        let title = (!title.is_empty()).then(|| title.to_owned());
        let size = Size { width: size[0], height: size[1] };
        Candidate { window, pid, title, size, mapped: true }
    }

    #[test]
    fn the_best_window_is_chosen() {
        let client = |window, title: &str, size| candidate(window, Some(7), title, size);
        let other = candidate(1, Some(8), "session", [1024, 768]);
        let nameless = |window| candidate(window, None, "session", [1024, 768]);
        let unmapped = Candidate { mapped: false, ..client(2, "session", [1024, 768]) };
        let facts = ConnectionFacts {
            pid: 7,
            window_title: Some("session".to_owned()),
            desktop: Some(Size { width: 1024, height: 768 }),
            ..ConnectionFacts::default()
        };
        let cases: [(Vec<Candidate>, Option<Window>); 9] = [
            (vec![], None),
            (vec![other.clone()], None),
            (vec![other.clone(), client(3, "", [640, 480])], Some(3)),
            // By title, then by the desktop's size, then by area.
            (vec![client(3, "", [1024, 768]), client(4, "session", [100, 100])], Some(4)),
            (vec![client(3, "", [1920, 1080]), client(4, "", [1024, 768])], Some(4)),
            (vec![client(3, "", [100, 100]), client(4, "", [200, 100])], Some(4)),
            // Helpers are too small, and one that is minimised is better than nothing.
            (vec![client(3, "session", [1, 1]), unmapped.clone()], Some(2)),
            (vec![unmapped, client(3, "", [100, 100])], Some(3)),
            // Windows that hide their process: one with the title, not two.
            (vec![other, nameless(5)], Some(5)),
        ];
        for (candidates, window) in cases {
            let chosen = choose(&candidates, &facts).map(|chosen| chosen.window);
            assert_eq!(chosen, window, "{candidates:?}");
        }
        assert_eq!(choose(&[nameless(5), nameless(6)], &facts), None);
        let unknown = ConnectionFacts { pid: 0, window_title: None, ..facts };
        let zero = candidate(9, Some(0), "", [1024, 768]);
        assert_eq!(choose(&[zero, nameless(5)], &unknown), None);
    }
}
