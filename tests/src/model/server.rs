//! The server: what it takes is the truth that the client's results are held against.

use std::collections::{BTreeSet, VecDeque};

use sansmtp::Pipelining;

use super::Random;
use crate::server::unstuff;

/// What the server offers, and how it behaves.
#[derive(Debug)]
pub(super) struct Rules {
    pub(super) lmtp: bool,
    pub(super) pipelining: bool,
    pub(super) chunking: bool,
    pub(super) eight_bit: bool,
    pub(super) binary: bool,
    pub(super) size: bool,
    /// 8BITMIME, BINARYMIME and SIZE are offered after the login only, which it asks for.
    pub(super) login: bool,
    /// RCPTMAX, RCPTDOMAINMAX and MAILMAX of LIMITS (RFC 9422).
    pub(super) rcpt_max: Option<usize>,
    pub(super) domain_max: Option<usize>,
    pub(super) mail_max: Option<usize>,
    /// Recipients that it has room for in a transaction.
    pub(super) room: usize,
    /// Percentages: commands refused, those answered by 421, those at which the connection breaks, replies that never come.
    pub(super) refuses: usize,
    pub(super) closes: usize,
    pub(super) breaks: usize,
    pub(super) loses: usize,
    /// It answers DATA by 354 although no recipient was accepted (RFC 2920 §3.1).
    pub(super) lenient: bool,
    /// EHLO is unknown.
    pub(super) old: bool,
    /// Percentage of replies that are nonsense. If it is not 0, nothing is expected of the client's commands.
    pub(super) nonsense: usize,
    /// What the client was told of PIPELINING.
    pub(super) ahead: Pipelining,
}

/// Which replies the client had when it queued something: not more than `most` of them, and `least` for sure.
#[derive(Clone, Copy, Debug)]
pub(super) struct Had {
    pub(super) least: usize,
    pub(super) most: usize,
}

/// A message that was taken.
#[derive(Debug)]
pub(super) struct Taken {
    pub(super) operation: usize,
    pub(super) recipients: Vec<usize>,
    pub(super) content: Vec<u8>,
}

/// The end of a message that arrived, carried out or not.
#[derive(Debug)]
pub(super) struct End {
    pub(super) operation: usize,
    /// The number of the last reply to it among all replies; `None`: there is none.
    pub(super) reply: Option<usize>,
}

/// What MAIL opened.
#[derive(Debug)]
struct Open {
    operation: usize,
    /// The reply that refused it, so that only what was on its way may follow.
    refused: Option<usize>,
    asked: Vec<usize>,
    accepted: Vec<usize>,
    /// The reply that refused a chunk.
    failed: Option<usize>,
    has_chunks: bool,
    has_data: bool,
    content: Vec<u8>,
}

#[derive(Debug)]
enum State {
    Commands,
    Content,
    Chunk { left: usize, is_last: bool },
}

/// Octets in, octets out.
#[derive(Debug)]
pub(super) struct Server {
    pub(super) rules: Rules,
    random: Random,
    input: Vec<u8>,
    state: State,
    open: Option<Open>,
    /// The verb before, which says whether something may follow.
    before: String,
    is_logged_in: bool,
    hellos: usize,
    mails: usize,
    /// Replies on their way.
    pub(super) replies: VecDeque<Vec<u8>>,
    /// Replies so far, lost ones too.
    pub(super) said: usize,
    /// Those among them that no command asked for.
    unasked: usize,
    /// Nothing that comes is carried out any more; the connection ends behind the replies.
    pub(super) is_closed: bool,
    /// It says nothing any more.
    pub(super) is_mute: bool,
    pub(super) taken: Vec<Taken>,
    pub(super) ends: Vec<End>,
}

impl Server {
    pub(super) fn new(rules: Rules, random: Random) -> Self {
        let mut server = Self {
            rules,
            random,
            input: Vec::new(),
            state: State::Commands,
            open: None,
            before: String::new(),
            is_logged_in: false,
            hellos: 0,
            mails: 0,
            replies: VecDeque::new(),
            said: 0,
            unasked: 0,
            is_closed: false,
            is_mute: false,
            taken: Vec::new(),
            ends: Vec::new(),
        };
        match server.random.below(100) {
            0 => server.close("554 no service"),
            1 => server.close("421 busy"),
            _ => server.reply("220", "server.example ESMTP"),
        }
        server
    }

    fn is_lawful(&self) -> bool {
        self.rules.nonsense == 0
    }

    /// Takes what the client sent; `had` tells for the octet at this offset of it what the client knew when it queued it.
    pub(super) fn handle(&mut self, octets: &[u8], had: impl Fn(usize) -> Had) {
        let held = self.input.len();
        self.input.extend_from_slice(octets);
        let total = self.input.len();
        // A command that began in an earlier piece was looked at when its first octet came: what is known of the
        // first octet of this piece is more, which is lenient.
        let had = |left: usize| had((total - left).saturating_sub(held));
        loop {
            let left = self.input.len();
            match self.state {
                State::Content => {
                    let Some(end) = self.end_of_content() else { break };
                    let stuffed: Vec<u8> = self.input.drain(..end + 3).take(end).collect();
                    self.state = State::Commands;
                    self.before = ".".to_owned();
                    if let Some(open) = &mut self.open {
                        open.content = unstuff(&stuffed);
                    }
                    self.dot();
                }
                State::Chunk { left: missing, is_last } => {
                    let there = missing.min(self.input.len());
                    let octets: Vec<u8> = self.input.drain(..there).collect();
                    if let Some(open) = &mut self.open {
                        open.content.extend(octets);
                    }
                    self.state = State::Chunk { left: missing - there, is_last };
                    if there < missing {
                        break;
                    }
                    self.state = State::Commands;
                    self.chunk(is_last);
                }
                State::Commands => {
                    let Some(end) = self.input.iter().position(|octet| *octet == b'\n') else { break };
                    let line: Vec<u8> = self.input.drain(..=end).collect();
                    let line = String::from_utf8_lossy(&line).into_owned();
                    assert!(line.ends_with("\r\n") || !self.is_lawful(), "{line:?}");
                    let line = line.trim_end().to_owned();
                    self.command(&line, had(left));
                }
            }
        }
    }

    fn end_of_content(&self) -> Option<usize> {
        if self.input.starts_with(b".\r\n") {
            return Some(0);
        }
        Some(self.input.windows(5).position(|window| window == b"\r\n.\r\n")? + 2)
    }

    // ── What it says ─────────────────────────────────────────────────────────────────────────────────────────────

    fn reply(&mut self, code: &str, text: &str) {
        self.said += 1;
        self.is_mute |= self.random.chance(self.rules.loses);
        let mut octets = Vec::new();
        if code != "334" && self.random.chance(10) {
            octets.extend(format!("{code}-{text}\r\n").into_bytes());
        }
        octets.extend(format!("{code} {text}\r\n").into_bytes());
        if !self.is_mute {
            self.replies.push_back(octets);
        }
    }

    /// Closes although nothing was asked.
    pub(super) fn close_unasked(&mut self) {
        self.close("421 idle for too long");
        self.unasked = 1;
    }

    /// Says this, and carries out nothing any more.
    fn close(&mut self, reply: &str) {
        let (code, text) = reply.split_once(' ').unwrap_or((reply, ""));
        self.reply(code, text);
        self.is_closed = true;
    }

    /// The connection breaks, and what is on its way may be lost with it.
    pub(super) fn break_off(&mut self) {
        self.is_closed = true;
        if self.random.chance(50) {
            let kept = self.random.below(self.replies.len() + 1);
            self.replies.truncate(kept);
        }
    }

    fn refusal(&mut self) -> &'static str {
        self.random.pick(&["450", "451", "550", "554", "503", "452"])
    }

    /// What every reply about a message says, so that none can be taken for that of another.
    fn about(&self) -> String {
        self.open.as_ref().map_or_else(|| "nothing".to_owned(), |open| format!("op{};", open.operation))
    }

    // ── What it does ─────────────────────────────────────────────────────────────────────────────────────────────

    fn command(&mut self, line: &str, had: Had) {
        let (verb, argument) = line.split_once([' ', ':']).unwrap_or((line, ""));
        if self.is_lawful() {
            self.check_group(verb, had);
        }
        // The octets come whatever becomes of the command.
        if verb == "BDAT" {
            let (length, last) = argument.split_once(' ').unwrap_or((argument, ""));
            let left: usize = length.parse().unwrap_or(0);
            let is_right = matches!(last, "" | "LAST") && (left > 0 || last == "LAST");
            assert!(is_right || !self.is_lawful(), "{line}");
            self.state = State::Chunk { left, is_last: last == "LAST" };
        }
        if self.is_lawful() && !self.is_closed {
            self.check_order(verb, line, had);
        }
        verb.clone_into(&mut self.before);
        self.note(verb, argument);
        if self.is_closed {
            self.said += usize::from(verb != "BDAT");
            return;
        }
        // A chunk is answered behind its octets.
        if verb == "BDAT" || self.happens() {
            return;
        }
        let is_refused = self.random.chance(self.rules.refuses);
        match verb {
            "EHLO" | "LHLO" => self.hello(),
            "HELO" => self.reply("250", "server.example"),
            "AUTH" if self.random.chance(self.rules.refuses / 4) => self.reply("535", "no"),
            "AUTH" => {
                self.is_logged_in = true;
                self.reply("235", "welcome");
            }
            "MAIL" => {
                let text = format!("{} sender", self.about());
                if is_refused {
                    let code = self.refusal();
                    if let Some(open) = &mut self.open {
                        open.refused = Some(self.said);
                    }
                    self.reply(code, &text);
                } else {
                    self.reply("250", &text);
                }
            }
            "RCPT" => self.recipient(argument, is_refused),
            "DATA" => self.data(is_refused),
            "RSET" => self.reply("250", "reset"),
            "QUIT" => self.close("221 bye"),
            _ if is_refused => self.reply("502", line),
            _ => self.reply("250", line),
        }
    }

    /// What may happen to any command instead of what it asks for.
    fn happens(&mut self) -> bool {
        if self.random.chance(self.rules.closes) {
            self.close("421 closing");
        } else if self.random.chance(self.rules.breaks) {
            self.break_off();
        } else if self.random.chance(self.rules.nonsense) {
            let code = self.random.pick(&[
                "220", "221", "235", "250", "251", "299", "334", "354", "421", "450", "503", "554", "999",
            ]);
            for _ in 0..self.random.below(3) {
                self.reply(code, "nonsense");
            }
        } else {
            return false;
        }
        true
    }

    /// Groups of commands: RFC 2920 §3.1, RFC 3030 §4.2.
    fn check_group(&self, verb: &str, had: Had) {
        if had.most >= self.said - self.unasked {
            return;
        }
        let before = self.before.as_str();
        assert!(self.rules.pipelining, "{verb} behind {before} without PIPELINING");
        assert_ne!(
            self.rules.ahead,
            Pipelining::Never,
            "{verb} behind {before}, although it is switched off"
        );
        assert!(
            matches!(before, "BDAT" | "MAIL" | "RCPT" | "RSET" | "."),
            "{verb} behind {before} in one group"
        );
        assert!(
            matches!(verb, "BDAT" | "DATA" | "MAIL" | "RCPT" | "RSET"),
            "{verb} behind {before}, not alone"
        );
        if self.rules.ahead == Pipelining::WithinMessage && verb == "MAIL" {
            assert_eq!(before, "RSET", "MAIL ahead, although messages are to wait for each other");
        }
    }

    /// The order of commands: RFC 5321 §4.1.4, RFC 3030 §2.
    fn check_order(&mut self, verb: &str, line: &str, had: Had) {
        let rules = &self.rules;
        assert!(self.hellos > 0 || matches!(verb, "EHLO" | "LHLO" | "HELO" | "QUIT"), "{line} first");
        match (verb, &self.open) {
            ("EHLO" | "LHLO", _) => {
                assert_eq!(verb == "LHLO", rules.lmtp);
                assert!(self.hellos == 0 || (self.is_logged_in && self.hellos == 1), "{line} once more");
            }
            ("MAIL", Some(open)) => {
                let how = if open.failed.is_some() { "a chunk was refused" } else { "it was not ended" };
                assert!(open.refused.is_some(), "MAIL within a transaction: {how}");
            }
            ("MAIL", None) => assert!(rules.mail_max.is_none_or(|most| self.mails < most), "MAILMAX"),
            ("RCPT" | "DATA" | "BDAT", None) => panic!("{line} without MAIL"),
            ("RCPT" | "DATA" | "BDAT", Some(open)) => {
                if let Some(refused) = open.refused {
                    assert!(had.least <= refused, "{line} although MAIL was refused");
                }
                if let Some(failed) = open.failed {
                    assert!(verb == "BDAT" && had.least <= failed, "{line} behind a refused chunk");
                }
                assert!(!open.has_data, "{line} behind DATA");
                assert!(verb == "BDAT" || !open.has_chunks, "{line} behind BDAT");
                assert!(verb != "BDAT" || rules.chunking, "BDAT is not offered");
            }
            _ => {}
        }
    }

    /// What a command means for the transaction, also once nothing is carried out.
    fn note(&mut self, verb: &str, argument: &str) {
        match verb {
            "EHLO" | "LHLO" => {
                self.hellos += 1;
                self.open = None;
            }
            "HELO" => self.hellos += 1,
            "RSET" => self.open = None,
            "MAIL" => {
                self.mails += 1;
                self.check_parameters(argument);
                let address = argument.split(['<', '>']).nth(1).unwrap_or_default();
                self.open = Some(Open {
                    operation: number(address, "op"),
                    refused: None,
                    asked: Vec::new(),
                    accepted: Vec::new(),
                    failed: None,
                    has_chunks: false,
                    has_data: false,
                    content: Vec::new(),
                });
            }
            "DATA" => {
                if let Some(open) = &mut self.open {
                    open.has_data = true;
                }
            }
            "BDAT" => {
                if let Some(open) = &mut self.open {
                    open.has_chunks = true;
                }
            }
            _ => {}
        }
    }

    fn check_parameters(&self, argument: &str) {
        let is_open = !self.rules.login || self.hellos > 1;
        for parameter in argument.split(' ').skip(1) {
            let is_offered = match parameter.split('=').next() {
                Some("SIZE") => self.rules.size && is_open,
                Some("BODY") if parameter.ends_with("BINARYMIME") => self.rules.binary && is_open,
                Some("BODY") => self.rules.eight_bit && is_open,
                _ => false,
            };
            assert!(is_offered || !self.is_lawful(), "{parameter} is not offered");
        }
    }

    fn hello(&mut self) {
        if self.rules.old {
            return self.reply("502", "unknown");
        }
        let rules = &self.rules;
        let is_open = !rules.login || self.hellos > 1;
        let limits: Vec<String> =
            [("RCPTMAX", rules.rcpt_max), ("RCPTDOMAINMAX", rules.domain_max), ("MAILMAX", rules.mail_max)]
                .iter()
                .filter_map(|(name, most)| most.map(|most| format!(" {name}={most}")))
                .collect();
        let mut lines: Vec<String> = [
            ("PIPELINING", rules.pipelining),
            ("CHUNKING", rules.chunking),
            ("8BITMIME", rules.eight_bit && is_open),
            ("BINARYMIME", rules.binary && is_open),
            ("SIZE", rules.size && is_open),
            ("AUTH PLAIN", rules.login),
            ("ENHANCEDSTATUSCODES", true),
        ]
        .into_iter()
        .filter(|(_, is_offered)| *is_offered)
        .map(|(keyword, _)| keyword.to_owned())
        .collect();
        if !limits.is_empty() {
            lines.push(format!("LIMITS{}", limits.concat()));
        }
        // Order and case say nothing, nor does what nobody knows.
        if self.random.chance(30) {
            lines.reverse();
            lines.push("X-UNKNOWN 1 2".to_owned());
        }
        if self.random.chance(30) {
            lines = lines.iter().map(|line| line.to_ascii_lowercase()).collect();
        }
        let mut octets = "250-server.example greets\r\n".to_owned();
        for (at, line) in lines.iter().enumerate() {
            octets.push_str(if at + 1 == lines.len() { "250 " } else { "250-" });
            octets.push_str(line);
            octets.push_str("\r\n");
        }
        self.said += 1;
        if !self.is_mute {
            self.replies.push_back(octets.into_bytes());
        }
    }

    fn recipient(&mut self, argument: &str, is_refused: bool) {
        let address = argument.split(['<', '>']).nth(1).unwrap_or_default().to_owned();
        let (index, operation) = (number(&address, "r"), number(&address, ".op"));
        let is_lawful = self.is_lawful();
        let Some(open) = self.open.as_mut().filter(|open| open.refused.is_none()) else {
            return self.reply("503", &format!("{address} MAIL first"));
        };
        if is_lawful {
            assert_eq!(operation, open.operation, "{address} with the sender of another");
            assert!(!open.asked.contains(&index), "{address} twice");
            open.asked.push(index);
            let domains: BTreeSet<usize> = open.asked.iter().map(|index| index % super::DOMAINS).collect();
            assert!(self.rules.rcpt_max.is_none_or(|most| open.asked.len() <= most), "RCPTMAX");
            assert!(self.rules.domain_max.is_none_or(|most| domains.len() <= most), "RCPTDOMAINMAX");
        }
        if is_refused {
            let code = self.random.pick(&["450", "550", "553", "452"]);
            let text = if code == "452" { "4.3.1 no space" } else { "no" };
            return self.reply(code, &format!("{text} {address}"));
        }
        if open.accepted.len() >= self.rules.room {
            let text = self.random.pick(&["452 4.5.3 full", "452 full", "552 5.5.3 full"]);
            let (code, text) = text.split_once(' ').unwrap_or_default();
            return self.reply(code, &format!("{text} {address}"));
        }
        open.accepted.push(index);
        let code = self.random.pick(&["250", "250", "251", "252"]);
        self.reply(code, &format!("2.1.5 ok {address}"));
    }

    fn data(&mut self, is_refused: bool) {
        let about = self.about();
        let Some(open) = self.open.as_ref().filter(|open| open.refused.is_none()) else {
            return self.reply("503", &format!("{about} MAIL first"));
        };
        let is_empty = open.accepted.is_empty();
        if is_refused || (is_empty && (self.rules.lmtp || !self.rules.lenient)) {
            let code = self.refusal();
            return self.reply(code, &format!("{about} no data"));
        }
        self.reply("354", &format!("{about} go"));
        self.state = State::Content;
    }

    /// A chunk is there in full.
    fn chunk(&mut self, is_last: bool) {
        let operation = self.open.as_ref().map(|open| open.operation);
        let before = self.said;
        self.carry_out(is_last);
        let is_answered = !self.is_closed && self.said > before;
        if let Some(operation) = operation.filter(|_| is_last) {
            self.ends.push(End { operation, reply: is_answered.then(|| self.said - 1) });
        }
    }

    fn carry_out(&mut self, is_last: bool) {
        if self.is_closed {
            self.said += 1;
            return;
        }
        if self.happens() {
            return;
        }
        let is_refused = self.random.chance(self.rules.refuses);
        let (about, code) = (self.about(), self.refusal());
        let number = self.said;
        let Some(open) = self.open.as_mut().filter(|open| open.refused.is_none()) else {
            return self.reply("503", &format!("{about} MAIL first"));
        };
        if open.failed.is_some() || open.accepted.is_empty() || (is_refused && !is_last) {
            open.failed.get_or_insert(number);
            self.reply(code, &format!("{about} no chunk"));
        } else if is_last {
            self.end();
        } else {
            self.reply("250", &format!("{about} chunk"));
        }
    }

    /// The dot is there.
    fn dot(&mut self) {
        let operation = self.open.as_ref().map(|open| open.operation);
        let before = self.said;
        if !self.is_closed && !self.happens() {
            self.end();
        }
        let is_answered = !self.is_closed && self.said > before;
        if let Some(operation) = operation {
            self.ends.push(End { operation, reply: is_answered.then(|| self.said - 1) });
        }
    }

    /// The end of a message is there, and is carried out.
    fn end(&mut self) {
        let Some(mut open) = self.open.take() else { return };
        let about = format!("op{};", open.operation);
        if open.accepted.is_empty() {
            assert!(open.content.is_empty() || !self.is_lawful(), "a message to nobody");
            return self.reply("554", &format!("{about} nobody"));
        }
        let groups: Vec<Vec<usize>> = if self.rules.lmtp {
            open.accepted.iter().map(|index| vec![*index]).collect()
        } else {
            vec![open.accepted.clone()]
        };
        let mut takers = Vec::new();
        for recipients in groups {
            let is_positive = !self.random.chance(self.rules.refuses);
            let code = if is_positive { "250" } else { self.refusal() };
            let names: Vec<String> = recipients.iter().map(|index| format!("r{index}.")).collect();
            self.reply(code, &format!("{about} end for {}", names.concat()));
            if is_positive {
                takers.extend(&recipients);
            }
        }
        if takers.is_empty() {
            // RFC 3030 §2: the state is not defined until RSET.
            if open.has_chunks {
                open.failed = Some(self.said - 1);
                self.open = Some(open);
            }
            return;
        }
        self.taken.push(Taken { operation: open.operation, recipients: takers, content: open.content });
    }
}

/// The number behind a name within an address.
fn number(address: &str, name: &str) -> usize {
    let digits = address.split_once(name).map_or("", |(_, rest)| rest);
    let digits = digits.split(|letter: char| !letter.is_ascii_digit()).next().unwrap_or_default();
    // What is no address of the model's is that of no operation.
    digits.parse().unwrap_or(usize::MAX)
}
