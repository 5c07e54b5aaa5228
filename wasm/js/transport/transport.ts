import { host as runtimeHost } from '#host';
import { Connection } from '../connection.js';
import { replyText, SmtpError } from '../errors.js';
import type { SmtpHost } from '../host.js';
import { compose, type SmtpMail } from '../mail.js';
import { closedError, Pool, type PoolDelivery } from '../pool.js';
import { recipientsOf, type SmtpSendResult } from '../result.js';
import { mailOf, type SmtpTransportMessage } from './message.js';
import { readOptions, type SmtpTransportOptions, type TransportSettings } from './options.js';

/** What became of a message, in Nodemailer's words, and more. */
export interface SmtpTransportInfo extends SmtpSendResult {
  /** What the server offers. */
  ehlo: string[];
  /** Milliseconds until the message was due, and from then until it was taken. */
  envelopeTime: number;
  messageTime: number;
  /** Octets of the message. */
  messageSize: number;
  /** What was said on the connection, with `debug` or `transactionLog`. */
  conversation?: string;
}

type Callback<T> = (error: SmtpError | null, result?: T) => void;

/**
 * Sends mail, for people who know Nodemailer: its options, its fields, its `info`, its error codes.
 *
 * @param options Options, or a URL. What is not supported is an error that says what to do instead.
 * @param defaults Fields of every message that does not have them.
 *
 * @example
 * ```js
 * import { createTransport } from 'sansmtp';
 *
 * const transport = createTransport({
 *   host: 'mail.example.com',
 *   port: 587,
 *   requireTLS: true,
 *   auth: { user: 'ann@example.com', pass: process.env.SMTP_PASSWORD },
 *   pool: true,
 * });
 * const info = await transport.sendMail({ from: 'ann@example.com', to: 'bob@example.org', subject: 'Hello', text: 'Hello, Bob.' });
 * console.log(info.accepted, info.response);
 * await transport.close();
 * ```
 */
export function createTransport(options: string | SmtpTransportOptions, defaults: SmtpTransportMessage = {}): SmtpTransport {
  return new SmtpTransport(options, defaults);
}

/**
 * What {@link createTransport} makes. It tells of `idle` when another message would go out at once.
 *
 * @example
 * ```js
 * import { createTransport } from 'sansmtp';
 *
 * const transport = createTransport('smtps://ann:secret@mail.example.com/?pool=true');
 * transport.addEventListener('idle', () => console.log('the next one, please'));
 * await transport.sendMail({ from: 'ann@example.com', to: 'bob@example.org', text: 'Hello, Bob.' });
 * await transport.close();
 * ```
 */
export class SmtpTransport extends EventTarget {
  readonly #settings: TransportSettings;
  readonly #defaults: SmtpTransportMessage;
  readonly #host: SmtpHost;
  readonly #pool: Pool;
  /** What was given and is not over. */
  readonly #sendings = new Set<Promise<unknown>>();
  #isClosed = false;

  /** @internal */
  constructor(options: string | SmtpTransportOptions, defaults: SmtpTransportMessage) {
    super();
    this.#settings = readOptions(options);
    this.#defaults = defaults;
    this.#host = this.#settings.smtpHost ?? runtimeHost;
    this.#pool = new Pool((signal) => this.#open(signal), this.#settings.limits, () => this.dispatchEvent(new Event('idle')));
    const { signal } = this.#settings;
    if (signal?.aborted) void this.close({ force: true });
    else signal?.addEventListener('abort', () => void this.close({ force: true }), { once: true });
  }

  /**
   * Sends a message. Resolves if at least one recipient was accepted; look at `rejected`. Rejects with an {@link SmtpError}.
   */
  sendMail(message: SmtpTransportMessage): Promise<SmtpTransportInfo>;
  sendMail(message: SmtpTransportMessage, callback: Callback<SmtpTransportInfo>): void;
  sendMail(message: SmtpTransportMessage, callback?: Callback<SmtpTransportInfo>): Promise<SmtpTransportInfo> | void {
    return answered(this.#sendMessage(message), callback);
  }

  /** @internal Sends what `make` makes. */
  send(make: () => SmtpMail | Promise<SmtpMail>, signal: AbortSignal | undefined, maxRecipients = Infinity): Promise<SmtpTransportInfo> {
    if (this.#isClosed) return Promise.reject(closedError());
    const sending = this.#send(make, signal, maxRecipients).finally(() => this.#sendings.delete(sending));
    this.#sendings.add(sending);
    return sending;
  }

  async #send(make: () => SmtpMail | Promise<SmtpMail>, signal: AbortSignal | undefined, maxRecipients: number): Promise<SmtpTransportInfo> {
    const mail = await make();
    const { dkim } = this.#settings;
    if (mail.dkim === undefined && dkim.length > 0) mail.dkim = dkim;
    const { envelope: given, returnPath, message, messageId } = await compose(mail, this.#host);
    const most = Math.min(maxRecipients, this.#settings.maxRecipients);
    if (given.to.length > most) {
      throw new SmtpError(`The message has ${given.to.length} recipients; maxRecipients allows ${most}.`, {
        code: 'EMAXRECIPIENTS', origin: 'settings', stage: 'connect', outcome: 'permanent', suspects: ['recipient'], messageId,
      });
    }
    const from = returnPath ?? given.from;
    const sent = await this.#pool.send({ envelope: () => ({ ...given, from }), message, messageId, signal: signal ?? new AbortController().signal });
    return this.#info(sent, messageId);
  }

  /** Connects, logs in and leaves, and sends nothing. `true`, or an {@link SmtpError} that says what is wrong. */
  verify(): Promise<true>;
  verify(callback: Callback<true>): void;
  verify(callback?: Callback<true>): Promise<true> | void {
    return answered(this.#verify(), callback);
  }

  /** Whether a message would go out at once. */
  isIdle(): boolean {
    return this.#pool.isIdle;
  }

  /**
   * Takes no more messages; those that were given are sent first, or given up with `force`. Resolves when everything is
   * closed.
   */
  async close({ force = false }: { force?: boolean } = {}): Promise<void> {
    this.#isClosed = true;
    if (!force) await Promise.allSettled(this.#sendings);
    await this.#pool.close(force);
  }

  /** As {@link close}. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #sendMessage(message: SmtpTransportMessage): Promise<SmtpTransportInfo> {
    if (typeof message !== 'object' || message === null) {
      throw new SmtpError('No message was given: sendMail({ from, to, subject, text }).', { code: 'EMESSAGE', origin: 'settings', stage: 'connect', outcome: 'permanent', suspects: ['message'] });
    }
    return this.send(() => mailOf(message, this.#defaults, this.#settings), message.signal, message.maxRecipients);
  }

  #open(signal: AbortSignal): Promise<Connection> {
    const { server, connectTimeout, greetingTimeout, socketTimeout, log } = this.#settings;
    const said = (lines: string): void => lines.trimEnd().split('\n').forEach((line) => log?.(line));
    const listener = { event: () => {}, progress: () => {}, idle: () => {}, said };
    return Connection.open({ server, host: this.#host, connectTimeout, greetingTimeout, socketTimeout, listener }, signal);
  }

  async #verify(): Promise<true> {
    const connection = await this.#open(this.#settings.signal ?? new AbortController().signal);
    await connection.ready;
    connection.quit();
    return true;
  }

  #info({ connection, envelope, delivery }: PoolDelivery, messageId: string | undefined): SmtpTransportInfo {
    const { envelopeTime, messageTime, messageSize, reply } = delivery;
    return {
      ...recipientsOf(connection, envelope, delivery),
      ehlo: connection.offers,
      envelopeTime: Math.round(envelopeTime),
      messageTime: Math.round(messageTime),
      messageSize,
      response: replyText(reply),
      messageId,
      ...(this.#settings.hasConversation ? { conversation: connection.transcript } : {}),
    };
  }
}

/** A promise, or its result to a callback. */
function answered<T>(result: Promise<T>, callback: Callback<T> | undefined): Promise<T> | void {
  if (callback === undefined) return result;
  result.then((value) => callback(null, value), (error: SmtpError) => callback(error));
}
