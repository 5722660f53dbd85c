//! Media bytes by HTTP: read at any place of a resource, over connections that may drop.
//!
//! Blocking, owned by the worker; its [`Line`] ends every wait. Range requests where the server
//! knows them, so that a dropped connection goes on where it was and seeking costs one request;
//! else the resource is read in order. Two answers are kept open, because pictures and sound of
//! one file may lie apart. INVARIANT: bytes of two versions of a resource are never mixed.

use super::FetchError;
use super::address;
use super::line::{self, Line};
use std::io::Read as _;
use std::sync::Arc;
use std::time::Duration;
use ureq::BodyReader;
use ureq::http::{HeaderMap, Response, StatusCode};
use url::Url;

const MAX_REDIRECTS: usize = 10;

/// Waits before the attempts after a failure, then it counts as lost.
const PATIENCE: [Duration; 6] =
    [wait(0), wait(250), wait(1_000), wait(2_000), wait(4_000), wait(8_000)];

/// Tests lose their patience earlier.
const fn wait(millis: u64) -> Duration {
    Duration::from_millis(if cfg!(test) { millis / 50 } else { millis })
}

/// Bytes after which a connection has proved its worth and the patience starts anew.
const PROGRESS_BYTES: u64 = 32 << 10;

/// Answers that are kept open.
const MAX_ANSWERS: usize = 2;

/// A place this little ahead is reached by reading on instead of by a new request.
const SKIP_BYTES: u64 = 256 << 10;

/// Bytes read again at most to get back to a place of a resource without ranges.
const MAX_REREAD_BYTES: u64 = 64 << 20;

/// Longest validator (`ETag`) that is sent back.
const MAX_VALIDATOR: usize = 512;

/// An answer that is being read.
struct Answer {
    body: BodyReader<'static>,
    /// Place of the next byte.
    at: u64,
    /// Where the answer ends, if it says so.
    end: Option<u64>,
}

/// What a server has shown of its ranges.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ranges {
    Yes,
    No,
}

/// See the module.
pub(crate) struct Http {
    line: Arc<Line>,
    url: Url,
    /// Where redirects led to.
    found: Url,
    /// The most recently used is the last one.
    answers: Vec<Answer>,
    /// Where the next read starts.
    at: u64,
    length: Option<u64>,
    ranges: Ranges,
    validator: Option<String>,
    /// Attempts since something useful arrived.
    attempts: usize,
    progress: u64,
}

/// An attempt's end.
enum Attempt {
    /// Worth another one; why.
    Again(FetchError),
    Lost(FetchError),
    /// The resource ends here.
    End,
}

impl Http {
    /// Asks for the resource from its start.
    ///
    /// # Errors
    /// It is not to be had.
    pub(crate) fn open(line: Arc<Line>, url: &str) -> Result<Self, FetchError> {
        Self::open_at(line, url, 0)
    }

    /// Asks for the resource from `at` on, which is taken to be inside of it.
    ///
    /// # Errors
    /// It is not to be had.
    pub(crate) fn open_at(line: Arc<Line>, url: &str, at: u64) -> Result<Self, FetchError> {
        let url = address::parse(url, line.policy())?;
        let mut http = Self {
            line,
            found: url.clone(),
            url,
            answers: Vec::new(),
            at,
            length: None,
            // Where it has none the answer says so, and is read from its start.
            ranges: if at == 0 { Ranges::No } else { Ranges::Yes },
            validator: None,
            attempts: 0,
            progress: 0,
        };
        http.ask_patiently()?;
        Ok(http)
    }

    /// Length in bytes, if the server tells it.
    pub(crate) fn length(&self) -> Option<u64> {
        self.length
    }

    /// Whether any place can be read without all before it.
    pub(crate) fn is_seekable(&self) -> bool {
        self.ranges == Ranges::Yes && self.length.is_some()
    }

    /// Where the resource was found in the end.
    pub(crate) fn found(&self) -> &Url {
        &self.found
    }

    pub(crate) fn position(&self) -> u64 {
        self.at
    }

    /// The next read starts at `to`. Nothing is asked before that.
    pub(crate) fn seek(&mut self, to: u64) {
        self.at = to;
    }

    /// Reads on; 0 is the end of the resource.
    ///
    /// # Errors
    /// [`FetchError::Cut`], or the resource is lost.
    pub(crate) fn read(&mut self, buffer: &mut [u8]) -> Result<usize, FetchError> {
        loop {
            if self.line.is_cut() {
                self.answers.clear();
                return Err(FetchError::Cut);
            }
            if self.length.is_some_and(|length| length <= self.at) || buffer.is_empty() {
                return Ok(0);
            }
            let Some(mut answer) = self.answer_for(self.at) else {
                self.ask_patiently()?;
                continue;
            };
            match read_to(&mut answer, self.at, buffer) {
                // All of it arrived; the rest of the resource, if there is one, is asked for.
                Ok(0) if answer.end.is_some_and(|end| end <= self.at) => {}
                Ok(0) if answer.end.is_none() && self.length.is_none() => {
                    self.length = Some(self.at);
                }
                Ok(0) => self.dropped()?,
                Ok(count) => {
                    let read = u64::try_from(count).unwrap_or(u64::MAX);
                    self.at = self.at.saturating_add(read);
                    self.progress = self.progress.saturating_add(read);
                    if PROGRESS_BYTES <= self.progress {
                        self.attempts = 0;
                    }
                    self.answers.push(answer);
                    return Ok(count);
                }
                Err(_) => self.dropped()?,
            }
        }
    }

    /// An answer ended before its time. What has neither ranges nor an end is live: there is
    /// no way back to where it was.
    fn dropped(&mut self) -> Result<(), FetchError> {
        if self.ranges == Ranges::No && self.length.is_none() && !self.line.is_cut() {
            return Err(FetchError::Dropped);
        }
        self.patience(FetchError::Dropped)
    }

    /// Takes the open answer that reaches `at` soonest, if one does soon enough.
    fn answer_for(&mut self, at: u64) -> Option<Answer> {
        let reach = if self.ranges == Ranges::Yes { SKIP_BYTES } else { MAX_REREAD_BYTES };
        let near = |answer: &Answer| at.checked_sub(answer.at).filter(|skip| *skip <= reach);
        let distances = self.answers.iter().enumerate().filter_map(|(i, a)| Some((near(a)?, i)));
        let (_, index) = distances.min()?;
        Some(self.answers.remove(index))
    }

    /// Notes a failure and waits as long as is due after so many.
    fn patience(&mut self, failed: FetchError) -> Result<(), FetchError> {
        let Some(time) = PATIENCE.get(self.attempts) else { return Err(failed) };
        self.attempts += 1;
        self.progress = 0;
        tracing::debug!(attempt = self.attempts, %failed, "media is asked for again");
        self.line.pause(*time).map_err(|_| FetchError::Cut)
    }

    /// Asks for what is at the position until there is an answer.
    fn ask_patiently(&mut self) -> Result<(), FetchError> {
        loop {
            match self.ask() {
                Ok(answer) => {
                    if MAX_ANSWERS <= self.answers.len() {
                        self.answers.remove(0);
                    }
                    self.answers.push(answer);
                    return Ok(());
                }
                Err(_) if self.line.is_cut() => {
                    self.answers.clear();
                    return Err(FetchError::Cut);
                }
                Err(Attempt::End) => {
                    self.length = Some(self.at);
                    return Ok(());
                }
                Err(Attempt::Lost(error)) => return Err(error),
                Err(Attempt::Again(error)) => self.patience(error)?,
            }
        }
    }

    /// One request, with the redirects that follow it.
    fn ask(&mut self) -> Result<Answer, Attempt> {
        let mut url = self.url.clone();
        let mut with_range = true;
        for _ in 0..=MAX_REDIRECTS {
            let response = self.request(&url, with_range)?;
            let status = response.status();
            match status {
                StatusCode::MOVED_PERMANENTLY
                | StatusCode::FOUND
                | StatusCode::SEE_OTHER
                | StatusCode::TEMPORARY_REDIRECT
                | StatusCode::PERMANENT_REDIRECT => {
                    let to = header(response.headers(), "location").unwrap_or_default();
                    url = address::redirected(&url, to, self.line.policy())
                        .map_err(|error| Attempt::Lost(error.into()))?;
                }
                StatusCode::PARTIAL_CONTENT => {
                    self.found = url;
                    return self.part(response);
                }
                StatusCode::OK => {
                    self.found = url;
                    return self.whole(response);
                }
                // A server that does not like ranges of what is empty or made on the fly.
                StatusCode::RANGE_NOT_SATISFIABLE if self.at == 0 && with_range => {
                    with_range = false;
                }
                StatusCode::RANGE_NOT_SATISFIABLE if self.length.is_none() => {
                    return Err(Attempt::End);
                }
                StatusCode::REQUEST_TIMEOUT
                | StatusCode::TOO_MANY_REQUESTS
                | StatusCode::BAD_GATEWAY
                | StatusCode::SERVICE_UNAVAILABLE
                | StatusCode::GATEWAY_TIMEOUT => {
                    return Err(Attempt::Again(FetchError::Status(status.as_u16())));
                }
                _ => return Err(Attempt::Lost(FetchError::Status(status.as_u16()))),
            }
        }
        Err(Attempt::Lost(FetchError::Redirects))
    }

    fn request(&self, url: &Url, range: bool) -> Result<Response<ureq::Body>, Attempt> {
        let agent = self.line.agent().map_err(|_| Attempt::Lost(FetchError::Cut))?;
        let mut request = agent.get(url.as_str());
        if range {
            let from = if self.ranges == Ranges::Yes { self.at } else { 0 };
            request = request.header("range", format!("bytes={from}-"));
            if let Some(validator) = self.validator.as_deref().filter(|_| 0 < from) {
                request = request.header("if-range", validator);
            }
        }
        request.call().map_err(|error| failed(&error))
    }

    /// The answer to a range.
    fn part(&mut self, response: Response<ureq::Body>) -> Result<Answer, Attempt> {
        let lost = |error| Err(Attempt::Lost(error));
        let range = header(response.headers(), "content-range").and_then(ContentRange::parse);
        let Some(ContentRange { start, end, total }) = range else {
            return lost(FetchError::Protocol);
        };
        let wanted = if self.ranges == Ranges::Yes { self.at } else { 0 };
        if start != wanted || total.is_some_and(|total| total < end) {
            return lost(FetchError::Protocol);
        }
        self.check_version(response.headers(), total)?;
        self.ranges = Ranges::Yes;
        self.length = self.length.or(total);
        Ok(Answer { body: response.into_body().into_reader(), at: start, end: Some(end) })
    }

    /// An answer with all of the resource: the server knows no ranges, or not of this one.
    fn whole(&mut self, response: Response<ureq::Body>) -> Result<Answer, Attempt> {
        // A validator that does not fit any more is answered by the whole new resource.
        if self.validator.is_some() && self.ranges == Ranges::Yes && 0 < self.at {
            return Err(Attempt::Lost(FetchError::Changed));
        }
        let length = response.body().content_length();
        self.check_version(response.headers(), length)?;
        self.ranges = Ranges::No;
        self.length = self.length.or(length);
        if MAX_REREAD_BYTES < self.at {
            return Err(Attempt::Lost(FetchError::NoRanges));
        }
        Ok(Answer { body: response.into_body().into_reader(), at: 0, end: length })
    }

    /// Refuses another version of the resource than the one that was read so far.
    fn check_version(&mut self, headers: &HeaderMap, total: Option<u64>) -> Result<(), Attempt> {
        let encoded = header(headers, "content-encoding");
        if encoded.is_some_and(|encoding| !encoding.eq_ignore_ascii_case("identity")) {
            return Err(Attempt::Lost(FetchError::Protocol));
        }
        // Weak validators do not tell bytes apart.
        let strong = |tag: &&str| tag.starts_with('"') && tag.len() <= MAX_VALIDATOR;
        let tag = header(headers, "etag").filter(strong);
        let differs = |before: &String| tag.is_some_and(|tag| tag != before);
        let other_length = self.length.is_some() && total.is_some() && self.length != total;
        if other_length || self.validator.as_ref().is_some_and(differs) {
            return Err(Attempt::Lost(FetchError::Changed));
        }
        if self.validator.is_none() {
            self.validator = tag.map(ToOwned::to_owned);
        }
        Ok(())
    }
}

/// What a request that got no answer means.
fn failed(error: &ureq::Error) -> Attempt {
    if let Some(refused) = line::address_error(error) {
        return Attempt::Lost(refused.into());
    }
    match error {
        ureq::Error::HostNotFound => Attempt::Lost(FetchError::HostNotFound),
        ureq::Error::Rustls(error) => Attempt::Lost(encryption(error)),
        ureq::Error::Io(io) => {
            match io.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
                Some(error) => Attempt::Lost(encryption(error)),
                None => Attempt::Again(FetchError::Unreachable),
            }
        }
        ureq::Error::Timeout(_) | ureq::Error::ConnectionFailed => {
            Attempt::Again(FetchError::Unreachable)
        }
        _ => Attempt::Lost(FetchError::Protocol),
    }
}

fn encryption(error: &rustls::Error) -> FetchError {
    match error {
        rustls::Error::InvalidCertificate(_) | rustls::Error::NoCertificatesPresented => {
            FetchError::Certificate
        }
        _ => FetchError::Encryption,
    }
}

/// Reads from an answer at `at`, past the bytes before it.
fn read_to(answer: &mut Answer, at: u64, buffer: &mut [u8]) -> std::io::Result<usize> {
    loop {
        let skip = usize::try_from(at.saturating_sub(answer.at)).unwrap_or(usize::MAX);
        let room = if skip == 0 { buffer.len() } else { skip.min(buffer.len()) };
        let Some(target) = buffer.get_mut(..room) else { return Ok(0) };
        let count = answer.body.read(target)?;
        answer.at = answer.at.saturating_add(u64::try_from(count).unwrap_or(u64::MAX));
        if skip == 0 || count == 0 {
            return Ok(count);
        }
    }
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

/// `Content-Range: bytes START-LAST/TOTAL` (RFC 9110, section 14.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct ContentRange {
    start: u64,
    /// Behind the last byte.
    end: u64,
    /// `None`: not known.
    total: Option<u64>,
}

impl ContentRange {
    fn parse(text: &str) -> Option<Self> {
        let (unit, rest) = text.trim().split_once(' ')?;
        let (range, total) = rest.trim().split_once('/')?;
        let (start, last) = range.split_once('-')?;
        let number = |text: &str| text.trim().parse::<u64>().ok();
        let (start, last) = (number(start)?, number(last)?);
        let total = if total.trim() == "*" { None } else { Some(number(total)?) };
        let end = last.checked_add(1)?;
        (unit.eq_ignore_ascii_case("bytes") && start <= last).then_some(Self { start, end, total })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_ranges() {
        let range = |start, end, total| Some(ContentRange { start, end, total });
        for (text, expected) in [
            ("bytes 0-99/100", range(0, 100, Some(100))),
            ("Bytes 5-5/*", range(5, 6, None)),
            ("bytes 5-4/100", None),
            ("bytes */100", None),
            ("items 0-1/2", None),
            ("bytes 0-18446744073709551615/*", None),
            ("bytes -1-5/9", None),
            ("bytes 0-1", None),
            ("", None),
        ] {
            assert_eq!(ContentRange::parse(text), expected, "{text}");
        }
    }
}
