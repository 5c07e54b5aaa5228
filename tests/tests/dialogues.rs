//! Every dialogue, with the server's octets whole, by line and by octet; all three give the same. What was said and
//! done is recorded for the run through the npm package.
#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)]

use std::collections::HashSet;
use std::path::PathBuf;
use std::{env, fs, panic};

use sansmtp_tests::dialogue::{self, Cut};
use serde_json::{Map, Value};

#[test]
fn dialogues() {
    let recordings = env::var_os("SANSMTP_RECORDINGS")
        .map_or_else(|| PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("recordings"), PathBuf::from);
    fs::create_dir_all(&recordings).unwrap();
    let mut count = 0;
    let mut failed = Vec::new();
    for (name, file) in dialogue::files() {
        assert_eq!(file.schema, "../dialogue.schema.json", "{name}");
        let mut recorded = Map::new();
        for dialogue in &file.dialogues {
            // Each that fails is told, not only the first.
            let result = panic::catch_unwind(|| {
                let whole = dialogue.run(Cut::Whole);
                for cut in [Cut::Line, Cut::Octet] {
                    assert_eq!(
                        dialogue.run(cut),
                        whole,
                        "{name}: {}: {cut:?} against the whole",
                        dialogue.name
                    );
                }
                whole
            });
            let Ok(whole) = result else {
                failed.push(format!("{name}: {}", dialogue.name));
                continue;
            };
            let before = recorded.insert(dialogue.name.clone(), serde_json::to_value(whole).unwrap());
            assert!(before.is_none(), "{name}: {} twice", dialogue.name);
            count += 1;
        }
        fs::write(recordings.join(format!("{name}.json")), Value::Object(recorded).to_string()).unwrap();
    }
    println!("{count} dialogues");
    assert!(count > 0);
    assert!(failed.is_empty(), "{} failed:\n{}", failed.len(), failed.join("\n"));
}

/// The lines of the checklist and the attacks that are in scope each name their test: a dialogue, or a unit test
/// beside the code.
#[test]
fn the_checklist_is_covered() {
    let list = fs::read_to_string(PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("checklist.tsv")).unwrap();
    let covered: HashSet<String> = dialogue::files()
        .into_iter()
        .flat_map(|(_, file)| file.dialogues)
        .flat_map(|dialogue| dialogue.covers)
        .collect();
    let mut wanted = HashSet::new();
    for line in list.lines().filter(|line| !line.starts_with('#') && !line.is_empty()) {
        let (item, test) = line.split_once('\t').unwrap_or_else(|| panic!("no tab: {line}"));
        wanted.insert(item.to_owned());
        match test.split_once("::") {
            None => {
                assert_eq!(test, "dialogue", "{line}");
                assert!(covered.contains(item), "no dialogue covers {item}");
            }
            Some((path, function)) => {
                let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..").join(path);
                let source = fs::read_to_string(&path).unwrap_or_else(|_| panic!("{}", path.display()));
                assert!(source.contains(&format!("fn {function}(")), "{line}: no such test");
            }
        }
    }
    for item in &covered {
        assert!(wanted.contains(item), "a dialogue covers {item}, which checklist.tsv does not have");
    }
}
