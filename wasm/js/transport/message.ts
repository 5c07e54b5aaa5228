import { unlessCancelled } from '../abort.js';
import { AddressCollection, MailAddress } from '../address.js';
import type { SmtpDeliveryNotification } from '../envelope.js';
import { fetchAttachment, SmtpAttachment } from '../attachment.js';
import { SmtpError } from '../errors.js';
import { dateText, SmtpMail } from '../mail.js';
import { encodedWords } from '../mime/header.js';
import { reading, sourceOf, type SmtpContent } from '../message.js';
import { dkimOf, notAmong, present, type SmtpTransportDkim } from './options.js';

/** An address, or several of them, in Nodemailer's words. */
export type SmtpTransportAddress = string | { name?: string; address: string } | readonly (string | { name?: string; address: string })[];

/** Where content comes from: one of `content`, `path` and `href`. */
export interface SmtpTransportContent {
  content?: SmtpContent;
  /** A file, or a `data:` link. */
  path?: string | URL;
  /** An `https:` or `http:` link. */
  href?: string | URL;
  /** What text in `content` is: `utf8`, or `base64`, `hex`, `latin1`. */
  encoding?: string;
  contentType?: string;
}

/** An attachment, in Nodemailer's words. */
export interface SmtpTransportAttachment extends SmtpTransportContent {
  filename?: string | false;
  cid?: string;
  contentDisposition?: 'attachment' | 'inline';
}

/** A text that is given, or read from somewhere. */
export type SmtpTransportText = string | Uint8Array | SmtpTransportContent | AsyncIterable<Uint8Array> | ReadableStream<Uint8Array>;

/** One entry of a `List-…` header. */
export type SmtpTransportList = string | { url: string; comment?: string };

/** A message, in Nodemailer's words. */
export interface SmtpTransportMessage {
  from?: SmtpTransportAddress;
  sender?: SmtpTransportAddress;
  to?: SmtpTransportAddress;
  cc?: SmtpTransportAddress;
  bcc?: SmtpTransportAddress;
  replyTo?: SmtpTransportAddress;
  inReplyTo?: string;
  references?: string | readonly string[];
  subject?: string;
  text?: SmtpTransportText;
  html?: SmtpTransportText;
  /** An invitation: a form of the text, and a file beside it. */
  icalEvent?: string | (SmtpTransportContent & { method?: string; filename?: string | false });
  /** Further forms of the text, the best last. */
  alternatives?: readonly SmtpTransportContent[];
  attachments?: readonly SmtpTransportAttachment[];
  headers?: Readonly<Record<string, string | readonly string[] | { prepared?: boolean; value: string }>> | readonly { key: string; value: string }[];
  /** `{ unsubscribe: 'https://…' }` is `List-Unsubscribe: <https://…>`. */
  list?: Readonly<Record<string, SmtpTransportList | readonly (SmtpTransportList | readonly SmtpTransportList[])[]>>;
  messageId?: string;
  date?: Date | string;
  priority?: 'high' | 'normal' | 'low';
  /** A finished message instead of all that is above. */
  raw?: SmtpTransportText;
  /** Who gets it, if not those of the headers. */
  envelope?: { from?: SmtpTransportAddress | false; to?: SmtpTransportAddress; cc?: SmtpTransportAddress; bcc?: SmtpTransportAddress };
  dsn?: { ret?: string; return?: string; envid?: string; id?: string; notify?: string | readonly string[]; recipient?: string; orcpt?: string };
  /** Every server on the way must use verified TLS (RFC 8689). */
  requireTLSExtensionEnabled?: boolean;
  dkim?: SmtpTransportDkim;
  maxRecipients?: number;
  disableFileAccess?: boolean;
  disableUrlAccess?: boolean;
  signal?: AbortSignal;
}

const KNOWN = [
  'from', 'sender', 'to', 'cc', 'bcc', 'replyTo', 'inReplyTo', 'references', 'subject', 'text', 'html', 'icalEvent', 'alternatives', 'attachments',
  'headers', 'list', 'messageId', 'date', 'priority', 'raw', 'envelope', 'dsn', 'requireTLSExtensionEnabled', 'dkim', 'maxRecipients',
  'disableFileAccess', 'disableUrlAccess', 'signal',
];

const AUTOMATIC = 'how text and headers are encoded is chosen by what they have';
const RANDOM = 'boundaries are random';
/** What others take that this does not, and what to do instead. */
const INSTEAD: Readonly<Record<string, string>> = {
  amp: 'give it as one of alternatives, with contentType text/x-amp-html', watchHtml: 'give it as one of alternatives, with contentType text/watch-html',
  encoding: AUTOMATIC, textEncoding: AUTOMATIC, boundaryPrefix: RANDOM, baseBoundary: RANDOM, newline: 'lines end in CRLF',
  normalizeHeaderKey: 'headers keep the case that they are given in', attachDataUrls: 'attach pictures with a cid, and show them by <img src="cid:…">',
  xMailer: 'no X-Mailer is added; give one in headers', otp: 'give it in headers', auth: 'a login is of a transport: make one for each user',
  ses: 'this is SMTP', body: 'use text or html', message: 'use text or html', replyto: 'use replyTo', reply_to: 'use replyTo', attachment: 'use attachments', recipients: 'use to', recipient: 'use to',
};

/** What may be read for a message. */
export interface Access {
  disableFileAccess: boolean;
  disableUrlAccess: boolean;
  /** Gives reading up. */
  signal: AbortSignal;
}

/** @internal The mail that a message of Nodemailer's is. `usual`: what is left out. */
export async function mailOf(given: SmtpTransportMessage, usual: SmtpTransportMessage, transport: Omit<Access, 'signal'>, signal: AbortSignal): Promise<SmtpMail> {
  if (typeof given !== 'object' || given === null) throw wrong('No message was given: sendMail({ from, to, subject, text }).');
  try {
    return await made(copied(given), copied(usual), transport, signal);
  } catch (error) {
    if (error instanceof SmtpError) throw error;
    // What a stream or an object of the caller's threw.
    throw new SmtpError(`The message cannot be read: ${error instanceof Error ? error.message : String(error)}`, {
      code: 'ESTREAM', origin: 'settings', stage: 'connect', outcome: 'permanent', suspects: ['message'], cause: error,
    });
  }
}

async function made(given: SmtpTransportMessage, usual: SmtpTransportMessage, transport: Omit<Access, 'signal'>, signal: AbortSignal): Promise<SmtpMail> {
  // Text that is empty is as if it were not there, and not the usual one either.
  const message: SmtpTransportMessage = Object.fromEntries(Object.entries({ ...usual, ...given }).filter(([, value]) => value !== ''));
  known(message, KNOWN, INSTEAD, 'a field of a message');
  const access = {
    disableFileAccess: transport.disableFileAccess || message.disableFileAccess === true,
    disableUrlAccess: transport.disableUrlAccess || message.disableUrlAccess === true,
    signal,
  };
  texts('', message, ['inReplyTo', 'messageId', 'priority']);
  const mail = new SmtpMail();
  for (const name of ['from', 'sender'] as const) {
    const [one, ...others] = addresses(name, message[name]);
    if (others.length > 0) throw wrong(`${name} must be one address here.`, 'sender');
    if (one) mail[name] = one;
  }
  for (const name of ['to', 'cc', 'bcc', 'replyTo'] as const) mail[name] = addresses(name, message[name]);
  envelope(mail, message);
  mail.deliveryNotification = notificationOf(message.dsn);
  if (message.requireTLSExtensionEnabled === true) mail.parameters = { ...mail.parameters, REQUIRETLS: true };
  if (message.dkim !== undefined) mail.dkim = dkimOf(message.dkim);
  if (message.messageId !== undefined) mail.messageId = message.messageId;
  if (message.raw !== undefined) {
    mail.message = await contentOf('raw', message.raw, access);
    return mail;
  }
  mail.subject = message.subject ?? '';
  if (message.date !== undefined) mail.date = dateOf(message.date);
  if (message.priority !== undefined) mail.priority = message.priority;
  if (message.text !== undefined) mail.textBody = await textOf('text', message.text, access);
  if (message.html !== undefined) mail.htmlBody = await textOf('html', message.html, access);
  await attach(mail, message, access);
  // A message's header takes the place of the usual one of that name.
  const own = fields(given.headers);
  const isOwn = (name: string): boolean => own.some(([other]) => other.toLowerCase() === name.toLowerCase());
  for (const [name, value] of [...fields(usual.headers).filter(([name]) => !isOwn(name)), ...own]) mail.headers.add(name, value);
  const wrapped = (id: string): string => (id.startsWith('<') ? id : `<${id}>`);
  if (message.inReplyTo !== undefined) mail.headers.add('In-Reply-To', wrapped(message.inReplyTo));
  const references = [message.references ?? []].flat().flatMap((ids: unknown) => {
    if (typeof ids !== 'string') throw wrong('references must be text, or an array of texts.');
    return ids.split(/[\s,]+/);
  });
  if (references.join('') !== '') mail.headers.add('References', references.filter((id) => id !== '').map(wrapped).join(' '));
  for (const [name, entries] of Object.entries(message.list ?? {})) lists(mail, name, entries);
  return mail;
}

/** A copy of what is plain in it, since the caller may change its own before all of it is read; without what is nothing. */
function copied<T>(value: T, depth = 4): T {
  if (depth === 0 || typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map((one: unknown) => copied(one, depth - 1)) as T;
  if (Object.getPrototypeOf(value) !== Object.prototype || Symbol.asyncIterator in value || 'open' in value) return value;
  return Object.fromEntries(Object.entries(present(value)).map(([name, one]) => [name, copied(one, depth - 1)])) as T;
}

function texts(of: string, given: object, names: readonly string[]): void {
  for (const name of names) {
    const value = (given as Record<string, unknown>)[name];
    if (value !== undefined && typeof value !== 'string') throw wrong(`${of}${name} must be text.`);
  }
}

function dateOf(given: unknown): Date {
  const date = given instanceof Date || typeof given === 'string' || typeof given === 'number' ? new Date(given) : new Date(NaN);
  if (Number.isNaN(date.getTime())) throw wrong('date must be a Date, or text that is one.');
  return date;
}

/** Names that nobody knows are errors, so that nothing is left out silently. */
function known(given: object, names: readonly string[], instead: Readonly<Record<string, string>>, what: string): void {
  const unknown = notAmong(given, names, instead);
  if (unknown) throw wrong(`${unknown.name} is not ${what} here: ${unknown.advice}`);
}

function wrong(message: string, suspect: 'message' | 'recipient' | 'sender' = 'message'): SmtpError {
  const code = suspect === 'message' ? 'EMESSAGE' : 'EENVELOPE';
  return new SmtpError(message, { code, origin: 'settings', stage: 'connect', outcome: 'permanent', suspects: [suspect] });
}

function addresses(field: string, given: SmtpTransportAddress | undefined): MailAddress[] {
  if (given === undefined || given === null || given === '') return [];
  return [given].flat().flatMap((one: unknown) => {
    if (typeof one === 'string') return [...new AddressCollection(one)];
    const { name, address } = (one ?? {}) as { name?: string; address?: unknown };
    if (typeof address === 'string') return [new MailAddress(name ?? '', address)];
    throw wrong(`${field} must be text, or { name, address }, or an array of these.`, field === 'from' ? 'sender' : 'recipient');
  });
}

function envelope(mail: SmtpMail, { envelope: given }: SmtpTransportMessage): void {
  if (given === undefined) return;
  known(given, ['from', 'to', 'cc', 'bcc'], { size: 'the size is declared for you', dsn: 'use dsn of the message', use8BitMime: 'this is used when it is needed', requireTLSExtensionEnabled: 'set it on the message' }, 'part of an envelope');
  const all = (['to', 'cc', 'bcc'] as const).flatMap((name) => addresses(name, given[name])).map(({ address }) => address);
  const [from] = given.from === false || given.from === '' ? [{ address: '' }] : addresses('from', given.from);
  const isGiven = given.to !== undefined || given.cc !== undefined || given.bcc !== undefined;
  mail.envelope = { ...(from ? { from: from.address } : {}), ...(isGiven ? { to: all } : {}) };
}

/** @internal */
export function notificationOf(dsn: SmtpTransportMessage['dsn']): SmtpDeliveryNotification {
  if (dsn === undefined || dsn === null) return {};
  known(dsn, ['ret', 'return', 'envid', 'id', 'notify', 'recipient', 'orcpt'], {}, 'part of dsn');
  texts('dsn.', dsn, ['ret', 'return', 'envid', 'id']);
  const content = (dsn.return ?? dsn.ret)?.toUpperCase();
  if (content !== undefined && content !== 'FULL' && content !== 'HDRS' && content !== 'HEADERS') throw wrong('dsn.return must be full or headers.');
  const envelopeId = dsn.id ?? dsn.envid;
  if (dsn.recipient !== undefined || dsn.orcpt !== undefined) throw wrong('dsn.recipient is not used here: notifications name each recipient as it was given.');
  return {
    ...(dsn.notify === undefined ? {} : { notify: dsn.notify }),
    ...(content === undefined ? {} : { return: content === 'FULL' ? 'FULL' : 'HDRS' }),
    ...(envelopeId === undefined ? {} : { envelopeId }),
  };
}

async function attach(mail: SmtpMail, message: SmtpTransportMessage, access: Access): Promise<void> {
  for (const name of ['attachments', 'alternatives'] as const) {
    const list: unknown = message[name] ?? [];
    if (!Array.isArray(list) || list.some((one) => typeof one !== 'object' || one === null)) throw wrong(`${name} must be an array of objects.`);
  }
  for (const attachment of message.attachments ?? []) {
    known(attachment, [...CONTENT, 'filename', 'cid', 'contentDisposition'], CONTENT_INSTEAD, 'part of an attachment');
    const { contentType, cid, contentDisposition } = attachment;
    const options = {
      ...(contentType === undefined ? {} : { contentType }),
      ...(cid === undefined ? {} : { cid }),
      ...(contentDisposition === undefined ? {} : { disposition: contentDisposition }),
    };
    const from = placeOf(attachment);
    if (attachment.content !== undefined || from === undefined) {
      mail.addAttachment(attachment.filename || '', await contentOf('an attachment', attachment, access), options);
      continue;
    }
    const read = await opened(from, access, options);
    const name = attachment.filename === undefined ? read.name : attachment.filename || '';
    mail.attachments.push(new SmtpAttachment(name, read.content, { contentType: contentType ?? read.contentType, ...options }));
  }
  for (const alternative of message.alternatives ?? []) {
    known(alternative, CONTENT, CONTENT_INSTEAD, 'part of an alternative');
    texts('an alternative: ', alternative, ['contentType']);
    const contentType = alternative.contentType ?? 'text/plain';
    const content = /^text\//i.test(contentType) ? await textOf('an alternative', alternative, access) : await contentOf('an alternative', alternative, access);
    mail.alternatives.push({ contentType, content });
  }
  if (message.icalEvent !== undefined) {
    const { icalEvent } = message;
    const event: Exclude<typeof icalEvent, string> = typeof icalEvent === 'string' || icalEvent instanceof Uint8Array ? { content: icalEvent } : icalEvent;
    known(event, [...CONTENT, 'method', 'filename'], CONTENT_INSTEAD, 'part of icalEvent');
    texts('icalEvent.', event, ['method', 'filename'].slice(0, event.filename === false ? 1 : 2));
    const content = await textOf('icalEvent', event, access);
    const method = (event.method ?? 'PUBLISH').toUpperCase();
    if (!/^[A-Z-]+$/.test(method)) throw wrong('icalEvent.method must be one word, such as REQUEST.');
    mail.alternatives.push({ contentType: `text/calendar; method=${method}`, content });
    if (event.filename !== false) mail.addAttachment(event.filename ?? 'invite.ics', content, { contentType: 'application/ics' });
  }
}

const CONTENT = ['content', 'path', 'href', 'encoding', 'contentType'];
const CONTENT_INSTEAD: Readonly<Record<string, string>> = {
  httpHeaders: 'fetch it yourself, and give content', tls: 'fetch it yourself, and give content', raw: 'give content and contentType',
  contentTransferEncoding: AUTOMATIC, headers: 'parts have no headers of their own', name: 'use filename', fileName: 'use filename', type: 'use contentType', data: 'use content',
};

/** Where content is: `path` may be a file, `href` is a link. */
function placeOf({ path, href }: { path?: unknown; href?: unknown }): string | URL | undefined {
  const from = path ?? href;
  if (from === undefined) return undefined;
  if (typeof from !== 'string' && !(from instanceof URL)) throw wrong('path and href must be text, or a URL.');
  if (path === undefined && !/^(?:https?|data):/i.test(String(from))) throw wrong('href must be an https: or http: link; a file is given by path.');
  return from;
}

/** What a file or a link has, if that may be read. */
function opened(from: string | URL, access: Access, options: { contentType?: string } = {}): Promise<SmtpAttachment> {
  const isLink = /^(?:https?):/i.test(String(from));
  if (isLink && access.disableUrlAccess) throw wrong('disableUrlAccess is set, and the message has a link to read from.');
  if (!isLink && !/^data:/i.test(String(from)) && access.disableFileAccess) throw wrong('disableFileAccess is set, and the message has a file to read.');
  return unlessCancelled(() => fetchAttachment(from, options, access.signal), access.signal);
}

/** Content that is given as it is, or with where it is. */
async function contentOf(what: string, given: SmtpTransportText | SmtpTransportAttachment, access: Access): Promise<Exclude<SmtpContent, ArrayBuffer>> {
  if (typeof given === 'string' || given instanceof Uint8Array) return given;
  const isPlain = typeof given === 'object' && given !== null && !(Symbol.asyncIterator in given) && !('getReader' in given);
  if (!isPlain) return owned(given as AsyncIterable<Uint8Array>, access);
  texts(`${what}: `, given, ['encoding', 'contentType']);
  const { content, path, href, encoding } = given as SmtpTransportContent;
  if (content === undefined) {
    const from = placeOf({ path, href });
    if (from === undefined) throw wrong(`${what} must have content, path or href.`);
    return (await opened(from, access)).content as Exclude<SmtpContent, ArrayBuffer>;
  }
  if (typeof content === 'string') return decoded(content, encoding);
  return content instanceof ArrayBuffer ? new Uint8Array(content) : owned(content, access);
}

/** A stream that is given is closed when the message is over, read or not. */
function owned<T>(content: T, { signal }: Access): T {
  const { destroy, cancel } = content as { destroy?: unknown; cancel?: unknown };
  signal.addEventListener('abort', () => {
    if (typeof destroy === 'function') (content as { destroy(): void }).destroy();
    else if (typeof cancel === 'function') (content as unknown as ReadableStream).cancel().catch(() => {});
  }, { once: true });
  return content;
}

/** The same as text. */
async function textOf(what: string, given: SmtpTransportText, access: Access): Promise<string> {
  const content = await contentOf(what, given, access);
  if (typeof content === 'string') return content;
  if (content instanceof Uint8Array) return new TextDecoder().decode(content);
  const source = sourceOf(content);
  if (!source) throw wrong(`${what} must be text, octets, a stream, or an object with content, path or href.`);
  const decoder = new TextDecoder();
  let text = '';
  for await (const piece of reading(source, access.signal)) text += typeof piece === 'string' ? piece : decoder.decode(piece, { stream: true });
  return text + decoder.decode();
}

/** Text that stands for octets. */
function decoded(text: string, encoding = 'utf8'): string | Uint8Array {
  const octets = (binary: string): Uint8Array => Uint8Array.from(binary, (character) => character.charCodeAt(0));
  switch (encoding.toLowerCase()) {
    case 'utf8':
    case 'utf-8':
      return text;
    case 'base64':
      if (!/^[\sA-Za-z0-9+/_-]*=*\s*$/.test(text)) throw wrong('content is not base64, which encoding says it is.');
      return octets(atob(text.replace(/[\s=]/g, '').replace(/-/g, '+').replace(/_/g, '/')));
    case 'hex':
      if (!/^(?:[0-9a-f]{2})*$/i.test(text)) throw wrong('content is not hex, which encoding says it is.');
      return Uint8Array.from(text.match(/../g) ?? [], (digits) => parseInt(digits, 16));
    case 'latin1':
    case 'binary':
    case 'ascii':
      return octets(text);
    default:
      throw wrong(`encoding must be utf8, base64, hex or latin1, not ${encoding}.`);
  }
}

/** Names and values, without those that are none. */
function fields(given: SmtpTransportMessage['headers']): [name: string, value: string][] {
  if (typeof (given ?? {}) !== 'object') throw wrong('headers must be an object of names and values, or an array of { key, value }.');
  const entries = Array.isArray(given) ? (given as ({ key: string; value: string } | null)[]).map((one) => [one?.key ?? '', one?.value] as const) : Object.entries(given ?? {});
  return entries.flatMap(([name, values]) =>
    ([values].flat() as unknown[]).filter((value) => value !== undefined && value !== null).map((value): [string, string] => [name, headerOf(name, value)]));
}

function headerOf(name: string, given: unknown): string {
  const value = typeof given === 'object' && given !== null && 'value' in given ? given.value : given;
  if (value instanceof Date) return dateText(dateOf(value));
  if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') return String(value);
  throw wrong(`The value of the header ${String(name)} must be text, a number, a Date, or an array of these.`);
}

/** RFC 2369 and RFC 2919: links in angle brackets, with comments; several in one field, or in fields of their own. */
function lists(mail: SmtpMail, name: string, entries: SmtpTransportList | readonly (SmtpTransportList | readonly SmtpTransportList[])[]): void {
  const isId = name.toLowerCase() === 'id';
  const entry = (given: SmtpTransportList): string => {
    const { url, comment } = typeof given === 'string' ? { url: given, comment: undefined } : given ?? {};
    texts(`list.${name}: `, { comment }, ['comment']);
    if (typeof url !== 'string' || /[\s<>]/.test(url)) throw wrong(`list.${name} must be a link, or { url, comment }: without blanks, < and >.`);
    const link = isId || /^(?:https?|mailto|ftp):/i.test(url) ? url : url.includes('@') ? `mailto:${url}` : `https://${url}`;
    if (comment === undefined || comment === '') return `<${link}>`;
    const isAscii = /^[\x20-\x7e]*$/.test(comment);
    // What is not ASCII is encoded where the grammar lets words be: a name, or within a comment (RFC 2047 §5).
    if (isId) return `${isAscii ? `"${comment.replace(/["\\]/g, '\\$&')}"` : encodedWords(comment)} <${link}>`;
    return `<${link}> (${isAscii ? comment.replace(/[()\\]/g, '\\$&') : encodedWords(comment)})`;
  };
  const field = `List-${name.replace(/(^|-)[a-z]/g, (start) => start.toUpperCase()).replace(/^Id$/, 'ID')}`;
  for (const one of (Array.isArray(entries) ? entries : [entries]) as readonly (SmtpTransportList | readonly SmtpTransportList[])[]) {
    mail.headers.add(field, ([one].flat() as SmtpTransportList[]).map(entry).join(', '));
  }
}
