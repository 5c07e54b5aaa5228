import type { SmtpConnectOptions, SmtpHost, SmtpSocket, SmtpTlsInfo } from '../host.js';
import { aborted, failure, refuse } from './error.js';

/** A bridge from WebSocket to TCP. */
export interface WebSocketBridge {
  /** Its address, `wss:`; `hostname` and `port` are added as parameters. A function gives all of it. */
  url: string | URL | ((target: { hostname: string; port: number }) => string | URL);
  /**
   * `tls`: it does TLS with the mail server when it is asked to, by the messages below. `raw`: it passes octets on and knows
   * nothing else, as websockify does; then there is no TLS.
   */
  kind: 'tls' | 'raw';
}

/**
 * Sockets for a browser, by a bridge that you run. Whoever runs the bridge can read all that goes through it, the password
 * too: TLS to the mail server begins at the bridge.
 *
 * Octets are binary messages. A bridge of the kind `tls` says `{"connected":true}` as text once the mail server took the
 * connection. Asked by `{"startTls":{"servername":"…"}}`, perhaps with `ca` and `minVersion`, it does the handshake and says
 * `{"tls":{"verified":true,"protocol":"TLSv1.3"}}`. What fails is `{"error":{"code":"ECONNREFUSED","message":"…"}}`, with the
 * codes of Node.
 *
 * @example
 * ```js
 * import { SmtpClient } from 'sansmtp';
 * import { webSocketHost } from 'sansmtp/host/websocket';
 *
 * const client = new SmtpClient({ host: webSocketHost({ url: 'wss://bridge.example.com/smtp', kind: 'tls' }) });
 * ```
 */
export function webSocketHost(bridge: WebSocketBridge): SmtpHost {
  if (typeof bridge !== 'object' || bridge === null || (bridge.kind !== 'tls' && bridge.kind !== 'raw')) {
    throw failure('ECONFIG', 'webSocketHost takes { url, kind }, with the kind tls or raw.');
  }
  return { connect: (options) => connect(bridge, options) };
}

async function connect({ url, kind }: WebSocketBridge, options: SmtpConnectOptions): Promise<SmtpSocket> {
  const { hostname, port, secure, tls, signal } = options;
  const address = new URL(typeof url === 'function' ? url({ hostname, port }) : url);
  if (typeof url !== 'function') {
    address.searchParams.set('hostname', hostname);
    address.searchParams.set('port', String(port));
  }
  if (address.protocol !== 'wss:' && !/^(?:localhost|127\.0\.0\.1|\[::1\])$/.test(address.hostname)) {
    throw failure('ECONFIG', `The bridge must be wss:, not ${address.protocol} — between this page and ${address.host} everything, the password too, would be in clear.`);
  }
  if (kind === 'raw' && secure === 'implicit') throw inClear(address, hostname);
  refuse(tls, {
    cert: 'a private key must not go to a bridge.', key: 'a private key must not go to a bridge.',
    rejectUnauthorized: 'the bridge verifies certificates: name the authority in tls.ca.',
  });
  if (signal.aborted) throw aborted();
  const socket = new BridgeSocket(address, kind, options);
  await socket.opened;
  return socket;
}

function inClear(address: URL, hostname: string): Error {
  return failure('ECONFIG', `The bridge ${address.host} is raw and does no TLS: between it and ${hostname} everything would be in clear. Use one of the kind tls.`);
}

/** What a bridge says as text. */
interface Said {
  connected?: boolean;
  tls?: SmtpTlsInfo;
  error?: { code?: string; message?: string };
}

class BridgeSocket implements SmtpSocket {
  readonly #address: URL;
  readonly #options: SmtpConnectOptions;
  readonly #kind: WebSocketBridge['kind'];
  readonly #socket: WebSocket;
  /** What came and was not read, and how much that is. */
  readonly #pieces: Uint8Array[] = [];
  #length = 0;
  /** Why nothing more comes: `null` for an orderly end. */
  #ended: Error | null | undefined;
  #wake: () => void = () => {};
  /** Waits for what the bridge says next. */
  #said: { done: (said: Said) => void; failed: (error: unknown) => void } | undefined;
  readonly opened: Promise<void>;

  constructor(address: URL, kind: WebSocketBridge['kind'], options: SmtpConnectOptions) {
    this.#address = address;
    this.#kind = kind;
    this.#options = options;
    const socket = (this.#socket = new WebSocket(address));
    socket.binaryType = 'arraybuffer';
    const open = new Promise<void>((done) => socket.addEventListener('open', () => done()));
    socket.addEventListener('message', ({ data }: MessageEvent<string | ArrayBuffer>) => this.#took(data));
    // A browser does not tell why, so that a page learns nothing of the network.
    socket.addEventListener('error', () => this.#end(failure('EBRIDGE', `the bridge ${address.host} cannot be reached, or refused this page`)));
    socket.addEventListener('close', () => this.#end(null));
    const ready = this.#answer((said) => said.connected === true);
    this.opened = this.#unlessGivenUp(kind === 'tls' ? ready : Promise.race([open, ready]));
  }

  #took(data: string | ArrayBuffer): void {
    if (typeof data !== 'string') {
      this.#pieces.push(new Uint8Array(data));
      this.#length += data.byteLength;
      // A WebSocket cannot be told to wait.
      if (this.#length > MOST) this.#end(failure('EBRIDGE', `the bridge sent more than ${MOST} octets that nobody asked for`));
      return this.#wake();
    }
    let said: Said;
    try {
      said = JSON.parse(data) as Said;
    } catch {
      return this.#end(failure('EBRIDGE', `the bridge ${this.#address.host} speaks another language`));
    }
    if (said.tls && this.#length > 0) this.#end(failure('EBRIDGE', 'octets came in clear behind the answer to STARTTLS'));
    else if (said.error) this.#end(failure(String(said.error.code ?? 'EBRIDGE'), String(said.error.message ?? 'the bridge failed')));
    else this.#said?.done(said);
  }

  #end(why: Error | null): void {
    this.#ended ??= why;
    this.#said?.failed(why ?? failure('ECONNRESET', 'the bridge closed the connection'));
    this.#wake();
    this.#socket.close();
  }

  /** Waits until the bridge says what is wanted. */
  #answer(isWanted: (said: Said) => boolean): Promise<void> {
    const waiting = new Promise<void>((done, failed) => {
      const said = (given: Said): void => (isWanted(given) ? done() : failed(failure('EBRIDGE', `the bridge ${this.#address.host} speaks another language`)));
      this.#said = { done: said, failed };
    });
    waiting.catch(() => {});
    return waiting;
  }

  async #unlessGivenUp(work: Promise<void>): Promise<void> {
    const { signal } = this.#options;
    const abort = (): void => this.#end(aborted());
    signal.addEventListener('abort', abort);
    try {
      await work;
    } finally {
      signal.removeEventListener('abort', abort);
      this.#said = undefined;
    }
  }

  async read(): Promise<Uint8Array | null> {
    for (;;) {
      const piece = this.#pieces.shift();
      if (piece) {
        this.#length -= piece.length;
        return piece;
      }
      if (this.#ended) throw this.#ended;
      if (this.#ended === null) return null;
      await new Promise<void>((wake) => (this.#wake = wake));
    }
  }

  async write(octets: Uint8Array): Promise<void> {
    if (this.#ended !== undefined) throw this.#ended ?? failure('EPIPE', 'the bridge closed the connection');
    this.#socket.send(octets as Uint8Array<ArrayBuffer>);
    // A WebSocket takes all there is; what it did not pass on yet stays in memory.
    while (this.#socket.bufferedAmount > MOST && this.#ended === undefined) await new Promise((later) => setTimeout(later, 10));
  }

  async startTls(): Promise<SmtpTlsInfo> {
    const { hostname, tls } = this.#options;
    if (this.#kind === 'raw') throw inClear(this.#address, hostname);
    let info: SmtpTlsInfo | undefined;
    const answer = this.#answer(({ tls: given }) => (info = given) !== undefined);
    const { ca, minVersion, servername = hostname } = tls;
    this.#socket.send(JSON.stringify({ startTls: { servername, ca, minVersion } }));
    await this.#unlessGivenUp(answer);
    if (info?.verified !== true) throw failure('EBRIDGE', `the bridge ${this.#address.host} did not verify the certificate of ${servername}`);
    // A login would be bound to a channel that is not this one.
    const { verified, protocol, cipher } = info;
    return { verified, ...(protocol === undefined ? {} : { protocol }), ...(cipher === undefined ? {} : { cipher }) };
  }

  close(): Promise<void> {
    this.#end(null);
    return Promise.resolve();
  }
}

/** Octets that wait in memory, in either direction. */
const MOST = 1024 * 1024;
