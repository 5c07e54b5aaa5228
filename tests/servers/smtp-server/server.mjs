// node server.mjs LAB NODE_MODULES: npm's smtp-server, with STARTTLS on 10801 and TLS from the first byte on 10802.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';

const [lab, modules] = process.argv.slice(2);
// The package is installed beside the tests of another folder, where an import from here does not look.
const { SMTPServer } = createRequire(join(modules, 'here.js'))('smtp-server');

const accounts = new Map(
  readFileSync(new URL('../accounts.tsv', import.meta.url), 'utf8')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => line.split('\t'))
    .filter(([, , scheme]) => scheme === 'PLAIN')
    .map(([user, password]) => [user, password]),
);

const recipients = new Set(readFileSync(join(lab, 'recipients'), 'utf8').split('\n'));
let messages = 0;

// Mail to example.test goes to LAB/smtp-server/mail/<user>/new, all other mail nowhere.
function keep(address, message) {
  const [user, domain] = address.toLowerCase().split('@');
  if (domain !== 'example.test') return;
  const folder = join(lab, 'smtp-server/mail', recipients.has(user) ? user : 'everyone-else', 'new');
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, String(messages)), message);
}

const options = {
  key: readFileSync(join(lab, 'server.key')),
  cert: readFileSync(join(lab, 'server.pem')),
  authMethods: ['PLAIN', 'LOGIN', 'CRAM-MD5', 'XOAUTH2'],
  disableReverseLookup: true,
  onAuth({ method, username, password, accessToken, validatePassword }, session, done) {
    if (method === 'XOAUTH2') {
      if (username === 'alice' && accessToken === 'valid-token') done(null, { user: username });
      else done(null, { data: { status: '401', schemes: 'bearer', scope: 'mail' } });
      return;
    }
    const known = accounts.get(username);
    const right = known !== undefined && (method === 'CRAM-MD5' ? validatePassword(known) : password === known);
    if (right) done(null, { user: username });
    else done(Object.assign(new Error('5.7.8 Authentication failed'), { responseCode: 535 }));
  },
  onRcptTo({ address }, session, done) {
    if (address.toLowerCase() !== 'refused@example.test') done();
    else done(Object.assign(new Error('5.1.1 Not here'), { responseCode: 550 }));
  },
  onData(stream, session, done) {
    const parts = [];
    stream.on('data', (part) => parts.push(part));
    stream.on('end', () => {
      messages += 1;
      for (const { address } of session.envelope.rcptTo) keep(address, Buffer.concat(parts));
      done();
    });
  },
};

for (const [port, secure] of [
  [10801, false],
  [10802, true],
]) {
  const server = new SMTPServer({ ...options, secure });
  // A client that breaks off is no reason to stop; a port that is taken is.
  server.on('error', (error) => {
    console.error(port, error.message);
    if (error.code === 'EADDRINUSE') process.exit(1);
  });
  server.listen(port, '127.0.0.1');
}
