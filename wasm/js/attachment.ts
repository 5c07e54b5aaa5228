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
    for (const option of Object.keys(options)) {
      if (!OPTIONS.includes(option)) throw wrong(`${option} is no option of an attachment; there are ${OPTIONS.join(', ')}.`);
    }
    this.name = name;
    this.content = content;
    this.contentType = options.contentType ?? typeOf(name, content);
    this.cid = options.cid?.replace(/^<(.*)>$/, '$1');
    this.disposition = options.disposition ?? (this.cid === undefined ? 'attachment' : 'inline');
    if (!/^[\w!#$&^.+-]+\/[\w!#$&^.+-]+( *;[\x20-\x7e]*)?$/.test(this.contentType)) {
      throw wrong(`"${this.contentType}" is not a media type; one is written as application/pdf.`);
    }
    if (this.cid !== undefined && !/^[^\s<>\0-\x1f\x7f]+$/.test(this.cid)) throw wrong('A cid must be one word without < and >, such as logo@example.com.');
    if (this.disposition !== 'attachment' && this.disposition !== 'inline') throw wrong('disposition must be attachment or inline.');
    contentOf(content);
  }
}

const OPTIONS = ['contentType', 'cid', 'disposition'];

/** @internal The part of a message that it becomes. */
export function attachmentEntity({ name, content, contentType, cid, disposition }: SmtpAttachment): Entity {
  const entity = contentEntity(contentType, contentOf(content));
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
export async function fetchAttachment(from: string | URL, options: SmtpAttachmentOptions): Promise<SmtpAttachment> {
  const url = from instanceof URL ? from : /^(?:https?|data|file):/i.test(from) ? new URL(from) : undefined;
  const last = (path: string): string => path.split(/[\\/]/).pop() ?? '';
  if (url && url.protocol !== 'file:') {
    const name = url.protocol === 'data:' ? '' : decodeURIComponent(last(url.pathname));
    let response: Response | undefined = await fetched(url);
    const { headers } = response;
    const [type, length, encoding] = ['content-type', 'content-length', 'content-encoding'].map((field) => headers.get(field));
    // What was fetched to see whether it is there is what is sent first.
    const open = async function* (): AsyncGenerator<Uint8Array> {
      const { body } = response ?? (await fetched(url));
      response = undefined;
      if (body) yield* iterable(body);
    };
    const source = { open, ...(length && !encoding ? { length: Number(length) } : {}) };
    return new SmtpAttachment(name, source, { ...(type ? { contentType: type } : {}), ...options });
  }
  if (!runtimeHost.openFile) throw wrong('This runtime has no files: give the octets to addAttachment(name, octets).');
  const source = await runtimeHost.openFile(url ?? (from as string));
  return new SmtpAttachment(url ? decodeURIComponent(last(url.pathname)) : last(from as string), source, options);
}

async function fetched(url: URL): Promise<Response> {
  const response = await fetch(url);
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

function typeOf(name: string, content: SmtpContent): string {
  const [, extension = ''] = /\.([^.]*)$/.exec(name.toLowerCase()) ?? [];
  const type = TYPES.get(extension) ?? 'application/octet-stream';
  if (type.startsWith('text/') && typeof content === 'string') return `${type}; charset=utf-8`;
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
