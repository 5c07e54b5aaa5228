import { inAscii } from './address.js';
import { SmtpSessionError } from './errors.js';
import type { SmtpAuthAnswer, SmtpEvent } from './events.js';
import type { SmtpChannelBinding } from './host.js';
import { PreparedServer } from './prepared.js';
import { SmtpServer } from './server.js';
import { call, core, instance, type Session, type Settings } from './wasm.js';

/** Who sends and who receives. */
export interface SmtpEnvelope {
  /** The address that bounces go to; empty for none. */
  from: string;
  /** The recipients' addresses, without names, and what is asked for each. */
  to: readonly (string | SmtpRecipient)[];
  /** What is asked for the message. */
  parameters?: SmtpMailParameters;
}

/** A recipient, and what is asked for it. */
export interface SmtpRecipient {
  /** The address, without a name. */
  address: string;
  parameters?: SmtpRcptParameters;
}

/**
 * Parameters of MAIL by their keywords; `true` is one without a value. The encoding is done for you. A parameter whose
 * extension the server does not offer fails the message before anything is sent; other keywords are of an extension of the
 * same name.
 */
export interface SmtpMailParameters {
  /** Who submitted the message; `<>`: not known (RFC 4954 §5). Left out where no login is offered. */
  AUTH?: string;
  /** Deliver within so many seconds, such as `120;R` (return it) or `120;N` (tell me), `T` behind it for a trace (RFC 2852). */
  BY?: string;
  /** A name for the message in notifications (RFC 3461 §4.4). */
  ENVID?: string;
  /** Seconds for which a submission server keeps it (RFC 4865). */
  HOLDFOR?: number;
  /** Until when it keeps it, such as `2030-01-31T12:00:00Z` (RFC 4865). */
  HOLDUNTIL?: string;
  /** -9 to 9 (RFC 6710). */
  'MT-PRIORITY'?: number;
  /** Every hop must use verified TLS (RFC 8689). */
  REQUIRETLS?: true;
  /** What a notification of failure has: the whole message, or the header (RFC 3461 §4.3). */
  RET?: 'FULL' | 'HDRS';
  [keyword: string]: string | number | true | undefined;
}

/** Parameters of RCPT: as {@link SmtpMailParameters}. */
export interface SmtpRcptParameters {
  /** `NEVER`, or some of `SUCCESS,FAILURE,DELAY` (RFC 3461 §4.1). */
  NOTIFY?: string;
  /** Whom the message was first addressed to (RFC 3461 §4.2). */
  ORCPT?: string;
  [keyword: string]: string | number | true | undefined;
}

/** What a message is, and what is to be done with it. */
export interface SmtpBodyPlan {
  /**
   * Which octets it has: up to 127, any but NUL, which needs a server with 8BITMIME, or any, sent as they are, which needs
   * one with BINARYMIME and CHUNKING. `auto`: any but NUL if the server has 8BITMIME, else up to 127. Default `sevenBit`.
   */
  content?: (typeof CONTENT)[number];
  /**
   * CR and LF alone become CRLF, or are refused; or the caller vouches that there are none, see
   * {@link SmtpSession.bodyChunk}. Default `normalize`.
   */
  lineEnds?: (typeof LINE_ENDS)[number];
  /** Lines of more than 998 octets are sent, or refused. Default `allow`. */
  longLines?: (typeof LONG_LINES)[number];
  /** By BDAT where the server offers CHUNKING, else by DATA; or by one of them. Default `auto`. */
  transfer?: (typeof TRANSFER)[number];
  /** Whether its header has UTF-8, which needs a server with SMTPUTF8. Default `false`. */
  utf8Headers?: boolean;
  /** Whether it can be given only once, so that it cannot be sent to some recipients after the others. Default `false`. */
  once?: boolean;
  /** Its size in octets, for a server that offers SIZE. */
  size?: number;
}

const CONTENT = ['sevenBit', 'eightBit', 'binary', 'auto'] as const;
const LINE_ENDS = ['normalize', 'reject', 'canonical'] as const;
const LONG_LINES = ['allow', 'reject'] as const;
const TRANSFER = ['auto', 'bdat', 'data'] as const;

/** Options of a session. */
export interface SmtpSessionOptions {
  /** Keep a transcript: see {@link SmtpSession.pollTranscript}. Default `false`. */
  transcript?: boolean;
  /** What the client calls itself if the server's settings do not say; left out if it is no full name. */
  heloDomain?: string;
  /** Milliseconds until the server must have greeted. Default 5 minutes (RFC 5321 §4.5.3.2.1). */
  greetingTimeout?: number;
  /** The name of a mechanism that the host carries out: see `authNeeds`. */
  hostMechanism?: string;
  /** 32 random octets, for the nonces of mechanisms. Default: the runtime's own; give them for a test only. */
  entropy?: Uint8Array;
  /** Seconds since 1970, for NTLM. Default: the runtime's clock. */
  unixTime?: number;
  /** Above how many iterations the host derives a key, by `authNeeds`. Default: never. */
  deriveAbove?: number;
  /** The moment at which the connection stands, in milliseconds of any monotonic clock. */
  now?: number;
}

/**
 * The protocol without I/O: give it the server's octets, send what it gives, do what its events say.
 *
 * Every method that takes a moment takes milliseconds of any monotonic clock; left out, it is `performance.now()`.
 * Every method may throw {@link SmtpSessionError}.
 *
 * @example
 * ```js
 * import { SmtpSession } from 'sansmtp/core';
 * const session = new SmtpSession('mail.example.com 25');
 * session.handleInput(new TextEncoder().encode('220 hello\r\n'));
 * for (const event of session.pollEvents()) console.log(event.type); // greeting
 * const flight = session.flight(); // EHLO …
 * session.transmitting(flight.length);
 * session.transmitted(flight.length);
 * ```
 */
export class SmtpSession {
  readonly #session: Session;
  readonly #instance: number;
  #disposed = false;

  constructor(server: SmtpServer | string, options?: SmtpSessionOptions);
  /** @internal */
  constructor(server: PreparedServer, options?: SmtpSessionOptions);
  constructor(server: SmtpServer | string | PreparedServer, options: SmtpSessionOptions = {}) {
    const { transcript = false, now = performance.now(), unixTime = Math.floor(Date.now() / 1000), deriveAbove } = options;
    const entropy = octetsOf(options.entropy ?? crypto.getRandomValues(new Uint8Array(32)));
    if (entropy.length !== 32) throw wrongOption('entropy', 'entropy must be 32 octets');
    if (deriveAbove !== undefined && !(Number.isInteger(deriveAbove) && deriveAbove >= 0 && deriveAbove < 2 ** 32)) {
      throw wrongOption('deriveAbove', 'deriveAbove must be a number of iterations');
    }
    const prepared = server instanceof PreparedServer ? server : PreparedServer.read(typeof server === 'string' ? new SmtpServer(server) : server);
    this.#instance = prepared.instance;
    const { settings, given } = prepared;
    try {
      this.#session = call(this.#instance, () => {
        const { greetingTimeout, hostMechanism } = options;
        if (greetingTimeout !== undefined && !given.has('greetingTimeout')) settings.set('greetingTimeout', millis(greetingTimeout));
        if (hostMechanism !== undefined) settings.set('hostMechanism', hostMechanism);
        if (!given.has('heloDomain')) offerName(settings, options.heloDomain);
        return new (core().Session)(settings, transcript, now, entropy, unixTime, deriveAbove);
      });
    } finally {
      if (prepared !== server) prepared.free();
    }
  }

  #call<T>(action: (session: Session) => T): T {
    if (this.#disposed) throw new SmtpSessionError('apiMisuse', 'disposed', 'the session was disposed of');
    return call(this.#instance, () => action(this.#session));
  }

  /** Whether to read from the server. `false` from `startTls` on: then no read may be under way. */
  get wantsInput(): boolean {
    return this.#call((session) => session.wants_input());
  }

  /** Takes what the server sent, in pieces of any size. */
  handleInput(octets: Uint8Array, now = performance.now()): void {
    const checked = octetsOf(octets);
    // In pieces, so that the instance does not grow with what it is given at once.
    let at = 0;
    do {
      this.#call((session) => session.handle_input(now, checked.subarray(at, at + PIECE)));
      at += PIECE;
    } while (at < checked.length);
  }

  /** The server closed its side of the connection. */
  handleEof(now = performance.now()): void {
    this.#call((session) => session.handle_eof(now));
  }

  /** To be called when the moment of {@link pollTimeout} has come. */
  handleTimeout(now = performance.now()): void {
    this.#call((session) => session.handle_timeout(now));
  }

  /** A copy of what is to be sent, if there is anything; {@link bodyDue} says if the host's own octets come first. */
  flight(): Uint8Array<ArrayBuffer> | undefined {
    return this.#call((session) => session.flight());
  }

  /**
   * As {@link flight}, into memory of the caller's, as much as it holds, so that nothing is left behind to be collected.
   * Returns how much that is.
   */
  flightInto(into: Uint8Array): number {
    const checked = octetsOf(into);
    return this.#call((session) => session.flight_into(checked));
  }

  /** The octets that the host announced by {@link bodyChunk} and is to send next, if there are any. */
  bodyDue(): { operation: number; length: number } | undefined {
    const [operation, length] = this.#call((session) => session.body_due()) ?? [];
    return operation === undefined || length === undefined ? undefined : { operation, length };
  }

  /** The next `count` octets of {@link flight} or {@link bodyDue} are with the transport: they are not given out again. */
  transmitting(count: number, now = performance.now()): void {
    this.#call((session) => session.transmitting(now, count));
  }

  /** The transport wrote `count` octets more. */
  transmitted(count: number, now = performance.now()): void {
    this.#call((session) => session.transmitted(now, count));
  }

  /** All events since the last call. */
  pollEvents(): SmtpEvent[] {
    const text = this.#call((session) => session.poll_events());
    if (text === undefined) return [];
    const events = JSON.parse(text) as SmtpEvent[];
    for (const event of events) {
      if (event.type !== 'authNeeds') continue;
      const { needs } = event;
      if (needs.step === 'response') needs.challenge = Uint8Array.from(needs.challenge);
      if (needs.step === 'derivedKey') needs.salt = Uint8Array.from(needs.salt);
    }
    return events;
  }

  /** When to call {@link handleTimeout}; `undefined`: never, as things stand. */
  pollTimeout(): number | undefined {
    return this.#call((session) => session.poll_timeout());
  }

  /** What was said since the last call, one line a line, secrets as `***`. Empty unless a transcript is kept. */
  pollTranscript(): string {
    return this.#call((session) => session.poll_transcript()) ?? '';
  }

  /** The handshake that `startTls` asked for is done. */
  tlsEstablished(tls: { verified: boolean; channelBindings?: readonly SmtpChannelBinding[] }, now = performance.now()): void {
    this.#call((session) => {
      for (const { name, data } of tls.channelBindings ?? []) session.channel_binding(textOf('channelBindings', name), octetsOf(data));
      session.tls_established(now, tls.verified);
    });
  }

  /** The handshake failed: the host's own error code and text. */
  tlsFailed(failure: { code: string; text: string }, now = performance.now()): void {
    this.#call((session) => session.tls_failed(now, failure.code, failure.text));
  }

  /** Starts TLS now: for a server whose `connectType` is `'connectManual'`, after `ready`. */
  establishTls(): void {
    this.#call((session) => session.establish_tls());
  }

  /** Answers `authNeeds`. */
  authSupply(answer: SmtpAuthAnswer): void {
    const octets = answerOctets(answer);
    this.#call((session) => session.auth_supply(answer.step, octets, answer.step === 'finish' && answer.ok));
  }

  /**
   * Sends a message: `sendBody` asks for it; `delivered` or `failed` is its result. It may be called while other messages
   * are under way: where the server permits, the next one goes out behind the last one.
   */
  send(envelope: SmtpEnvelope, plan: SmtpBodyPlan = {}): number {
    const content = place('content', CONTENT, plan.content);
    const lineEnds = place('lineEnds', LINE_ENDS, plan.lineEnds);
    const longLines = place('longLines', LONG_LINES, plan.longLines);
    const transfer = place('transfer', TRANSFER, plan.transfer);
    const { size, utf8Headers = false, once = false } = plan;
    if (size !== undefined && !(Number.isSafeInteger(size) && size >= 0)) throw wrongOption('size', 'size must be a number of octets');
    const read = readEnvelope(envelope);
    return this.#call((session) => {
      setEnvelope(session, read);
      return session.send(size, content, lineEnds, longLines, transfer, utf8Headers === true, once === true);
    });
  }

  /** Asks whether the recipients would be taken, and sends nothing: `recipient` tells of each, `answer` or `failed` is the result. */
  verifyRecipients(envelope: SmtpEnvelope): number {
    const read = readEnvelope(envelope);
    return this.#call((session) => {
      setEnvelope(session, read);
      return session.verify_recipients();
    });
  }

  /**
   * Announces octets of the message that the host sends itself, where {@link bodyDue} says so: a chunk that is never copied.
   * For a message that `sendBody` says is `chunked`, and whose plan says `canonical` or `binary`. `last` ends the message.
   * `false`: not now; try again when there was a reply or a write.
   */
  bodyChunk(operation: number, length: number, last = false): boolean {
    if (!Number.isSafeInteger(length) || length < 0) throw wrongOption('length', 'length must be a number of octets');
    return this.#call((session) => session.body_chunk(numberOf(operation), length, last === true));
  }

  /**
   * Gives a piece of the message. Returns how much was taken: less than all means to write out {@link flight}, or to wait
   * for a reply, first.
   */
  body(operation: number, piece: Uint8Array): number {
    const checked = octetsOf(piece).subarray(0, PIECE);
    return this.#call((session) => session.body(numberOf(operation), checked));
  }

  /** Ends the message. */
  endBody(operation: number): void {
    this.#call((session) => session.end_body(numberOf(operation)));
  }

  /** Gives an operation up. */
  cancel(operation: number): void {
    this.#call((session) => session.cancel(numberOf(operation)));
  }

  /** NOOP. `answer` is the result of this and of the next four. */
  noop(): number {
    return this.#call((session) => session.command('NOOP'));
  }

  /** RSET. */
  reset(): number {
    return this.#call((session) => session.command('RSET'));
  }

  /** VRFY. */
  vrfy(mailbox: string): number {
    return this.#call((session) => session.command('VRFY', textOf('argument', mailbox)));
  }

  /** EXPN. */
  expn(list: string): number {
    return this.#call((session) => session.command('EXPN', textOf('argument', list)));
  }

  /** HELP. */
  help(topic?: string): number {
    return this.#call((session) => session.command('HELP', topic === undefined ? topic : textOf('argument', topic)));
  }

  /** A command that has no method of its own, such as `ETRN example.com`. Those that the session uses itself are refused. */
  custom(line: string): number {
    return this.#call((session) => session.custom(textOf('argument', line)));
  }

  /** Ends the session after what is queued. */
  quit(): void {
    this.#call((session) => session.quit());
  }

  /** Ends the session at once. */
  abort(): void {
    this.#call((session) => session.abort());
  }

  /** What the server offers: keywords with their parameters, and login mechanisms. */
  get capabilities(): { keywords: { keyword: string; parameters: string[] }[]; mechanisms: string[] } {
    return JSON.parse(this.#call((session) => session.capabilities()));
  }

  /** Whether TLS is up. */
  get isEncrypted(): boolean {
    return this.#call((session) => session.is_encrypted());
  }

  /** The mechanism of the login, once it succeeded. */
  get mechanism(): string | undefined {
    return this.#call((session) => session.mechanism());
  }

  /** Frees the session's memory. Without it, that happens when the object is collected. */
  [Symbol.dispose](): void {
    if (!this.#disposed && this.#instance === instance()) this.#session.free();
    this.#disposed = true;
  }
}

/** An address and its parameters, as the core takes them. */
interface Party {
  address: string;
  parameters: [string, string | undefined][];
}

/** All of an envelope, before any of it is given to the core: what a caller's object does when it is read must not matter. */
function readEnvelope({ from, to, parameters }: SmtpEnvelope): [sender: Party, recipients: Party[]] {
  const recipients = Array.from(to ?? [], (recipient): Party => {
    if (typeof recipient === 'string') return { address: inAscii(recipient), parameters: [] };
    return { address: inAscii(textOf('address', recipient?.address)), parameters: parametersOf(recipient.parameters) };
  });
  return [{ address: inAscii(textOf('from', from)), parameters: parametersOf(parameters) }, recipients];
}

function parametersOf(parameters: SmtpMailParameters | SmtpRcptParameters = {}): [string, string | undefined][] {
  const isPlain = typeof parameters === 'object' && parameters !== null && !(Symbol.iterator in parameters);
  if (!isPlain) throw wrongOption('parameter', 'parameters must be an object: each keyword and its value');
  const given = Object.entries(parameters).filter(([, value]) => value !== undefined);
  return given.map(([keyword, value]) => {
    if (value === true) return [keyword, undefined];
    if (typeof value !== 'string' && typeof value !== 'number') {
      throw wrongOption('parameter', `${keyword}: a value must be text or a number, or true where there is none`);
    }
    return [keyword, String(value)];
  });
}

function setEnvelope(session: Session, [sender, recipients]: [sender: Party, recipients: Party[]]): void {
  addressed(sender.address, () => session.mail(sender.address));
  for (const [keyword, value] of sender.parameters) named(keyword, () => session.mail_parameter(keyword, value));
  for (const { address, parameters } of recipients) {
    addressed(address, () => session.recipient(address));
    for (const [keyword, value] of parameters) named(keyword, () => session.recipient_parameter(keyword, value));
  }
}

/** Says which address is wrong. */
function addressed(address: string, action: () => void): void {
  try {
    action();
  } catch (error) {
    if (typeof error !== 'string') throw error;
    const { kind, message } = SmtpSessionError.parse(error);
    throw wrongOption(String(kind), `"${address}" is not an address: ${message}`);
  }
}

/** Says which parameter is wrong. */
function named(keyword: string, action: () => void): void {
  try {
    action();
  } catch (error) {
    if (typeof error !== 'string') throw error;
    const { kind, message } = SmtpSessionError.parse(error);
    const how = kind === 'parameter' ? `not what this parameter may be, given twice, or not for this command; ${VALUES}` : message;
    throw wrongOption(String(kind), `${keyword}: ${how}`);
  }
}

/** What the parameters take. */
const VALUES =
  'a message takes RET (FULL, HDRS), ENVID (1 to 100 characters), AUTH (an address, <>), BY (120;R, 120;N), HOLDFOR (seconds), ' +
  'HOLDUNTIL (2030-01-31T12:00:00Z), MT-PRIORITY (-9 to 9), REQUIRETLS (true); a recipient NOTIFY (NEVER, or SUCCESS,FAILURE,DELAY), ORCPT (an address)';
/** Octets that are given to the instance at once. */
const PIECE = 64 * 1024;

function textOf(name: string, value: unknown): string {
  if (typeof value !== 'string') throw wrongOption(name, `${name} must be a string`);
  return value;
}

function numberOf(operation: unknown): number {
  const isOne = Number.isInteger(operation) && (operation as number) >= 0 && (operation as number) < 2 ** 32;
  if (!isOne) throw wrongOption('operation', 'operation must be the number that the call returned');
  return operation as number;
}

/** The place of an option's value in its list. */
function place(name: string, values: readonly string[], value: string | undefined): number {
  const found = value === undefined ? 0 : values.indexOf(value);
  if (found < 0) throw wrongOption(name, `${name} must be one of ${values.join(', ')}`);
  return found;
}

/** A machine may have a name that no mail server takes. */
function offerName(settings: Settings, name: string | undefined): void {
  if (name === undefined) return;
  try {
    settings.set('heloDomain', name);
  } catch (error) {
    if (typeof error !== 'string') throw error;
  }
}

/** A number of milliseconds as text; `Infinity` is as long as there can be. */
function millis(duration: number): string {
  return String(Math.min(Math.ceil(duration), Number.MAX_SAFE_INTEGER));
}

function wrongOption(name: string, message: string): SmtpSessionError {
  return new SmtpSessionError('invalidInput', name, message);
}

/** The octets of an answer, if it has any. A provider may give anything; what is no text must not become one. */
function answerOctets(answer: SmtpAuthAnswer): Uint8Array | undefined {
  switch (answer.step) {
    case 'derivedKey':
      return octetsOf(answer.key);
    case 'initialResponse':
      return answer.response === undefined ? undefined : octetsOf(answer.response);
    case 'response':
      return octetsOf(answer.response);
    case 'token':
      if (typeof answer.token === 'string') return new TextEncoder().encode(answer.token);
      throw new SmtpSessionError('invalidInput', 'token', 'the token provider must give the token as a string');
    case 'finish':
    case 'cancel':
      return undefined;
    default:
      throw new SmtpSessionError('invalidInput', 'authAnswer', 'an answer to authNeeds must have one of its steps');
  }
}

/** What is no octets, or is detached, would fail within the instance, which must not happen. */
function octetsOf(octets: unknown): Uint8Array {
  if (!(octets instanceof Uint8Array)) {
    throw new SmtpSessionError('invalidInput', 'octets', 'octets must be given as a Uint8Array');
  }
  return octets.length > 0 ? octets : new Uint8Array();
}
