// Runs the cases in each runtime and prints what became of them. Called by `cargo xtask runtimes`, which packs the package and
// makes the certificates.
import { execFileSync, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { build } from 'esbuild';
import { BUNDLERS } from './bundlers.mjs';
import { largeHash, password, start, user } from './servers.mjs';

const here = fileURLToPath(new URL('.', import.meta.url));
const certificates = process.env.SANSMTP_CERTIFICATES;
if (!certificates) throw new Error('run this by `cargo xtask runtimes`');
const installed = (name) => join(here, 'node_modules', name);
const out = join(here, 'out');
const tool = (...path) => installed(join(...path));
const NODE = { machine: process.execPath, 22: tool('node22', 'bin', 'node'), 24: tool('node24', 'bin', 'node') };
const DENO = tool('@deno', 'linux-x64-glibc', 'deno');
const BUN = tool('@oven', 'bun-linux-x64', 'bin', 'bun');
const WORKERD = tool('@cloudflare', 'workerd-linux-64', 'bin', 'workerd');
const CHROMIUM = '/usr/bin/chromium';
/** The file of the case of that name. */
const ATTACHED = new URL('servers.mjs', import.meta.url);

/** How each case ends, and where a runtime cannot do or tell as much. */
const EXPECTED = {
  'STARTTLS': 'sent',
  'TLS from the first octet': 'sent',
  'unknown authority': 'ETLS',
  'certificate for another name': 'ETLS',
  'TLS to a port in clear': 'ETLS',
  'wrong password': 'EAUTH',
  'login in clear': 'EAUTH',
  'closed port': 'ECONNECTION',
  'unknown name': 'EDNS',
  'dropped in the message': 'ECONNECTION',
  'cancelled': 'EABORT',
  '20 MiB': 'sent',
  'a file': 'sent',
  '100 mails, one connection': 'sent',
};
const OTHERWISE = {
  Chromium: { 'a file': ['EMESSAGE', 'a page has no files but those that its user gives it'] },
  workerd: { 'a file': ['EMESSAGE', 'there are no files'], 'unknown name': ['ECONNECTION', 'the runtime says of both that it cannot connect'] },
};
/** What the advice must speak of, so that the user knows what to change. */
const ADVICE = {
  'unknown authority': /tls\.ca|authority/,
  'certificate for another name': /servername|name of the server/,
  'TLS to a port in clear': /connectSTARTTLS|465 does, 587 does not/,
  'wrong password': /user and password/,
  'login in clear': /connectSTARTTLS/,
  'closed port': /587/,
};

async function main() {
  rmSync(out, { recursive: true, force: true });
  mkdirSync(out, { recursive: true });
  for (const path of [DENO, BUN, WORKERD, NODE[22], NODE[24]]) chmodSync(path, 0o755);
  installPackage();
  const columns = [];
  for (const { name, version, run, isThere = true, why } of runtimes()) {
    if (!isThere) {
      console.log(`SKIPPED ${name}: ${why}`);
      columns.push({ name, lines: [] });
      continue;
    }
    const servers = await start(certificates);
    const begin = Date.now();
    try {
      const lines = await run({ name, ports: servers.ports, file: ATTACHED.href, user, password, ca: readFileSync(join(certificates, 'ca.pem'), 'utf8') });
      const shown = `${name} ${version()}`;
      console.log(`${shown}: ${lines.length} cases in ${Date.now() - begin} ms; ${lines.find(({ name }) => name === 'STARTTLS').message}`);
      check(name, lines, servers.received);
      columns.push({ name: shown, key: name, lines });
    } finally {
      await servers.stop();
    }
  }
  print(columns);
  const { status, output } = await finished(spawn(DENO, ['publish', '--dry-run', '--allow-dirty', '--no-check'], { cwd: join(here, '../wasm') }));
  if (status !== 0) throw new Error(`the package is not right for the registry of Deno:\n${output}`);
  console.log('jsr.json: right, as far as a dry run tells');
}

/** The package as it would be published. */
function installPackage() {
  const [packed] = JSON.parse(execFileSync('npm', ['pack', '--json', '--silent', '--pack-destination', out], { cwd: join(here, '../wasm'), encoding: 'utf8' }));
  const folder = installed('sansmtp');
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder);
  execFileSync('tar', ['xzf', join(out, packed.filename), '--strip-components=1', '-C', folder]);
}

/** What the runtimes said, and what the servers got. */
function check(runtime, lines, received) {
  const problems = [];
  for (const [name, usual] of Object.entries(EXPECTED)) {
    const line = lines.find((line) => line.name === name);
    const [expected] = OTHERWISE[runtime]?.[name] ?? [usual];
    if (line?.result !== expected) problems.push(`${name}: ${expected} was expected, and it is ${JSON.stringify(line)}`);
    else if (ADVICE[name] && !ADVICE[name].test(line.advice)) problems.push(`${name}: the advice is "${line.advice}" for "${line.message}"`);
    if (name === 'cancelled' && line?.millis > 2000) problems.push(`cancelled after ${line.millis} ms`);
    if (name === 'dropped in the message' && (line?.outcome !== 'temporary' || line?.dataSent !== 'partial')) problems.push(`dropped: ${JSON.stringify(line)}`);
  }
  const of = (name) => received.filter(({ subject }) => subject?.startsWith(`${runtime} ${name}`));
  for (const [name, result] of Object.entries(EXPECTED)) {
    const [expected] = OTHERWISE[runtime]?.[name] ?? [result];
    const count = name.startsWith('100') ? 100 : expected === 'sent' ? 1 : 0;
    if (of(name).length !== count) problems.push(`${name}: the server has ${of(name).length} mails, and ${count} were sent`);
    if (!of(name).every((mail) => mail.secure && mail.user === user)) problems.push(`${name}: a mail came without TLS or login`);
  }
  if (new Set(of('100').map(({ session }) => session)).size !== 1) problems.push('the 100 mails came by more than one connection');
  if (of('a file').some(({ attached }) => attached !== createHash('sha256').update(readFileSync(ATTACHED)).digest('hex'))) problems.push('the file is not what was sent');
  if (of('20 MiB')[0]?.attached !== largeHash()) problems.push('the 20 MiB are not what was sent');
  if (problems.length > 0) throw new Error(`${runtime}:\n  ${problems.join('\n  ')}`);
}

function print(columns) {
  const widths = [Math.max(...Object.keys(EXPECTED).map((name) => name.length)), ...columns.map(({ name }) => Math.max(name.length, 11))];
  const row = (cells) => console.log(cells.map((cell, at) => cell.padEnd(widths[at])).join('  '));
  console.log('');
  row(['', ...columns.map(({ name }) => name)]);
  const notes = [];
  for (const name of Object.keys(EXPECTED)) {
    row([name, ...columns.map(({ key, lines }) => {
      const { result = 'SKIPPED' } = lines.find((line) => line.name === name) ?? {};
      const [, reason] = OTHERWISE[key]?.[name] ?? [];
      if (reason) notes.push(`${key}: ${reason}`);
      return reason ? `${result} (${notes.length})` : result;
    })]);
  }
  row(['what a login is bound to', ...columns.map(({ lines }) => lines[0]?.message.split(', ')[2] ?? '-')]);
  notes.forEach((note, at) => console.log(`(${at + 1}) ${note}`));
}

function runtimes() {
  const version = (command, ...args) => () => /\d[\w.-]+/.exec(execFileSync(command, args, { encoding: 'utf8' }))[0];
  return [
    ...Object.entries(NODE).map(([major, path]) => ({ name: 'Node', version: version(path, '--version'), run: (settings) => program(path, [], settings), isThere: existsSync(path), why: `Node ${major} is not installed` })),
    { name: 'Deno', version: version(DENO, '--version'), run: (settings) => program(DENO, ['run', '--allow-net', '--allow-read', '--allow-env=SANSMTP_SETTINGS', '--no-prompt'], settings) },
    { name: 'Bun', version: version(BUN, '--version'), run: (settings) => program(BUN, [], settings) },
    { name: 'workerd', version: version(WORKERD, '--version'), run: worker },
    { name: 'Chromium', version: version(CHROMIUM, '--version'), run: page, isThere: existsSync(CHROMIUM), why: `${CHROMIUM} is not installed` },
  ];
}

/** A program of its own. */
async function program(command, args, settings) {
  const { output, status } = await finished(spawn(command, [...args, join(here, 'program.mjs')], { cwd: here, env: { ...process.env, SANSMTP_SETTINGS: JSON.stringify(settings) } }));
  const last = output.trim().split('\n').at(-1);
  if (status !== 0 || !last.startsWith('[')) throw new Error(`${command} ended with ${status}:\n${output}`);
  return JSON.parse(last);
}

function finished(child) {
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (piece) => (output += piece));
  const timer = setTimeout(() => child.kill('SIGKILL'), 120_000);
  return new Promise((done) => child.on('close', (status) => {
    clearTimeout(timer);
    done({ output, status });
  }));
}

/** `workerd` itself, with a bundle as wrangler makes it. The authority is in its configuration. */
async function worker({ ca, ...settings }) {
  await build({
    entryPoints: [join(here, 'worker.mjs')], outfile: join(out, 'worker.js'), bundle: true, format: 'esm', conditions: ['workerd'], loader: { '.wasm': 'copy' },
    assetNames: '[name]', external: ['cloudflare:*'], logLevel: 'warning',
  });
  const text = JSON.stringify;
  writeFileSync(join(out, 'config.capnp'), `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [
    (name = "main", worker = .main),
    (name = "internet", network = (allow = ["public", "private", "local"], tlsOptions = (trustBrowserCas = true, trustedCertificates = [${text(ca)}]))),
  ],
  sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = "main")],
);
const main :Workerd.Worker = (
  modules = [(name = "worker.js", esModule = embed "worker.js"), (name = "sansmtp.wasm", wasm = embed "sansmtp.wasm")],
  compatibilityDate = "2026-11-01",
);
`);
  const child = spawn(WORKERD, ['serve', '--control-fd=3', join(out, 'config.capnp')], { stdio: ['ignore', 'ignore', 'pipe', 'pipe'] });
  let log = '';
  child.stderr.on('data', (piece) => (log += piece));
  try {
    const port = await new Promise((ready, failed) => {
      let said = '';
      child.stdio[3].on('data', (piece) => {
        const [, given] = /"port":(\d+)/.exec((said += piece)) ?? [];
        if (given) ready(given);
      });
      child.on('close', () => failed(new Error(`workerd ended:\n${log}`)));
    });
    const response = await fetch(`http://127.0.0.1:${port}/`, { method: 'POST', body: JSON.stringify(settings), signal: AbortSignal.timeout(120_000) });
    const answer = await response.text();
    if (!response.ok) throw new Error(`workerd answered ${response.status}: ${answer}\n${log}`);
    return JSON.parse(answer);
  } finally {
    child.kill('SIGKILL');
  }
}

/** A page in a browser that may compile WebAssembly, then one that may not. */
async function page(settings) {
  const { chromium } = await import('playwright-core');
  const { start: startBridge } = await import('../node-demo/bridge.mjs');
  const targets = [...Object.values(settings.ports), 1, 587].flatMap((port) => ['localhost', '127.0.0.2', 'gone.invalid'].map((name) => `${name}:${port}`));
  const bridge = await startBridge({ targets });
  const scriptOf = {};
  for (const [name, make] of Object.entries(BUNDLERS)) scriptOf[name] = await make(out);
  const web = createServer((request, response) => {
    const { pathname, searchParams } = new URL(request.url, 'http://page');
    const name = searchParams.get('bundler') ?? 'esbuild';
    const scripts = pathname === '/strict' ? "'self'" : "'self' 'wasm-unsafe-eval'";
    const isScript = pathname === '/page.js';
    response.writeHead(200, { 'content-type': isScript ? 'text/javascript' : 'text/html', 'content-security-policy': `default-src 'none'; script-src ${scripts}; connect-src ${new URL(bridge.url).origin.replace('http', 'ws')}` });
    response.end(isScript ? readFileSync(scriptOf[name]) : `<!doctype html><title>cases</title><link rel="icon" href="data:,"><script type="module" src="/page.js?bundler=${name}"></script>`);
  });
  await new Promise((ready) => web.listen(0, '127.0.0.1', ready));
  const browser = await chromium.launch({ executablePath: CHROMIUM, args: ['--no-sandbox', '--disable-gpu'] });
  try {
    const tab = await browser.newPage();
    const errors = [];
    tab.on('pageerror', (error) => errors.push(error.message));
    const at = `http://127.0.0.1:${web.address().port}/`;
    await tab.goto(at);
    const lines = await tab.evaluate(([settings, url]) => globalThis.run(settings, url), [settings, bridge.url]);
    for (const [name, path] of Object.entries(scriptOf)) {
      await tab.goto(`${at}?bundler=${name}`);
      const [line] = await tab.evaluate(([settings, url]) => globalThis.run(settings, url), [{ ...settings, name: `bundled by ${name}`, only: ['STARTTLS'] }, bridge.url]);
      if (line.result !== 'sent') throw new Error(`what ${name} made does not send: ${JSON.stringify(line)}`);
      console.log(`${name}: ${statSync(path).size} octets, ${gzipSync(readFileSync(path), { level: 9 }).length} zipped, and sends a mail`);
    }
    if (errors.length > 0) throw new Error(`the page has errors: ${errors.join('; ')}`);
    await tab.goto(`${at}strict`);
    const refused = await tab.evaluate((url) => globalThis.once(url), bridge.url);
    if (!/wasm-unsafe-eval/.test(refused)) throw new Error(`a page that may not compile is told "${refused}"`);
    return lines;
  } finally {
    await browser.close();
    await bridge.stop();
    web.close();
    web.closeAllConnections();
  }
}

await main();
