// Real servers for the tests: the npm package smtp-server, and a raw one that says what a test tells it.
import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { host as nodeHost } from 'sansmtp/host/node';
import { SMTPServer } from 'smtp-server';

const certificates = process.env.SANSMTP_CERTIFICATES;
if (!certificates) throw new Error('run this by `cargo xtask test`, which makes the certificates');
const read = (name) => readFileSync(join(certificates, name), 'utf8');

export const ca = read('ca.pem');
export const stranger = read('stranger.pem');
export const user = 'test@domain.com';
export const password = 'q8Zv-canary-W3xT';

/** Stopped when the test `t` ends. A server with STARTTLS, or TLS first with `secure`; `hideSTARTTLS` leaves it out. */
export async function smtpServer(t, options = {}) {
  const messages = [];
  const sessions = { open: 0, logins: 0 };
  const server = new SMTPServer({
    cert: read('server.pem'),
    key: read('server.key'),
    authMethods: ['PLAIN', 'LOGIN', 'CRAM-MD5'],
    authOptional: true,
    allowInsecureAuth: true,
    logger: false,
    disableReverseLookup: true,
    // How long it waits for clients once it is stopped.
    closeTimeout: 100,
    onConnect(session, done) {
      sessions.open += 1;
      done();
    },
    onClose() {
      sessions.open -= 1;
    },
    onAuth({ method, username, password: given, validatePassword }, session, done) {
      sessions.logins += 1;
      const right = username === user && (method === 'CRAM-MD5' ? validatePassword(password) : given === password);
      if (right) done(null, { user: username });
      else done(Object.assign(new Error('5.7.8 Authentication failed'), { responseCode: 535 }));
    },
    onRcptTo({ address }, session, done) {
      if (address.startsWith('refused')) done(Object.assign(new Error('5.1.1 No such user'), { responseCode: 550 }));
      else done();
    },
    onData(stream, session, done) {
      const pieces = [];
      stream.on('data', (piece) => pieces.push(piece));
      stream.on('end', () => {
        messages.push({
          octets: Buffer.concat(pieces),
          secure: session.secure,
          user: session.user,
          from: session.envelope.mailFrom.address,
          to: session.envelope.rcptTo.map(({ address }) => address),
        });
        done(null, '2.0.0 Queued');
      });
    },
    ...options,
  });
  server.on('error', () => {});
  await new Promise((ready) => server.listen(0, '127.0.0.1', ready));
  t.after(() => new Promise((closed) => server.close(closed)));
  /** Resolves once no connection is open; a test that waits too long fails. */
  const allClosed = async () => {
    for (let tries = 0; sessions.open > 0; tries += 1) {
      if (tries === 100) throw new Error(`${sessions.open} connections are still open`);
      await new Promise((later) => setTimeout(later, 10));
    }
  };
  return { port: server.server.address().port, messages, sessions, allClosed };
}

/** A server that runs `serve(socket)` for each connection. */
export async function rawServer(t, serve) {
  const sockets = new Set();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.on('close', () => sockets.delete(socket));
    serve(socket);
  });
  await new Promise((ready) => server.listen(0, '127.0.0.1', ready));
  t.after(
    () =>
      new Promise((closed) => {
        for (const socket of sockets) socket.destroy();
        server.close(closed);
      }),
  );
  return { port: server.address().port };
}

/** Node's host with ports mapped, as if the low ports could be had; it knows which sockets are still open. */
export function mapped(ports) {
  const open = new Set();
  return {
    open,
    async connect(options) {
      const port = ports[options.port] ?? options.port;
      const socket = await nodeHost.connect({ ...options, port, hostname: '127.0.0.1', tls: { ca, servername: options.hostname, ...options.tls } });
      open.add(socket);
      return new Proxy(socket, {
        get(target, name) {
          const value = Reflect.get(target, name, target);
          if (name === 'close') {
            return (how) => {
              open.delete(socket);
              return target.close(how);
            };
          }
          return typeof value === 'function' ? value.bind(target) : value;
        },
      });
    },
  };
}
