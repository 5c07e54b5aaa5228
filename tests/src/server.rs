//! A server that plays along: it answers as RFC 5321 says, with the extensions it is given, and keeps what it took.

/// A message that the server took.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Taken {
    /// The argument of MAIL.
    pub sender: String,
    /// The arguments of RCPT that were accepted.
    pub recipients: Vec<String>,
    /// The message, un-stuffed, without the final dot.
    pub message: Vec<u8>,
}

/// Octets in, octets out.
#[derive(Debug)]
pub struct Server {
    extensions: Vec<String>,
    input: Vec<u8>,
    state: State,
    sender: Option<String>,
    recipients: Vec<String>,
    /// Chunks of a message that has not ended.
    chunks: Vec<u8>,
    /// What it took, in order.
    pub taken: Vec<Taken>,
    /// Every command line, in order.
    pub commands: Vec<String>,
    /// Whether STARTTLS was accepted and the handshake is due.
    pub wants_tls: bool,
}

#[derive(Debug, PartialEq, Eq)]
enum State {
    Commands,
    /// How many responses are still to come.
    Auth(usize),
    Message,
    /// So many octets of a chunk, and whether it is the last one.
    Chunk(usize, bool),
}

impl Server {
    /// A server with these EHLO lines.
    #[must_use]
    pub fn new(extensions: &[&str]) -> Self {
        Self {
            extensions: extensions.iter().map(|extension| (*extension).to_owned()).collect(),
            input: Vec::new(),
            state: State::Commands,
            sender: None,
            recipients: Vec::new(),
            chunks: Vec::new(),
            taken: Vec::new(),
            commands: Vec::new(),
            wants_tls: false,
        }
    }

    /// What it says first.
    #[must_use]
    pub fn greeting(&self) -> Vec<u8> {
        b"220 server.example ESMTP\r\n".to_vec()
    }

    /// Takes what the client says and gives the replies.
    pub fn handle(&mut self, octets: &[u8]) -> Vec<u8> {
        self.input.extend_from_slice(octets);
        let mut replies = String::new();
        loop {
            if self.state == State::Message {
                let Some(message) = self.message() else { break };
                self.take(message);
                replies.push_str("250 2.0.0 taken\r\n");
                continue;
            }
            if let State::Chunk(length, is_last) = self.state {
                if self.input.len() < length {
                    break;
                }
                let chunk: Vec<u8> = self.input.drain(..length).collect();
                replies.push_str(self.chunk(chunk, is_last));
                continue;
            }
            let Some(end) = self.input.windows(2).position(|pair| pair == b"\r\n") else { break };
            let line: Vec<u8> = self.input.drain(..end + 2).collect();
            let line = String::from_utf8_lossy(&line[..end]).into_owned();
            replies.push_str(&self.command(&line));
        }
        replies.into_bytes()
    }

    /// The message, once its end is there. What is left of the input starts behind the end.
    fn message(&mut self) -> Option<Vec<u8>> {
        let end = if self.input.starts_with(b".\r\n") {
            0
        } else {
            self.input.windows(5).position(|window| window == b"\r\n.\r\n")? + 2
        };
        let stuffed: Vec<u8> = self.input.drain(..end + 3).take(end).collect();
        Some(unstuff(&stuffed))
    }

    fn take(&mut self, message: Vec<u8>) {
        self.taken.push(Taken {
            sender: self.sender.take().unwrap_or_default(),
            recipients: std::mem::take(&mut self.recipients),
            message,
        });
        self.state = State::Commands;
    }

    /// What became of a chunk. One that is refused leaves the transaction open.
    fn chunk(&mut self, chunk: Vec<u8>, is_last: bool) -> &'static str {
        self.state = State::Commands;
        if self.recipients.is_empty() {
            return "503 5.5.1 no valid recipients\r\n";
        }
        self.chunks.extend(chunk);
        if is_last {
            let message = std::mem::take(&mut self.chunks);
            self.take(message);
        }
        "250 2.0.0 taken\r\n"
    }

    fn command(&mut self, line: &str) -> String {
        if let State::Auth(left) = self.state {
            self.state = if left > 1 { State::Auth(left - 1) } else { State::Commands };
            return if left > 1 { "334 UGFzc3dvcmQ6\r\n".into() } else { "235 2.7.0 welcome\r\n".into() };
        }
        self.commands.push(line.to_owned());
        let verb = line.split(' ').next().unwrap_or_default().to_ascii_uppercase();
        match verb.as_str() {
            "EHLO" => {
                self.reset();
                let mut lines = vec!["server.example".to_owned()];
                lines.extend(self.extensions.iter().cloned());
                let last = lines.len() - 1;
                let line = |(number, line): (usize, &String)| {
                    format!("250{}{line}\r\n", if number == last { ' ' } else { '-' })
                };
                lines.iter().enumerate().map(line).collect()
            }
            "STARTTLS" => {
                self.wants_tls = true;
                "220 2.0.0 go ahead\r\n".into()
            }
            "AUTH" if line == "AUTH LOGIN" => {
                self.state = State::Auth(2);
                "334 VXNlcm5hbWU6\r\n".into()
            }
            "AUTH" if line == "AUTH CRAM-MD5" => {
                self.state = State::Auth(1);
                "334 PDEyMzQ1Ni4xMzIyODc2OTE0QHRlc3RzZXJ2ZXI+\r\n".into()
            }
            "AUTH" => "235 2.7.0 welcome\r\n".into(),
            "BDAT" => {
                let mut words = line.split(' ').skip(1);
                let length = words.next().and_then(|length| length.parse().ok()).expect("a length");
                self.state = State::Chunk(length, words.next() == Some("LAST"));
                String::new()
            }
            "MAIL" if self.sender.is_some() => "503 5.5.1 nested MAIL\r\n".into(),
            "MAIL" => {
                self.sender = Some(line.trim_start_matches("MAIL FROM:").to_owned());
                "250 2.1.0 ok\r\n".into()
            }
            "RCPT" if self.sender.is_none() => "503 5.5.1 MAIL first\r\n".into(),
            "RCPT" if line.contains("refused") => "550 5.1.1 no such user\r\n".into(),
            "RCPT" => {
                self.recipients.push(line.trim_start_matches("RCPT TO:").to_owned());
                "250 2.1.5 ok\r\n".into()
            }
            "DATA" if self.recipients.is_empty() => "554 5.5.1 no valid recipients\r\n".into(),
            "DATA" => {
                self.state = State::Message;
                "354 go ahead\r\n".into()
            }
            "RSET" => {
                self.reset();
                "250 2.0.0 ok\r\n".into()
            }
            "QUIT" => "221 2.0.0 bye\r\n".into(),
            _ => "250 2.0.0 ok\r\n".into(),
        }
    }

    fn reset(&mut self) {
        self.sender = None;
        self.recipients.clear();
        self.chunks.clear();
    }
}

/// Takes off the dots that were added (RFC 5321 §4.5.2).
#[must_use]
pub fn unstuff(stuffed: &[u8]) -> Vec<u8> {
    let mut message = Vec::with_capacity(stuffed.len());
    for line in stuffed.split_inclusive(|octet| *octet == b'\n') {
        message.extend_from_slice(line.strip_prefix(b".").unwrap_or(line));
    }
    message
}
