//! NTLM (MS-NLMP, over SMTP MS-SMTPNTLM), and MSN, the same under another name: version 2 only, with the message
//! integrity code and the channel binding wherever the server gives what they need. No session is signed or sealed.
//!
//! ```text
//! NEGOTIATE    = "NTLMSSP" NUL, 1, flags, …
//! CHALLENGE    = "NTLMSSP" NUL, 2, target name, flags, challenge (8), reserved (8), target information, …
//! AUTHENTICATE = "NTLMSSP" NUL, 3, LM, NT, domain, user, workstation, session key, flags, version, [MIC (16)], payload
//! ```
//! Numbers are little-endian; a field is its length, its length again, and where it is in the message.

use alloc::string::String;
use alloc::vec::Vec;

use md4::{Digest as _, Md4};
use zeroize::Zeroizing;

use super::md5::{hmac_md5, md5};
use super::{Authentication, ChannelBinding, Context, ExchangeError, Mechanism, Response, Step, decode};
use crate::secret::Secret;

/// UNICODE, OEM, REQUEST_TARGET, NTLM, ALWAYS_SIGN, EXTENDED_SESSIONSECURITY, VERSION, 128, 56 (MS-NLMP 2.2.2.5).
const OFFERED: u32 = 0xa208_8207;
/// EXTENDED_SESSIONSECURITY, TARGET_INFO: without these there is neither an integrity code nor anything that names the
/// server. Such a server gets a response, of version 2 still, only if the user named NTLM.
const STRONG: u32 = 0x0008_0000 | TARGET_INFO;
const UNICODE: u32 = 0x0000_0001;
const TARGET_INFO: u32 = 0x0080_0000;
const SIGNATURE: &[u8; 8] = b"NTLMSSP\0";
/// Any version; servers read it for their logs only.
const VERSION: [u8; 8] = [10, 0, 0x63, 0x4a, 0, 0, 0, 15];

/// The kinds of target information (MS-NLMP 2.2.2.1).
const AV_END: u16 = 0;
const AV_FLAGS: u16 = 6;
const AV_TIMESTAMP: u16 = 7;
const AV_TARGET_NAME: u16 = 9;
const AV_CHANNEL_BINDINGS: u16 = 10;

pub(super) struct Ntlm {
    domain: String,
    user: String,
    upper: Result<String, ExchangeError>,
    password: Secret,
    workstation: &'static str,
    /// Which service this is meant for.
    target: String,
    channel_binding: [u8; 16],
    client_challenge: Result<[u8; 8], ExchangeError>,
    is_named: bool,
    /// 100 ns since 1601, for servers that tell no time.
    time: u64,
    is_announced: bool,
    is_answered: bool,
}

impl Ntlm {
    pub(super) fn new(authentication: &Authentication, context: &Context<'_>) -> Self {
        let user = authentication.user();
        let (domain, user) = parts(user);
        let end_point = context.channel_bindings.iter();
        let end_point = end_point.filter(|binding| matches!(binding, ChannelBinding::TlsServerEndPoint(_)));
        Self {
            domain: domain.into(),
            user: user.into(),
            upper: match authentication.given_upper() {
                Some(given) => Ok(parts(given).1.into()),
                None => upper(user),
            },
            password: authentication.secret().into(),
            workstation: "",
            target: ["smtp/", context.host].concat(),
            channel_binding: end_point.map(binding_hash).next().unwrap_or_default(),
            client_challenge: context
                .random(8)
                .and_then(|octets| octets.try_into().map_err(|_| ExchangeError::Entropy)),
            is_named: context.is_named,
            time: if context.unix_time == 0 { 0 } else { file_time(context.unix_time) },
            is_announced: false,
            is_answered: false,
        }
    }

    fn authenticate(&self, challenge: &[u8]) -> Result<Response, ExchangeError> {
        let client_challenge = self.client_challenge?;
        let parsed = Challenge::parse(challenge, self.is_named)?;
        let mut information = parsed.information;
        if parsed.time.is_some() {
            information.add(AV_FLAGS, &2_u32.to_le_bytes());
        }
        information.add(AV_TARGET_NAME, &utf16(&self.target));
        information.add(AV_CHANNEL_BINDINGS, &self.channel_binding);
        let upper = self.upper.as_deref().map_err(|error| *error)?;
        let key = response_key(upper, &self.domain, self.password.expose());
        let response = respond(
            &key,
            parsed.server_challenge,
            client_challenge,
            parsed.time.unwrap_or(self.time),
            &information.end(),
        );
        let mut lm = Zeroizing::new(Vec::from([0; 24]));
        if parsed.time.is_none() {
            let proof = hmac_md5(&key, &[&parsed.server_challenge, &client_challenge]);
            *lm = [proof.as_slice(), &client_challenge].concat();
        }
        let fields = Fields {
            lm: &lm,
            nt: &response,
            domain: &utf16(&self.domain),
            user: &utf16(&self.user),
            workstation: &utf16(self.workstation),
            session_key: &[],
            flags: parsed.flags & (OFFERED | TARGET_INFO),
            version: VERSION,
        };
        if parsed.time.is_none() {
            return Ok(fields.message(None));
        }
        let session_key = hmac_md5(&key, &[response.get(..16).unwrap_or_default()]);
        let without = fields.message(Some(&[0; 16]));
        let code = hmac_md5(&session_key, &[&negotiate(), challenge, &without]);
        Ok(fields.message(Some(&code)))
    }
}

impl Mechanism for Ntlm {
    fn start(&mut self) -> Result<Option<Response>, ExchangeError> {
        self.client_challenge?;
        self.upper.as_ref().map_err(|error| *error)?;
        Ok(Some(Zeroizing::new(negotiate())))
    }

    fn step(&mut self, challenge: &[u8]) -> Result<Step, ExchangeError> {
        if self.is_answered {
            return Err(ExchangeError::Challenge);
        }
        // A server that takes no initial response says so in words (MS-SMTPNTLM 2.2.1.2).
        if challenge.eq_ignore_ascii_case(b"ntlm supported") && !self.is_announced {
            self.is_announced = true;
            return Ok(Step::Respond(Zeroizing::new(negotiate())));
        }
        let response = self.authenticate(&decode(challenge)?)?;
        self.is_answered = true;
        Ok(Step::Respond(response))
    }

    fn finish(&mut self) -> Result<(), ExchangeError> {
        if self.is_answered { Ok(()) } else { Err(ExchangeError::Challenge) }
    }
}

fn negotiate() -> Vec<u8> {
    let (kind, flags) = (1_u32.to_le_bytes(), OFFERED.to_le_bytes());
    [SIGNATURE.as_slice(), &kind, &flags, &[0; 16], &VERSION].concat()
}

/// What of a CHALLENGE counts.
struct Challenge {
    flags: u32,
    server_challenge: [u8; 8],
    /// The server's time, if it tells it: then the message integrity code is due.
    time: Option<u64>,
    /// The server's, without its end and without what the client says itself.
    information: Information,
}

impl Challenge {
    fn parse(message: &[u8], may_be_weak: bool) -> Result<Self, ExchangeError> {
        Self::read(message)
            .filter(|challenge| may_be_weak || challenge.flags & STRONG == STRONG)
            .ok_or(ExchangeError::Challenge)
    }

    fn read(message: &[u8]) -> Option<Self> {
        let flags = number(message, 20)?;
        let server_challenge = message.get(24..32)?.try_into().ok()?;
        if !message.starts_with(SIGNATURE) || number(message, 8)? != 2 || flags & UNICODE == 0 {
            return None;
        }
        let mut challenge = Self { flags, server_challenge, time: None, information: Information::default() };
        if flags & TARGET_INFO != 0 {
            let length = usize::from(short(message, 40)?);
            let offset = usize::try_from(number(message, 44)?).ok().filter(|offset| *offset >= 48)?;
            challenge.inform(message.get(offset..offset.checked_add(length)?)?)?;
        }
        Some(challenge)
    }

    fn inform(&mut self, mut rest: &[u8]) -> Option<()> {
        loop {
            let (kind, length) = (short(rest, 0)?, usize::from(short(rest, 2)?));
            let value = rest.get(4..4 + length)?;
            rest = rest.get(4 + length..)?;
            match kind {
                AV_END => return Some(()),
                AV_FLAGS | AV_TARGET_NAME | AV_CHANNEL_BINDINGS => continue,
                AV_TIMESTAMP => self.time = Some(u64::from_le_bytes(value.try_into().ok()?)),
                // Names.
                1..=5 if length % 2 != 0 => return None,
                _ => {}
            }
            self.information.add(kind, value);
        }
    }
}

fn short(message: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(message.get(at..at.checked_add(2)?)?.try_into().ok()?))
}

fn number(message: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(message.get(at..at.checked_add(4)?)?.try_into().ok()?))
}

/// Target information: a list of kinds and values.
#[derive(Default)]
struct Information(Vec<u8>);

impl Information {
    /// A value is at most what a challenge line holds, or a host name: far below 64 KiB.
    fn add(&mut self, kind: u16, value: &[u8]) {
        let Ok(length) = u16::try_from(value.len()) else { return };
        self.0.extend([kind.to_le_bytes(), length.to_le_bytes()].as_flattened());
        self.0.extend_from_slice(value);
    }

    fn end(mut self) -> Vec<u8> {
        self.add(AV_END, b"");
        self.0
    }
}

/// The parts of an AUTHENTICATE.
struct Fields<'a> {
    lm: &'a [u8],
    nt: &'a [u8],
    domain: &'a [u8],
    user: &'a [u8],
    workstation: &'a [u8],
    session_key: &'a [u8],
    flags: u32,
    version: [u8; 8],
}

impl Fields<'_> {
    fn message(&self, integrity_code: Option<&[u8]>) -> Response {
        let code = integrity_code.unwrap_or_default();
        let payload = [self.domain, self.user, self.workstation, self.lm, self.nt, self.session_key];
        let mut offset = 72 + code.len();
        let fields = payload.map(|part| {
            let field = (part.len(), offset);
            offset += part.len();
            field
        });
        let [domain, user, workstation, lm, nt, session_key] = fields;
        let mut message = Response::default();
        message.reserve_exact(offset);
        message.extend_from_slice(SIGNATURE);
        message.extend_from_slice(&3_u32.to_le_bytes());
        for (length, offset) in [lm, nt, domain, user, workstation, session_key] {
            // As above: what is too long for its field does not get here.
            let length = u16::try_from(length).unwrap_or(u16::MAX).to_le_bytes();
            message.extend([length, length].as_flattened());
            message.extend_from_slice(&u32::try_from(offset).unwrap_or(u32::MAX).to_le_bytes());
        }
        message.extend_from_slice(&self.flags.to_le_bytes());
        message.extend_from_slice(&self.version);
        message.extend_from_slice(code);
        for part in payload {
            message.extend_from_slice(part);
        }
        message
    }
}

/// The domain, if there is one, and the user.
fn parts(user: &str) -> (&str, &str) {
    user.split_once('\\').unwrap_or(("", user))
}

/// `NTOWFv2` (MS-NLMP 3.3.2), of the user in upper case.
fn response_key(upper: &str, domain: &str, password: &str) -> Response {
    let hash = Zeroizing::new(Md4::digest(&*utf16(password)).to_vec());
    hmac_md5(&hash, &[&utf16(upper), &utf16(domain)])
}

/// The NT response: the proof and what it is made for.
fn respond(
    key: &[u8],
    server_challenge: [u8; 8],
    client_challenge: [u8; 8],
    time: u64,
    information: &[u8],
) -> Response {
    let head = [1, 1, 0, 0, 0, 0, 0, 0];
    let made_for =
        [&head[..], &time.to_le_bytes(), &client_challenge, &[0; 4], information, &[0; 4]].concat();
    let proof = hmac_md5(key, &[&server_challenge, &made_for]);
    Zeroizing::new([proof.as_slice(), &made_for].concat())
}

/// The hash of `gss_channel_bindings_struct` with no addresses (MS-NLMP 3.1.5.1.2, RFC 2744 §3.11).
fn binding_hash(binding: &ChannelBinding) -> [u8; 16] {
    let length = u32::try_from(binding.name().len() + 1 + binding.data().len()).unwrap_or(u32::MAX);
    let hash = md5(&[&[0; 16], &length.to_le_bytes(), binding.name().as_bytes(), b":", binding.data()]);
    hash.as_slice().try_into().unwrap_or_default()
}

fn utf16(text: &str) -> Zeroizing<Vec<u8>> {
    let mut octets = Zeroizing::new(Vec::with_capacity(2 * text.len()));
    octets.extend(text.encode_utf16().flat_map(u16::to_le_bytes));
    octets
}

/// Upper case character by character, as the other side has it: one becomes one.
fn upper(text: &str) -> Result<String, ExchangeError> {
    if text.is_ascii() {
        return Ok(text.to_ascii_uppercase());
    }
    #[cfg(feature = "unicode")]
    {
        let one = |character: char| {
            let mut upper = character.to_uppercase();
            upper.next().filter(|_| upper.next().is_none()).unwrap_or(character)
        };
        Ok(text.chars().map(one).collect())
    }
    #[cfg(not(feature = "unicode"))]
    Err(ExchangeError::Credentials)
}

/// 100 ns since 1601.
fn file_time(unix_time: u64) -> u64 {
    unix_time.saturating_add(11_644_473_600).saturating_mul(10_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base64::{decode, encode};
    use crate::sasl::{context, respond as answer};

    fn hex(text: &str) -> Vec<u8> {
        (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
    }

    fn user(name: &str) -> Ntlm {
        let mut ntlm = Ntlm::new(&Authentication::password(name, "Password").unwrap(), &context());
        ntlm.client_challenge = Ok([0xaa; 8]);
        ntlm.workstation = "COMPUTER";
        ntlm
    }

    /// MS-NLMP 4.2.4.
    #[test]
    fn computations_of_the_specification() {
        let key = response_key("USER", "Domain", "Password");
        assert_eq!(*key, *hex("0c868a403bfd7a93a3001ef22ef02e3f"));
        let information = hex("02000c0044006f006d00610069006e0001000c0053006500720076006500720000000000");
        let server = [0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef];
        let nt = respond(&key, server, [0xaa; 8], 0, &information);
        assert_eq!(nt[..16], hex("68cd0ab851e51c96aabc927bebef6a1c"));
        assert_eq!(
            nt[16..],
            hex(
                "01010000000000000000000000000000aaaaaaaaaaaaaaaa0000000002000c0044006f006d00610069006e0001000c00\
                 5300650072007600650072000000000000000000"
            )
        );
        assert_eq!(*hmac_md5(&key, &[&nt[..16]]), *hex("8de40ccadbc14a82f15cb0ad0de95ca3"));
        let lm = [hmac_md5(&key, &[&server, &[0xaa; 8]]).as_slice(), &[0xaa; 8]].concat();
        assert_eq!(lm, hex("86c35097ac9cec102554764a57cccc19aaaaaaaaaaaaaaaa"));
        let message = Fields {
            lm: &lm,
            nt: &nt,
            domain: &utf16("Domain"),
            user: &utf16("User"),
            workstation: &utf16("COMPUTER"),
            session_key: &hex("c5dad2544fc9799094ce1ce90bc9d03e"),
            flags: 0xe288_8235,
            version: [5, 1, 0x28, 0x0a, 0, 0, 0, 15],
        }
        .message(None);
        assert_eq!(
            encode(&message).as_slice(),
            b"TlRMTVNTUAADAAAAGAAYAGwAAABUAFQAhAAAAAwADABIAAAACAAIAFQAAAAQABAAXAAAABAAEADYAAAANYKI4gUBKAoAAAAPRABvAG0A\
              YQBpAG4AVQBzAGUAcgBDAE8ATQBQAFUAVABFAFIAhsNQl6yc7BAlVHZKV8zMGaqqqqqqqqqqaM0KuFHlHJaqvJJ76+9qHAEBAAAAAAAA\
              AAAAAAAAAACqqqqqqqqqqgAAAAACAAwARABvAG0AYQBpAG4AAQAMAFMAZQByAHYAZQByAAAAAAAAAAAAxdrSVE/JeZCUzhzpC8nQPg=="
        );
    }

    /// The specification's challenge, which tells no time: no integrity code, and an LM response of version 2.
    #[test]
    fn without_a_time() {
        let challenge =
            b"TlRMTVNTUAACAAAADAAMADgAAAAzgoriASNFZ4mrze8AAAAAAAAAACQAJABEAAAABgBwFwAAAA9TAGUAcgB2AGUAcgAC\
                          AAwARABvAG0AYQBpAG4AAQAMAFMAZQByAHYAZQByAAAAAAA=";
        let message = answer(&mut user("Domain\\User"), challenge).unwrap();
        assert_eq!(number(&message, 60), Some(0xa288_8203));
        assert_eq!(number(&message, 32), Some(72), "the domain follows the version");
        assert!(
            message.windows(24).any(|part| part == hex("86c35097ac9cec102554764a57cccc19aaaaaaaaaaaaaaaa"))
        );
    }

    /// A channel binding and the integrity code, with the parts that another implementation has published.
    #[test]
    fn integrity_code_and_channel_binding() {
        let binding = ChannelBinding::TlsServerEndPoint(hex(
            "E3CA49271E5089CC48CE82109F1324F41DBEDDC29A777410C738F7868C4FF405",
        ));
        assert_eq!(binding_hash(&binding), *hex("6ea19df066da4622051f9c4f92c6df74"));
        let first =
            decode(b"TlRMTVNTUAABAAAAMbCI4gYABgAoAAAACAAIAC4AAAAFASgKAAAAD0RvbWFpbkNPTVBVVEVS").unwrap();
        let second = decode(
            b"TlRMTVNTUAACAAAAAAAAADgAAAAzgoriASNFZ4mrze8AAAAAAAAAADAAMAA4AAAABgGxHQAAAA8CAAwARABvAG0AYQBpAG4AAQAMAFMA\
              ZQByAHYAZQByAAcACAAAAAAAAAAAAAAAAAA=",
        )
        .unwrap();
        let third = decode(
            b"TlRMTVNTUAADAAAAGAAYAHwAAAB8AHwAlAAAAAwADABYAAAACAAIAGQAAAAQABAAbAAAABAAEAAQAQAAMYKK4gUBKAoAAAAPxEUs96ge\
              TRHQeBiUCVddnkQAbwBtAGEAaQBuAFUAcwBlAHIAQwBPAE0AUABVAFQARQBSAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAKE9A4rQygJk\
              M4l8M14PVt8BAQAAAAAAAAAAAAAAAAAAqqqqqqqqqqoAAAAAAgAMAEQAbwBtAGEAaQBuAAEADABTAGUAcgB2AGUAcgAHAAgAAAAAAAAA\
              AAAGAAQAAgAAAAoAEABuoZ3wZtpGIgUfnE+Sxt90AAAAAAAAAAAdCInRpe7tIZGeGrgnwwsX",
        )
        .unwrap();
        let parsed = Challenge::parse(&second, false).unwrap();
        let mut information = parsed.information;
        information.add(AV_FLAGS, &[2, 0, 0, 0]);
        information.add(AV_CHANNEL_BINDINGS, &hex("6ea19df066da4622051f9c4f92c6df74"));
        let key = response_key("USER", "Domain", "Password");
        let nt = respond(&key, parsed.server_challenge, [0xaa; 8], parsed.time.unwrap(), &information.end());
        assert_eq!(nt[..16], hex("a13d038ad0ca026433897c335e0f56df"));
        assert_eq!(*hmac_md5(&key, &[&nt[..16]]), *hex("9ea2e20560a12fe3089cbae759e90abb"));
        let mut fields = Fields {
            lm: &[0; 24],
            nt: &nt,
            domain: &utf16("Domain"),
            user: &utf16("User"),
            workstation: &utf16("COMPUTER"),
            session_key: &third[third.len() - 16..],
            flags: 0xe28a_8231,
            version: [5, 1, 0x28, 0x0a, 0, 0, 0, 15],
        };
        // With KEY_EXCH the code is made with the key behind that field: the random one of the example.
        let code = hmac_md5(&[0x55; 16], &[&first, &second, &fields.message(Some(&[0; 16]))]);
        assert_eq!(*code, *hex("c4452cf7a81e4d11d078189409575d9e"));
        assert_eq!(fields.message(Some(&code)).as_slice(), third);
        fields.flags = 0;
        assert_ne!(fields.message(Some(&code)).as_slice(), third);
    }

    /// The same over SMTP: with a service name and without a key exchange.
    #[test]
    fn over_smtp() {
        let mut ntlm = user("Domain\\User");
        ntlm.channel_binding = hex("8f1214c9c9cab8dc3bf866da9aba57a7")[..].try_into().unwrap();
        assert_eq!(
            encode(&ntlm.start().unwrap().unwrap()).as_slice(),
            b"TlRMTVNTUAABAAAAB4IIogAAAAAAAAAAAAAAAAAAAAAKAGNKAAAADw=="
        );
        let challenge = b"TlRMTVNTUAACAAAADAAMADgAAAAFgomiASNFZ4mrze8AAAAAAAAAADAAMABEAAAABgBwFwAAAA9EAG8AbQBhAGkAbgACAAwA\
                          RABvAG0AYQBpAG4AAQAMAFMAZQByAHYAZQByAAcACAAAkNM2tzTDAQAAAAA=";
        assert_eq!(ntlm.finish(), Err(ExchangeError::Challenge), "success before the challenge");
        let message = answer(&mut ntlm, challenge).unwrap();
        assert_eq!(
            encode(&message).as_slice(),
            b"TlRMTVNTUAADAAAAGAAYAHwAAACqAKoAlAAAAAwADABYAAAACAAIAGQAAAAQABAAbAAAAAAAAAA+AQAABYKIogoAY0oAAAAPEW93fbTLu47\
              182A4jdETokQAbwBtAGEAaQBuAFUAcwBlAHIAQwBPAE0AUABVAFQARQBSAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAHdnmq3a6rOSAhMvVQgb\
              T2gBAQAAAAAAAACQ0za3NMMBqqqqqqqqqqoAAAAAAgAMAEQAbwBtAGEAaQBuAAEADABTAGUAcgB2AGUAcgAHAAgAAJDTNrc0wwEGAAQAAgAA\
              AAkAKgBzAG0AdABwAC8AbQBhAGkAbAAuAGUAeABhAG0AcABsAGUALgBjAG8AbQAKABAAjxIUycnKuNw7+GbamrpXpwAAAAAAAAAA"
        );
        assert_eq!(ntlm.finish(), Ok(()));
        assert_eq!(answer(&mut ntlm, challenge), Err(ExchangeError::Challenge), "a second challenge");
    }

    /// What Cyrus SASL sends: no target information. Nothing is sent unless the user named NTLM, and then version 2.
    #[test]
    fn a_weak_challenge() {
        let challenge =
            b"TlRMTVNTUAACAAAAEgASADAAAAAFggIAfj3OTxQGJY8AAAAAAAAAAAAAAAAAAAAATABPAEMAQQBMAEgATwBTAFQA";
        assert_eq!(answer(&mut user("User"), challenge), Err(ExchangeError::Challenge));
        let mut named = user("User");
        named.is_named = true;
        let message = answer(&mut named, challenge).unwrap();
        let (nt, at) = (usize::from(short(&message, 20).unwrap()), number(&message, 24).unwrap() as usize);
        assert!(nt > 24, "version 1 has 24 octets");
        assert_eq!(message[at + 16..at + 18], [1, 1], "what version 2 begins with");
    }

    #[test]
    fn announced_in_words() {
        let mut ntlm = user("User");
        assert_eq!(answer(&mut ntlm, b"NTLM supported").unwrap(), negotiate());
        assert_eq!(answer(&mut ntlm, b"ntlm supported"), Err(ExchangeError::Challenge));
    }

    /// A-12: lengths and offsets that lie.
    #[test]
    fn challenges_that_do_not_fit() {
        let good = hex("4e544c4d53535000020000000000000030000000058289a20123456789abcdef0000000000000000\
                        0c000c003000000002000400610062000000000000000000");
        let changed = |at: usize, octets: &[u8]| {
            let mut message = good.clone();
            message[at..at + octets.len()].copy_from_slice(octets);
            message
        };
        assert!(Challenge::parse(&good, false).is_ok());
        for (wrong, why) in [
            (changed(40, &[2, 0, 2, 0, 0xff, 0xff, 0xff, 0xff]), "offset past the end"),
            (changed(40, &[0xff, 0xff]), "length past the end"),
            (changed(44, &[47, 0, 0, 0]), "offset inside the header"),
            (changed(50, &[3, 0]), "half a character"),
            (changed(40, &[8, 0]), "no end of the list"),
            (changed(50, &[200, 0]), "value past the end"),
            (changed(0, b"X"), "signature"),
            (changed(8, &[3]), "type"),
            (changed(20, &[0x05, 0x82, 0x80, 0xa2]), "no extended session security"),
            (changed(20, &[0x05, 0x82, 0x09, 0xa2]), "no target information"),
            (changed(20, &[0x04]), "no unicode"),
            (good[..31].to_vec(), "too short"),
            (good[..47].to_vec(), "too short for its information"),
            (Vec::new(), "nothing"),
        ] {
            assert!(Challenge::parse(&wrong, false).is_err(), "{why}");
            let is_weak = matches!(why, "no extended session security" | "no target information");
            assert_eq!(Challenge::parse(&wrong, true).is_ok(), is_weak, "{why}");
        }
        for length in 0..good.len() - 8 {
            assert!(Challenge::parse(&good[..length], true).is_err(), "{length}");
        }
    }

    #[test]
    fn names() {
        assert_eq!(upper("ann").as_deref(), Ok("ANN"));
        #[cfg(feature = "unicode")]
        assert_eq!(upper("stra\u{df}e \u{e9}").as_deref(), Ok("STRA\u{df}E \u{c9}"));
        let given =
            Authentication::password("Stra\u{df}e\\\u{e9}", "x").unwrap().upper_case("STRA\u{df}E\\\u{c9}");
        let ntlm = Ntlm::new(&given, &context());
        assert_eq!((ntlm.domain.as_str(), ntlm.upper.as_deref()), ("Stra\u{df}e", Ok("\u{c9}")));
        assert_eq!(file_time(0), 116_444_736_000_000_000);
        let ntlm = user("ann@example.com");
        assert_eq!((ntlm.domain.as_str(), ntlm.user.as_str()), ("", "ann@example.com"));
    }
}
