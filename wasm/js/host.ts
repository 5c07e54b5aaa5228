import type { SmtpSource } from './message.js';
import type { SmtpTlsOptions } from './server.js';

/** What a login can be bound to (RFC 5056). */
export interface SmtpChannelBinding {
  /** `tls-exporter` for TLS 1.3; `tls-unique` below it; `tls-server-end-point`: the hash of the server's certificate. */
  name: 'tls-exporter' | 'tls-unique' | 'tls-server-end-point';
  data: Uint8Array;
}

/** What a host tells of TLS once it is up. What the runtime does not tell is absent. */
export interface SmtpTlsInfo {
  /** Whether the server's certificate was verified for the server's name. */
  verified: boolean;
  /** Such as `TLSv1.3`. */
  protocol?: string;
  /** Such as `TLS_AES_256_GCM_SHA384`. */
  cipher?: string;
  /** What a login can be bound to, best first; absent where the runtime does not tell. */
  channelBindings?: SmtpChannelBinding[];
  /** The server's certificate. */
  certificate?: { subject?: string; issuer?: string; validTo?: string; fingerprint256?: string };
}

/** What is known when a connection is opened. */
export interface SmtpConnectOptions {
  /** The server's host name or address. */
  hostname: string;
  port: number;
  /** What will come: no TLS, TLS at once, or perhaps `startTls` later. */
  secure: 'never' | 'implicit' | 'starttls';
  /** The user's settings of TLS; what is PEM is text. */
  tls: Omit<SmtpTlsOptions, 'ca' | 'cert' | 'key'> & { ca?: string[]; cert?: string; key?: string };
  /** Gives up. */
  signal: AbortSignal;
}

/** A connection. At most one `read` and one `write` are under way at a time. */
export interface SmtpSocket {
  /** What came; `null` when the other side closed. */
  read(): Promise<Uint8Array | null>;
  /** Resolves when the transport took the octets; they may change from then on. */
  write(octets: Uint8Array): Promise<void>;
  /**
   * Does the handshake, on this connection. No read is under way then; what the socket still holds in clear must have
   * been given out by `read` before, since nothing of it may reach TLS or be lost. Rejects with the runtime's own error.
   */
  startTls(): Promise<SmtpTlsInfo>;
  /**
   * `graceful`: what was written goes out first. `abort`: at once. May be called at any time and more than once, never
   * rejects, and settles a `read` that is under way.
   */
  close(how: 'graceful' | 'abort'): Promise<void>;
}

/**
 * What brings sockets and TLS. The package has one for each runtime; bring your own for a proxy, a unix socket or a test.
 *
 * @example
 * ```js
 * const host = { connect: async ({ hostname, port, signal }) => mySocket(hostname, port, signal) };
 * const client = new SmtpClient({ host });
 * ```
 */
export interface SmtpHost {
  /** Opens a connection. With `implicit`, `startTls` is called next, before anything else. */
  connect(options: SmtpConnectOptions): Promise<SmtpSocket>;
  /** The machine's full name for EHLO, if it has one. */
  hostname?(): string | undefined;
  /** Opens a file for an attachment, if there are files. It must be there; it is read later. */
  openFile?(path: string | URL): Promise<SmtpSource>;
  /** Milliseconds since 1970, for the date of a mail. Default: the runtime's clock. */
  now?(): number;
  /** Random octets, for identifiers and boundaries of a mail. Fix them, and `now`, to get the same mail again. */
  random?(length: number): Uint8Array;
}
