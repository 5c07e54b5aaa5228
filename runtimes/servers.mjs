// What the cases talk to: mail servers of this machine, which tell what they got.
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { SMTPServer } from 'smtp-server';
import { large } from './large.mjs';

export const user = 'test@domain.com';
export const password = 'q8Zv-canary-W3xT';

/** Starts them on free ports. `received`: each mail's subject, connection, and the hash of its base64 part. */
export async function start(certificates) {
  const read = (name) => readFileSync(join(certificates, name), 'utf8');
  const received = [];
  let logins = 0;
  const stops = [];
  const smtp = async (options, address = '127.0.0.1') => {
    const server = new SMTPServer({
      cert: read('server.pem'), key: read('server.key'), authMethods: ['PLAIN', 'LOGIN'], logger: false, disableReverseLookup: true, closeTimeout: 100,
      onAuth({ username, password: given }, session, done) {
        logins += 1;
        if (username === user && given === password) done(null, { user: username });
        else done(Object.assign(new Error('5.7.8 Authentication failed'), { responseCode: 535 }));
      },
      onData(stream, session, done) {
        const pieces = [];
        stream.on('data', (piece) => pieces.push(piece));
        stream.on('end', () => {
          const text = Buffer.concat(pieces).toString('latin1');
          const at = text.lastIndexOf('Content-Transfer-Encoding: base64');
          const encoded = text.slice(text.indexOf('\r\n\r\n', at), text.indexOf('\r\n--', at));
          const attached = at < 0 ? undefined : createHash('sha256').update(Buffer.from(encoded, 'base64')).digest('hex');
          received.push({ subject: /^Subject: (.*)$/m.exec(text)?.[1].trim(), session: session.id, secure: session.secure, user: session.user, attached });
          done(null, '2.0.0 Queued');
        });
      },
      ...options,
    });
    server.on('error', () => {});
    await new Promise((ready) => server.listen(0, address, ready));
    stops.push(() => new Promise((stopped) => server.close(stopped)));
    return server.server.address().port;
  };
  const raw = async (serve) => {
    const sockets = new Set();
    const server = createServer((socket) => {
      sockets.add(socket);
      socket.on('error', () => {});
      serve(socket);
    });
    await new Promise((ready) => server.listen(0, '127.0.0.1', ready));
    stops.push(() => {
      for (const socket of sockets) socket.destroy();
      server.close();
    });
    return server.address().port;
  };
  const drop = await raw((socket) => {
    socket.write('220 drop\r\n');
    let [isMessage, count] = [false, 0];
    socket.on('data', (data) => {
      if (isMessage) {
        count += data.length;
        if (count > 500_000) socket.destroy();
        return;
      }
      for (const line of data.toString().split('\r\n').slice(0, -1)) {
        if (line === 'DATA') isMessage = true;
        if (!isMessage || line === 'DATA') socket.write(line === 'DATA' ? '354 go\r\n' : '250 ok\r\n');
      }
    });
  });
  const ports = {
    starttls: await smtp({}),
    tls: await smtp({ secure: true }),
    // The certificate is not for this address.
    elsewhere: await smtp({ secure: true }, '127.0.0.2'),
    stranger: await smtp({ cert: read('sha384.pem'), key: read('sha384.key') }),
    drop,
    silent: await raw((socket) => socket.write('220 silent\r\n')),
  };
  return { ports, received, logins: () => logins, stop: () => Promise.all(stops.map((stop) => stop())) };
}

/** The hash of what the case `20 MiB` attaches. */
export function largeHash() {
  const hash = createHash('sha256');
  for (const piece of large()) hash.update(piece);
  return hash.digest('hex');
}
