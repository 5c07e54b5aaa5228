//! The caller: operations of every kind, messages in pieces and late, and given up at any moment.

use std::collections::{BTreeMap, VecDeque};

use sansmtp::{
    ApiMisuse, BodyPlan, Content, Envelope, Error, Event, ForwardPath, LineEnds, OperationId, ReversePath,
    Transfer, Verdict,
};

use super::{DOMAINS, Session};

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Command,
    Message,
    Test,
}

/// What the caller asked for, and what it was told.
#[derive(Debug)]
pub(super) struct Operation {
    id: OperationId,
    pub(super) kind: Kind,
    pub(super) recipients: usize,
    plan: BodyPlan,
    message: Vec<u8>,
    /// It breaks its declaration.
    is_wrong: bool,
    /// The client wants the message; so much of it was given, in chunks that the core does not see or may not.
    pub(super) is_asked: bool,
    pub(super) given: usize,
    is_chunked: bool,
    /// Octets of chunks that were announced and not written.
    pub(super) announced: VecDeque<u8>,
    /// The end was given, for this part or for one before.
    pub(super) is_ended: bool,
    pub(super) answers: BTreeMap<usize, Verdict>,
    pub(super) deliveries: BTreeMap<usize, Verdict>,
    /// It was cancelled, or its message was wrong: then its result need not wait for those before.
    pub(super) is_given_up: bool,
    pub(super) results: usize,
    pub(super) result: Option<Event>,
}

impl Operation {
    pub(super) fn ask(&mut self, chunked: bool) {
        assert!(!self.is_ended || !self.plan.once, "a message that can be given once is asked for again");
        (self.is_asked, self.is_chunked, self.given) = (true, chunked, 0);
        self.announced.clear();
    }

    /// The message as it should arrive.
    pub(super) fn expected(&self) -> Vec<u8> {
        if self.plan.content == Content::Binary {
            return self.message.clone();
        }
        let mut canonical = Vec::new();
        let mut rest = self.message.as_slice();
        while let [first, after @ ..] = rest {
            rest = after;
            match (first, after) {
                (b'\r', [b'\n', after @ ..]) => {
                    canonical.extend_from_slice(b"\r\n");
                    rest = after;
                }
                (b'\r' | b'\n', _) => canonical.extend_from_slice(b"\r\n"),
                _ => canonical.push(*first),
            }
        }
        if !canonical.is_empty() && !canonical.ends_with(b"\r\n") {
            canonical.extend_from_slice(b"\r\n");
        }
        canonical
    }
}

impl Session {
    /// The caller wants something.
    pub(super) fn call(&mut self) {
        if self.plans == 0 || self.is_over {
            return;
        }
        if self.gives_up && self.random.chance(3) {
            return self.quit();
        }
        self.plans -= 1;
        let number = self.operations.len();
        let is_command = self.random.chance(15);
        let is_test = !is_command && self.random.chance(15);
        let mut operation = Operation {
            id: OperationId::from_number(u32::try_from(number).expect("few")),
            kind: if is_command {
                Kind::Command
            } else if is_test {
                Kind::Test
            } else {
                Kind::Message
            },
            recipients: self.some(),
            plan: BodyPlan::default(),
            message: Vec::new(),
            is_wrong: false,
            is_asked: false,
            given: 0,
            is_chunked: false,
            announced: VecDeque::new(),
            is_ended: false,
            answers: BTreeMap::new(),
            deliveries: BTreeMap::new(),
            is_given_up: false,
            results: 0,
            result: None,
        };
        if operation.kind == Kind::Message {
            self.write(&mut operation);
        }
        let sender = ReversePath::parse(&format!("op{number}@example.com")).expect("an address");
        let mut envelope = Envelope::new(sender);
        envelope.extend((0..operation.recipients).map(|index| {
            let domain = index % DOMAINS;
            ForwardPath::parse(&format!("r{index}.op{number}@d{domain}.example")).expect("an address")
        }));
        let result = match operation.kind {
            Kind::Message => self.client.send(&envelope, operation.plan),
            Kind::Test => self.client.verify_recipients(&envelope),
            Kind::Command => match self.random.below(3) {
                0 => self.client.noop(),
                1 => self.client.reset(),
                _ => self.client.vrfy(&format!("name{number}")),
            },
        };
        self.shown(|| {
            format!(
                "call {number} {:?} {:?} of {} to {}: {result:?}",
                operation.kind,
                operation.plan,
                operation.message.len(),
                operation.recipients
            )
        });
        match result {
            Ok(id) => {
                assert_eq!(id, operation.id, "operations are counted");
                self.operations.push(operation);
            }
            Err(Error::ApiMisuse(ApiMisuse::SessionOver))
                if self.has_quit || self.server.is_closed || !self.lawful =>
            {
                self.plans = 0
            }
            // Something was given up, or could not be set up.
            Err(_) => self.plans = 0,
        }
        self.after(self.had, false);
    }

    /// How many recipients.
    fn some(&mut self) -> usize {
        let most = if self.random.chance(50) { 3 } else { 12 };
        1 + self.random.below(most)
    }

    pub(super) fn quit(&mut self) {
        let result = self.client.quit();
        self.shown(|| format!("quit: {result:?}"));
        (self.has_quit, self.plans) = (true, 0);
        self.after(self.had, false);
    }

    /// A message and what is declared of it.
    fn write(&mut self, operation: &mut Operation) {
        let random = &mut self.random;
        let plan = &mut operation.plan;
        let rules = &self.server.rules;
        // What the server does not offer is asked for too, but seldom.
        let mut may = |is_offered| is_offered || random.chance(5);
        let mut contents = vec![Content::SevenBit; 2];
        contents.extend(may(rules.eight_bit).then_some(Content::EightBit));
        contents.extend(may(rules.binary).then_some(Content::Binary));
        let mut transfers = vec![Transfer::Auto, Transfer::Auto, Transfer::Data];
        transfers.extend(may(rules.chunking).then_some(Transfer::Bdat));
        plan.content = random.pick(&contents);
        plan.line_ends = random.pick(&[LineEnds::Normalize, LineEnds::Reject, LineEnds::Canonical]);
        if plan.content != Content::Binary {
            plan.transfer = random.pick(&transfers);
        }
        plan.once = random.chance(15);
        let length = random.pick(&[0, 1, 10, 100, 100, 1000]);
        let is_free = plan.line_ends == LineEnds::Normalize || plan.content == Content::Binary;
        while operation.message.len() < length {
            let piece: &[u8] = match random.below(12) {
                0 => b"\r\n",
                1 => b".",
                2 => b"\r\n.\r\n",
                3 if is_free => b"\n",
                4 if is_free => b"\r",
                5 if plan.content != Content::SevenBit => b"\xC3\xBC",
                6 if plan.content == Content::Binary => b"\0",
                7 => b"MAIL FROM:<x@example.com>\r\n",
                _ => b"text",
            };
            operation.message.extend_from_slice(piece);
        }
        if !is_free && !operation.message.is_empty() {
            operation.message.extend_from_slice(b"\r\n");
        }
        if random.chance(30) {
            plan.size = Some(operation.message.len() as u64);
        }
        if plan.content == Content::SevenBit && random.chance(5) {
            operation.is_wrong = true;
            let at = random.below(operation.message.len() + 1);
            operation.message.insert(at, random.pick(&[0, 200]));
        }
    }

    /// Gives a piece of a message that is asked for, or its end.
    pub(super) fn give(&mut self) {
        let asked: Vec<usize> =
            (0..self.operations.len()).filter(|at| self.operations[*at].is_asked).collect();
        if asked.is_empty() || self.is_over {
            return;
        }
        let number = self.random.pick(&asked);
        let operation = &self.operations[number];
        let (id, given, plan) = (operation.id, operation.given, operation.plan);
        let left = operation.message.len() - given;
        let length = if left == 0 { 0 } else { self.random.part(left) };
        let piece = operation.message[given..given + length].to_vec();
        let may_announce = operation.is_chunked
            && !operation.is_wrong
            && (plan.content == Content::Binary || plan.line_ends == LineEnds::Canonical);
        // What was said to be wrong is found out by the core only if it passes through it.
        // A CR and its LF stay together: the core cannot put together what it sees the half of.
        let cuts = |end: usize| end > 0 && operation.message[end - 1] == b'\r';
        let is_cut = plan.content != Content::Binary && (cuts(given) || cuts(given + length));
        let announces = may_announce && !is_cut && self.random.chance(50);
        let ends = length == left && self.random.chance(70);
        let mut result = Err(Error::ApiMisuse(ApiMisuse::ChunkNotPossible));
        if announces && (length > 0 || ends) {
            result = self.client.body_chunk(id, length as u64, ends).map(|taken| {
                if taken {
                    self.operations[number].announced.extend(&piece);
                }
                (if taken { length } else { 0 }, taken && ends)
            });
        }
        // The core holds a piece already, so that this one must pass through it too.
        if result == Err(Error::ApiMisuse(ApiMisuse::ChunkNotPossible)) {
            result = if left == 0 {
                self.client.end_body(id).map(|()| (0, true))
            } else {
                self.client.body(id, &piece).map(|taken| (taken, false))
            };
        }
        self.shown(|| {
            format!("give {number}: {length} of {left}, announced: {announces}, ends: {ends}: {result:?}")
        });
        let is_wrong = self.operations[number].is_wrong;
        match result {
            Ok((taken, is_ended)) => {
                let operation = &mut self.operations[number];
                operation.given += taken;
                if is_ended {
                    (operation.is_ended, operation.is_asked) = (true, false);
                }
                assert!(
                    !is_ended || !is_wrong,
                    "{number} is not what it was declared to be, and was not refused"
                );
            }
            // It has failed, or will begin again.
            Err(Error::ApiMisuse(ApiMisuse::BodyNotAsked)) => self.operations[number].is_asked = false,
            Err(Error::InvalidInput(_)) if is_wrong => {
                self.operations[number].is_asked = false;
                // Those behind it may go down with it, as below.
                for operation in &mut self.operations[number..] {
                    operation.is_given_up = true;
                }
            }
            Err(error) => panic!("{error:?} for the message of {number}"),
        }
        // What could not be given may have taken back what was queued.
        self.after(self.had, is_wrong);
    }

    /// The caller cancels an operation, ends the session, or breaks it off.
    pub(super) fn give_up(&mut self) {
        if !self.gives_up || self.operations.is_empty() || self.is_over {
            return;
        }
        match self.random.below(20) {
            0 => {
                self.client.abort();
                self.shown(|| "abort".to_owned());
                self.after(self.had, true);
                assert!(self.is_over, "abort did not end the session");
            }
            1 => self.quit(),
            _ => {
                let number = self.random.below(self.operations.len());
                for operation in &mut self.operations[number..] {
                    operation.is_given_up = true;
                }
                let result = self.client.cancel(self.operations[number].id);
                self.shown(|| format!("cancel {number}: {result:?}"));
                let was_open = self.operations[number].results == 0;
                self.after(self.had, true);
                if was_open && !self.client_has_failed() {
                    assert_eq!((result, self.operations[number].results), (Ok(()), 1), "cancelled");
                }
            }
        }
    }

    fn client_has_failed(&self) -> bool {
        self.client.error().is_some()
    }
}
