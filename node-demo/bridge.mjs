// A bridge from WebSocket to TCP, for sansmtp in a browser: see `webSocketHost`. It does TLS with the mail server itself, so
// whoever runs it can read what goes through it: run it yourself, behind HTTPS, and let it reach your mail servers alone.
//
//   node bridge.mjs 8025 mail.example.com:587 mail.example.com:465
import { createServer } from 'node:http';
import { connect as connectTcp, isIP } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { fileURLToPath } from 'node:url';
import { WebSocketServer } from 'ws';

/**
 * Starts a bridge on an address of this machine.
 *
 * @param targets What it may connect to, `host:port` each: a bridge that reaches everything is a relay for anybody.
 * @param origins The pages that may use it; any page, if left out.
 */
export async function start({ port = 0, address = '127.0.0.1', targets, origins }) {
  const http = createServer((request, response) => response.writeHead(426).end('This is a WebSocket bridge.\n'));
  const sockets = new WebSocketServer({ server: http, maxPayload: 1024 * 1024 });
  sockets.on('connection', (socket, request) => {
    // What a page sends wrongly is its own concern.
    socket.on('error', () => socket.terminate());
    const searchParams = new URLSearchParams(request.url.split('?')[1]);
    const target = `${searchParams.get('hostname')}:${searchParams.get('port')}`;
    if (!targets.includes(target)) fail(socket, { code: 'EACCES', message: `this bridge does not go to ${target}` });
    else if (origins && !origins.includes(request.headers.origin)) fail(socket, { code: 'EACCES', message: 'this bridge is not for this page' });
    else join(socket, searchParams.get('hostname'), Number(searchParams.get('port')));
  });
  await new Promise((ready, failed) => http.once('error', failed).listen(port, address, ready));
  return {
    url: `ws://${address}:${http.address().port}/`,
    stop: () =>
      new Promise((stopped) => {
        for (const socket of sockets.clients) socket.terminate();
        sockets.close();
        http.close(stopped);
        http.closeAllConnections();
      }),
  };
}

/** Passes octets on, both ways, and does the handshake when it is asked to. */
function join(socket, hostname, port) {
  let tcp = connectTcp({ host: hostname, port, autoSelectFamily: true, noDelay: true });
  const say = (message) => socket.readyState === socket.OPEN && socket.send(JSON.stringify(message));
  const adopt = (stream) => {
    stream.on('data', (octets) => {
      // Neither side is read faster than the other one takes it.
      socket.send(octets, () => socket.bufferedAmount <= HIGH && stream.resume());
      if (socket.bufferedAmount > HIGH) stream.pause();
    });
    stream.on('end', () => socket.close());
    stream.on('close', () => socket.close());
    return stream;
  };
  tcp.on('error', (error) => fail(socket, error));
  tcp.once('connect', () => {
    adopt(tcp);
    say({ connected: true });
  });
  socket.on('message', (data, isBinary) => {
    if (isBinary) {
      if (!tcp.write(data)) {
        socket.pause();
        tcp.once('drain', () => socket.resume());
      }
      return;
    }
    const startTls = asked(data);
    if (!startTls) return fail(socket, { code: 'EBRIDGE', message: 'this bridge knows startTls alone' });
    // What came in clear stays in clear: it was sent on already, and nothing more is read but by TLS.
    const plain = tcp;
    plain.removeAllListeners('data').removeAllListeners('end').removeAllListeners('close');
    const { servername = hostname, ca, minVersion } = startTls;
    try {
      const name = isIP(String(servername)) ? {} : { servername: String(servername) };
      tcp = connectTls({ socket: plain, host: hostname, ...name, ...(ca ? { ca: [ca].flat().map(String) } : {}), minVersion: minVersion === 'TLSv1.3' ? minVersion : 'TLSv1.2' });
    } catch (error) {
      return fail(socket, error);
    }
    tcp.on('error', (error) => fail(socket, error));
    tcp.once('secureConnect', () => {
      say({ tls: { verified: tcp.authorized, protocol: tcp.getProtocol() } });
      adopt(tcp);
    });
  });
  socket.on('close', () => tcp.destroy());
}

function asked(text) {
  try {
    return JSON.parse(text).startTls;
  } catch {
    return undefined;
  }
}

function fail(socket, { code, message }) {
  if (socket.readyState === socket.OPEN) socket.send(JSON.stringify({ error: { code, message } }));
  socket.close();
}

const HIGH = 1024 * 1024;

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [port, ...targets] = process.argv.slice(2);
  if (!Number(port) || targets.length === 0) {
    console.error('usage: node bridge.mjs <port> <host:port> …');
    process.exit(2);
  }
  const { url } = await start({ port: Number(port), targets });
  console.log(`The bridge is at ${url} and goes to ${targets.join(', ')}.`);
}
