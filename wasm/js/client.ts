import { host as runtimeHost } from '#host';
import { Connection, type Delivery, type SmtpRecipientResult, type SmtpSecurity } from './connection.js';
import { replyText, SmtpError } from './errors.js';
import type { SmtpEvent } from './events.js';
import type { SmtpHost } from './host.js';
import { compose, type SmtpMail } from './mail.js';
import type { SmtpChoice, SmtpServer } from './server.js';

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

/** A mail that at least one recipient's server took. */
export interface SmtpSendResult {
  /** The recipients that were accepted. */
  accepted: string[];
  /** The recipients that were refused. */
  rejected: string[];
  /** Why each was refused. */
  rejectedErrors: SmtpError[];
  /** Each recipient's result, in order. */
  recipients: SmtpRecipientResult[];
  /** The server's last reply. */
  response: string;
  messageId: string | undefined;
  envelope: { from: string; to: string[] };
  /** How the connection was protected. */
  security: SmtpSecurity;
  /** The settings in effect, never the password; `choices` are those that were not given. */
  settings: {
    server: string;
    port: number;
    connection: string;
    authType: string | undefined;
    user: string | null;
    choices: SmtpChoice[];
  };
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
 * await using client = new SmtpClient();
 * const { accepted } = await client.sendMailAsync(server, mail);
 * ```
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
  #conversation = '';

  constructor(options: SmtpClientOptions = {}) {
    super();
    this.#host = options.host ?? runtimeHost;
    this.#connectTimeout = options.connectTimeout ?? 30_000;
    this.#greetingTimeout = options.greetingTimeout ?? 30_000;
  }

  /** What was said on the last connection, a line a line, with secrets as `***`. */
  get smtpConversation(): string {
    const [connection] = [...this.#connections].slice(-1);
    return connection ? connection.transcript : this.#conversation;
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
    options.signal?.addEventListener('abort', cancel);
    if (options.signal?.aborted) cancel();
    let timedOut = false;
    const expire = (): void => {
      timedOut = true;
      cancel();
    };
    const timer = options.timeout === undefined ? undefined : setTimeout(expire, options.timeout);
    const sending = this.#send(server, mail, controller.signal)
      .then((result) => {
        this.lastErrorMessage = '';
        mail.lastErrorMessage = '';
        return result;
      })
      .catch((reason: unknown) => {
        const error = timedOut && reason instanceof SmtpError ? outOfTime(reason, options.timeout) : reason;
        const message = error instanceof Error ? error.message : String(error);
        this.lastErrorMessage = message;
        mail.lastErrorMessage = message;
        throw error;
      })
      .finally(() => {
        clearTimeout(timer);
        options.signal?.removeEventListener('abort', cancel);
      });
    return Object.assign(sending, { cancel });
  }

  /** Opens a connection and logs in; mails to the same server go over it until {@link close}. */
  async connectAsync(server: SmtpServer, options: Pick<SmtpSendOptions, 'signal'> = {}): Promise<void> {
    const connection = await this.#open(server, options.signal);
    await connection.ready;
    this.#kept?.connection.quit();
    this.#kept = { server, connection };
  }

  /** Ends all connections: those that are idle with QUIT, those with a mail under way at once. */
  close(): void {
    this.#kept?.connection.quit();
    this.#kept = undefined;
    for (const connection of this.#connections) if (connection.isOpen) connection.abort();
  }

  /** As {@link close}, and waits until everything is closed. */
  async [Symbol.asyncDispose](): Promise<void> {
    const finished = [...this.#connections].map((connection) => connection.finished);
    this.close();
    await Promise.all(finished);
  }

  async #send(server: SmtpServer, mail: SmtpMail, signal: AbortSignal): Promise<SmtpSendResult> {
    const composed = compose(mail);
    const kept = this.#kept?.server === server && this.#kept.connection.isOpen ? this.#kept.connection : undefined;
    const connection = kept ?? (await this.#open(server, signal));
    try {
      const envelope = { from: connection.resolved.mailFrom ?? composed.from, to: composed.to };
      const { delivery, cancel } = connection.send(
        envelope,
        composed.octets,
        { size: composed.octets.length, content: composed.eightBit ? 'eightBit' : 'sevenBit' },
        composed.messageId,
      );
      signal.addEventListener('abort', cancel);
      try {
        if (signal.aborted) cancel();
        return this.#result(connection, envelope, composed.messageId, await delivery);
      } finally {
        signal.removeEventListener('abort', cancel);
      }
    } finally {
      if (!kept) connection.quit();
    }
  }

  async #open(server: SmtpServer, signal: AbortSignal | undefined): Promise<Connection> {
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
    this.#connections.add(connection);
    void connection.finished.then(() => {
      this.#conversation = connection.transcript;
      this.#connections.delete(connection);
    });
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

  #result(connection: Connection, envelope: { from: string; to: string[] }, messageId: string | undefined, delivery: Delivery): SmtpSendResult {
    const { resolved, security } = connection;
    const refused = delivery.recipients.filter((recipient) => !recipient.accepted);
    return {
      accepted: delivery.recipients.filter((recipient) => recipient.accepted).map((recipient) => recipient.address),
      rejected: refused.map((recipient) => recipient.address),
      rejectedErrors: refused.map(({ address, reply }) =>
        new SmtpError(`${resolved.host} refused ${address}: ${replyText(reply)}`, {
          code: 'EENVELOPE', origin: 'server', stage: 'recipients', reply, suspects: ['recipient'],
          outcome: reply.code < 500 ? 'temporary' : 'permanent',
        })),
      recipients: delivery.recipients,
      response: replyText(delivery.reply),
      messageId,
      envelope,
      security: { ...security },
      settings: {
        server: resolved.host,
        port: resolved.port,
        connection: security.encrypted ? (resolved.tls === 'implicit' ? 'TLS from the first octet' : 'STARTTLS') : 'in clear',
        authType: security.mechanism,
        user: resolved.user,
        choices: resolved.choices,
      },
    };
  }
}

/** What was cancelled since the time for all of it had passed; what is known of the message stays. */
function outOfTime(error: SmtpError, timeout: number | undefined): SmtpError {
  const { stage, outcome, dataSent, messageId } = error;
  return new SmtpError(`The mail was not sent within ${timeout} ms (${stage}).`, {
    code: 'ETIMEDOUT', origin: 'network', stage, outcome, dataSent, messageId, cause: error,
  });
}
