import { SmtpError } from './errors.js';
import { messageOf, sourceOf, type Message, type SmtpMessage } from './message.js';

/** A name and an address. */
export class MailAddress {
  name: string;
  address: string;

  /**
   * @param text `a@b`, `Name <a@b>`, or the name if an address follows.
   * @param address The address, if `text` is the name.
   */
  constructor(text: string, address?: string) {
    if (address !== undefined) {
      this.name = text;
      this.address = address;
      return;
    }
    const match = /^\s*(?:"((?:[^"\\]|\\.)*)"|([^<]*?))\s*<([^<>]*)>\s*$/.exec(text);
    this.name = (match?.[1]?.replace(/\\(.)/g, '$1') ?? match?.[2] ?? '').trim();
    this.address = (match?.[3] ?? text).trim();
  }

  /** As it stands in a header. */
  toString(): string {
    if (this.name === '') return this.address;
    return `${phrase(this.name)} <${this.address}>`;
  }
}

/** A list of addresses. */
export class AddressCollection implements Iterable<MailAddress> {
  readonly #addresses: MailAddress[] = [];

  /** @param text Addresses with commas between them; commas within quotes belong to a name. */
  constructor(text = '') {
    for (const part of text.match(/(?:"(?:[^"\\]|\\.)*"|[^",;])+/g) ?? []) {
      if (part.trim() !== '') this.add(part);
    }
  }

  /** Adds an address: as {@link MailAddress} takes it, the name first if there are two. */
  add(text: MailAddress | string, address?: string): void {
    this.#addresses.push(typeof text === 'string' ? new MailAddress(text, address) : text);
  }

  clear(): void {
    this.#addresses.length = 0;
  }

  get count(): number {
    return this.#addresses.length;
  }

  [Symbol.iterator](): Iterator<MailAddress> {
    return this.#addresses[Symbol.iterator]();
  }

  toString(): string {
    return this.#addresses.join(', ');
  }
}

/** Where a list of addresses is given. */
export type AddressInput = AddressCollection | MailAddress | string | readonly (MailAddress | string)[];

/**
 * A mail: a text, HTML, or both; or a finished message.
 *
 * @example
 * ```js
 * const mail = new SmtpMail();
 * mail.from = 'Ann <ann@example.com>';
 * mail.to = 'bob@example.org, Cäcilie <c@example.org>';
 * mail.subject = 'Grüße';
 * mail.textBody = 'Hello.';
 * ```
 */
export class SmtpMail {
  from: MailAddress | string = '';
  to: AddressInput = '';
  cc: AddressInput = '';
  /** They get the mail; no header names them. */
  bcc: AddressInput = '';
  replyTo: AddressInput = '';
  subject = '';
  textBody = '';
  htmlBody = '';
  /** When it was written; now, if left out. */
  date: Date | undefined;
  /** With its angle brackets; made up if left out. */
  messageId: string | undefined;
  /** A finished message (RFC 5322), sent as it is instead of one made from the members above. */
  message: SmtpMessage | undefined;
  /** Why the last sending failed. */
  lastErrorMessage = '';

  /** @param _licence Taken and ignored. */
  constructor(_licence?: string) {}
}

const MEMBERS = new Set(Object.keys(new SmtpMail()));

/** A message that can be sent. */
export interface Composed {
  /** The address of the sender. */
  from: string;
  /** The addresses of all recipients, each once. */
  to: string[];
  message: Message;
  messageId: string | undefined;
}

/** @internal Makes the message. */
export function compose(mail: SmtpMail): Composed {
  if (typeof mail !== 'object' || mail === null) throw wrong('no mail was given: make an SmtpMail', 'message');
  for (const name of Object.keys(mail)) {
    if (!MEMBERS.has(name)) throw wrong(`${name} is not a member of SmtpMail; there are ${[...MEMBERS].join(', ')}`, 'message');
  }
  for (const name of ['subject', 'textBody', 'htmlBody'] as const) {
    if (typeof mail[name] !== 'string') throw wrong(`${name} must be a string`, 'message');
  }
  if (mail.date !== undefined && !(mail.date instanceof Date && !Number.isNaN(mail.date.getTime()))) {
    throw wrong('date must be a valid Date', 'message');
  }
  if (typeof mail.from !== 'string' && !(mail.from instanceof MailAddress)) {
    throw wrong('from must be a string or a MailAddress', 'sender');
  }
  const from = typeof mail.from === 'string' ? new MailAddress(mail.from) : mail.from;
  const [to, cc, bcc, replyTo] = [mail.to, mail.cc, mail.bcc, mail.replyTo].map(collection) as
    [AddressCollection, AddressCollection, AddressCollection, AddressCollection];
  const recipients = [...new Set([...to, ...cc, ...bcc].map((recipient) => recipient.address))];
  if (from.address === '') throw wrong('the mail has no sender: set from', 'sender');
  if (recipients.length === 0) throw wrong('the mail has no recipient: set to, cc or bcc', 'recipient');
  if (mail.message !== undefined) {
    const octets = typeof mail.message === 'string' ? new TextEncoder().encode(mail.message) : mail.message;
    if (!(octets instanceof Uint8Array)) {
      const message = sourceOf(octets);
      if (!message) throw wrong('message must be a string, a Uint8Array, a Blob, a stream, or an object with open()', 'message');
      return { from: from.address, to: recipients, message, messageId: mail.messageId };
    }
    const messageId = /^message-id:\s*(<[^>]*>)/im.exec(headerOf(octets))?.[1];
    return { from: from.address, to: recipients, message: messageOf(octets, isEightBit(octets)), messageId };
  }
  const messageId = mail.messageId ?? `<${crypto.randomUUID()}@${from.address.split('@').pop()}>`;
  const lines = [
    header('Date', dateText(mail.date ?? new Date())),
    header('From', addressLine(from)),
    ...(to.count > 0 ? [header('To', addressLines(to))] : []),
    ...(cc.count > 0 ? [header('Cc', addressLines(cc))] : []),
    ...(replyTo.count > 0 ? [header('Reply-To', addressLines(replyTo))] : []),
    header('Message-ID', messageId),
    header('Subject', words(mail.subject)),
    'MIME-Version: 1.0',
    ...body(mail),
  ];
  const octets = new TextEncoder().encode(lines.join('\r\n'));
  return { from: from.address, to: recipients, message: messageOf(octets, false), messageId };
}

function body(mail: SmtpMail): string[] {
  if (mail.htmlBody === '') return part('text/plain', mail.textBody);
  if (mail.textBody === '') return part('text/html', mail.htmlBody);
  const boundary = `=_${crypto.randomUUID()}`;
  return [
    `Content-Type: multipart/alternative; boundary="${boundary}"`,
    '',
    `--${boundary}`,
    ...part('text/plain', mail.textBody),
    `--${boundary}`,
    ...part('text/html', mail.htmlBody),
    `--${boundary}--`,
    '',
  ];
}

/** A part as it is if it is ASCII in short lines, else in base64. */
function part(type: string, text: string): string[] {
  const lines = text.split(/\r\n|\r|\n/);
  const plain = lines.every((line) => line.length <= 998 && /^[\t\x20-\x7e]*$/.test(line));
  if (plain) return [`Content-Type: ${type}; charset=us-ascii`, 'Content-Transfer-Encoding: 7bit', '', ...lines];
  const encoded = base64(new TextEncoder().encode(lines.join('\r\n')));
  return [
    `Content-Type: ${type}; charset=utf-8`,
    'Content-Transfer-Encoding: base64',
    '',
    ...(encoded.match(/.{1,76}/g) ?? []),
    '',
  ];
}

/** A header that cannot become two. */
function header(name: string, value: string): string {
  if (/[\r\n](?![ \t])|\0/.test(value.replace(/\r\n(?=[ \t])/g, ''))) {
    throw wrong(`${name} must not have line breaks`, 'message');
  }
  return `${name}: ${value}`;
}

function addressLines(addresses: AddressCollection): string {
  return [...addresses].map(addressLine).join(',\r\n ');
}

function addressLine(address: MailAddress): string {
  if (/[\r\n\0<>]/.test(address.address)) throw wrong(`"${address.address}" is not an address`, 'recipient');
  if (/[\r\n\0]/.test(address.name)) throw wrong('a name must not have line breaks', 'message');
  return address.toString();
}

/** A name before an address: as it is, quoted, or encoded (RFC 5322 §3.2.5, RFC 2047 §5). */
function phrase(name: string): string {
  if (/^[A-Za-z0-9!#$%&'*+\-/=?^_`{|}~ ]*$/.test(name)) return name;
  if (/^[\x20-\x7e]*$/.test(name)) return `"${name.replace(/["\\]/g, '\\$&')}"`;
  return words(name);
}

/** Text in a header: as it is, or as encoded words of at most 75 characters (RFC 2047 §2), folded. */
function words(text: string): string {
  if (/[\r\n\0]/.test(text)) throw wrong('a subject or name must not have line breaks', 'message');
  if (/^[\x20-\x7e]*$/.test(text) && text.length <= 900 && !text.includes('=?')) return text;
  const encoded: string[] = [];
  let chunk = '';
  const flush = (): void => {
    if (chunk !== '') encoded.push(`=?utf-8?B?${base64(new TextEncoder().encode(chunk))}?=`);
    chunk = '';
  };
  for (const char of text) {
    // 45 octets are 60 characters of base64, and 12 more around them.
    if (new TextEncoder().encode(chunk + char).length > 45) flush();
    chunk += char;
  }
  flush();
  return encoded.join('\r\n ');
}

/** `Sat, 21 Nov 2026 19:47:00 +0000` (RFC 5322 §3.3). */
function dateText(date: Date): string {
  return date.toUTCString().replace('GMT', '+0000');
}

function base64(octets: Uint8Array): string {
  let binary = '';
  for (let at = 0; at < octets.length; at += 0x8000) {
    binary += String.fromCharCode(...octets.subarray(at, at + 0x8000));
  }
  return btoa(binary);
}

function headerOf(octets: Uint8Array): string {
  const start = new TextDecoder('latin1').decode(octets.subarray(0, 65536));
  return start.split(/\r?\n\r?\n/)[0] ?? '';
}

function isEightBit(octets: Uint8Array): boolean {
  return octets.some((octet) => octet > 127);
}

function collection(input: AddressInput): AddressCollection {
  if (input instanceof AddressCollection) return input;
  if (typeof input === 'string') return new AddressCollection(input);
  const addresses = new AddressCollection();
  for (const address of Array.isArray(input) ? (input as unknown[]) : [input]) {
    if (typeof address !== 'string' && !(address instanceof MailAddress)) {
      throw wrong('an address must be a string or a MailAddress', 'recipient');
    }
    addresses.add(address);
  }
  return addresses;
}

function wrong(message: string, suspect: string): SmtpError {
  return new SmtpError(message, {
    code: suspect === 'message' ? 'EMESSAGE' : 'EENVELOPE',
    origin: 'settings', stage: 'connect', outcome: 'permanent', suspects: [suspect],
  });
}
