import {
  errorOfConnect, errorOfFailure, errorOfSettings, nativeError, SmtpError, SmtpSessionError, type SmtpErrorContext,
} from './errors.js';
import type { SmtpEvent, SmtpReply } from './events.js';
import type { SmtpHost, SmtpSocket, SmtpTlsInfo } from './host.js';
import { resolve, type SmtpResolved, type SmtpServer } from './server.js';
import { SmtpSession, type SmtpBodyPlan, type SmtpEnvelope } from './session.js';

/** How the connection was protected in the end. */
export interface SmtpSecurity {
  encrypted: boolean;
  /** Whether the server's certificate was verified. */
  verified: boolean;
  /** Whether TLS was wanted if offered, and was not to be had. */
  downgraded: boolean;
  /** The mechanism of the login. */
  mechanism: string | undefined;
  tls: SmtpTlsInfo | undefined;
}

/** What became of one recipient. */
export interface SmtpRecipientResult {
  address: string;
  accepted: boolean;
  reply: SmtpReply;
}

/** A message that was delivered. */
export interface Delivery {
  reply: SmtpReply;
  recipients: SmtpRecipientResult[];
}

/** What a connection tells while it works. */
export interface ConnectionListener {
  event(event: SmtpEvent): void;
  progress(sent: number, total: number): void;
  idle(): void;
}

export interface ConnectionOptions {
  server: SmtpServer;
  host: SmtpHost;
  listener: ConnectionListener;
  /** Milliseconds until a connection must stand. */
  connectTimeout: number;
  /** Milliseconds until the server must have greeted. */
  greetingTimeout: number;
}

/** A message under way. */
interface Sending {
  envelope: SmtpEnvelope;
  octets: Uint8Array;
  given: number;
  streaming: boolean;
  recipients: SmtpRecipientResult[];
  messageId: string | undefined;
  done: (delivery: Delivery) => void;
  failed: (error: SmtpError) => void;
}

/**
 * One connection and its pump: the only place where octets move. Public methods queue and wake the pump.
 */
export class Connection {
  readonly resolved: SmtpResolved;
  readonly security: SmtpSecurity = { encrypted: false, verified: false, downgraded: false, mechanism: undefined, tls: undefined };
  readonly #listener: ConnectionListener;
  readonly #connectTimeout: number;
  readonly #session: SmtpSession;
  readonly #abort: AbortController;
  readonly #sendings = new Map<number, Sending>();
  #socket: SmtpSocket | undefined;
  #transcript = '';
  #error: SmtpError | undefined;
  #closed = false;
  #quitting = false;
  #isReady = false;
  #wake: () => void = () => {};
  #ready: () => void = () => {};
  #unready: (error: SmtpError) => void = () => {};
  /** Settles when the session is set up. */
  readonly ready: Promise<void>;
  /** Settles when the connection is closed; never rejects. */
  readonly finished: Promise<void>;

  private constructor(options: ConnectionOptions, socket: SmtpSocket, session: SmtpSession, resolved: SmtpResolved, abort: AbortController) {
    this.#listener = options.listener;
    this.#connectTimeout = options.connectTimeout;
    this.#socket = socket;
    this.#session = session;
    this.resolved = resolved;
    this.#abort = abort;
    this.ready = new Promise((done, failed) => {
      this.#ready = done;
      this.#unready = failed;
    });
    this.ready.catch(() => {});
    this.finished = this.#run();
  }

  /** Opens a connection; the session is not set up yet: see {@link ready}. */
  static async open(options: ConnectionOptions, signal: AbortSignal | undefined): Promise<Connection> {
    let resolved: SmtpResolved;
    try {
      checkToken(options.server);
      resolved = resolve(options.server);
    } catch (error) {
      throw error instanceof SmtpSessionError ? errorOfSettings(error) : error;
    }
    const abort = new AbortController();
    const forward = (): void => abort.abort();
    signal?.addEventListener('abort', forward);
    if (signal?.aborted) abort.abort();
    let timedOut = false;
    const timer = setTimeout(() => {
      timedOut = true;
      abort.abort();
    }, options.connectTimeout);
    const secure = resolved.tls === 'never' ? 'never' : resolved.tls === 'implicit' ? 'implicit' : 'starttls';
    try {
      const { host: hostname, port } = resolved;
      const socket = await options.host.connect({ hostname, port, secure, tls: options.server.tls ?? {}, signal: abort.signal });
      const heloDomain = options.host.hostname?.();
      const session = new SmtpSession(options.server, {
        transcript: true,
        greetingTimeout: options.greetingTimeout,
        ...(heloDomain === undefined ? {} : { heloDomain }),
      });
      return new Connection(options, socket, session, resolved, abort);
    } catch (error) {
      const context = contextOf(resolved);
      if (timedOut) throw errorOfConnect(Object.assign(new Error('timed out'), { code: 'ETIMEDOUT' }), context);
      throw errorOfConnect(error, context);
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener('abort', forward);
    }
  }

  /** What was said so far, secrets as `***`. */
  get transcript(): string {
    this.#takeTranscript();
    return this.#transcript;
  }

  get isOpen(): boolean {
    return !this.#closed && !this.#quitting;
  }

  /** What the server offers, once the session is set up. */
  get capabilities(): SmtpSession['capabilities'] {
    return this.#session.capabilities;
  }

  /** Sends a message; the result is that of the server's last reply to it. */
  send(envelope: SmtpEnvelope, octets: Uint8Array, plan: SmtpBodyPlan, messageId: string | undefined): { delivery: Promise<Delivery>; cancel: () => void } {
    if (this.#error) throw this.#error;
    let operation: number;
    try {
      operation = this.#session.send(envelope, plan);
    } catch (error) {
      throw error instanceof SmtpSessionError ? errorOfSettings(error, messageId) : error;
    }
    const delivery = new Promise<Delivery>((done, failed) => {
      this.#sendings.set(operation, { envelope, octets, given: 0, streaming: false, recipients: [], messageId, done, failed });
    });
    this.#wake();
    const cancel = (): void => {
      if (!this.#sendings.has(operation) || this.#closed) return;
      this.#try(() => this.#session.cancel(operation));
      this.#wake();
    };
    return { delivery, cancel };
  }

  /** Says QUIT and closes; nobody needs to wait for it. While the session is being set up, it closes at once. */
  quit(): void {
    if (this.#quitting || this.#closed) return;
    if (!this.#isReady) return this.abort();
    this.#quitting = true;
    this.#try(() => this.#session.quit());
    this.#wake();
  }

  /** Closes at once; what is under way fails as cancelled. */
  abort(): void {
    if (this.#closed) return;
    this.#try(() => this.#session.abort());
    this.#abort.abort();
    this.#wake();
  }

  // The pump: events are delivered, then what is to be sent goes out, then one thing is waited for.
  async #run(): Promise<void> {
    let read: Promise<'read'> | undefined;
    let write: Promise<'write'> | undefined;
    let received: Uint8Array | null = null;
    try {
      for (;;) {
        const tls = this.#deliver();
        if (this.#closed) break;
        if (tls) {
          await this.#startTls();
          continue;
        }
        if (!write && this.#giveBody()) {
          // A message that breaks its declaration has failed by now, and the session with it.
          this.#deliver();
          if (this.#closed) break;
        }
        const socket = this.#socket;
        if (!socket) break;
        if (!write) {
          const flight = this.#session.flight();
          if (flight) {
            this.#session.transmitting(flight.length);
            write = socket.write(flight).then(
              () => {
                this.#try(() => this.#session.transmitted(flight.length));
                return 'write' as const;
              },
              // What the server said before it closed may explain it: reading goes on, and finds the end.
              () => 'write' as const,
            );
            continue;
          }
        }
        if (!read && this.#session.wantsInput) {
          read = socket.read().then(
            (octets) => ((received = octets), 'read' as const),
            () => ((received = null), 'read' as const),
          );
        }
        if (!write) this.#listener.idle();
        const what = await this.#race(read, write);
        if (what === 'write') {
          write = undefined;
          this.#progress();
        } else if (what === 'read') {
          read = undefined;
          const octets = received;
          this.#try(() => (octets === null ? this.#session.handleEof() : this.#session.handleInput(octets)));
        } else if (what === 'timeout') {
          this.#try(() => this.#session.handleTimeout());
        }
      }
    } catch (error) {
      // Neither a host nor a listener may throw here; if one does, nobody waits for ever.
      const { message } = nativeError(error);
      this.#error = new SmtpError(message, { code: 'EINTERNAL', origin: 'network', stage: 'connect', outcome: 'temporary', cause: error });
    }
    await this.#close();
  }

  async #race(read: Promise<'read'> | undefined, write: Promise<'write'> | undefined): Promise<'read' | 'write' | 'timeout' | 'wake'> {
    const deadline = this.#session.pollTimeout();
    let timer: ReturnType<typeof setTimeout> | undefined;
    const waits: Promise<'read' | 'write' | 'timeout' | 'wake'>[] = [
      new Promise((done) => (this.#wake = () => done('wake'))),
    ];
    if (read) waits.push(read);
    if (write) waits.push(write);
    if (deadline !== undefined) {
      const delay = Math.min(Math.max(deadline - performance.now(), 0) + 1, 2 ** 31 - 1);
      waits.push(new Promise((done) => (timer = setTimeout(() => done('timeout'), delay))));
    }
    try {
      return await Promise.race(waits);
    } finally {
      clearTimeout(timer);
    }
  }

  /** Runs a call of the core's; a fatal error tells itself by events. */
  #try(action: () => void): void {
    try {
      action();
    } catch (error) {
      if (!(error instanceof SmtpSessionError)) throw error;
      if (error.class === 'internal') throw error;
    }
  }

  /** Hands events out; `true` if the handshake is due. */
  #deliver(): boolean {
    let tls = false;
    for (const event of this.#session.pollEvents()) {
      this.#handle(event);
      this.#listener.event(event);
      tls ||= event.type === 'startTls';
    }
    return tls && !this.#closed;
  }

  #handle(event: SmtpEvent): void {
    switch (event.type) {
      case 'authenticated':
        this.security.mechanism = event.mechanism;
        break;
      case 'tlsDowngraded':
        this.security.downgraded = true;
        break;
      case 'ready':
        this.#isReady = true;
        this.#ready();
        break;
      case 'sendBody': {
        const sending = this.#sendings.get(event.operation);
        if (sending) sending.streaming = true;
        break;
      }
      case 'recipient': {
        const sending = this.#sendings.get(event.operation);
        const address = sending?.envelope.to[event.index] ?? '';
        sending?.recipients.push({ address, accepted: event.verdict === 'accepted', reply: event.reply });
        break;
      }
      case 'delivered': {
        const sending = this.#sendings.get(event.operation);
        this.#sendings.delete(event.operation);
        sending?.done({ reply: event.reply, recipients: sending.recipients });
        break;
      }
      case 'failed': {
        const sending = event.operation === null ? undefined : this.#sendings.get(event.operation);
        const error = errorOfFailure(event.failure, contextOf(this.resolved, sending?.messageId));
        if (event.operation === null) {
          this.#error = error;
          this.#unready(error);
        } else {
          this.#sendings.delete(event.operation);
          sending?.failed(error);
        }
        break;
      }
      case 'closed':
        this.#closed = true;
        break;
    }
  }

  /** Gives the core as much of the message as it takes. `true` if there was one to give. */
  #giveBody(): boolean {
    let gave = false;
    for (const [operation, sending] of this.#sendings) {
      if (!sending.streaming) continue;
      this.#try(() => {
        sending.given += this.#session.body(operation, sending.octets.subarray(sending.given, sending.given + CHUNK));
        if (sending.given < sending.octets.length) return;
        this.#session.endBody(operation);
        sending.streaming = false;
      });
      gave = true;
    }
    return gave;
  }

  #progress(): void {
    for (const sending of this.#sendings.values()) {
      if (sending.given > 0) this.#listener.progress(sending.given, sending.octets.length);
    }
  }

  async #startTls(): Promise<void> {
    const socket = this.#socket;
    if (!socket) return;
    const timeout = AbortSignal.timeout(this.#connectTimeout);
    const expire = (): void => void socket.close('abort');
    timeout.addEventListener('abort', expire);
    try {
      const tls = await socket.startTls();
      this.security.encrypted = true;
      this.security.verified = tls.verified;
      this.security.tls = tls;
      this.#try(() => this.#session.tlsEstablished(tls));
    } catch (error) {
      const { code, message } = nativeError(error);
      this.#try(() => this.#session.tlsFailed({ code, text: message }));
    } finally {
      timeout.removeEventListener('abort', expire);
    }
  }

  #takeTranscript(): void {
    if (this.#socket === undefined) return;
    this.#transcript += this.#session.pollTranscript();
  }

  async #close(): Promise<void> {
    const wasOrderly = this.#error === undefined && this.#quitting;
    this.#closed = true;
    const error = this.#error ?? closedError(this.resolved);
    this.#unready(error);
    for (const sending of this.#sendings.values()) sending.failed(error);
    this.#sendings.clear();
    try {
      this.#takeTranscript();
      this.#session[Symbol.dispose]();
    } catch {
      // After a trap there is nothing left to take.
    }
    const socket = this.#socket;
    this.#socket = undefined;
    await socket?.close(wasOrderly ? 'graceful' : 'abort');
  }
}

/** Octets of a message given at once. */
const CHUNK = 64 * 1024;

function contextOf(resolved: SmtpResolved, messageId?: string): SmtpErrorContext {
  return { host: resolved.host, port: resolved.port, tls: resolved.tls, hasLogin: resolved.user !== null, messageId };
}

function closedError(resolved: SmtpResolved): SmtpError {
  return new SmtpError(`The connection to ${resolved.host}:${resolved.port} was closed.`, {
    code: 'ECONNECTION', origin: 'cancelled', stage: 'command', outcome: 'temporary',
  });
}

function checkToken(server: SmtpServer): void {
  if ((server as { token?: unknown }).token !== undefined) {
    throw new SmtpSessionError('settings', undefined, 'token needs XOAUTH2 or OAUTHBEARER, which this version does not have: set user and password', { setting: 'token' });
  }
}

