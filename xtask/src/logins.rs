//! Logins at real servers: every mechanism that each offers, right and wrong, by the Rust core and by the npm package.
//! What the servers are and offer is in `tests/servers`.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use anyhow::{Context as _, Result, bail, ensure};
use sansmtp_tests::MECHANISMS;
use serde_json::{Value, json};

use crate::servers::{self, LAB};
use crate::{cargo, exec_in, npm, root, target};

/// Logs in at the servers, and prints what was proven where. With `--nightly` there is Dovecot 2.4 too; with `--write` the
/// table goes into the documentation.
pub(crate) fn run(arguments: &[String]) -> Result<()> {
    let has = |option: &str| arguments.iter().any(|argument| argument == option);
    if let Some(unknown) =
        arguments.iter().find(|argument| !matches!(argument.as_str(), "--nightly" | "--write"))
    {
        bail!("{unknown} is no option; there are --nightly and --write");
    }
    let (nightly, write) = (has("--nightly"), has("--write"));
    ensure!(nightly || !write, "--write needs --nightly, so that no server is left out");
    npm::build()?;
    servers::with(nightly, || logins(nightly, write))
}

/// The logins, at servers that run.
pub(crate) fn logins(nightly: bool, write: bool) -> Result<()> {
    let servers = login_servers()?;
    let present: Vec<_> = servers.iter().filter(|server| nightly || !server.is_nightly()).collect();
    let cases = cases(&present)?;
    let file = |name: &str| target().join(name);
    let (every, bound): (Wanted, Wanted) = (|_| true, |case| case.mechanism.ends_with("-PLUS"));
    let write_cases = |name: &str, wanted: Wanted| -> Result<PathBuf> {
        let text: Vec<_> = cases.iter().filter(|case| wanted(case)).map(Case::json).collect();
        fs::write(file(name), serde_json::to_string(&text)?)?;
        Ok(file(name))
    };
    let all = write_cases("logins.json", every)?;
    let rust = file("logins-rust.json");
    let (all_name, rust_name) = (all.to_string_lossy(), rust.to_string_lossy());
    let run = ["run", "--quiet", "-p", "sansmtp-tests", "--example", "logins", "--"];
    cargo(&[&run[..], &[&all_name, &rust_name, LAB]].concat())?;
    let node = |options: &[&str], cases: &Path, results: &str| {
        let mut node = Command::new("node");
        node.args(options).arg("test/logins.mjs").arg(cases).arg(file(results)).arg(LAB);
        exec_in(&root().join("wasm"), &mut node).map(|()| file(results))
    };
    let mut runs = vec![("Rust", rust.clone(), every), ("npm", node(&[], &all, "logins-npm.json")?, every)];
    if nightly {
        // Below TLS 1.3 a login is bound to the first Finished message, which rustls does not tell.
        let cases = write_cases("logins-bound.json", bound)?;
        runs.push(("npm, TLS 1.2", node(&["--tls-max-v1.2"], &cases, "logins-tls12.json")?, bound));
    }
    let mut wrong = Vec::new();
    for (by, results, wanted) in &runs {
        let outcomes = outcomes(results)?;
        for case in cases.iter().filter(|case| wanted(case)) {
            let outcome = outcomes.get(&case.name).map_or("nothing", String::as_str);
            let is_right = match case.expected.as_str() {
                // Each says in its own words why not.
                "out" => !outcome.starts_with("in "),
                expected => outcome == expected,
            };
            if !is_right {
                wrong.push(format!("{}, {by}: {outcome}; expected: {}", case.name, case.expected));
            }
        }
    }
    ensure!(wrong.is_empty(), "{} were not as expected:\n{}", wrong.len(), wrong.join("\n"));
    // Every login that had to succeed did, so that what was expected is what was found.
    let table = table(&servers, &cases);
    println!("{table}\n{} logins, each by the Rust core and by the npm package", cases.len());
    if env::var_os("CI").is_some() && !nightly {
        println!("Dovecot 2.4 (-PLUS) was not run: cargo xtask logins --nightly does");
    }
    // Without the nightly servers, their column says so.
    servers::keep(JOB, &table, write, |kept, found| kept == found || found == "not run")
}

/// What puts the table into the documentation.
const JOB: &str = "cargo xtask logins --nightly --write";

/// Which cases a run is for.
type Wanted = fn(&Case) -> bool;

/// A row of `logins.tsv`.
struct Server {
    name: String,
    ports: Vec<u16>,
    mechanisms: Vec<String>,
}

impl Server {
    fn is_nightly(&self) -> bool {
        self.name == "Dovecot 2.4"
    }
}

/// One login, and what has to come of it.
struct Case {
    name: String,
    server: String,
    mechanism: String,
    port: u16,
    settings: BTreeMap<&'static str, String>,
    certificate: bool,
    expected: String,
}

impl Case {
    fn json(&self) -> Value {
        let Self { name, port, settings, certificate, .. } = self;
        json!({ "name": name, "port": port, "settings": settings, "certificate": certificate })
    }
}

fn login_servers() -> Result<Vec<Server>> {
    servers::rows("logins.tsv")?
        .into_iter()
        .map(|row| {
            let [name, ports, mechanisms] = <[String; 3]>::try_from(row).ok().context("three columns")?;
            let ports = ports.split(' ').map(str::parse).collect::<Result<_, _>>()?;
            Ok(Server { name, ports, mechanisms: mechanisms.split(' ').map(Into::into).collect() })
        })
        .collect()
}

fn cases(servers: &[&Server]) -> Result<Vec<Case>> {
    let accounts: Vec<_> = servers::rows("accounts.tsv")?
        .into_iter()
        .map(|row| <[String; 3]>::try_from(row).ok().context("three columns"))
        .collect::<Result<_>>()?;
    let exceptions = servers::rows("exceptions.tsv")?;
    let ports: Vec<[String; 4]> = servers::rows("ports.tsv")?
        .into_iter()
        .map(|row| <[String; 4]>::try_from(row).ok().context("four columns"))
        .collect::<Result<_>>()?;
    let token = |name: &str| fs::read_to_string(format!("{LAB}/{name}"));
    let (valid, expired) = (token("token.valid")?, token("token.expired")?);
    let mut cases = Vec::new();
    for server in servers {
        for (port, mechanism) in
            server.ports.iter().flat_map(|port| server.mechanisms.iter().map(move |name| (*port, name)))
        {
            let is_implicit = ports.iter().any(|row| row[0] == port.to_string() && row[2] == "implicit");
            let mut case =
                |account: &str, settings: &[(&'static str, &str)], certificate: bool, expected: &str| {
                    let exception = exceptions.iter().find(|row| {
                        let fits = |at: usize, value: &str| {
                            row.get(at).is_some_and(|cell| cell == value || cell == "*")
                        };
                        fits(0, &server.name) && fits(1, mechanism) && fits(2, account)
                    });
                    let expected = exception.and_then(|row| row.get(3)).map_or(expected, String::as_str);
                    let mut all: BTreeMap<_, _> =
                        settings.iter().map(|(name, value)| (*name, (*value).into())).collect();
                    let connect_type = if is_implicit { "connectDirectSSL" } else { "connectSTARTTLS" };
                    all.insert("connectType", connect_type.into());
                    all.insert("authMechanisms", mechanism.clone());
                    // Else it would be bound to the channel, as the case of the -PLUS name is.
                    if server.mechanisms.iter().any(|name| *name == format!("{mechanism}-PLUS")) {
                        all.insert("channelBinding", "false".into());
                    }
                    cases.push(Case {
                        name: format!("{port} {mechanism} {account}"),
                        server: server.name.clone(),
                        mechanism: mechanism.clone(),
                        port,
                        settings: all,
                        certificate,
                        expected: expected.replace("{mechanism}", mechanism),
                    });
                };
            let is_in = "in by {mechanism}";
            match mechanism.as_str() {
                "ANONYMOUS" => {
                    case("nobody", &[], false, is_in);
                    case("with a trace", &[("user", "sirhc")], false, is_in);
                }
                "EXTERNAL" => {
                    case("alice's certificate", &[], true, is_in);
                    case("alice's certificate, as alice", &[("user", "alice")], true, is_in);
                    case("no certificate", &[], false, "out");
                }
                "OAUTHBEARER" | "XOAUTH2" => {
                    let valid = if server.name == "smtp-server" { "valid-token" } else { &valid };
                    case("alice", &[("user", "alice"), ("token", valid)], false, is_in);
                    case("alice, expired", &[("user", "alice"), ("token", &expired)], false, "refused 535");
                    case("bob, alice's token", &[("user", "bob"), ("token", valid)], false, "refused 535");
                }
                _ => {
                    for [user, password, stored] in &accounts {
                        let knows =
                            stored == "PLAIN" || (stored == mechanism && server.name.contains("Dovecot"));
                        if knows {
                            case(user, &[("user", user), ("password", password)], false, is_in);
                        }
                    }
                    case(
                        "alice, wrong",
                        &[("user", "alice"), ("password", "Wonderland")],
                        false,
                        "refused 535",
                    );
                    case(
                        "nobody",
                        &[("user", "nobody-here"), ("password", "wonderland")],
                        false,
                        "refused 535",
                    );
                }
            }
        }
    }
    Ok(cases)
}

fn outcomes(path: &Path) -> Result<HashMap<String, String>> {
    let list: Vec<HashMap<String, String>> = serde_json::from_str(&fs::read_to_string(path)?)?;
    Ok(list
        .into_iter()
        .filter_map(|mut entry| Some((entry.remove("name")?, entry.remove("outcome")?)))
        .collect())
}

/// Mechanisms down, servers across: the ports where a right login came in. One without a real server shows as such.
fn table(servers: &[Server], cases: &[Case]) -> String {
    let mut lines = vec![
        format!(
            "| | {} |",
            servers.iter().map(|server| server.name.as_str()).collect::<Vec<_>>().join(" | ")
        ),
        format!("|---|{}", "---|".repeat(servers.len())),
    ];
    for mechanism in MECHANISMS {
        let cells = servers.iter().map(|server| {
            let is_in = |case: &&Case| {
                case.server == server.name && case.mechanism == mechanism && case.expected.starts_with("in ")
            };
            let mut ports: Vec<_> = cases.iter().filter(is_in).map(|case| case.port).collect();
            ports.dedup();
            match (ports.len(), server.mechanisms.iter().any(|name| name == mechanism)) {
                (0, true) if !cases.iter().any(|case| case.server == server.name) => "not run".into(),
                (0, true) => "refused".into(),
                (0, false) => "-".into(),
                _ => ports.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "),
            }
        });
        lines.push(format!("| {mechanism} | {} |", cells.collect::<Vec<_>>().join(" | ")));
    }
    let offers =
        |name: &&str| servers.iter().any(|server| server.mechanisms.iter().any(|offered| offered == name));
    let unproven: Vec<_> = MECHANISMS.iter().filter(|name| !offers(name)).copied().collect();
    lines.join("\n") + &format!("\n\nWithout a real server: {}.\n", unproven.join(", "))
}
