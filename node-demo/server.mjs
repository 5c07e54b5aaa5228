// The demo's own mail server: the npm package smtp-server, with STARTTLS, login, and a certificate made by xtask.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { SMTPServer } from 'smtp-server';

/** Starts it on a free port of this machine. */
export async function start() {
  const folder = process.env.SANSMTP_CERTIFICATES;
  if (!folder) throw new Error('start the demo by `cargo xtask demo`, which makes the certificates');
  const [ca, cert, key] = ['ca.pem', 'server.pem', 'server.key'].map((name) => join(folder, name));
  const received = [];
  const server = new SMTPServer({
    key: readFileSync(key),
    cert: readFileSync(cert),
    authMethods: ['PLAIN', 'LOGIN', 'CRAM-MD5'],
    size: 10 * 1024 * 1024,
    onAuth({ method, username, password, validatePassword }, session, done) {
      const right = username === 'ann@example.com' && (method === 'CRAM-MD5' ? validatePassword('wonderland') : password === 'wonderland');
      if (right) done(null, { user: username });
      else done(Object.assign(new Error('5.7.8 Authentication failed'), { responseCode: 535 }));
    },
    onRcptTo({ address }, session, done) {
      if (address.startsWith('unknown@')) done(Object.assign(new Error('5.1.1 No such user here'), { responseCode: 550 }));
      else done();
    },
    onData(stream, session, done) {
      let message = '';
      stream.setEncoding('utf8');
      stream.on('data', (piece) => (message += piece));
      stream.on('end', () => {
        received.push(message);
        done(null, '2.0.0 Queued');
      });
    },
    logger: false,
  });
  server.on('error', () => {});
  await new Promise((ready, failed) => {
    server.once('error', failed);
    server.listen(0, '127.0.0.1', ready);
  });
  const { port } = server.server.address();
  return {
    settings: { server: `localhost ${port}`, connect: 'connectSTARTTLS', user: 'ann@example.com', password: 'wonderland', ca },
    received,
    stop: () => new Promise((stopped) => server.close(stopped)),
  };
}
