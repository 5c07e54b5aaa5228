// The demo as a person runs it.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { start } from '../server.mjs';

const demo = fileURLToPath(new URL('../demo.mjs', import.meta.url));
const ca = join(process.env.SANSMTP_CERTIFICATES ?? '', 'ca.pem');

function run(args, env = {}) {
  return new Promise((done) => {
    const child = spawn(process.execPath, [demo, ...args], { env: { ...process.env, ...env } });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (piece) => (output += piece));
    child.on('close', (status) => done({ status, output: output.replaceAll('\r\n', '\n') }));
  });
}

test('without arguments a mail is delivered over TLS', async () => {
  const { status, output } = await run([]);
  assert.equal(status, 0, output);
  for (const expected of [
    'C: STARTTLS',
    'C: AUTH CRAM-MD5',
    'C: ***',
    'STARTTLS, TLSv1.3',
    'certificate verified',
    'ann@example.com, by CRAM-MD5',
    'accepted  bob@example.org',
    'refused   unknown@example.org  550  5.1.1',
    'Subject: =?utf-8?B?',
    '\n.\nThe line above is a dot',
    'Mail delivered over TLS.',
  ]) {
    assert.ok(output.includes(expected), `${expected}\nin\n${output}`);
  }
  assert.ok(!output.includes('wonderland'));
});

test('through a server given on the command line, with the password from the environment', async (t) => {
  const server = await start();
  t.after(() => server.stop());
  const args = ['--server', server.settings.server, '--connect', 'connectSTARTTLS', '--auth', 'authPlain', '--user', 'ann@example.com',
    '--ca', ca, '--from', 'ann@example.com', '--to', 'carol@example.org', '--subject', 'Hi', '--text', 'Hello'];
  const right = await run(args, { SMTP_PASSWORD: 'wonderland' });
  assert.equal(right.status, 0, right.output);
  assert.match(server.received[0], /^Subject: Hi\r$/m);

  const wrong = await run(args, { SMTP_PASSWORD: 'looking-glass' });
  assert.equal(wrong.status, 1);
  assert.match(wrong.output, /refused the login: 535 5\.7\.8 Authentication failed/);
  assert.match(wrong.output, /→ Check user and password/);
  assert.match(wrong.output, /Look at: user, password/);
  assert.ok(!wrong.output.includes('looking-glass'));

  const untrusted = await run(args.filter((arg) => arg !== '--ca' && arg !== ca), { SMTP_PASSWORD: 'wonderland' });
  assert.equal(untrusted.status, 1);
  assert.match(untrusted.output, /name the CA in tls\.ca/);
  assert.equal(server.received.length, 1);
});

test('a wrong password for the embedded server is tried, and told', async () => {
  const { status, output } = await run([], { SMTP_PASSWORD: 'looking-glass' });
  assert.equal(status, 1);
  assert.match(output, /refused the login: 535/);
});

test('a closed port says what to check', async () => {
  const probe = createServer();
  await new Promise((ready) => probe.listen(0, '127.0.0.1', ready));
  const { port } = probe.address();
  await new Promise((closed) => probe.close(closed));
  const { status, output } = await run(['--server', `127.0.0.1 ${port}`, '--from', 'a@example.com', '--to', 'b@example.org']);
  assert.equal(status, 1);
  assert.match(output, /Nothing listens at 127\.0\.0\.1:\d+ \(connection refused\)/);
  assert.match(output, /Look at: host, port/);
});

test('wrong options and settings are told, with what to write instead', async () => {
  for (const [args, expected, code] of [
    [['--help'], /usage: node demo\.mjs/, 0],
    [['--colour', 'red'], /Unknown option '--colour'[^]*usage/, 2],
    [['--server', 'a b c', '--from', 'a@b', '--to', 'c@d'], /is not a server; write a host name/, 1],
    [['--server', 'localhost 99999', '--from', 'a@b', '--to', 'c@d'], /is not a port; write a number/, 1],
    [['--server', 'localhost', '--connect', 'ssl', '--from', 'a@b', '--to', 'c@d'], /write one of connectNormal/, 1],
    [['--server', 'localhost', '--user', 'ann', '--from', 'a@b', '--to', 'c@d'], /user is set but password is not/, 1],
    [['--server', 'localhost'], /Set --from and --to/, 1],
    [['--server', 'localhost', '--password-file', '/nope'], /--password-file \/nope cannot be read/, 1],
    [['--server', 'localhost', '--from', 'a@b', '--to', 'c@d', '--ca', '/nope'], /--ca \/nope cannot be read/, 1],
  ]) {
    const { status, output } = await run(args);
    assert.equal(status, code, output);
    assert.match(output, expected);
  }
});
