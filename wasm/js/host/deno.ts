import type { SmtpConnectOptions, SmtpHost, SmtpSocket, SmtpTlsInfo } from '../host.js';
import type { SmtpMessageSource } from '../message.js';
import { aborted, failure, refuse } from './error.js';

/** As much of Deno's own interface as is used here. */
interface DenoConnection {
  read(buffer: Uint8Array): Promise<number | null>;
  write(octets: Uint8Array): Promise<number>;
  close(): void;
  setNoDelay?(): void;
  handshake?(): Promise<unknown>;
}

interface DenoFile {
  read(buffer: Uint8Array): Promise<number | null>;
  close(): void;
}

interface DenoTls {
  hostname: string;
  caCerts?: string[];
}

declare const Deno: {
  connect(options: { hostname: string; port: number; signal: AbortSignal }): Promise<DenoConnection>;
  connectTls(options: DenoTls & { port: number; cert: string; key: string }): Promise<DenoConnection>;
  startTls(connection: DenoConnection, options: DenoTls): Promise<DenoConnection>;
  hostname(): string;
  open(path: string | URL): Promise<DenoFile>;
  stat(path: string | URL): Promise<{ size: number; isFile: boolean }>;
  permissions: { querySync(permission: { name: 'sys'; kind: 'hostname' }): { state: string } };
};

/**
 * Sockets and TLS of Deno: `Deno.connect`, `Deno.startTls`, `Deno.connectTls`. It needs `--allow-net`.
 *
 * Deno trusts `tls.ca` beside the authorities that it knows, and tells nothing of the connection that a login could be bound
 * to.
 */
export const host: SmtpHost = {
  connect,
  openFile: messageFile,
  hostname() {
    // Without the permission Deno would ask the user.
    if (Deno.permissions.querySync({ name: 'sys', kind: 'hostname' }).state !== 'granted') return undefined;
    const name = Deno.hostname();
    return name.includes('.') ? name : undefined;
  },
};

/** A file that is read while it is sent, through one buffer: a finished message, or an attachment. */
export async function messageFile(path: string | URL): Promise<SmtpMessageSource> {
  const { size, isFile } = await Deno.stat(path);
  if (!isFile) throw failure('EISDIR', 'it is not a file');
  async function* open(): AsyncGenerator<Uint8Array> {
    const file = await Deno.open(path);
    try {
      const buffer = new Uint8Array(PIECE);
      // What is written to it meanwhile is not sent. Some files do not tell their size.
      for (let left = size || Infinity; left > 0; ) {
        const count = await file.read(buffer.subarray(0, Math.min(PIECE, left)));
        if (count === null) return;
        left -= count;
        yield buffer.subarray(0, count);
      }
    } finally {
      file.close();
    }
  }
  return { open, ...(size > 0 ? { length: size } : {}) };
}

async function connect(options: SmtpConnectOptions): Promise<SmtpSocket> {
  const { hostname, port, secure, tls, signal } = options;
  refuse(tls, {
    rejectUnauthorized: 'name the authority in tls.ca, or start Deno with --unsafely-ignore-certificate-errors=<host>.',
    minVersion: 'Deno takes TLS 1.2 and 1.3, and does not tell which it was.',
  });
  const { cert, key } = tls;
  if ((cert !== undefined || key !== undefined) && (secure !== 'implicit' || cert === undefined || key === undefined || tls.servername !== undefined)) {
    throw failure('ECONFIG', 'tls.cert cannot be kept here: Deno takes a client certificate, with its key, for TLS from the first octet (port 465) under the name of the server alone.');
  }
  if (signal.aborted) throw aborted();
  try {
    const isTls = cert !== undefined && key !== undefined;
    const connection = isTls ? await Deno.connectTls({ ...trusted(options), port, cert, key }) : await Deno.connect({ hostname, port, signal });
    connection.setNoDelay?.();
    return new DenoSocket(connection, options);
  } catch (error) {
    throw signal.aborted ? aborted() : explained(error);
  }
}

function trusted({ hostname, tls }: SmtpConnectOptions): DenoTls {
  return { hostname: tls.servername ?? hostname, ...(tls.ca === undefined ? {} : { caCerts: tls.ca }) };
}

class DenoSocket implements SmtpSocket {
  #connection: DenoConnection;
  readonly #options: SmtpConnectOptions;
  readonly #buffer = new Uint8Array(PIECE);
  #isClosed = false;

  constructor(connection: DenoConnection, options: SmtpConnectOptions) {
    this.#connection = connection;
    this.#options = options;
  }

  async read(): Promise<Uint8Array | null> {
    try {
      const count = await this.#connection.read(this.#buffer);
      return count === null ? null : this.#buffer.subarray(0, count);
    } catch (error) {
      if (this.#isClosed) return null;
      throw explained(error);
    }
  }

  async write(octets: Uint8Array): Promise<void> {
    try {
      for (let at = 0; at < octets.length; ) at += await this.#connection.write(octets.subarray(at));
    } catch (error) {
      throw explained(error);
    }
  }

  async startTls(): Promise<SmtpTlsInfo> {
    const { signal } = this.#options;
    const abort = (): void => void this.close();
    signal.addEventListener('abort', abort);
    try {
      if (!this.#connection.handshake) this.#connection = await Deno.startTls(this.#connection, trusted(this.#options));
      if (this.#isClosed) this.#connection.close();
      await this.#connection.handshake?.();
      return { verified: true };
    } catch (error) {
      throw signal.aborted ? aborted() : explained(error);
    } finally {
      signal.removeEventListener('abort', abort);
    }
  }

  close(): Promise<void> {
    if (!this.#isClosed) {
      this.#isClosed = true;
      try {
        this.#connection.close();
      } catch {
        // It is closed already, or belongs to a handshake that is about to end.
      }
    }
    return Promise.resolve();
  }
}

/** Deno tells in words what went wrong; the codes are those of Node. */
function explained(error: unknown): unknown {
  if (!(error instanceof Error) || ('code' in error && error.code !== undefined)) return error;
  const [, code] = REASONS.find(([words]) => words.test(error.message)) ?? [];
  return code === undefined ? error : failure(code, error.message, error);
}

const REASONS: readonly (readonly [RegExp, string])[] = [
  [/UnknownIssuer|CaUsedAsEndEntity/, 'UNABLE_TO_VERIFY_LEAF_SIGNATURE'],
  [/Expired/i, 'CERT_HAS_EXPIRED'],
  [/not valid for/, 'ERR_TLS_CERT_ALTNAME_INVALID'],
  [/InvalidContentType|corrupt message/, 'ERR_SSL_WRONG_VERSION_NUMBER'],
  [/failed to lookup/, 'ENOTFOUND'],
];

/** Octets read at once. */
const PIECE = 64 * 1024;
