import { host as runtimeHost } from '#host';
import { checkedSignal, follow, unlessCancelled } from '../abort.js';
import { Connection } from '../connection.js';
import { replyText, SmtpError } from '../errors.js';
import type { SmtpHost } from '../host.js';
import { compose, type SmtpMail } from '../mail.js';
import { closedError, Pool } from '../pool.js';
import { recipientsOf, type SmtpSendResult } from '../result.js';
import { mailOf, type SmtpTransportMessage } from './message.js';
import { bounded, readOptions, wrong, type SmtpTransportOptions, type TransportSettings } from './options.js';
import { inWords } from './words.js';

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

const OVER = 'the message is over';

type Callback<T> = (...given: [error: null, result: T] | [error: SmtpError, result: undefined]) => void;

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
  /** What was given and is not over: what gives it up, and the promise of its end. */
  readonly #work = new Map<AbortController, Promise<unknown>>();
  #unfollow = (): void => {};
  /** Messages that were given and are not over, those that are still being made too. */
  #inHand = 0;
  #isTelling = false;
  /** Connections of `verify` that are not closed yet. */
  readonly #verifying = new Set<Connection>();
  #isClosed = false;

  /** @internal */
  constructor(options: string | SmtpTransportOptions, defaults: SmtpTransportMessage) {
    super();
    this.#settings = readOptions(options);
    this.#defaults = defaults;
    this.#host = this.#settings.smtpHost ?? runtimeHost;
    this.#pool = new Pool((signal) => this.#open(signal), this.#settings.limits, () => this.#tellIdle());
    this.#unfollow = follow(this.#settings.signal, () => void this.close({ force: true }));
    this.#tellIdle();
  }

  /**
   * Sends a message. Resolves if at least one recipient was accepted; look at `rejected`. Rejects with an {@link SmtpError}.
   */
  sendMail(message: SmtpTransportMessage): Promise<SmtpTransportInfo>;
  sendMail(message: SmtpTransportMessage, callback: Callback<SmtpTransportInfo>): void;
  sendMail(message: SmtpTransportMessage, callback?: Callback<SmtpTransportInfo>): Promise<SmtpTransportInfo> | void {
    return answered(this.send((signal) => mailOf(message, this.#defaults, this.#settings, signal), message?.signal, message?.maxRecipients), callback);
  }

  /** @internal Sends what `make` makes. */
  async send(make: (signal: AbortSignal) => SmtpMail | Promise<SmtpMail>, given: unknown, maxRecipients?: number | null): Promise<SmtpTransportInfo> {
    this.#inHand += 1;
    try {
      return await this.#track((signal) => this.#carryOut(make, given, maxRecipients, signal), given);
    } catch (error) {
      throw inWords(error);
    } finally {
      this.#inHand -= 1;
      this.#tellIdle();
    }
  }

  async #carryOut(make: (signal: AbortSignal) => SmtpMail | Promise<SmtpMail>, given: unknown, maxRecipients: unknown, signal: AbortSignal): Promise<SmtpTransportInfo> {
    const mail = await unlessCancelled(async () => make(signal), signal);
    const { dkim } = this.#settings;
    if (!mail.dkim && dkim.length > 0) mail.dkim = dkim;
    const { envelope: usual, message, messageId, returnPath } = await compose(mail, this.#host, signal);
    const envelope = { ...usual, from: returnPath ?? usual.from };
    const most = Math.min(bounded('maxRecipients', maxRecipients ?? undefined, Infinity, true), this.#settings.maxRecipients);
    if (envelope.to.length > most) {
      throw new SmtpError(`The message has ${envelope.to.length} recipients; maxRecipients allows ${most}.`, {
        code: 'EMAXRECIPIENTS', origin: 'settings', stage: 'connect', outcome: 'permanent', suspects: ['recipient'], messageId,
      });
    }
    const isCancellable = given !== undefined && given !== null;
    const { connection, delivery } = await this.#pool.send({ envelope, message, messageId, signal, isCancellable });
    const { envelopeTime, messageTime, messageSize, reply } = delivery;
    return {
      ...recipientsOf(connection, envelope, delivery),
      ehlo: connection.offers,
      envelopeTime: Math.round(envelopeTime),
      messageTime: Math.round(messageTime),
      messageSize,
      response: replyText(reply),
      messageId,
      ...(this.#settings.hasConversation ? { conversation: connection.said(delivery) } : {}),
    };
  }

  /** Tells of `idle`, behind those who wait for a message that is over, if another one would go out at once then. */
  #tellIdle(): void {
    if (this.#isTelling) return;
    this.#isTelling = true;
    const tell = (): void => {
      this.#isTelling = false;
      if (this.isIdle()) this.dispatchEvent(new Event('idle'));
    };
    queueMicrotask(() => queueMicrotask(tell));
  }

  /** Does something that `close` waits for or gives up, and the caller's signal too. */
  async #track<T>(work: (signal: AbortSignal) => Promise<T>, given: unknown): Promise<T> {
    if (this.#isClosed) throw closedError();
    const controller = new AbortController();
    const unfollow = follow(checkedSignal(given), () => controller.abort());
    const tracked = work(controller.signal).finally(() => {
      unfollow();
      // What was fetched for it and is not read is let go. With a reason, since making one costs more than all of this.
      controller.abort(OVER);
      this.#work.delete(controller);
    });
    this.#work.set(controller, tracked);
    return tracked;
  }

  /** Connects, logs in and leaves, and sends nothing. `true`, or an {@link SmtpError} that says what is wrong. */
  verify(): Promise<true>;
  verify(callback: Callback<true>): void;
  verify(callback?: Callback<true>): Promise<true> | void {
    return answered(this.#verify(), callback);
  }

  /** As `addEventListener`, in Nodemailer's words. */
  on(event: string, listener: (event: Event) => void): this {
    this.addEventListener(event, listener);
    return this;
  }

  /** The same for the next time alone. */
  once(event: string, listener: (event: Event) => void): this {
    this.addEventListener(event, listener, { once: true });
    return this;
  }

  /** As `removeEventListener`. */
  off(event: string, listener: (event: Event) => void): this {
    this.removeEventListener(event, listener);
    return this;
  }

  /** @internal Nodemailer's own plug-ins change how it composes. */
  use(): never {
    throw wrong('Plug-ins are Nodemailer\'s: give them to its createTransport(sansmtp(options)), of sansmtp/nodemailer.', 'use');
  }

  /** Whether a message would go out at once. */
  isIdle(): boolean {
    const { maxConnections } = this.#settings.limits;
    if (this.#isClosed || this.#inHand >= maxConnections) return false;
    // Where connections are not bounded, nobody is held back: a program that is done must not wait for its next turn.
    return maxConnections === Infinity || this.#pool.allows(this.#inHand - this.#pool.size + 1);
  }

  /**
   * Takes no more messages; those that were given are sent first, or given up with `force`. Resolves when everything is
   * closed.
   */
  async close({ force = false }: { force?: boolean } = {}): Promise<void> {
    this.#isClosed = true;
    this.#unfollow();
    if (force) for (const controller of this.#work.keys()) controller.abort();
    await Promise.allSettled(this.#work.values());
    await Promise.all([this.#pool.close(force), ...[...this.#verifying].map(({ finished }) => finished)]);
  }

  /** As {@link close}. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #open(signal: AbortSignal): Promise<Connection> {
    const { server, connectTimeout, greetingTimeout, socketTimeout, log } = this.#settings;
    const said = (lines: string): void => lines.trimEnd().split('\n').forEach((line) => log?.(line));
    const listener = { event: () => {}, progress: () => {}, idle: () => {}, said };
    return Connection.open({ server, host: this.#host, connectTimeout, greetingTimeout, socketTimeout, listener }, signal);
  }

  #verify(): Promise<true> {
    return this.#track(async (signal) => {
      const connection = await this.#open(signal).catch((error: unknown) => Promise.reject(inWords(error)));
      this.#verifying.add(connection);
      void connection.finished.then(() => this.#verifying.delete(connection));
      const abort = (): void => connection.abort();
      signal.addEventListener('abort', abort);
      if (signal.aborted) abort();
      try {
        await connection.ready;
      } catch (error) {
        throw inWords(error);
      } finally {
        signal.removeEventListener('abort', abort);
        connection.quit();
      }
      return true as const;
    }, undefined);
  }
}

/** A promise, or its result to a callback. */
function answered<T>(result: Promise<T>, callback: Callback<T> | undefined): Promise<T> | void {
  if (callback === undefined) return result;
  result.then((value) => callback(null, value), (error: SmtpError) => callback(error, undefined));
}
