import { host as runtimeHost } from '#host';
import { checkedSignal, follow } from './abort.js';
import { Connection, type Delivery, type Operation } from './connection.js';
import { replyText, SmtpError } from './errors.js';
import type { SmtpEvent } from './events.js';
import type { SmtpHost } from './host.js';
import { compose, composeUnsigned, SmtpMail } from './mail.js';
import { later } from './opening.js';
import { describe, recipientsOf, type SmtpConnectionResult, type SmtpRecipientsResult, type SmtpSendResult } from './result.js';
import type { SmtpServer } from './server.js';
import { suggest } from './suggest.js';

/** Options of a client. */
export interface SmtpClientOptions {
  /** Sockets and TLS, if not the runtime's own. */
  host?: SmtpHost;
  /** Milliseconds until a connection must stand. Default 30,000. */
  connectTimeout?: number;
  /** Milliseconds until the server must have greeted. Default 30,000. */
  greetingTimeout?: number;
}

/** Options of one sending. */
export interface SmtpSendOptions {
  /** Gives up. */
  signal?: AbortSignal;
  /** Milliseconds for all of it. Default: no bound but those of each phase (RFC 5321 §4.5.3.2). */
  timeout?: number;
}

/** The promise of a sending, which can be given up. */
export interface SmtpSending extends Promise<SmtpSendResult> {
  /** Gives up: the promise rejects with code `EABORT`, or with outcome `unknown` if the end of the message is out. */
  cancel(): void;
}

/** `sendingdatastream`: how much of a message went out. */
export class SmtpProgressEvent extends Event {
  /** Octets sent. */
  readonly sent: number;
  /** Octets in all; `undefined` when unknown. */
  readonly total: number | undefined;

  constructor(type: string, sent: number, total: number | undefined) {
    super(type);
    this.sent = sent;
    this.total = total;
  }
}

/**
 * Sends mail.
 *
 * Events: `connected` (the server greeted), `securing` (the handshake begins), `authorized` (the login succeeded),
 * `sendingdatastream` (with `sent` and `total`), `idle` (waiting for the server), and of our own `downgraded` (TLS was
 * wanted if offered, and is not to be had).
 *
 * @example
 * ```js
 * import { SmtpClient, SmtpConnectType, SmtpMail, SmtpServer } from 'sansmtp';
 *
 * const server = new SmtpServer('mail.example.com 587');
 * server.connectType = SmtpConnectType.connectSTARTTLS;
 * server.user = 'ann@example.com';
 * server.password = process.env.SMTP_PASSWORD;
 *
 * const mail = new SmtpMail();
 * mail.from = 'ann@example.com';
 * mail.to = 'bob@example.org';
 * mail.subject = 'Hello';
 * mail.textBody = 'Hello, Bob.';
 *
 * const client = new SmtpClient();
 * const { accepted } = await client.sendMailAsync(server, mail);
 * ```
 *
 * A connection that {@link connectAsync} opened is left by {@link close}, or at the end of a block by `await using client`,
 * which Node knows from 24 on and TypeScript compiles for others.
 */
export class SmtpClient extends EventTarget {
  /** Why the last sending failed; empty if it did not. */
  lastErrorMessage = '';
  readonly #host: SmtpHost;
  readonly #connectTimeout: number;
  readonly #greetingTimeout: number;
  /** The connection that `connectAsync` opened, and the server it is to. */
  #kept: { server: SmtpServer; connection: Connection } | undefined;
  readonly #connections = new Set<Connection>();
  /** What gives up each sending and each opening that is under way, and the promise of its end. */
  readonly #work = new Map<AbortController, Promise<void>>();
  #latest: Connection | undefined;

  constructor(options: SmtpClientOptions = {}) {
    super();
    checkNames('an option of SmtpClient', options, ['host', 'connectTimeout', 'greetingTimeout']);
    this.#host = options.host ?? runtimeHost;
    if (typeof this.#host?.connect !== 'function') throw wrong('host', 'host brings sockets and TLS: an SmtpHost, with connect(). The name of the server goes to new SmtpServer(name).');
    this.#connectTimeout = bound('connectTimeout', options.connectTimeout ?? 30_000);
    this.#greetingTimeout = bound('greetingTimeout', options.greetingTimeout ?? 30_000);
  }

  /** What was said on the last connection, a line a line, with secrets as `***`. */
  get smtpConversation(): string {
    return this.#latest?.transcript ?? '';
  }

  /**
   * Sends one mail: over a connection of its own, which is closed whatever happens, or over that of
   * {@link connectAsync} to the same server.
   *
   * Resolves if at least one recipient was accepted; look at `rejected`. Rejects with an {@link SmtpError} otherwise.
   */
  sendMailAsync(server: SmtpServer, mail: SmtpMail, options: SmtpSendOptions = {}): SmtpSending {
    const controller = new AbortController();
    const cancel = (): void => controller.abort();
    const note = (message: string): void => {
      if (mail instanceof SmtpMail) Reflect.set(mail, 'lastErrorMessage', message);
    };
    return Object.assign(this.#track(controller, server, options, () => this.#send(server, mail, controller.signal), note), { cancel });
  }

  /**
   * Connects, logs in and leaves, and sends nothing: whether the settings work, and how.
   *
   * @example
   * ```js
   * const { security } = await client.verifyAsync(server);
   * console.log(security.mechanism); // SCRAM-SHA-256-PLUS
   * ```
   */
  async verifyAsync(server: SmtpServer, options: SmtpSendOptions = {}): Promise<SmtpConnectionResult> {
    const controller = new AbortController();
    return this.#track(controller, server, options, async () => {
      const connection = await this.#ready(server, controller.signal);
      connection.quit();
      return describe(connection);
    });
  }

  /**
   * Asks the server which recipients of a mail it would take, and sends nothing. Many servers say yes to every address, or
   * refuse to be asked often.
   *
   * @example
   * ```js
   * const { accepted, rejected } = await client.testRecipientsAsync(server, mail);
   * ```
   */
  async testRecipientsAsync(server: SmtpServer, mail: SmtpMail, options: SmtpSendOptions = {}): Promise<SmtpRecipientsResult> {
    const controller = new AbortController();
    return this.#track(controller, server, options, async () => {
      const { envelope: given, returnPath } = composeUnsigned(mail, this.#host);
      return this.#over(server, server, controller.signal, async (connection) => {
        const envelope = { ...given, from: returnPath ?? connection.resolved.mailFrom ?? given.from };
        return recipientsOf(connection, envelope, await carriedOut(connection.verifyRecipients(envelope), controller.signal));
      });
    });
  }

  /**
   * Opens a connection and logs in; mails to the same server object go over it until {@link close}. Its settings are read
   * here: what is changed in it later is for the next connection.
   */
  async connectAsync(server: SmtpServer, options: SmtpSendOptions = {}): Promise<void> {
    const controller = new AbortController();
    await this.#track(controller, server, options, async () => {
      const connection = await this.#ready(server, controller.signal);
      this.#kept?.connection.quit();
      this.#kept = { server, connection };
    });
  }

  /** Ends everything: a mail that is under way, or about to be, is given up; an idle connection is left with QUIT. */
  close(): void {
    for (const controller of this.#work.keys()) controller.abort();
    const kept = this.#kept?.connection;
    this.#kept = undefined;
    if (kept && kept.underWay > 0) kept.abort();
    else kept?.quit();
  }

  /** As {@link close}, and waits until everything is closed. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.close();
    await Promise.allSettled(this.#work.values());
    await Promise.all([...this.#connections].map((connection) => connection.finished));
  }

  /** Runs something that `close`, the caller's signal and its time give up, and keeps its error message. */
  #track<T>(controller: AbortController, server: SmtpServer, options: SmtpSendOptions, work: () => Promise<T>, note?: (message: string) => void): Promise<T> {
    let unfollow = (): void => {};
    const keep = (message: string): void => {
      this.lastErrorMessage = message;
      note?.(message);
    };
    let over = (): void => {};
    this.#work.set(controller, new Promise((done) => (over = done)));
    return (async () => {
      try {
        checkServer(server);
        checkNames('an option of sending', options, ['signal', 'timeout']);
        unfollow = follow(checkedSignal(options.signal), () => controller.abort());
        const result = await bounded(controller, options.timeout, work);
        keep('');
        return result;
      } catch (error) {
        keep(messageOf(error));
        throw error;
      } finally {
        unfollow();
        this.#work.delete(controller);
        over();
      }
    })();
  }

  async #send(server: SmtpServer, mail: SmtpMail, signal: AbortSignal): Promise<SmtpSendResult> {
    // What the caller changes next, in the mail or the server, is for the next mail; without a signature nothing is waited for.
    const settings = { ...server };
    const composed = mail?.dkim ? await compose(mail, this.#host, signal) : composeUnsigned(mail, this.#host);
    const { envelope: given, returnPath, message, messageId } = composed;
    return this.#over(server, settings, signal, async (connection) => {
      const envelope = { ...given, from: returnPath ?? connection.resolved.mailFrom ?? given.from };
      const delivery = await carriedOut(connection.send(envelope, message, messageId), signal);
      return { ...recipientsOf(connection, envelope, delivery), response: replyText(delivery.reply), messageId };
    });
  }

  /** Does something over the connection that is kept to the server, or over one of its own by the settings. */
  async #over<T>(server: SmtpServer, settings: SmtpServer, signal: AbortSignal, work: (connection: Connection) => Promise<T>): Promise<T> {
    const kept = this.#kept && this.#kept.server === server && this.#kept.connection.isOpen ? this.#kept.connection : undefined;
    const connection = kept ?? (await this.#open(settings, signal));
    try {
      return await work(connection);
    } catch (error) {
      // One that was at its end took nothing; what took nothing can go over another.
      const isRefused = kept !== undefined && !kept.isOpen && error instanceof SmtpError && error.code === 'ECONNECTION' && error.stage === 'command';
      if (!isRefused || this.#kept?.connection !== kept) throw error;
      this.#kept = undefined;
      return await this.#over(server, settings, signal, work);
    } finally {
      if (!kept) connection.quit();
    }
  }

  /** Opens a connection and waits until it is set up. */
  async #ready(server: SmtpServer, signal: AbortSignal): Promise<Connection> {
    const connection = await this.#open(server, signal);
    const abort = (): void => connection.abort();
    signal.addEventListener('abort', abort);
    try {
      if (signal.aborted) abort();
      await connection.ready;
      return connection;
    } finally {
      signal.removeEventListener('abort', abort);
    }
  }

  async #open(server: SmtpServer, signal: AbortSignal | undefined): Promise<Connection> {
    this.#latest = undefined;
    const connection = await Connection.open(
      {
        server,
        host: this.#host,
        connectTimeout: this.#connectTimeout,
        greetingTimeout: this.#greetingTimeout,
        listener: {
          event: (event) => this.#tell(event),
          progress: (sent, total) => this.dispatchEvent(new SmtpProgressEvent('sendingdatastream', sent, total)),
          idle: () => this.dispatchEvent(new Event('idle')),
        },
      },
      signal,
    );
    this.#latest = connection;
    this.#connections.add(connection);
    void connection.finished.then(() => this.#connections.delete(connection));
    return connection;
  }

  #tell(event: SmtpEvent): void {
    switch (event.type) {
      case 'greeting':
        this.dispatchEvent(new Event('connected'));
        break;
      case 'startTls':
        this.dispatchEvent(new Event('securing'));
        break;
      case 'authenticated':
        this.dispatchEvent(new Event('authorized'));
        break;
      case 'tlsDowngraded':
        this.dispatchEvent(new Event('downgraded'));
        break;
    }
  }
}

/** What {@link SmtpClient} tells, by name. */
export interface SmtpClient {
  addEventListener(type: 'sendingdatastream', listener: ((event: SmtpProgressEvent) => void) | null, options?: Parameters<EventTarget['addEventListener']>[2]): void;
  addEventListener(...given: Parameters<EventTarget['addEventListener']>): void;
}

/** Waits for the end of an operation that the signal gives up. */
async function carriedOut({ delivery, cancel }: Operation, signal: AbortSignal): Promise<Delivery> {
  signal.addEventListener('abort', cancel);
  try {
    if (signal.aborted) cancel();
    return await delivery;
  } finally {
    signal.removeEventListener('abort', cancel);
  }
}

/** Gives work up when its time is over. */
async function bounded<T>(controller: AbortController, timeout: number | undefined, work: () => Promise<T>): Promise<T> {
  let timedOut = false;
  const expire = (): void => {
    timedOut = true;
    controller.abort();
  };
  const timer = timeout === undefined ? undefined : later(expire, bound('timeout', timeout));
  try {
    return await work();
  } catch (error) {
    throw timedOut && error instanceof SmtpError ? outOfTime(error, timeout) : error;
  } finally {
    clearTimeout(timer);
  }
}

/** What was cancelled since the time for all of it had passed; what is known of the message stays. */
function outOfTime(error: SmtpError, timeout: number | undefined): SmtpError {
  const { stage, outcome, dataSent, messageId, advice, suspects, recipients } = error;
  return new SmtpError(`Not done within ${timeout} ms (${stage}).`, {
    code: 'ETIMEDOUT', origin: 'network', stage, outcome, dataSent, messageId, advice, suspects, recipients, cause: error,
  });
}

/** A number of milliseconds; `Infinity` for no bound. */
function bound(name: string, millis: number): number {
  if (typeof millis === 'number' && millis > 0) return millis;
  throw wrong(name, `${name} must be a number of milliseconds above 0, or Infinity for no bound.`);
}

function checkServer(server: unknown): void {
  if (typeof server === 'string') throw wrong('server', `The server is text: give new SmtpServer('${server.replace(/\/\/[^@]*@/, '//…@')}').`);
  if (server instanceof SmtpMail) throw wrong('server', 'The server comes first, then the mail: sendMailAsync(server, mail).');
}

/** What nobody knows is an error, so that nothing is left out silently. */
function checkNames(what: string, options: object, names: readonly string[]): void {
  if (typeof options !== 'object' || options === null) throw wrong('options', `The options are an object; there are ${names.join(', ')}.`);
  const name = Object.keys(options).find((name) => !names.includes(name));
  if (name !== undefined) throw wrong(name, `${name} is not ${what}.${suggest(name, names) || ` There are ${names.join(', ')}.`}`);
}

function wrong(suspect: string, message: string): SmtpError {
  return new SmtpError(message, { code: 'ECONFIG', origin: 'settings', stage: 'connect', outcome: 'permanent', suspects: [suspect] });
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
