//! Sessions captured on the wire: `tests/captures/*.txt`, one TCP segment a line.

use std::fs;
use std::path::PathBuf;

/// One captured session.
#[derive(Debug)]
pub struct Capture {
    /// The file's name.
    pub name: String,
    /// What the server sent, one entry a segment.
    pub segments: Vec<Vec<u8>>,
}

impl Capture {
    /// All captures, by name.
    #[must_use]
    pub fn all() -> Vec<Self> {
        let mut captures: Vec<_> = fs::read_dir(folder())
            .expect("the captures")
            .map(|entry| entry.expect("a capture").path())
            .filter(|path| path.extension().is_some_and(|extension| extension == "txt"))
            .map(|path| {
                let name = path.file_name().expect("a name").to_string_lossy().into_owned();
                let text = fs::read_to_string(&path).expect("text");
                let segments =
                    text.lines().filter_map(|line| line.strip_prefix("S: ")).map(unescape).collect();
                Self { name, segments }
            })
            .collect();
        captures.sort_by(|a, b| a.name.cmp(&b.name));
        assert!(!captures.is_empty(), "no captures");
        captures
    }
}

/// Where the captures are.
#[must_use]
pub fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("captures")
}

/// `\r`, `\n`, `\t`, `\\` and `\xNN`.
fn unescape(text: &str) -> Vec<u8> {
    let mut octets = Vec::new();
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        rest = after;
        if *first != b'\\' {
            octets.push(*first);
            continue;
        }
        match after {
            [b'r', after @ ..] => (octets.push(b'\r'), rest = after).1,
            [b'n', after @ ..] => (octets.push(b'\n'), rest = after).1,
            [b't', after @ ..] => (octets.push(b'\t'), rest = after).1,
            [b'\\', after @ ..] => (octets.push(b'\\'), rest = after).1,
            [b'x', high, low, after @ ..] => {
                let hex = |digit: &u8| char::from(*digit).to_digit(16).expect("a hexadecimal digit");
                octets.push(u8::try_from(hex(high) * 16 + hex(low)).expect("an octet"));
                rest = after;
            }
            other => panic!("unknown escape: {other:?}"),
        }
    }
    octets
}
