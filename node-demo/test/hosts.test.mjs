// Hosts of one's own, and the bridge: each carries a mail over STARTTLS to a real server.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer as createHttpServer } from 'node:http';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { SmtpClient, SmtpConnectType, SmtpMail, SmtpServer } from 'sansmtp';
import { webSocketHost } from 'sansmtp/host/websocket';
import { WebSocket, WebSocketServer } from 'ws';
import { start as startBridge } from '../bridge.mjs';
import { httpProxyHost } from '../hosts/http-proxy.mjs';
import { socksHost } from '../hosts/socks.mjs';
import { unixHost } from '../hosts/unix.mjs';
import { start } from '../server.mjs';

// Node has it from version 22 on.
globalThis.WebSocket ??= WebSocket;

async function mailServer(t) {
  const server = await start();
  t.after(server.stop);
  return server;
}

/** Sends a mail over a host. */
async function sent({ settings, received }, host) {
  const server = new SmtpServer(settings.server);
  Object.assign(server, { connectType: SmtpConnectType.connectSTARTTLS, user: settings.user, password: settings.password, tls: { ca: readFileSync(settings.ca) } });
  const mail = Object.assign(new SmtpMail(), { from: 'ann@example.com', to: 'bob@example.org', subject: 'by a host', textBody: 'Hi.' });
  const { security } = await new SmtpClient({ host }).sendMailAsync(server, mail, { timeout: 10_000 });
  assert.deepEqual([security.verified, received.length], [true, 1]);
}

async function listening(t, server, ...at) {
  await once(server.listen(...at), 'listening');
  t.after(() => server.close());
  return server.address();
}

test('a unix socket', async (t) => {
  const server = await mailServer(t);
  const folder = mkdtempSync(join(tmpdir(), 'sansmtp-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const path = join(folder, 'smtp.sock');
  await listening(t, createServer((socket) => socket.pipe(connect(Number(server.settings.server.split(' ')[1]), '127.0.0.1')).pipe(socket)), path);
  await sent(server, unixHost(path));
});

test('an HTTP proxy, with a login', async (t) => {
  const server = await mailServer(t);
  const proxy = createHttpServer();
  proxy.on('connect', (request, socket) => {
    if (request.headers['proxy-authorization'] !== `Basic ${btoa('ann:p@ss')}`) return socket.end('HTTP/1.1 407 Proxy Authentication Required\r\n\r\n');
    const [host, port] = request.url.split(':');
    const target = connect(Number(port), host, () => {
      socket.write('HTTP/1.1 200 OK\r\n\r\n');
      socket.pipe(target).pipe(socket);
    });
  });
  const { port } = await listening(t, proxy, 0, '127.0.0.1');
  await sent(server, httpProxyHost(`http://ann:p%40ss@127.0.0.1:${port}`));
  await assert.rejects(sent(server, httpProxyHost(`http://127.0.0.1:${port}`)), { code: 'ECONNECTION', message: /answered 407/ });
});

test('a SOCKS proxy', async (t) => {
  const server = await mailServer(t);
  const { port } = await listening(t, createServer(async (socket) => {
    // Greeting, then CONNECT to a name: RFC 1928 §3, §4.
    const [greeting] = await once(socket, 'data');
    assert.equal(greeting[0], 5);
    socket.write(Buffer.from([5, 0]));
    const [request] = await once(socket, 'data');
    const length = request[4];
    const target = connect(request.readUInt16BE(5 + length), request.subarray(5, 5 + length).toString(), () => {
      socket.write(Buffer.from([5, 0, 0, 1, 0, 0, 0, 0, 0, 0]));
      socket.pipe(target).pipe(socket);
    });
  }), 0, '127.0.0.1');
  await sent(server, socksHost(`socks5://127.0.0.1:${port}`));
});

test('the bridge goes where it may, and nowhere else', async (t) => {
  const server = await mailServer(t);
  const bridge = await startBridge({ targets: [server.settings.server.replace(' ', ':')] });
  t.after(bridge.stop);
  await sent(server, webSocketHost({ url: bridge.url, kind: 'tls' }));
  const other = { ...server, settings: { ...server.settings, server: 'localhost 1' } };
  await assert.rejects(sent(other, webSocketHost({ url: bridge.url, kind: 'tls' })), { code: 'ECONNECTION', message: /this bridge does not go to localhost:1/ });
  await assert.rejects(sent(server, webSocketHost({ url: bridge.url, kind: 'raw' })), { code: 'ETLS', message: /does no TLS: between it and localhost everything would be in clear/ });
  await assert.rejects(sent(server, webSocketHost({ url: 'ws://bridge.example.com/', kind: 'tls' })), { code: 'ECONFIG', message: /must be wss:/ });
});

test('a bridge lives on, whatever a page sends', async (t) => {
  const server = await mailServer(t);
  const bridge = await startBridge({ targets: [server.settings.server.replace(' ', ':')] });
  t.after(bridge.stop);
  const { port } = new URL(bridge.url);
  const upgrade = (path) => `GET ${path} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n`;
  for (const octets of [upgrade('//'), Buffer.concat([Buffer.from(upgrade('/')), Buffer.from([0xff, 0xff, 0, 0, 0, 0])])]) {
    const socket = connect(Number(port), '127.0.0.1');
    socket.on('error', () => {});
    socket.end(octets);
    socket.resume();
    await once(socket, 'close');
  }
  for (const text of ['{"startTls":{"servername":5}}', '{"startTls":{"ca":"x"}}', '{}', 'x']) {
    const socket = new WebSocket(`${bridge.url}?hostname=localhost&port=${server.settings.server.split(' ')[1]}`);
    socket.on('error', () => {});
    await once(socket, 'message');
    socket.send(text);
    await once(socket, 'close');
  }
  await sent(server, webSocketHost({ url: bridge.url, kind: 'tls' }));
});

test('a host that fails or is given up leaves nothing open', async (t) => {
  const server = await mailServer(t);
  const silent = await listening(t, createServer((socket) => socket.on('error', () => {})), 0, '127.0.0.1');
  const folder = mkdtempSync(join(tmpdir(), 'sansmtp-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const path = join(folder, 'smtp.sock');
  const closed = [];
  await listening(t, createServer((socket) => {
    const end = once(socket, 'close');
    closed.push(end);
    socket.on('error', () => {}).resume();
  }), path);
  const broken = { ...server, settings: { ...server.settings, ca: join(folder, 'ca.pem') } };
  writeFileSync(broken.settings.ca, '-----BEGIN CERTIFICATE-----\nnonsense\n-----END CERTIFICATE-----\n');
  await assert.rejects(sent(broken, unixHost(path)), { code: 'ECONFIG', message: /tls.ca/ });
  await Promise.all(closed);
  for (const host of [socksHost(`socks5://127.0.0.1:${silent.port}`), httpProxyHost(`http://127.0.0.1:${silent.port}`), unixHost(path)]) {
    const mail = Object.assign(new SmtpMail(), { from: 'a@b.example', to: 'c@d.example' });
    const sending = new SmtpClient({ host }).sendMailAsync(new SmtpServer(server.settings.server), mail);
    setTimeout(() => sending.cancel(), 30);
    await assert.rejects(sending, { code: 'EABORT' });
  }
  await assert.rejects(sent(server, httpProxyHost(`https://ann:secret@127.0.0.1:${server.settings.server.split(' ')[1]}`)), { code: 'ECONNECTION', message: /the proxy 127.0.0.1 cannot be reached/ });
  assert.throws(() => httpProxyHost('ftp://x'), /http: or https:/);
});

test('what comes in clear behind STARTTLS, by way of a bridge, ends the connection', async (t) => {
  const commands = [];
  const sockets = new WebSocketServer({ port: 0, host: '127.0.0.1' });
  await once(sockets, 'listening');
  t.after(() => sockets.close());
  sockets.on('connection', (socket) => {
    const say = (text) => socket.send(Buffer.from(text));
    socket.send('{"connected":true}');
    say('220 mail.example.com\r\n');
    socket.on('message', (data, isBinary) => {
      if (!isBinary) {
        // Somebody slipped this in before the handshake.
        say('250 AUTH PLAIN\r\n');
        return socket.send('{"tls":{"verified":true}}');
      }
      commands.push(String(data));
      say(String(data).startsWith('EHLO') ? '250-mail\r\n250 STARTTLS\r\n' : '220 go\r\n');
    });
  });
  const url = `ws://127.0.0.1:${sockets.address().port}/`;
  const server = Object.assign(new SmtpServer('mail.example.com 587'), { connectType: SmtpConnectType.connectSTARTTLS, user: 'ann', password: 'secret' });
  const mail = Object.assign(new SmtpMail(), { from: 'a@b.example', to: 'c@d.example' });
  await assert.rejects(new SmtpClient({ host: webSocketHost({ url, kind: 'tls' }) }).sendMailAsync(server, mail, { timeout: 5000 }), { code: 'ETLS', message: /octets came in clear/ });
  assert.deepEqual(commands.map((line) => line.split(' ')[0].trim()), ['EHLO', 'STARTTLS']);
});
