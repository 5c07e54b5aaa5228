import { unlessCancelled } from './abort.js';
import { addressesOf, inAscii, MailAddress, wrongAddress, type AddressInput } from './address.js';
import { alternativeEntity, attachmentEntity, fetchAttachment, SmtpAttachment, type SmtpAttachmentOptions } from './attachment.js';
import { sign, type SmtpDkim } from './dkim.js';
import { envelopeOf, type SmtpDeliveryNotification } from './envelope.js';
import type { SmtpHost } from './host.js';
import { checkUnread, messageOf, readable, type Message, type SmtpContent, type SmtpMessage } from './message.js';
import { messageOfEntity, multipart, textEntity, type Entity } from './mime/entity.js';
import { Field, wrong } from './mime/header.js';
import type { SmtpEnvelope, SmtpMailParameters } from './session.js';
import { suggest } from './suggest.js';

/**
 * Header fields that have no member of their own.
 *
 * @example
 * ```js
 * mail.headers.add('List-Unsubscribe', '<https://example.com/u/7>');
 * mail.headers.replace('X-Campaign', 'Grüße');
 * ```
 */
export class SmtpHeaders implements Iterable<[name: string, value: string]> {
  #fields: [name: string, value: string][] = [];

  /** Adds a field, behind those of the same name. */
  add(name: string, value: string): void {
    checkName(name);
    if (typeof value !== 'string') throw wrong(`The value of the header ${name} must be text.`);
    new Field(name).structured(value);
    this.#fields.push([name, value]);
  }

  /** Adds a field in place of all of the same name. */
  replace(name: string, value: string): void {
    const before = this.#fields;
    this.remove(name);
    try {
      this.add(name, value);
    } catch (error) {
      this.#fields = before;
      throw error;
    }
  }

  /** Removes all fields of that name. */
  remove(name: string): void {
    checkName(name);
    this.#fields = this.#fields.filter(([other]) => other.toLowerCase() !== name.toLowerCase());
  }

  [Symbol.iterator](): Iterator<[name: string, value: string]> {
    return this.#fields[Symbol.iterator]();
  }
}

/**
 * A mail: a text, HTML, or both, and attachments; or a finished message.
 *
 * @example
 * ```js
 * const mail = new SmtpMail();
 * mail.from = 'Ann <ann@example.com>';
 * mail.to = 'bob@example.org, Cäcilie <c@example.org>';
 * mail.subject = 'Grüße';
 * mail.textBody = 'Hello.';
 * mail.htmlBody = '<p>Hello. <img src="cid:logo">';
 * mail.addAttachment('logo.png', new Uint8Array([137, 80, 78, 71]), { cid: 'logo' });
 * await mail.addAttachmentAsync('report.pdf');
 * ```
 */
export class SmtpMail {
  from: MailAddress | string = '';
  to: AddressInput = '';
  cc: AddressInput = '';
  /** They get the mail; no header names them. */
  bcc: AddressInput = '';
  replyTo: AddressInput = '';
  /** Who sent it, if that is another than `from`. */
  sender: MailAddress | string = '';
  /** The address that bounces go to, `<>` for none; empty: the server's `mailFrom`, else `sender`, else `from`. */
  returnPath = '';
  subject = '';
  textBody = '';
  htmlBody = '';
  /** What text is written in; only `utf-8`, which every mail program reads. */
  charset = 'utf-8';
  /** `high`, `normal` or `low`, or 1 (highest) to 5. Only what is not normal makes headers. */
  priority: 'high' | 'normal' | 'low' | number = 'normal';
  /** When it was written; now, if left out. */
  date: Date | undefined;
  /** With or without its angle brackets; made up if left out. */
  messageId: string | undefined;
  /** Notifications of its delivery. */
  deliveryNotification: SmtpDeliveryNotification = {};
  /** Parameters of extensions, by their keywords: see `SmtpMailParameters`. */
  parameters: SmtpMailParameters = {};
  /** Any other header. */
  readonly headers = new SmtpHeaders();
  /** What is attached, and pictures that HTML shows: see {@link addAttachment}. */
  readonly attachments: SmtpAttachment[] = [];
  /** Who gets it, and where bounces go, if that is not what the members above say. */
  envelope: { from?: string; to?: readonly string[] } | undefined;
  /** Signs it for a domain, or for several. */
  dkim: SmtpDkim | readonly SmtpDkim[] | undefined;
  /** Further forms of the text, the best last, such as a `text/calendar; method=REQUEST`. */
  readonly alternatives: { contentType: string; content: SmtpContent }[] = [];
  /** A finished message (RFC 5322), sent as it is instead of one made from the members above. */
  message: SmtpMessage | undefined;
  /** Why the last sending failed. */
  lastErrorMessage = '';

  /** @param _licence Taken and ignored. */
  constructor(_licence?: string) {}

  /**
   * Attaches something: text, octets, a `Blob`, a stream, or an object whose `open()` gives the octets from their start.
   * What is read while it is sent costs no memory; a stream can be sent only once.
   *
   * @param name The file name that its recipient sees; its end says what it is, unless `contentType` does.
   */
  addAttachment(name: string, content: SmtpContent, options: SmtpAttachmentOptions = {}): SmtpAttachment {
    const attachment = new SmtpAttachment(name, content, options);
    this.attachments.push(attachment);
    return attachment;
  }

  /**
   * Attaches a file, by its path, or what is behind an `https:`, `http:`, `data:` or `file:` link. It must be there; it is
   * read while the mail is sent. Never give it a path or a link that comes from others: it reads what your program may read.
   */
  async addAttachmentAsync(pathOrUrl: string | URL, options: SmtpAttachmentOptions = {}): Promise<SmtpAttachment> {
    pending.set(this, (pending.get(this) ?? 0) + 1);
    try {
      const attachment = await fetchAttachment(pathOrUrl, options);
      this.attachments.push(attachment);
      return attachment;
    } finally {
      pending.set(this, (pending.get(this) ?? 1) - 1);
    }
  }
}

/** How many attachments of a mail are still being opened. */
const pending = new WeakMap<SmtpMail, number>();

const MEMBERS = new Set(Object.keys(new SmtpMail()));

/** A mail that can be sent. */
export interface Composed {
  /** What bounces go to if the server's settings do not say is its `from`. */
  envelope: SmtpEnvelope;
  /** The mail's own return path, before that of the server's settings. */
  returnPath: string | undefined;
  message: Message;
  /** Of the message, if it is known. */
  messageId: string | undefined;
}

/** @internal Makes the message; clock and randomness are the host's. */
export async function compose(mail: SmtpMail, host: SmtpHost, signal: AbortSignal): Promise<Composed> {
  const now = host.now?.() ?? Date.now();
  const composed = composeUnsigned(mail, host, now);
  const signers = [mail.dkim ?? []].flat();
  if (signers.length === 0) return composed;
  return { ...composed, message: await unlessCancelled(() => sign(composed.message, signers, now, signal), signal) };
}

/** @internal As {@link compose}, without a signature. */
export function composeUnsigned(mail: SmtpMail, host: SmtpHost, now = host.now?.() ?? Date.now()): Composed {
  check(mail);
  const [from, ...others] = addressesOf('from', mail.from);
  const given = mail.message ?? undefined;
  const isFinished = given !== undefined && mail.envelope?.from !== undefined;
  if (!from && !isFinished) throw wrongAddress('The mail has no sender: set from.', 'sender');
  if (others.length > 0) throw wrongAddress('The mail has more than one sender: set from to one of them.', 'sender');
  const [sender, ...more] = addressesOf('sender', mail.sender);
  if (more.length > 0) throw wrongAddress('sender is more than one address.', 'sender');
  const [to, cc, bcc, replyTo] = (['to', 'cc', 'bcc', 'replyTo'] as const).map((member) => addressesOf(member, mail[member])) as
    [MailAddress[], MailAddress[], MailAddress[], MailAddress[]];
  const { envelope, returnPath } = envelopeOf(mail, sender ?? from, [...to, ...cc, ...bcc]);
  if (given !== undefined || !from) return { envelope, returnPath, ...finished(given ?? '', mail.messageId) };

  const random = (): string => hex(host.random?.(16) ?? randomOctets());
  const messageId = mail.messageId === undefined ? `<${random()}@${domainOf(from.address)}>` : `<${mail.messageId.replace(/^<(.*)>$/, '$1')}>`;
  const fields: (Field | string)[] = [`Date: ${dateText(mail.date ?? new Date(now))}`];
  let isUtf8 = false;
  for (const [name, addresses] of [['From', [from]], ['Sender', sender ? [sender] : []], ['To', to], ['Cc', cc], ['Reply-To', replyTo]] as const) {
    if (addresses.length === 0) continue;
    const field = new Field(name);
    if (field.mailboxes(addresses)) isUtf8 = true;
    fields.push(field);
  }
  fields.push(new Field('Message-ID').word(messageId));
  if (mail.subject !== '') fields.push(new Field('Subject').text(mail.subject));
  fields.push(...priorityFields(mail.priority));
  for (const [name, value] of mail.headers) fields.push(new Field(name).structured(value));
  fields.push('MIME-Version: 1.0');
  return { envelope, returnPath, message: messageOfEntity(fields, entityOf(mail, random), isUtf8), messageId };
}

/** Text and HTML as one, with the pictures that HTML shows; then what is attached. */
function entityOf(mail: SmtpMail, random: () => string): Entity {
  let base: string | undefined;
  let count = 0;
  const boundary = (): string => `=_${(base ??= random())}_${(count += 1)}`;
  const isShown = ({ cid }: SmtpAttachment): boolean => cid !== undefined && mail.htmlBody !== '';
  const forms: Entity[] = [];
  if (mail.textBody !== '' || (mail.htmlBody === '' && mail.alternatives.length === 0 && mail.attachments.length === 0)) {
    forms.push(textEntity('text/plain', mail.textBody));
  }
  if (mail.htmlBody !== '') {
    const pictures = mail.attachments.filter(isShown).map(attachmentEntity);
    forms.push(multipart('related', [textEntity('text/html', mail.htmlBody), ...pictures], boundary, 'text/html'));
  }
  for (const { contentType, content } of mail.alternatives) forms.push(alternativeEntity(contentType, content));
  const text = forms.length > 0 ? [multipart('alternative', forms, boundary)] : [];
  const attached = mail.attachments.filter((attachment) => !isShown(attachment)).map(attachmentEntity);
  return multipart('mixed', [...text, ...attached], boundary);
}

function finished(given: SmtpMessage, messageId: string | undefined): Pick<Composed, 'message' | 'messageId'> {
  const octets = typeof given === 'string' ? new TextEncoder().encode(given) : given;
  if (octets instanceof Uint8Array) {
    const header = new TextDecoder('latin1').decode(octets.subarray(0, 65536)).split(/\r?\n\r?\n/)[0] ?? '';
    const isEightBit = octets.some((octet) => octet > 127);
    return { message: messageOf(octets, isEightBit), messageId: /^message-id:\s*(<[^>]*>)/im.exec(header)?.[1] };
  }
  const message = readable(octets);
  if (!message) throw wrong('message must be a string, a Uint8Array, a Blob, a stream, or an object with open().');
  return { message, messageId };
}

function check(mail: SmtpMail): void {
  if (typeof mail !== 'object' || mail === null) throw wrong('No mail was given: make an SmtpMail.');
  for (const name of Object.keys(mail)) {
    if (MEMBERS.has(name)) continue;
    const meant = Object.hasOwn(INSTEAD, name) ? ` Use ${INSTEAD[name]}.` : suggest(name, MEMBERS);
    throw wrong(`${name} is not a member of SmtpMail${meant === '' ? `; there are ${[...MEMBERS].join(', ')}` : ''}.${meant}`);
  }
  for (const name of ['subject', 'textBody', 'htmlBody', 'charset', 'returnPath'] as const) {
    if (typeof mail[name] !== 'string') throw wrong(`${name} must be a string.`);
  }
  if (!['', 'utf-8', 'utf8'].includes(mail.charset.toLowerCase())) {
    throw wrong(`charset is ${mail.charset}; leave it at utf-8, which every mail program reads. Give a message in another charset as a finished one, by message.`);
  }
  if (mail.date !== undefined && !(mail.date instanceof Date && !Number.isNaN(mail.date.getTime()))) throw wrong('date must be a valid Date.');
  for (const name of ['deliveryNotification', 'parameters'] as const) {
    if (typeof mail[name] !== 'object' || mail[name] === null) throw wrong(`${name} must be an object.`);
  }
  const [header] = mail.headers instanceof SmtpHeaders ? Object.keys(mail.headers) : [''];
  if (header !== undefined) throw wrong(`Headers are added by headers.add(${header === '' ? 'name' : `'${header}'`}, value).`);
  const isAlternative = (one: unknown): boolean => typeof one === 'object' && one !== null && 'content' in one && 'contentType' in one && typeof one.contentType === 'string';
  if (!Array.isArray(mail.alternatives) || !mail.alternatives.every(isAlternative)) throw wrong('alternatives must be an array of { contentType, content }.');
  if (mail.message === '' || (mail.message instanceof Uint8Array && mail.message.length === 0)) throw wrong('message is empty: leave it out, and the mail is made from the other members.');
  if (mail.messageId !== undefined && (typeof mail.messageId as unknown) !== 'string') throw wrong('messageId must be a string.');
  if (mail.messageId !== undefined && !/^(?:<[^\s<>\0-\x1f\x7f-\uffff]+>|[^\s<>\0-\x1f\x7f-\uffff]+)$/.test(mail.messageId)) {
    throw wrong('messageId must be one word of ASCII, such as <7@example.com>.');
  }
  const { envelope } = mail;
  const isEnvelope = (given: { from?: unknown; to?: unknown } | null): boolean =>
    typeof given === 'object' && given !== null && typeof (given.from ?? '') === 'string' && Array.isArray(given.to ?? []) && ((given.to ?? []) as unknown[]).every((address) => typeof address === 'string');
  if (envelope !== undefined && !isEnvelope(envelope)) {
    throw wrongAddress('envelope must be { from, to }: an address, and an array of addresses.', 'recipient');
  }
  if (!Array.isArray(mail.attachments) || !mail.attachments.every((attachment) => attachment instanceof SmtpAttachment)) {
    throw wrong('attachments must be what addAttachment and addAttachmentAsync put there.');
  }
  if ((pending.get(mail) ?? 0) > 0) throw wrong('An attachment is still being opened: await addAttachmentAsync() before you send.');
  for (const { content } of [mail.attachments, mail.alternatives].flat()) checkUnread(content);
  checkUnread(mail.message);
  for (const name of ['from', 'sender'] as const) {
    if (typeof mail[name] !== 'string' && !(mail[name] instanceof MailAddress)) throw wrongAddress(`${name} must be a string or a MailAddress.`, 'sender');
  }
}

/** How others call what a mail has. */
const INSTEAD: Readonly<Record<string, string>> = {
  text: 'textBody', html: 'htmlBody', body: 'textBody or htmlBody', bodyText: 'textBody', bodyHtml: 'htmlBody', recipients: 'to', recipient: 'to', raw: 'message',
};

function checkName(name: string): void {
  if (typeof name !== 'string') throw wrong('The name of a header must be text.');
  if (!/^[\x21-\x39\x3b-\x7e]{1,76}$/.test(name)) throw wrong(`"${name}" is not the name of a header: visible ASCII without a colon.`);
  const member = OWN.get(name.toLowerCase());
  if (member !== undefined) throw wrong(`${name} is made from the mail: ${member}.`);
}

/** What has a member of its own, or is made by the class. */
const OWN: ReadonlyMap<string, string> = new Map([
  ...['from', 'to', 'cc', 'bcc', 'sender', 'subject', 'date', 'priority'].map((name): [string, string] => [name, `set ${name}`]),
  ['reply-to', 'set replyTo'],
  ['message-id', 'set messageId'],
  ['return-path', 'set returnPath'],
  ...['mime-version', 'content-type', 'content-transfer-encoding', 'content-disposition', 'content-id'].map((name): [string, string] =>
    [name, 'set textBody, htmlBody, attachments; or give a finished message, by message']),
]);

const LEVELS: ReadonlyMap<unknown, number> = new Map([['high', 1], ['normal', 3], ['low', 5]]);

function priorityFields(priority: SmtpMail['priority']): string[] {
  const level = LEVELS.get(priority) ?? (typeof priority === 'number' ? priority : 0);
  if (!Number.isInteger(level) || level < 1 || level > 5) throw wrong('priority must be high, normal or low, or 1 (highest) to 5.');
  if (level === 3) return [];
  return [`X-Priority: ${level}`, `Importance: ${level < 3 ? 'high' : 'low'}`];
}

/** @internal `Sat, 21 Nov 2026 19:47:00 +0000` (RFC 5322 §3.3). */
export function dateText(date: Date): string {
  return date.toUTCString().replace('GMT', '+0000');
}

function domainOf(address: string): string {
  const domain = inAscii(address).split('@').pop() ?? '';
  return /^[\w.-]+$/.test(domain) ? domain : 'localhost';
}

/** 16 octets. They are taken from the platform many at a time, since asking costs more than they do. */
function randomOctets(): Uint8Array {
  if (unused.length === 0) unused = crypto.getRandomValues(new Uint8Array(1024));
  const octets = unused.subarray(0, 16);
  unused = unused.subarray(16);
  return octets;
}

let unused = new Uint8Array();

function hex(octets: Uint8Array): string {
  return Array.from(octets, (octet) => octet.toString(16).padStart(2, '0')).join('');
}
