import { errorOfFailure, errorOfSettings, nativeError, SmtpError, SmtpSessionError, type SmtpRecipientResult } from './errors.js';
import type { SmtpAuthAnswer, SmtpAuthNeeds, SmtpEvent, SmtpReply } from './events.js';
import type { SmtpHost, SmtpSocket, SmtpTlsInfo } from './host.js';
import { answerOf, kindOf } from './login.js';
import { MessageReader, type Message } from './message.js';
import { contextOf, later, opened, type Opened } from './opening.js';
import type { SmtpLogin } from './prepared.js';
import type { SmtpResolved, SmtpServer } from './server.js';
import type { SmtpEnvelope, SmtpSession } from './session.js';
import { Transcript } from './transcript.js';

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

/** A message that was delivered. */
export interface Delivery {
  reply: SmtpReply;
  recipients: SmtpRecipientResult[];
  /** Milliseconds until the message was due, and from then until it was taken. */
  envelopeTime: number;
  messageTime: number;
  /** Octets of it that were given. */
  messageSize: number;
  /** Where the transcript was when it was begun. */
  since: number;
}

/** What was begun, and what gives it up. */
export interface Operation {
  delivery: Promise<Delivery>;
  cancel: () => void;
  /** Whether it failed without a try: it stood behind another, or the server takes no more messages on this connection. */
  wasUntried: () => boolean;
}

/** What a connection tells while it works. */
export interface ConnectionListener {
  event(event: SmtpEvent): void;
  progress(sent: number, total: number | undefined): void;
  idle(): void;
  /** Lines of the dialogue, as they come. */
  said?(lines: string): void;
}

export interface ConnectionOptions {
  server: SmtpServer;
  host: SmtpHost;
  listener: ConnectionListener;
  /** Milliseconds until a connection must stand. */
  connectTimeout: number;
  /** Milliseconds until the server must have greeted. */
  greetingTimeout: number;
  /** Milliseconds without an octet either way while something is waited for. */
  socketTimeout?: number | undefined;
}

/** A message under way. */
interface Sending {
  envelope: SmtpEnvelope;
  /** Without one, its recipients are only asked about. */
  message: Message | undefined;
  /** The message while the core takes it, and how much it took. */
  reader: MessageReader | undefined;
  given: number;
  /** When it was begun, and when the message was due. */
  begun: number;
  due: number;
  since: number;
  /** Whether it was given up itself, and not with another. */
  isCancelled: boolean;
  isUntried: boolean;
  /** Whether all of the message was given. */
  isGiven: boolean;
  /** Why the message could not be read. */
  unreadable: { error: unknown } | undefined;
  /** What became of each recipient, by its place in the envelope. */
  results: Map<number, SmtpRecipientResult>;
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
  readonly #login: SmtpLogin;
  readonly #listener: ConnectionListener;
  readonly #connectTimeout: number;
  readonly #socketTimeout: number;
  readonly #session: SmtpSession;
  readonly #abort: AbortController;
  readonly #sendings = new Map<number, Sending>();
  #socket: SmtpSocket | undefined;
  /** What a message is written from. */
  #buffer: Uint8Array | undefined;
  readonly #transcript = new Transcript();
  /** Whether anything was begun. */
  #isUsed = false;
  #error: SmtpError | undefined;
  #closed = false;
  #quitting = false;
  /** Whether the session takes nothing more. */
  #isOver = false;
  /** Whether all of it was given up. */
  #isAborted = false;
  #isReady = false;
  #offers: readonly string[] = [];
  /** When octets last went either way, and whether that was too long ago. */
  #lastActive = performance.now();
  #isStalled = false;
  /** Whether the pump has something to do since it last looked, and what tells it if it waits. */
  #woken = false;
  #resume: () => void = () => {};
  /** Why reading or writing failed: the runtime's own error. */
  #ioError: unknown;
  /** Why the host's part of the login failed, if it did; anything may have been thrown. */
  #loginError: { error: unknown } | undefined;
  /** A call of the core's that failed as none may. */
  #broken: unknown;
  #ready: () => void = () => {};
  #unready: (error: SmtpError) => void = () => {};
  /** Settles when the session is set up. */
  readonly ready: Promise<void>;
  /** Settles when the connection is closed; never rejects. */
  readonly finished: Promise<void>;

  private constructor(options: ConnectionOptions, { socket, session, resolved, login, abort }: Opened) {
    this.#login = login;
    this.#listener = options.listener;
    this.#connectTimeout = options.connectTimeout;
    this.#socketTimeout = options.socketTimeout ?? Infinity;
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
    return new Connection(options, await opened(options, signal));
  }

  /** What was said so far, secrets as `***`. */
  get transcript(): string {
    this.#takeTranscript();
    return this.#transcript.text;
  }

  /** The same from where a message was begun, if it is kept so far back. */
  said({ since }: Delivery): string {
    this.#takeTranscript();
    return this.#transcript.from(since);
  }

  /** How many operations are under way. */
  get underWay(): number {
    return this.#sendings.size;
  }

  /** What the server offers, a keyword and its parameters each. Once the session is set up, that does not change. */
  get offers(): string[] {
    return [...this.#offers];
  }

  /** Whether the session is set up. */
  get isReady(): boolean {
    return this.#isReady;
  }

  get isOpen(): boolean {
    return !this.#closed && !this.#quitting && !this.#isOver && this.#error === undefined;
  }

  /** Sends a message; the result is that of the server's last reply to it. */
  send(envelope: SmtpEnvelope, message: Message, messageId: string | undefined): Operation {
    return this.#begin(envelope, message, messageId);
  }

  /** Asks whether the recipients would be taken; that some are not is a result and no error. */
  verifyRecipients(envelope: SmtpEnvelope): Operation {
    return this.#begin(envelope, undefined, undefined);
  }

  #begin(envelope: SmtpEnvelope, message: Message | undefined, messageId: string | undefined): Operation {
    if (this.#error) throw this.#error.about(messageId);
    let operation: number;
    try {
      operation = message ? this.#session.send(envelope, message.plan) : this.#session.verifyRecipients(envelope);
    } catch (error) {
      // A session that was given up, or that ends, takes nothing more while it waits for its last replies.
      this.#isOver = error instanceof SmtpSessionError && error.kind === 'sessionOver';
      if (this.#isOver) throw closedError(this.resolved);
      throw error instanceof SmtpSessionError ? errorOfSettings(error, messageId) : error;
    }
    // What was said before the first one is its own: the connection was set up for it.
    if (this.#isUsed) this.#takeTranscript();
    const since = this.#isUsed ? this.#transcript.length : 0;
    this.#isUsed = true;
    let sending: Sending | undefined;
    const delivery = new Promise<Delivery>((done, failed) => {
      const now = performance.now();
      sending = { envelope, message, reader: undefined, given: 0, begun: now, due: now, since, isCancelled: false, isUntried: false, isGiven: false, unreadable: undefined, results: new Map(), messageId, done, failed };
      if (this.#sendings.size === 0) this.#lastActive = now;
      this.#sendings.set(operation, sending);
    });
    this.#wake();
    const cancel = (): void => {
      const sending = this.#sendings.get(operation);
      if (!sending || this.#closed) return;
      sending.isCancelled = true;
      this.#try(() => this.#session.cancel(operation));
      this.#wake();
    };
    return { delivery, cancel, wasUntried: () => sending?.isUntried === true };
  }

  /** Says QUIT and closes; nobody needs to wait for it. While the session is being set up, it closes at once. */
  quit(): void {
    if (this.#quitting || this.#closed) return;
    if (!this.#isReady) return this.abort();
    this.#quitting = true;
    this.#guard(() => this.#session.quit());
    this.#wake();
  }

  /** Closes at once; what is under way fails as cancelled. */
  abort(): void {
    if (this.#closed) return;
    this.#isAborted = true;
    this.#guard(() => this.#session.abort());
    this.#abort.abort();
    this.#wake();
  }

  #wake(): void {
    this.#woken = true;
    this.#resume();
  }

  // The pump: events are delivered, then what is to be sent goes out, then one thing is waited for.
  async #run(): Promise<void> {
    let read: Promise<'read'> | undefined;
    let write: Promise<'write'> | undefined;
    let received: Uint8Array | null = null;
    try {
      for (;;) {
        if (this.#broken !== undefined) throw this.#broken;
        const tls = this.#deliver();
        if (this.#closed) break;
        if (tls) {
          await this.#startTls();
          continue;
        }
        this.#takeTranscript();
        if (!write && this.#giveBody()) {
          // A message that breaks its declaration has failed by now, and the session with it.
          this.#deliver();
          if (this.#closed) break;
        }
        const socket = this.#socket;
        if (!socket) break;
        if (!write) {
          const flight = this.#flight();
          if (flight) {
            this.#session.transmitting(flight.length);
            const isSetup = !this.#isReady;
            write = socket.write(flight).then(
              () => {
                // It may have held an AUTH exchange.
                if (isSetup) flight.fill(0);
                this.#try(() => this.#session.transmitted(flight.length));
                return 'write' as const;
              },
              // What the server said before it closed may explain it: reading goes on for a while, and finds the end.
              async (error: unknown) => {
                this.#ioError ??= error;
                await new Promise((over) => setTimeout(over, WRITE_GRACE));
                this.#try(() => this.#session.handleEof());
                return 'write' as const;
              },
            );
            continue;
          }
        }
        if (!read && this.#session.wantsInput) {
          read = socket.read().then(
            (octets) => ((received = octets), 'read' as const),
            (error: unknown) => ((this.#ioError ??= error), (received = null), 'read' as const),
          );
        }
        if (!write) this.#listener.idle();
        const what = await this.#race(read, write);
        // What it was for is looked at in the next round.
        if (what === 'wake') this.#woken = false;
        if (what === 'write') {
          write = undefined;
          this.#lastActive = performance.now();
          this.#progress();
        } else if (what === 'read') {
          read = undefined;
          this.#lastActive = performance.now();
          const octets = received as unknown;
          if (octets !== null && !(octets instanceof Uint8Array)) {
            throw new TypeError('the read() of the host must give a Uint8Array or null');
          }
          this.#try(() => (octets === null ? this.#session.handleEof() : this.#session.handleInput(octets)));
        } else if (what === 'timeout') {
          this.#try(() => this.#session.handleTimeout());
          this.#isStalled = performance.now() >= this.#stalledAt;
          if (this.#isStalled) this.abort();
        }
      }
    } catch (error) {
      // Neither a host nor a listener may throw here; if one does, nobody waits for ever.
      const { message } = nativeError(error);
      this.#error = new SmtpError(message, { code: 'EINTERNAL', origin: 'network', stage: 'connect', outcome: 'temporary', cause: error });
    }
    await this.#close();
  }

  /** What is to be sent, as much as one write takes. A message goes through one buffer, which is let go behind it. */
  #flight(): Uint8Array | undefined {
    if (this.#sendings.size === 0) {
      this.#buffer = undefined;
      return this.#session.flight();
    }
    this.#buffer ??= new Uint8Array(CHUNK);
    const count = this.#session.flightInto(this.#buffer);
    return count > 0 ? this.#buffer.subarray(0, count) : undefined;
  }

  async #race(read: Promise<'read'> | undefined, write: Promise<'write'> | undefined): Promise<'read' | 'write' | 'timeout' | 'wake'> {
    const deadline = Math.min(this.#session.pollTimeout() ?? Infinity, this.#stalledAt);
    let timer: ReturnType<typeof setTimeout> | undefined;
    const waits: Promise<'read' | 'write' | 'timeout' | 'wake'>[] = [this.#waitForWake()];
    if (read) waits.push(read);
    if (write) waits.push(write);
    if (deadline < Infinity) {
      const delay = Math.min(Math.max(deadline - performance.now(), 0) + 1, 2 ** 31 - 1);
      waits.push(new Promise((done) => (timer = setTimeout(() => done('timeout'), delay))));
    }
    try {
      return await Promise.race(waits);
    } finally {
      clearTimeout(timer);
    }
  }

  /** When it will have been silent for too long. An idle connection may be silent. */
  get #stalledAt(): number {
    return this.#isReady && this.#sendings.size === 0 ? Infinity : this.#lastActive + this.#socketTimeout;
  }

  /** Resolves once there is something to do, at once if it came while nobody waited. */
  #waitForWake(): Promise<'wake'> {
    return new Promise((done) => {
      this.#resume = () => done('wake');
      if (this.#woken) done('wake');
    });
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
    const [first] = this.#sendings.keys();
    for (const event of this.#session.pollEvents()) {
      this.#handle(event, first);
      this.#listener.event(event);
      tls ||= event.type === 'startTls';
    }
    return tls && !this.#closed;
  }

  /** @param first The operation that the server was at. */
  #handle(event: SmtpEvent, first: number | undefined): void {
    switch (event.type) {
      case 'authNeeds':
        void this.#answer(event.needs);
        break;
      case 'authenticated':
        this.security.mechanism = event.mechanism;
        break;
      case 'tlsDowngraded':
        this.security.downgraded = true;
        break;
      case 'ready':
        this.#isReady = true;
        this.#offers = this.#session.capabilities.keywords.map(({ keyword, parameters }) => [keyword, ...parameters].join(' '));
        this.#ready();
        break;
      case 'sendBody': {
        const sending = this.#sendings.get(event.operation);
        if (!sending?.message) break;
        sending.reader?.close();
        sending.reader = new MessageReader(sending.message.open);
        sending.given = 0;
        sending.due = performance.now();
        break;
      }
      case 'delivery':
      case 'recipient': {
        const sending = this.#sendings.get(event.operation);
        const { index, verdict, reply } = event;
        const address = sending === undefined ? '' : addressesIn(sending.envelope)[index] ?? '';
        const accepted = verdict === 'accepted';
        sending?.results.set(index, { address, accepted, reply, outcome: accepted ? undefined : verdict });
        break;
      }
      case 'answer':
      case 'delivered': {
        const sending = this.#sendings.get(event.operation);
        this.#sendings.delete(event.operation);
        sending?.reader?.close();
        if (!sending) break;
        const { begun, due, given, since } = sending;
        const times = { envelopeTime: due - begun, messageTime: performance.now() - due, messageSize: given, since };
        sending.done({ reply: event.reply, recipients: recipientsOf(sending), ...times });
        break;
      }
      case 'failed': {
        const sending = event.operation === null ? undefined : this.#sendings.get(event.operation);
        const error = errorOfFailure(event.failure, {
          ...contextOf(this.resolved, sending?.messageId),
          ioError: this.#ioError,
          loginError: this.#loginError,
          unreadable: sending?.unreadable,
          stalled: this.#isStalled ? this.#socketTimeout : undefined,
          isCollateral: sending !== undefined && !sending.isCancelled && !this.#isAborted,
          login: kindOf(this.#login, this.resolved),
          allowed: this.resolved.mechanisms,
          offered: this.#session.capabilities.mechanisms,
          recipients: sending ? recipientsOf(sending) : [],
        });
        if (event.operation === null) {
          this.#error = error;
          this.#unready(error);
        } else {
          this.#sendings.delete(event.operation);
          sending?.reader?.close();
          const { cause } = event.failure;
          const isFull = cause.kind === 'error' && cause.error.class === 'unsupported' && cause.error.kind === 'messages';
          if (isFull) this.#isOver = true;
          if (sending) sending.isUntried = isFull || event.operation !== first;
          sending?.failed(error);
        }
        break;
      }
      case 'closed':
        this.#closed = true;
        break;
    }
  }

  /** Does the host's part of a login: its own mechanism, a token, a slow key. What fails gives the login up. */
  async #answer(needs: SmtpAuthNeeds): Promise<void> {
    let answer: SmtpAuthAnswer;
    try {
      const { host: server, port } = this.resolved;
      const channelBindings = this.security.tls?.channelBindings ?? [];
      answer = await answerOf(needs, this.#login, { server, port, channelBindings, signal: this.#abort.signal });
    } catch (error) {
      this.#loginError = { error };
      answer = { step: 'cancel' };
    }
    if (this.#closed) return;
    try {
      this.#session.authSupply(answer);
    } catch (error) {
      // A token that cannot be one, for example. A session that ended meanwhile has told so.
      this.#loginError ??= { error };
      this.#guard(() => this.#session.authSupply({ step: 'cancel' }));
    }
    this.#wake();
  }

  /** As {@link #try}, where nobody would catch what must not happen: the pump does. */
  #guard(action: () => void): void {
    try {
      this.#try(action);
    } catch (error) {
      this.#broken = error;
      this.#wake();
    }
  }

  /** Gives the core as much of each message as it takes. `true` if there was one to give. */
  #giveBody(): boolean {
    let gave = false;
    for (const [operation, sending] of this.#sendings) {
      const { reader } = sending;
      if (!reader) continue;
      gave = true;
      this.#try(() => {
        try {
          if (this.#giveFrom(operation, sending, reader)) return;
        } catch (error) {
          // The message has failed by now, or breaks what was declared of it: an event tells.
          reader.close();
          sending.reader = undefined;
          throw error;
        }
        sending.reader = undefined;
      });
    }
    return gave;
  }

  /** Gives what is there. `false` once that was all. */
  #giveFrom(operation: number, sending: Sending, reader: MessageReader): boolean {
    for (;;) {
      const piece = reader.peek(() => this.#wake());
      if (reader.error !== undefined) {
        sending.unreadable = { error: reader.error };
        this.#session.cancel(operation);
        return false;
      }
      if (piece === undefined) return true;
      if (piece.length === 0) {
        sending.isGiven = true;
        this.#session.endBody(operation);
        return false;
      }
      const taken = this.#session.body(operation, piece.subarray(0, CHUNK));
      if (taken === 0) return true;
      reader.take(taken);
      sending.given += taken;
    }
  }

  #progress(): void {
    for (const sending of this.#sendings.values()) {
      if (sending.given > 0) this.#listener.progress(sending.given, sending.message?.total);
    }
  }

  async #startTls(): Promise<void> {
    const socket = this.#socket;
    if (!socket) return;
    let done = false;
    const handshake = socket.startTls().then(
      (tls) => {
        done = true;
        if (this.#closed) return;
        this.security.encrypted = true;
        this.security.verified = tls.verified;
        this.security.tls = tls;
        try {
          this.#session.tlsEstablished(tls);
        } catch (error) {
          // What a host of the caller's own told may be no such thing: the session must not wait for it for ever.
          const { message } = nativeError(error);
          this.#try(() => this.#session.tlsFailed({ code: 'EHOST', text: message }));
        }
      },
      (error: unknown) => {
        done = true;
        const { code, message } = nativeError(error);
        this.#try(() => this.#session.tlsFailed({ code, text: message }));
      },
    );
    const expire = (): void => {
      const text = `the handshake was not done within ${this.#connectTimeout} ms`;
      this.#try(() => this.#session.tlsFailed({ code: 'ETIMEDOUT', text }));
      this.#wake();
    };
    const timer = later(expire, this.#connectTimeout);
    try {
      // A cancelled message ends the wait; so does the end of the session.
      while (!done) {
        await Promise.race([handshake, this.#waitForWake()]);
        this.#woken = false;
        this.#deliver();
        if (this.#closed) break;
      }
    } finally {
      clearTimeout(timer);
    }
  }

  #takeTranscript(): void {
    if (this.#socket === undefined) return;
    const said = this.#session.pollTranscript();
    if (said === '') return;
    this.#listener.said?.(said);
    this.#transcript.add(said);
  }

  async #close(): Promise<void> {
    const wasOrderly = this.#error === undefined && this.#quitting;
    this.#closed = true;
    const error = this.#error ?? closedError(this.resolved);
    // A token provider that is still at work learns that nobody waits for it.
    this.#abort.abort();
    this.#unready(error);
    for (const sending of this.#sendings.values()) {
      sending.reader?.close();
      // A connection that broke without the core's knowing may have sent what it was given.
      const { given, isGiven } = sending;
      const known = given === 0 ? {} : isGiven ? { outcome: 'unknown' as const, dataSent: 'all' as const } : { dataSent: 'partial' as const };
      sending.failed(error.changed({ ...known, messageId: sending.messageId, recipients: [] }));
    }
    this.#sendings.clear();
    try {
      this.#takeTranscript();
      this.#session[Symbol.dispose]();
    } catch {
      // After a trap there is nothing left to take.
    }
    const socket = this.#socket;
    this.#socket = undefined;
    try {
      await socket?.close(wasOrderly ? 'graceful' : 'abort');
    } catch {
      // A host that breaks its promise here has closed, or never will: there is nobody left to tell.
    }
  }
}

/** Milliseconds for the server's last words to be read once a write failed. */
const WRITE_GRACE = 1000;
/** Octets of a message given at once. */
const CHUNK = 64 * 1024;

/** The addresses of an envelope's recipients. */
export function addressesIn({ to }: SmtpEnvelope): string[] {
  return to.map((recipient) => (typeof recipient === 'string' ? recipient : recipient.address));
}

/** Each recipient's result, in the order of the envelope. */
function recipientsOf({ results }: Sending): SmtpRecipientResult[] {
  return [...results].sort(([a], [b]) => a - b).map(([, result]) => result);
}

function closedError(resolved: SmtpResolved): SmtpError {
  return new SmtpError(`The connection to ${resolved.host}:${resolved.port} was closed.`, {
    code: 'ECONNECTION', origin: 'cancelled', stage: 'command', outcome: 'temporary',
  });
}

