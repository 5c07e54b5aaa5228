//! What was said, for people: every line of both sides, with secrets left out where they are written, not searched
//! for afterwards. What the server says is searched for them all the same, since it can send back what it was sent.

use alloc::collections::VecDeque;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use crate::decimal;
use crate::reply::display;
use crate::secret::MASK;

/// One line of a transcript. `Display` prints it as `C: EHLO x`, `S: 250 ok` or `-- TLS`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "serde", serde(tag = "kind", content = "text", rename_all = "camelCase"))]
#[non_exhaustive]
pub enum Line {
    /// A command, without its line end; a secret in it is `***`, whatever its length.
    Client(String),
    /// Lines were left out here, since nobody took them: how many.
    LeftOut(u64),
    /// Octets of a message were sent: how many.
    Message(u64),
    /// A line of a reply, its control characters as `\xNN`, secrets as `***`.
    Server(String),
    /// TLS is up, and the server's certificate was verified or not.
    Tls {
        /// Whether it was.
        verified: bool,
    },
}

impl Line {
    /// The line as a person reads it.
    #[must_use]
    pub fn text(&self) -> String {
        match self {
            Self::Client(text) => ["C: ", text].concat(),
            Self::LeftOut(lines) => ["-- ", &decimal::text(*lines), " lines left out"].concat(),
            Self::Message(octets) => ["C: (", &decimal::text(*octets), " octets of message)"].concat(),
            Self::Server(text) => ["S: ", text].concat(),
            Self::Tls { verified: true } => "-- TLS".into(),
            Self::Tls { verified: false } => "-- TLS, the certificate was NOT verified".into(),
        }
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text())
    }
}

/// Collects lines until they are taken, within a bound.
pub(crate) struct Transcript {
    lines: VecDeque<Line>,
    /// Lines of the client's that were queued and not handed over, with the position behind each.
    queued: VecDeque<(u64, Line)>,
    held: usize,
    limit: usize,
    left_out: u64,
}

impl Transcript {
    pub(crate) const fn new(limit: usize) -> Self {
        Self { lines: VecDeque::new(), queued: VecDeque::new(), held: 0, limit, left_out: 0 }
    }

    /// A command that ends at the position `end`: its public part, and whether a secret follows.
    pub(crate) fn client(&mut self, public: &[u8], secret: bool, end: u64) {
        let mut text = display(public);
        if secret {
            text.push_str(MASK);
        }
        self.queued.push_back((end, Line::Client(text)));
    }

    /// A piece of a message.
    pub(crate) fn message(&mut self, octets: u64, end: u64) {
        match self.queued.back_mut() {
            _ if octets == 0 => {}
            Some((at, Line::Message(before))) => {
                *before += octets;
                *at = end;
            }
            _ => self.queued.push_back((end, Line::Message(octets))),
        }
    }

    /// What ends at `position` or before it was said.
    pub(crate) fn handed_over(&mut self, position: u64) {
        while self.queued.front().is_some_and(|(end, _)| *end <= position) {
            match (self.lines.back_mut(), self.queued.pop_front()) {
                (Some(Line::Message(before)), Some((_, Line::Message(octets)))) => *before += octets,
                (_, line) => line.into_iter().for_each(|(_, line)| self.push(line)),
            }
        }
    }

    /// What ends behind `position` was not said.
    pub(crate) fn take_back(&mut self, position: u64) {
        while self.queued.back().is_some_and(|(end, _)| *end > position) {
            self.queued.pop_back();
        }
    }

    /// A reply as the parser gives it, redacted.
    pub(crate) fn server(&mut self, code: u16, text: &[u8]) {
        let lines: Vec<&[u8]> = text.split(|byte| *byte == b'\n').collect();
        for (number, line) in lines.iter().enumerate() {
            let separator = if number + 1 == lines.len() { " " } else { "-" };
            self.push(Line::Server([&decimal::text(code), separator, &display(line)].concat()));
        }
    }

    /// A line that is no reply, redacted.
    pub(crate) fn server_line(&mut self, line: &[u8]) {
        self.push(Line::Server(display(line)));
    }

    pub(crate) fn tls(&mut self, verified: bool) {
        self.push(Line::Tls { verified });
    }

    pub(crate) fn pop(&mut self) -> Option<Line> {
        if let Some(line) = self.lines.pop_front() {
            self.held -= size(&line);
            return Some(line);
        }
        match core::mem::take(&mut self.left_out) {
            0 => None,
            lines => Some(Line::LeftOut(lines)),
        }
    }

    fn push(&mut self, line: Line) {
        let held = self.held + size(&line);
        if self.left_out > 0 || held > self.limit {
            self.left_out += 1;
        } else {
            self.held = held;
            self.lines.push_back(line);
        }
    }
}

fn size(line: &Line) -> usize {
    size_of::<Line>()
        + match line {
            Line::Client(text) | Line::Server(text) => text.len(),
            Line::LeftOut(_) | Line::Message(_) | Line::Tls { .. } => 0,
        }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    fn taken(transcript: &mut Transcript) -> Vec<String> {
        core::iter::from_fn(|| transcript.pop()).map(|line| line.to_string()).collect()
    }

    #[test]
    fn lines_as_a_person_reads_them() {
        let mut transcript = Transcript::new(10_000);
        transcript.server(250, b"one\ntwo \x1b[0m");
        transcript.client(b"AUTH PLAIN ", true, 10);
        transcript.handed_over(10);
        transcript.tls(true);
        transcript.message(5, 15);
        transcript.handed_over(15);
        transcript.message(6, 21);
        transcript.message(0, 21);
        transcript.handed_over(21);
        assert_eq!(
            taken(&mut transcript),
            ["S: 250-one", "S: 250 two \\x1b[0m", "C: AUTH PLAIN ***", "-- TLS", "C: (11 octets of message)"]
        );
    }

    #[test]
    fn what_was_not_handed_over_was_not_said() {
        let mut transcript = Transcript::new(10_000);
        transcript.client(b"NOOP", false, 6);
        transcript.client(b"VRFY x", false, 14);
        transcript.handed_over(13);
        transcript.take_back(6);
        transcript.handed_over(100);
        assert_eq!(taken(&mut transcript), ["C: NOOP"]);
    }

    #[test]
    fn what_nobody_takes_is_left_out() {
        let mut transcript = Transcript::new(200);
        for _ in 0..10 {
            transcript.server(250, b"ok");
        }
        let lines = taken(&mut transcript);
        let kept = lines.len() - 1;
        assert!(kept > 0 && kept < 10);
        assert_eq!(lines.last().unwrap(), &alloc::format!("-- {} lines left out", 10 - kept));
        transcript.server(250, b"ok");
        assert_eq!(taken(&mut transcript), ["S: 250 ok"]);
    }
}
