/** A transport for Nodemailer itself: its composer and plug-ins, this package's protocol. */
import type { SmtpError } from './errors.js';
import { SmtpMail } from './mail.js';
import { notificationOf, type SmtpTransportMessage } from './transport/message.js';
import { wrong, type SmtpTransportOptions } from './transport/options.js';
import { SmtpTransport, type SmtpTransportInfo } from './transport/transport.js';

import { VERSION } from './version.js';

/** What a message asks of the server. */
interface NodemailerWishes {
  dsn?: SmtpTransportMessage['dsn'];
  requireTLSExtensionEnabled?: boolean | undefined;
}

/** What Nodemailer gives a transport to send. */
export interface NodemailerMail {
  data: NodemailerWishes & { signal?: AbortSignal | undefined; envelope?: NodemailerWishes | undefined; attachments?: readonly object[]; alternatives?: readonly object[] };
  message: {
    getEnvelope(): { from?: string | false; to?: string[] };
    messageId(): string;
    createReadStream(): AsyncIterable<Uint8Array>;
  };
}

/** A transport as Nodemailer wants it. */
export interface NodemailerTransport {
  name: string;
  version: string;
  supportsAbortSignal: true;
  send(mail: NodemailerMail, callback: (error: SmtpError | null, info?: SmtpTransportInfo) => void): void;
  verify(callback?: (error: SmtpError | null, result?: true) => void): Promise<true> | void;
  isIdle(): boolean;
  close(options?: { force?: boolean }): void;
  on(event: string, listener: () => void): void;
}

/**
 * Makes a transport for Nodemailer. The options are those of `createTransport` of this package.
 *
 * @example
 * ```js
 * import { createTransport } from 'nodemailer';
 * import { sansmtp } from 'sansmtp/nodemailer';
 *
 * const transport = createTransport(sansmtp({ host: 'mail.example.com', port: 587, auth: { user: 'ann', pass: process.env.SMTP_PASSWORD } }));
 * await transport.sendMail({ from: 'ann@example.com', to: 'bob@example.org', text: 'Hello, Bob.' });
 * ```
 */
export function sansmtp(options: string | SmtpTransportOptions): NodemailerTransport {
  for (const name of OF_NODEMAILER) {
    if (typeof options === 'object' && options?.[name] !== undefined) throw wrong(`${name} is Nodemailer's own here, which composes the message: give it to its createTransport, as a default of messages.`, name);
  }
  const transport = new SmtpTransport(options, {});
  return {
    name: 'sansmtp',
    version: VERSION,
    supportsAbortSignal: true,
    send(mail, callback) {
      transport.send(() => mailOf(mail), mail.data.signal).then((info) => callback(null, info), (error: SmtpError) => callback(error));
    },
    verify: (callback) => (callback ? transport.verify(callback) : transport.verify()),
    isIdle: () => transport.isIdle(),
    close: (options) => void transport.close(options),
    on: (event, listener) => transport.addEventListener(event, listener),
  };
}

/** What Nodemailer does before a transport has the message. */
const OF_NODEMAILER = ['disableFileAccess', 'disableUrlAccess', 'maxRecipients'] as const;

function mailOf({ data, message }: NodemailerMail): SmtpMail {
  const { from, to = [] } = message.getEnvelope();
  const mail = new SmtpMail();
  mail.envelope = { from: from || '', to };
  mail.messageId = message.messageId();
  mail.message = { open: () => message.createReadStream(), once: hasStream(data) };
  mail.deliveryNotification = notificationOf(data.dsn ?? data.envelope?.dsn);
  if (data.requireTLSExtensionEnabled === true || data.envelope?.requireTLSExtensionEnabled === true) mail.parameters = { REQUIRETLS: true };
  return mail;
}

/** Whether some of it is a stream, which can be read only once. */
function hasStream(data: object): boolean {
  const isStream = (value: unknown): boolean => typeof value === 'object' && value !== null && 'pipe' in value;
  const { attachments = [], alternatives = [], ...fields } = data as NodemailerMail['data'];
  return [fields, ...attachments, ...alternatives].some((part) =>
    Object.values(part ?? {}).some((value) => isStream(value) || (typeof value === 'object' && value !== null && isStream((value as { content?: unknown }).content))));
}
