import { host as runtimeHost } from '#host';
import { contentEntity, textEntity, type Entity } from './mime/entity.js';
import { Field, wrong } from './mime/header.js';
import { iterable, sourceOf, type SmtpContent, type SmtpSource } from './message.js';

/** What is said of an attachment; all of it may be left out. */
export interface SmtpAttachmentOptions {
  /** Its media type, such as `application/pdf`. Default: what its name ends in says, else `application/octet-stream`. */
  contentType?: string;
  /** Names it for HTML, which shows it by `<img src="cid:…">`; it is then no attachment of its own. */
  cid?: string;
  /** `inline`: to be shown with the text. Default `attachment`; `inline` with a `cid`. */
  disposition?: 'attachment' | 'inline';
}

/**
 * A part of a mail beside its text: `addAttachment` of a mail makes one.
 *
 * @example
 * ```js
 * const { name, contentType } = mail.addAttachment('report.pdf', new Uint8Array([37, 80, 68, 70]));
 * console.log(name, contentType); // report.pdf application/pdf
 * ```
 */
export class SmtpAttachment {
  /** The file name that its recipient sees; empty for none. */
  readonly name: string;
  readonly content: SmtpContent;
  readonly contentType: string;
  readonly cid: string | undefined;
  readonly disposition: 'attachment' | 'inline';

  /** @param name Its file name, without folders. */
  constructor(name: string, content: SmtpContent, options: SmtpAttachmentOptions = {}) {
    if (typeof name !== 'string') throw wrong('An attachment needs a name: addAttachment(name, content).');
    if (typeof options !== 'object' || options === null) throw wrong(`The options of an attachment are an object; there are ${OPTIONS.join(', ')}.`);
    for (const option of Object.keys(options)) {
      if (!OPTIONS.includes(option)) throw wrong(`${option} is no option of an attachment; there are ${OPTIONS.join(', ')}.`);
    }
    for (const option of ['contentType', 'cid'] as const) {
      if (options[option] !== undefined && typeof options[option] !== 'string') throw wrong(`${option} of an attachment must be text.`);
    }
    this.name = name;
    this.content = content;
    this.contentType = withCharset(options.contentType ?? typeOf(name, content), content);
    this.cid = options.cid?.replace(/^<(.*)>$/, '$1');
    this.disposition = options.disposition ?? (this.cid === undefined ? 'attachment' : 'inline');
    if (!TYPE.test(this.contentType)) {
      throw wrong(`"${this.contentType}" is not a media type; one is written as application/pdf.`);
    }
    if (/^multipart\//i.test(this.contentType)) throw wrong(`An attachment cannot have the type ${this.contentType}: give its parts, or a finished message.`);
    if (this.cid !== undefined && !/^[\x21-\x3b\x3d\x3f-\x7e]+$/.test(this.cid)) throw wrong('A cid must be one word of ASCII without < and >, such as logo@example.com.');
    if (this.disposition !== 'attachment' && this.disposition !== 'inline') throw wrong('disposition must be attachment or inline.');
    contentOf(content);
  }
}

const TYPE = /^[\w!#$&^.+-]+\/[\w!#$&^.+-]+( *;[\x20-\x7e]*)?$/;
const OPTIONS = ['contentType', 'cid', 'disposition'];

/** @internal The part of a message that it becomes. */
export function attachmentEntity({ name, content, contentType, cid, disposition }: SmtpAttachment): Entity {
  const entity = contentEntity(contentType, contentOf(content), name);
  const field = new Field('Content-Disposition').word(disposition);
  if (name !== '') field.parameter('filename', name);
  return { ...entity, fields: [...entity.fields, field, ...(cid === undefined ? [] : [new Field('Content-ID').word(`<${cid}>`)])] };
}

/** @internal Another form of the text, such as `text/calendar`. */
export function alternativeEntity(contentType: string, content: SmtpContent): Entity {
  const [, type, method] = /^(text\/[\w.+-]+)(?: *; *method=(\w+))? *$/i.exec(contentType) ?? [];
  if (type === undefined || typeof content !== 'string') return attachmentEntity(new SmtpAttachment('', content, { contentType, disposition: 'inline' }));
  return textEntity(type, content, method === undefined ? {} : { method });
}

/** @internal A file or what is behind a link, as an attachment. */
export async function fetchAttachment(from: string | URL, options: SmtpAttachmentOptions, signal?: AbortSignal): Promise<SmtpAttachment> {
  if (typeof from !== 'string' && !(from instanceof URL)) throw wrong('What is attached is read from a path or a link: text, or a URL.');
  const url = from instanceof URL ? from : /^(?:https?|data|file):/i.test(from) ? linkOf(from) : undefined;
  if (url && url.protocol !== 'file:') {
    const name = url.protocol === 'data:' ? '' : fileName(url.pathname, true);
    let response: Response | undefined = await fetched(url, signal);
    const { headers } = response;
    const [type, length, encoding] = ['content-type', 'content-length', 'content-encoding'].map((field) => headers.get(field));
    // What was fetched to see whether it is there is what is sent first.
    const open = async function* (): AsyncGenerator<Uint8Array> {
      const { body } = response ?? (await fetched(url, signal));
      response = undefined;
      if (body) yield* iterable(body);
    };
    const source = { open, ...(length && !encoding ? { length: Number(length) } : {}) };
    const isType = type && TYPE.test(type) && !/^(?:message|multipart)\//i.test(type);
    return new SmtpAttachment(name, source, { ...(isType ? { contentType: type } : {}), ...options });
  }
  if (!runtimeHost.openFile) throw wrong('This runtime has no files: give the octets to addAttachment(name, octets).');
  const path = url ?? (from as string);
  const source = await runtimeHost.openFile(path).catch((error: unknown) => {
    throw wrong(`The attachment ${String(path)} cannot be read: ${error instanceof Error ? error.message : String(error)}`, error);
  });
  return new SmtpAttachment(url ? fileName(url.pathname, true) : fileName(path as string, false), source, options);
}

/** What is no link, or has a password, is not shown. */
function linkOf(text: string): URL {
  try {
    return new URL(text);
  } catch {
    throw wrong('The link of an attachment is none: one is written as https://example.com/report.pdf.');
  }
}

/** The last part of a path. What a link says is not trusted with more than a name. */
function fileName(path: string, isEncoded: boolean): string {
  let name = path;
  try {
    if (isEncoded) name = decodeURIComponent(path);
  } catch {
    // A percent sign that stands for itself.
  }
  return (name.split(/[\\/]/).pop() ?? '').replace(/\p{Cc}/gu, '');
}

async function fetched(url: URL, signal?: AbortSignal): Promise<Response> {
  if (url.username !== '' || url.password !== '') throw wrong(`The link of an attachment at ${url.host} has a user or a password, which fetch does not take: fetch it yourself, and give the octets.`);
  const response = await fetch(url, signal ? { signal } : {}).catch((error: unknown) => {
    throw wrong(`The attachment cannot be fetched from ${url.origin}: ${error instanceof Error ? error.message : String(error)}`, error);
  });
  if (!response.ok) throw wrong(`${url.origin} did not give the attachment ${url.pathname}: ${response.status} ${response.statusText}.`);
  return response;
}

function contentOf(content: SmtpContent): Uint8Array | SmtpSource {
  if (typeof content === 'string') return new TextEncoder().encode(content);
  if (content instanceof Uint8Array) return content;
  if (content instanceof ArrayBuffer) return new Uint8Array(content);
  const source = sourceOf(content);
  if (!source) throw wrong('The content of an attachment must be text, a Uint8Array, an ArrayBuffer, a Blob, a stream, or an object with open().');
  return source;
}

/** Text becomes UTF-8, whatever it was before. */
function withCharset(type: string, content: SmtpContent): string {
  return typeof content === 'string' && /^text\//i.test(type) ? `${type.replace(/ *; *charset=("[^"]*"|[^;]*)/gi, '')}; charset=utf-8` : type;
}

function typeOf(name: string, content: SmtpContent): string {
  const [, extension = ''] = /\.([^.]*)$/.exec(name.toLowerCase()) ?? [];
  const type = TYPES.get(extension) ?? 'application/octet-stream';
  // A message would have to be in memory: see `contentEntity`.
  return type.startsWith('message/') && sourceOf(content) ? 'application/octet-stream' : type;
}

/** Media types of the files that are attached most. */
const TYPES: ReadonlyMap<string, string> = new Map(
  [
    ['application', 'gzip=gz json pdf rtf xml zip msword=doc vnd.ms-excel=xls vnd.ms-powerpoint=ppt vnd.oasis.opendocument.text=odt ' +
      'vnd.oasis.opendocument.spreadsheet=ods vnd.openxmlformats-officedocument.wordprocessingml.document=docx ' +
      'vnd.openxmlformats-officedocument.spreadsheetml.sheet=xlsx vnd.openxmlformats-officedocument.presentationml.presentation=pptx'],
    ['audio', 'mpeg=mp3 ogg wav'],
    ['font', 'ttf woff woff2'],
    ['image', 'avif bmp gif jpeg=jpg jpeg png svg+xml=svg tiff=tif tiff webp x-icon=ico'],
    ['message', 'rfc822=eml'],
    ['text', 'calendar=ics css csv html html=htm javascript=js markdown=md plain=txt plain=log vcard=vcf'],
    ['video', 'mp4 mpeg quicktime=mov webm'],
  ].flatMap(([type = '', subtypes = '']) =>
    subtypes.split(' ').map((entry) => {
      const [subtype, extension = subtype] = entry.split('=');
      return [extension as string, `${type}/${subtype}`] as const;
    }),
  ),
);
