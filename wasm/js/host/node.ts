import { createHash, X509Certificate } from 'node:crypto';
import { open as openFile, stat } from 'node:fs/promises';
import { connect as connectTcp, isIP, type Socket } from 'node:net';
import { hostname as machineName } from 'node:os';
import { connect as connectTls, createSecureContext, type ConnectionOptions, type TLSSocket } from 'node:tls';
import type { SmtpChannelBinding, SmtpConnectOptions, SmtpHost, SmtpSocket, SmtpTlsInfo } from '../host.js';
import type { SmtpMessageSource } from '../message.js';
import { aborted, failure } from './error.js';

/** Sockets and TLS of Node.js: `node:net` and `node:tls`. */
export const host: SmtpHost = {
  connect,
  openFile: messageFile,
  hostname() {
    const name = machineName();
    return name.includes('.') ? name : undefined;
  },
};

/**
 * A file that is read while it is sent, through one buffer: a finished message, or an attachment.
 *
 * @example
 * ```js
 * import { messageFile } from 'sansmtp/host/node';
 * mail.message = await messageFile('message.eml');
 * ```
 */
export async function messageFile(path: string | URL): Promise<SmtpMessageSource> {
  const { size, isFile } = await stat(path).then((found) => ({ size: found.size, isFile: found.isFile() }));
  if (!isFile) throw failure('EISDIR', 'it is not a file');
  async function* open(): AsyncGenerator<Uint8Array> {
    const file = await openFile(path);
    try {
      const buffer = new Uint8Array(64 * 1024);
      // What is written to it meanwhile is not sent. Some files do not tell their size.
      for (let left = size || Infinity; left > 0; ) {
        const { bytesRead } = await file.read(buffer, 0, Math.min(buffer.length, left));
        if (bytesRead === 0) return;
        left -= bytesRead;
        yield buffer.subarray(0, bytesRead);
      }
    } finally {
      await file.close();
    }
  }
  return { open, ...(size > 0 ? { length: size } : {}) };
}

/**
 * A connection that you made yourself, to a proxy or a unix socket for example, with TLS of Node's: for a host of your own.
 *
 * @param options What `connect` of the host was given. What is wrong with them is thrown, and the socket is closed then.
 *
 * @example
 * ```js
 * import { connect } from 'node:net';
 * import { once } from 'node:events';
 * import { socketOf } from 'sansmtp/host/node';
 *
 * const host = {
 *   async connect(options) {
 *     options.signal.throwIfAborted();
 *     const socket = connect('/var/run/smtp.sock');
 *     options.signal.addEventListener('abort', () => socket.destroy(new Error('cancelled')));
 *     await once(socket, 'connect');
 *     return socketOf(socket, options);
 *   },
 * };
 * ```
 */
export function socketOf(socket: Socket, options: SmtpConnectOptions): SmtpSocket {
  try {
    checkTls(options.tls);
  } catch (error) {
    socket.destroy();
    throw error;
  }
  return new NodeSocket(socket, options);
}

function connect(options: SmtpConnectOptions): Promise<SmtpSocket> {
  return new Promise((resolve, reject) => {
    const { hostname, port, signal } = options;
    checkTls(options.tls);
    if (signal.aborted) return reject(aborted());
    // Both families are tried. A flight is written at once, so nothing is gained by waiting for more.
    const socket = connectTcp({ host: hostname, port, autoSelectFamily: true, noDelay: true });
    const fail = (error: Error): void => {
      signal.removeEventListener('abort', abort);
      socket.destroy();
      reject(error);
    };
    const abort = (): void => fail(aborted());
    signal.addEventListener('abort', abort);
    socket.once('error', fail);
    socket.once('connect', () => {
      socket.removeListener('error', fail);
      signal.removeEventListener('abort', abort);
      resolve(new NodeSocket(socket, options));
    });
  });
}

/** What TLS would only find out after the connection stands. */
function checkTls(tls: SmtpConnectOptions['tls']): void {
  const check = (name: string, action: () => void): void => {
    try {
      action();
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      throw failure('ECONFIG', `tls.${name} is not what it should be, PEM: ${reason}`);
    }
  };
  for (const ca of [tls.ca ?? []].flat()) check('ca', () => void new X509Certificate(ca));
  const { cert, key } = tls;
  if (cert !== undefined) check('cert', () => void new X509Certificate(cert));
  if (key !== undefined) check('key', () => void createSecureContext({ key, ...(cert === undefined ? {} : { cert }) }));
}

class NodeSocket implements SmtpSocket {
  #socket: Socket | TLSSocket;
  readonly #options: SmtpConnectOptions;
  /** Why nothing more comes: `null` for an orderly end. */
  #ended: Error | null | undefined;
  /** Settles the read that is under way. */
  #settle: (() => void) | undefined;

  constructor(socket: Socket, options: SmtpConnectOptions) {
    this.#options = options;
    this.#socket = this.#adopt(socket);
  }

  /** The socket is paused until a read asks for octets; its errors have an owner for as long as it lives. */
  #adopt<T extends Socket>(socket: T): T {
    socket.pause();
    socket.on('readable', this.#readable);
    socket.on('error', this.#failed);
    socket.on('end', this.#end);
    socket.on('close', this.#end);
    return socket;
  }

  /** Leaves the socket to TLS: an error of its own ends the connection through TLS. */
  #release(socket: Socket, secure: Socket): void {
    socket.removeListener('readable', this.#readable);
    socket.removeListener('error', this.#failed);
    socket.removeListener('end', this.#end);
    socket.removeListener('close', this.#end);
    socket.on('error', (error) => secure.destroy(error));
  }

  readonly #readable = (): void => this.#settle?.();

  readonly #failed = (error: Error): void => {
    this.#ended ??= error;
    this.#settle?.();
  };

  readonly #end = (): void => {
    this.#ended ??= null;
    this.#settle?.();
  };

  async read(): Promise<Uint8Array | null> {
    for (;;) {
      const octets = this.#socket.read() as Uint8Array | null;
      if (octets !== null) return octets;
      if (this.#ended) throw this.#ended;
      if (this.#ended === null) return null;
      await new Promise<void>((settle) => (this.#settle = settle));
      this.#settle = undefined;
    }
  }

  write(octets: Uint8Array): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#socket.write(octets, (error) => (error ? reject(error) : resolve()));
    });
  }

  startTls(): Promise<SmtpTlsInfo> {
    return new Promise((resolve, reject) => {
      const { hostname, tls, signal } = this.#options;
      const plain = this.#socket;
      const name = tls.servername ?? hostname;
      const options: ConnectionOptions = {
        socket: plain,
        host: hostname,
        minVersion: tls.minVersion ?? 'TLSv1.2',
        rejectUnauthorized: tls.rejectUnauthorized ?? true,
        // An address cannot be sent as a name (RFC 6066 §3); it is checked against the certificate all the same.
        ...(isIP(name) ? {} : { servername: name }),
        ...(tls.ca === undefined ? {} : { ca: tls.ca }),
        ...(tls.cert === undefined ? {} : { cert: tls.cert }),
        ...(tls.key === undefined ? {} : { key: tls.key }),
      };
      const secure = connectTls(options);
      // From here on the octets belong to TLS.
      this.#release(plain, secure);
      const abort = (): void => void secure.destroy(aborted());
      const fail = (error: Error): void => {
        signal.removeEventListener('abort', abort);
        reject(error);
      };
      const closed = (): void => fail(new Error('the server closed the connection during the handshake'));
      signal.addEventListener('abort', abort);
      secure.once('error', fail);
      secure.once('close', closed);
      secure.once('secureConnect', () => {
        signal.removeEventListener('abort', abort);
        secure.removeListener('error', fail);
        secure.removeListener('close', closed);
        resolve(describe(secure));
      });
      this.#socket = this.#adopt(secure);
    });
  }

  close(how: 'graceful' | 'abort'): Promise<void> {
    const socket = this.#socket;
    if (socket.destroyed) return Promise.resolve();
    return new Promise((closed) => {
      socket.once('close', () => closed());
      if (how === 'abort') {
        socket.destroy();
        return;
      }
      // What still comes is of no interest, but the end of it is seen only if it is read.
      socket.resume();
      socket.end();
      // A server that does not close its side does not keep ours open.
      setTimeout(() => socket.destroy(), 1000).unref();
    });
  }
}

function describe(socket: TLSSocket): SmtpTlsInfo {
  const certificate = socket.getPeerCertificate();
  const { subject, issuer, valid_to: validTo, fingerprint256 } = certificate;
  return {
    verified: socket.authorized,
    protocol: socket.getProtocol() ?? '',
    cipher: socket.getCipher().standardName ?? socket.getCipher().name,
    channelBindings: channelBindings(socket),
    certificate: {
      ...(subject?.CN === undefined ? {} : { subject: String(subject.CN) }),
      ...(issuer?.CN === undefined ? {} : { issuer: String(issuer.CN) }),
      ...(validTo === undefined ? {} : { validTo }),
      ...(fingerprint256 === undefined ? {} : { fingerprint256 }),
    },
  };
}

/** RFC 9266 for TLS 1.3, RFC 5929 §3 below it; the certificate for both. */
function channelBindings(socket: TLSSocket): SmtpChannelBinding[] {
  const bindings: SmtpChannelBinding[] = [];
  if (socket.getProtocol() === 'TLSv1.3') {
    const data = socket.exportKeyingMaterial(32, 'EXPORTER-Channel-Binding', Buffer.alloc(0));
    bindings.push({ name: 'tls-exporter', data });
  } else {
    // The first Finished message: the client's, unless the session was resumed, which is not asked for.
    const data = socket.isSessionReused() ? socket.getPeerFinished() : socket.getFinished();
    if (data) bindings.push({ name: 'tls-unique', data });
  }
  const { raw } = socket.getPeerCertificate();
  const hash = raw && certificateHash(raw);
  if (hash) bindings.push({ name: 'tls-server-end-point', data: createHash(hash).update(raw).digest() });
  return bindings;
}

/** The hash of a certificate's signature (RFC 5929 §4.1): MD5 and SHA-1 count as SHA-256. */
function certificateHash(certificate: Uint8Array): string | undefined {
  // Certificate ::= SEQUENCE { tbsCertificate SEQUENCE, signatureAlgorithm SEQUENCE { OBJECT IDENTIFIER, … }, … }
  const [tbs] = contents(certificate, 0);
  const [, algorithm] = contents(certificate, tbs);
  const [identifier] = contents(certificate, algorithm);
  const [start, end] = contents(certificate, identifier);
  return SIGNATURE_HASHES.get(Buffer.from(certificate.subarray(start, end)).toString('hex'));
}

/** Where the contents of a DER element begin and end. */
function contents(der: Uint8Array, at: number): [start: number, end: number] {
  const first = der[at + 1] ?? 0;
  if (first < 0x80) return [at + 2, at + 2 + first];
  const start = at + 2 + (first & 0x7f);
  return [start, start + der.subarray(at + 2, start).reduce((length, octet) => length * 256 + octet, 0)];
}

/** By object identifier. Signatures without a hash of their own, such as Ed25519, have no such binding. */
const SIGNATURE_HASHES: ReadonlyMap<string, string> = new Map([
  // RSA with MD5, SHA-1, SHA-256, SHA-384, SHA-512
  ['2a864886f70d010104', 'sha256'],
  ['2a864886f70d010105', 'sha256'],
  ['2a864886f70d01010b', 'sha256'],
  ['2a864886f70d01010c', 'sha384'],
  ['2a864886f70d01010d', 'sha512'],
  // ECDSA with SHA-1, SHA-256, SHA-384, SHA-512
  ['2a8648ce3d0401', 'sha256'],
  ['2a8648ce3d040302', 'sha256'],
  ['2a8648ce3d040303', 'sha384'],
  ['2a8648ce3d040304', 'sha512'],
]);
