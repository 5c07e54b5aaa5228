import { connect as open } from 'cloudflare:sockets';
import type { SmtpConnectOptions, SmtpHost, SmtpSocket, SmtpTlsInfo } from '../host.js';
import { aborted, failure, refuse } from './error.js';

/**
 * Sockets and TLS of Cloudflare Workers and of `workerd`: `connect` of `cloudflare:sockets`.
 *
 * Which authorities are trusted is set where the worker is configured. The runtime tells neither why a certificate was refused
 * nor anything that a login could be bound to; port 25 is closed to workers.
 */
export const host: SmtpHost = { connect };

type Socket = ReturnType<typeof open>;

async function connect({ hostname, port, tls, signal }: SmtpConnectOptions): Promise<SmtpSocket> {
  const configured = 'a worker has the authorities and certificates that its configuration names.';
  refuse(tls, {
    ca: configured, cert: configured, key: configured, rejectUnauthorized: 'a worker always verifies certificates.',
    minVersion: 'a worker takes TLS 1.2 and 1.3, and is not told which it was.',
  });
  if (signal.aborted) throw aborted();
  // TLS from the first octet is begun by `startTls` too, which takes the name for the certificate.
  const socket = open({ hostname, port }, { secureTransport: 'starttls', allowHalfOpen: false });
  const abort = (): void => void closed(socket);
  signal.addEventListener('abort', abort);
  try {
    await socket.opened;
    return new WorkerSocket(socket, tls.servername, signal);
  } catch (error) {
    throw signal.aborted ? aborted() : error;
  } finally {
    signal.removeEventListener('abort', abort);
  }
}

class WorkerSocket implements SmtpSocket {
  #socket: Socket;
  readonly #servername: string | undefined;
  readonly #signal: AbortSignal;
  #reader: ReadableStreamDefaultReader<Uint8Array>;
  #writer: WritableStreamDefaultWriter<Uint8Array>;
  #isClosed = false;

  constructor(socket: Socket, servername: string | undefined, signal: AbortSignal) {
    this.#servername = servername;
    this.#signal = signal;
    this.#socket = socket;
    [this.#reader, this.#writer] = this.#adopted(socket);
  }

  #adopted(socket: Socket): [ReadableStreamDefaultReader<Uint8Array>, WritableStreamDefaultWriter<Uint8Array>] {
    // Reading and writing tell of the end too.
    socket.closed.catch(() => {});
    const [reader, writer] = [socket.readable.getReader(), socket.writable.getWriter()];
    reader.closed.catch(() => {});
    writer.closed.catch(() => {});
    return [reader, writer];
  }

  async read(): Promise<Uint8Array | null> {
    try {
      const { value, done } = await this.#reader.read();
      return done ? null : value;
    } catch (error) {
      if (this.#isClosed) return null;
      throw error;
    }
  }

  write(octets: Uint8Array): Promise<void> {
    return this.#writer.write(octets);
  }

  async startTls(): Promise<SmtpTlsInfo> {
    const abort = (): void => void this.close();
    this.#signal.addEventListener('abort', abort);
    try {
      this.#reader.releaseLock();
      this.#writer.releaseLock();
      this.#socket = this.#socket.startTls(this.#servername === undefined ? undefined : { expectedServerHostname: this.#servername });
      [this.#reader, this.#writer] = this.#adopted(this.#socket);
      await this.#socket.opened;
      return { verified: true };
    } catch (error) {
      if (this.#signal.aborted) throw aborted();
      throw failure('ERR_TLS_HIDDEN', 'the handshake failed, or the certificate was refused, and this runtime does not say why', error);
    } finally {
      this.#signal.removeEventListener('abort', abort);
    }
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    await closed(this.#socket);
  }
}

async function closed(socket: Socket): Promise<void> {
  try {
    await socket.close();
  } catch {
    // It was closed, or never open.
  }
}
