// Logs in to real servers as a file of cases says, and writes what came of it: `node test/logins.mjs CASES RESULTS LAB`.
// `cargo xtask logins` makes the cases, starts the servers, and holds the results against those of the Rust core.
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { SmtpClient, SmtpError, SmtpServer } from 'sansmtp';

const [cases, results, lab] = process.argv.slice(2);
const read = (name) => readFileSync(join(lab, name), 'utf8');
const ca = read('ca.pem');
const identity = { cert: read('client.pem'), key: read('client.key') };

async function logIn({ port, settings, certificate }) {
  const server = SmtpServer.from({ server: `localhost ${port}`, ...settings });
  server.tls = { ca, ...(certificate ? identity : {}) };
  const client = new SmtpClient();
  try {
    const { security } = await client.verifyAsync(server);
    return `in by ${security.mechanism}`;
  } catch (error) {
    assert.ok(error instanceof SmtpError, String(error?.stack));
    const secret = settings.password ?? settings.token;
    if (secret?.length > 5) assert.ok(!`${error.stack}${client.smtpConversation}`.includes(secret), 'a secret is shown');
    if (!/ refused the (login|token|login mechanism): /.test(error.message)) return `error: ${error.message}`;
    assert.deepEqual([error.code, error.stage, error.origin], ['EAUTH', 'auth', 'server']);
    assert.ok(error.message.includes(error.response), 'the server’s own words');
    const suspects =
      settings.token !== undefined ? ['user', 'token']
      : settings.password !== undefined ? ['user', 'password']
      : certificate ? ['tls.cert', 'user']
      : ['authType', 'user'];
    if (error.responseCode === 535) assert.deepEqual(error.suspects, suspects);
    return `refused ${error.responseCode}`;
  }
}

/** Connections at a time: some servers wait before they refuse. */
const AT_ONCE = 12;
const queue = JSON.parse(readFileSync(cases, 'utf8'));
const outcomes = [];
await Promise.all(
  Array.from({ length: AT_ONCE }, async () => {
    for (let next = queue.shift(); next; next = queue.shift()) outcomes.push({ name: next.name, outcome: await logIn(next) });
  }),
);
writeFileSync(results, JSON.stringify(outcomes));
