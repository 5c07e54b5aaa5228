//! What a transaction says next.

use alloc::string::String;
use alloc::vec::Vec;
use core::mem;

use super::{Next, Purpose, Transaction};
use crate::body::{BodyPlan, Content, Transfer};
use crate::capabilities::Capabilities;
use crate::client::expect::Expect;
use crate::client::{Client, Operation};
use crate::config::RecipientPolicy;
use crate::decimal;
use crate::envelope::{Envelope, MailParameter, RcptParameter, Recipient};
use crate::error::{Stage, Unsupported};
use crate::event::{Event, Failure, OperationId};

/// What the session has to offer to a message.
struct Offer<'a> {
    capabilities: &'a Capabilities,
    /// TLS is up and the server's certificate was verified.
    is_verified: bool,
    /// MAIL commands so far, and the domains of recipients where the server limits them.
    mails: u64,
    domains: &'a [(u64, String)],
    policy: RecipientPolicy,
}

impl Offer<'_> {
    /// What the message needs and the server does not offer: told before anything is sent.
    fn unmet(&self, transaction: &Transaction) -> Option<Unsupported> {
        let envelope = &transaction.envelope;
        let needs_utf8 = envelope.needs_utf8() || transaction.plan().is_some_and(|plan| plan.utf8_headers);
        if needs_utf8 && !self.offers("SMTPUTF8") {
            return Some(Unsupported::SmtpUtf8);
        }
        if self.limit("MAILMAX").is_some_and(|most| self.mails >= most) {
            return Some(Unsupported::Messages);
        }
        if let Some(unmet) = self.unmet_by_domains(envelope) {
            return Some(unmet);
        }
        let is_whole = !transaction.may_be_split()
            || (self.policy == RecipientPolicy::AllOrNone && transaction.plan().is_some());
        if is_whole && self.most_recipients() < transaction.pending.len() {
            return Some(Unsupported::Recipients);
        }
        let of_message = transaction.plan().and_then(|plan| self.unmet_by_message(plan));
        let of_mail = || envelope.parameters().iter().find_map(|parameter| self.unmet_by_mail(parameter));
        let of_rcpt = || {
            let mut extensions = envelope
                .recipients()
                .iter()
                .flat_map(|recipient| recipient.parameters().iter().map(RcptParameter::extension));
            extensions.find(|extension| !self.offers(extension)).map(unsupported)
        };
        of_message.or_else(of_mail).or_else(of_rcpt)
    }

    fn unmet_by_message(&self, plan: &BodyPlan) -> Option<Unsupported> {
        let chunking = self.offers("CHUNKING");
        let size = plan.size.zip(self.capabilities.max_size());
        match plan.content {
            Content::EightBit if !self.offers("8BITMIME") => Some(Unsupported::EightBitMime),
            Content::Binary if !chunking || !self.offers("BINARYMIME") || plan.transfer == Transfer::Data => {
                Some(Unsupported::BinaryMime)
            }
            _ if plan.transfer == Transfer::Bdat && !chunking => Some(Unsupported::Chunking),
            _ if size.is_some_and(|(size, max)| size > max) => Some(Unsupported::Size),
            _ => None,
        }
    }

    fn unmet_by_mail(&self, parameter: &MailParameter) -> Option<Unsupported> {
        let extension = parameter.extension();
        let number = |at: usize| {
            let text = self.capabilities.parameters(extension)?.get(at)?;
            // Behind a comma there may be what later versions add (RFC 2852 §4).
            text.split(',').next().and_then(decimal::parse)
        };
        let latest = || self.capabilities.parameters(extension)?.get(1).map(String::as_str);
        let is_met = match parameter {
            // It asks for nothing: a server that knows no logins does not miss it.
            MailParameter::Auth(_) => true,
            MailParameter::RequireTls => self.is_verified && self.offers(extension),
            _ if !self.offers(extension) => false,
            MailParameter::DeliverBy(by) => by.is_allowed(number(0)),
            MailParameter::HoldFor(hold) => number(0).is_none_or(|most| u64::from(hold.get()) <= most),
            MailParameter::HoldUntil(hold) => hold.is_allowed(latest()),
            _ => true,
        };
        (!is_met).then(|| unsupported(extension))
    }

    fn offers(&self, extension: &str) -> bool {
        self.capabilities.offers(extension)
    }

    /// A limit by its name (RFC 9422 §3).
    fn limit(&self, name: &str) -> Option<u64> {
        let mut limits = self.capabilities.parameters("LIMITS")?.iter();
        limits
            .find_map(|limit| limit.split_once('=').filter(|(known, _)| known.eq_ignore_ascii_case(name)))
            .and_then(|(_, most)| decimal::parse(most))
            .filter(|most| *most > 0)
    }

    /// How many recipients one transaction may have (RFC 9422 §3.2).
    fn most_recipients(&self) -> usize {
        self.limit("RCPTMAX").and_then(|most| usize::try_from(most).ok()).unwrap_or(usize::MAX)
    }

    /// A session may have recipients of so many domains (RFC 9422 §3.3): with those of this message there may be too many, or
    /// it alone has too many.
    fn unmet_by_domains(&self, envelope: &Envelope) -> Option<Unsupported> {
        let most = self.limit(DOMAINS).and_then(|most| usize::try_from(most).ok())?;
        let own = domains(envelope, &[]);
        if own.len() > most {
            Some(Unsupported::Recipients)
        } else if domains(envelope, self.domains).len() + self.domains.len() > most {
            Some(Unsupported::Messages)
        } else {
            None
        }
    }
}

/// The name of the limit.
const DOMAINS: &str = "RCPTDOMAINMAX";

/// The domains of recipients, each once, that are not among those known.
fn domains(envelope: &Envelope, known: &[(u64, String)]) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for recipient in envelope.recipients() {
        let domain = recipient.path().as_str().rsplit('@').next().unwrap_or_default().to_ascii_lowercase();
        if !known.iter().any(|(_, known)| *known == domain) && !found.contains(&domain) {
            found.push(domain);
        }
    }
    found
}

fn unsupported(extension: &str) -> Unsupported {
    match extension {
        "DELIVERBY" => Unsupported::DeliverBy,
        "DSN" => Unsupported::Dsn,
        "FUTURERELEASE" => Unsupported::FutureRelease,
        "MT-PRIORITY" => Unsupported::Priority,
        "REQUIRETLS" => Unsupported::RequireTls,
        _ => Unsupported::Extension,
    }
}

impl Transaction {
    /// What is left to the server's offer is known from here on.
    fn settle_content(&mut self, is_eight_bit: bool) {
        if let Purpose::Send(plan) = &mut self.purpose
            && plan.content == Content::Auto
        {
            plan.content = if is_eight_bit { Content::EightBit } else { Content::SevenBit };
        }
    }

    /// MAIL with the parameters that the message needs (RFC 1870, 6152, 6531, …).
    fn mail_line(&self, capabilities: &Capabilities) -> String {
        let mut line = ["MAIL FROM:<", self.envelope.sender().as_str(), ">"].concat();
        let mut utf8 = self.envelope.needs_utf8();
        if let Some(plan) = self.plan() {
            if let Some(size) = plan.size.filter(|_| capabilities.offers("SIZE")) {
                line.push_str(" SIZE=");
                line.push_str(&decimal::text(size));
            }
            line.push_str(match plan.content {
                Content::Auto | Content::SevenBit => "",
                Content::EightBit => " BODY=8BITMIME",
                Content::Binary => " BODY=BINARYMIME",
            });
            utf8 |= plan.utf8_headers;
        }
        if utf8 {
            line.push_str(" SMTPUTF8");
        }
        for parameter in self.envelope.parameters() {
            if !matches!(parameter, MailParameter::Auth(_)) || capabilities.offers("AUTH") {
                line.push(' ');
                line.push_str(&parameter.text());
            }
        }
        line.push_str("\r\n");
        line
    }
}

fn rcpt_line(recipient: &Recipient) -> String {
    let mut line = ["RCPT TO:<", recipient.path().as_str(), ">"].concat();
    for parameter in recipient.parameters() {
        line.push(' ');
        line.push_str(&parameter.text());
    }
    line.push_str("\r\n");
    line
}

impl Client {
    /// Queues the next command of a transaction. `false`: nothing can go out now.
    pub(in crate::client) fn advance_transaction(&mut self, index: usize) -> bool {
        let Some(Operation::Transaction(transaction)) = self.operations.get_mut(index) else { return false };
        let (id, part) = (transaction.id, &mut transaction.part);
        if part.decided.is_some() && part.next != Next::Nothing {
            part.next = Next::Nothing;
            if part.due == 0
                && let Some(failure) = part.decided.take()
            {
                self.part_ended(id, Err(failure));
            }
            return true;
        }
        match part.next {
            Next::Mail => self.queue_mail(index),
            Next::Rcpt(number) => {
                if part.is_full {
                    for index in part.recipients.split_off(number) {
                        transaction.leave(index);
                    }
                }
                let recipient = transaction
                    .part
                    .recipients
                    .get(number)
                    .and_then(|index| transaction.envelope.recipients().get(*index));
                match recipient.map(rcpt_line) {
                    Some(line) => {
                        self.queue_next(id, &line, Expect::Rcpt(id, number), Next::Rcpt(number + 1))
                    }
                    None => {
                        transaction.part.next = match transaction.purpose {
                            Purpose::Send(_) => Next::Message,
                            Purpose::Verify => Next::Reset,
                        };
                        true
                    }
                }
            }
            Next::Message => self.begin_message(index),
            Next::Body => self.queue_last_chunk(id),
            Next::Reset => self.queue_next(id, "RSET\r\n", Expect::Verified(id), Next::Nothing),
            Next::Nothing => false,
        }
    }

    fn queue_mail(&mut self, index: usize) -> bool {
        let id = self.operations.get(index).map(Operation::id);
        if !self.may_queue(0, id) {
            return false;
        }
        let offer = Offer {
            capabilities: &self.capabilities,
            is_verified: self.verified,
            mails: self.mails,
            domains: &self.domains,
            policy: self.config.recipients,
        };
        let Some(Operation::Transaction(transaction)) = self.operations.get_mut(index) else { return false };
        let id = transaction.id;
        if let Some(unmet) = offer.unmet(transaction) {
            return self.unmet(id, unmet);
        }
        transaction.settle_content(offer.offers("8BITMIME"));
        let line = transaction.mail_line(&self.capabilities);
        let most = offer.most_recipients();
        let new_domains = match offer.limit(DOMAINS) {
            Some(_) => domains(&transaction.envelope, &self.domains),
            None => Vec::new(),
        };
        // A message without an answer may leave its transaction open, and a server may take it for open until it has answered.
        let is_open =
            self.expected.back().is_some_and(|last| matches!(last.what, Expect::Chunk(_) | Expect::End(_)));
        if self.needs_reset || is_open {
            let is_queued = self.queue_next(id, "RSET\r\n", Expect::Reset(id), Next::Mail);
            self.needs_reset &= !is_queued;
            return is_queued;
        }
        if !self.queue_next(id, &line, Expect::Mail(id), Next::Rcpt(0)) {
            return false;
        }
        self.mails += 1;
        let position = self.out.end() - line.len() as u64;
        self.domains.extend(new_domains.into_iter().map(|domain| (position, domain)));
        if let Some(transaction) = self.transaction(id) {
            let count = most.min(transaction.room).min(transaction.pending.len());
            let rest = transaction.pending.split_off(count);
            transaction.part.recipients = mem::replace(&mut transaction.pending, rest);
        }
        true
    }

    /// The server does not offer what the message needs. After a login it may offer more: it is asked, once.
    fn unmet(&mut self, id: OperationId, unmet: Unsupported) -> bool {
        // Results come in order, and EHLO comes alone.
        if !self.expected.is_empty() {
            return false;
        }
        let may_be_new =
            !matches!(unmet, Unsupported::Messages | Unsupported::Recipients | Unsupported::Size);
        if may_be_new && self.mechanism.is_some() && !self.hello_repeated {
            self.hello_repeated = true;
            self.queue_hello(Expect::EhloAgain);
            return true;
        }
        if let Some(transaction) = self.take_transaction(id) {
            self.conclude(&transaction, Failure::error(Stage::Sender, unmet.into()));
        }
        true
    }

    /// DATA; or with BDAT, the question for the message, which needs no answer of the server's first.
    fn begin_message(&mut self, index: usize) -> bool {
        let all_or_none = self.config.recipients == RecipientPolicy::AllOrNone;
        let pipelines = self.pipelines();
        let offers_chunking = self.capabilities.offers("CHUNKING");
        let Some(Operation::Transaction(transaction)) = self.operations.get_mut(index) else { return false };
        let (id, part) = (transaction.id, &mut transaction.part);
        let waits = part.answered < part.recipients.len();
        // All or none: the answers come first (RFC 2920 §3.1 would have it sent to some).
        if all_or_none && waits {
            return false;
        }
        let Purpose::Send(plan) = transaction.purpose else { return false };
        let chunked = offers_chunking && plan.transfer != Transfer::Data;
        if !chunked {
            return self.queue_next(id, "DATA\r\n", Expect::Data(id), Next::Nothing);
        }
        if waits && !pipelines {
            return false;
        }
        part.next = Next::Body;
        part.message = Some(super::Message::chunked(plan));
        self.events.push_back(Event::SendBody { operation: id, chunked });
        false
    }

    /// Queues a command of a transaction if it may go out now.
    pub(super) fn queue_next(&mut self, id: OperationId, line: &str, what: Expect, next: Next) -> bool {
        if !self.may_queue(line.len(), Some(id)) {
            return false;
        }
        let (position, rides) = (self.out.end(), !self.expected.is_empty());
        self.begun = Some(id);
        if let Some(part) = self.part(id) {
            if part.start.is_none() {
                part.start = Some(position);
                part.rides = rides;
            }
            part.next = next;
        }
        self.queue(line.as_bytes(), what);
        true
    }
}
