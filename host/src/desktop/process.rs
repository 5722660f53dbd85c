//! Who started a process: a browser is an ancestor of the relay that it has started.

/// Wrappers between a browser and the relay, and some to spare.
const MOST: usize = 16;

/// The process that a client of the broker is, then its parent, and so on.
pub(crate) fn ancestry(client: &tokio::net::UnixStream) -> Vec<u32> {
    let peer = client.peer_cred().ok().and_then(|peer| peer.pid());
    let first = peer.and_then(|pid| u32::try_from(pid).ok());
    std::iter::successors(first, |pid| parent(*pid)).take(MOST).collect()
}

/// `None` for the first process, and for one that has ended.
fn parent(pid: u32) -> Option<u32> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    parent_in(&stat).filter(|parent| 1 < *parent)
}

/// proc(5), "stat": pid, name in parentheses, state, parent. The name may hold parentheses.
fn parent_in(stat: &str) -> Option<u32> {
    stat.rsplit_once(')')?.1.split_ascii_whitespace().nth(1)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parents() {
        assert_eq!(parent_in("12 (a b) S 7 12 12"), Some(7));
        assert_eq!(parent_in("12 (a) S 3) S 7 12 12"), Some(7));
        for hostile in ["", "12", "12 (a", "12 (a) S", "12 (a) S x", "12 (a) S -1"] {
            assert_eq!(parent_in(hostile), None, "{hostile}");
        }
        assert_eq!(parent(std::process::id()), Some(std::os::unix::process::parent_id()));
        assert_eq!(parent(u32::MAX), None);
    }
}
