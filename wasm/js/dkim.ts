/**
 * DKIM signatures (RFC 6376) by rsa-sha256 and ed25519-sha256 (RFC 8463), both parts canonicalised as `relaxed`. The
 * message is read twice: for its hash, and to be sent.
 */
import { inAscii } from './address.js';
import { SmtpError } from './errors.js';
import { iterable, reading, type Message } from './message.js';
import { base64 } from './mime/encoding.js';
import type { SmtpPem } from './server.js';
import { call, core, instance } from './wasm.js';

/** A `CryptoKey`, as each runtime has it. */
export interface SmtpCryptoKey {
  readonly type: string;
  readonly algorithm: { readonly name: string };
  readonly usages: readonly string[];
}

/** How to sign a mail, so that others can tell that the domain sent it. */
export interface SmtpDkim {
  /** The domain that signs, such as `example.com`. */
  domain: string;
  /** Under which name the public key is in the DNS: `<selector>._domainkey.<domain>`. */
  selector: string;
  /** The private key: RSA or Ed25519, as PEM (`PRIVATE KEY` or `RSA PRIVATE KEY`), or as a key of WebCrypto that may sign. */
  privateKey: SmtpPem | SmtpCryptoKey;
  /** Which header fields are signed; `from` must be one of them. Default: those that RFC 6376 §5.4.1 names. */
  headers?: readonly string[];
}

/** @internal The message with a signature of each in front of it. `now`: milliseconds since 1970. */
export async function sign(message: Message, signers: readonly SmtpDkim[], now: number, signal?: AbortSignal): Promise<Message> {
  if (message.plan.once === true) {
    throw wrong('DKIM reads the message twice: give streams as files, octets, blobs, or objects with open().', 'message');
  }
  const keys = await Promise.all(signers.map(check));
  const { header, bodyHash } = await read(message, signal);
  const fields = header.split(/\r\n(?![ \t])/).filter((field) => field !== '');
  const time = Math.floor(now / 1000);
  const signatures = await Promise.all(signers.map((signer, place) => signature(signer, keys[place] as CryptoKey, fields, bodyHash, time)));
  const octets = new TextEncoder().encode(signatures.map((field) => `${field}\r\n`).join(''));
  const { plan, total } = message;
  return {
    plan: { ...plan, ...(plan.size === undefined ? {} : { size: plan.size + octets.length }) },
    total: total === undefined ? undefined : total + octets.length,
    open: () => behind(octets, message.open()),
  };
}

/** The field of one signature, folded. */
async function signature({ domain, selector, headers }: SmtpDkim, key: CryptoKey, fields: readonly string[], bodyHash: string, time: number): Promise<string> {
  const isEd25519 = key.algorithm.name === 'Ed25519';
  const names = headers?.map((name) => name.toLowerCase()) ?? usual(fields);
  // Each mention of a name takes the last field that is left of it; one too many keeps others from adding one (§5.4.2).
  const left = [...fields];
  const signed = names.map((name) => {
    const at = left.findLastIndex((field) => nameOf(field) === name);
    return at < 0 ? '' : `${relaxed(left.splice(at, 1)[0] as string)}\r\n`;
  });
  const unsigned = [
    `DKIM-Signature: v=1; a=${isEd25519 ? 'ed25519' : 'rsa'}-sha256; c=relaxed/relaxed; d=${asciiDomain(domain)};`,
    `s=${selector}; t=${time};`,
    ...`h=${names.join(':')};`.match(/.{1,70}(?:[:;]|$)/g) ?? [],
    `bh=${bodyHash};`,
    'b=',
  ].join('\r\n ');
  const data = Uint8Array.from(`${signed.join('')}${relaxed(unsigned)}`, (character) => character.charCodeAt(0));
  const what = isEd25519 ? await crypto.subtle.digest('SHA-256', data) : data;
  const made = await crypto.subtle.sign(isEd25519 ? 'Ed25519' : 'RSASSA-PKCS1-v1_5', key, what);
  return unsigned + (base64(new Uint8Array(made)).match(/.{1,72}/g) ?? []).join('\r\n ');
}

/** The header, one character an octet, and the hash of the body (§3.7). */
async function read(message: Message, signal: AbortSignal | undefined): Promise<{ header: string; bodyHash: string }> {
  const body = new RelaxedBody();
  try {
    let header = '';
    // Where the header ends, once that is known.
    let isBody = false;
    const split = (): void => {
      const end = END_OF_HEADER.exec(header);
      if (!end) return;
      isBody = true;
      body.update(Uint8Array.from(header.slice(end.index + end[0].length), (character) => character.charCodeAt(0)));
      header = header.slice(0, end.index);
    };
    for await (const given of reading(message, signal)) {
      const piece = typeof given === 'string' ? new TextEncoder().encode(given) : given;
      if (isBody) {
        body.update(piece);
        continue;
      }
      header += latin1(piece);
      // What a CR at the end of a piece means, the next one tells.
      if (!header.endsWith('\r')) split();
      if (header.length > HEADER) throw wrong(`The header of the message has more than ${HEADER} octets.`, 'message');
    }
    if (!isBody) split();
    return { header: header.replace(/\r\n?|\n/g, '\r\n'), bodyHash: body.finish() };
  } finally {
    body.free();
  }
}

/** The hash of a body, canonicalised while it comes (§3.4.4): blanks are one, none at the end of a line, no empty lines last. */
class RelaxedBody {
  readonly #instance = instance();
  readonly #digest = call(this.#instance, () => new (core().Digest)());
  readonly #out = new Uint8Array(PIECE);
  #filled = 0;
  /** Line ends that count only if something follows, whether a blank does, and whether the last octet was a CR. */
  #lines = 0;
  #isBlank = false;
  #wasCr = false;
  #isEmpty = true;

  update(octets: Uint8Array): void {
    for (let at = 0; at < octets.length; at += 1) {
      const octet = octets[at] as number;
      const isEnd = octet === CR || (octet === LF && !this.#wasCr);
      if (isEnd) {
        this.#lines += 1;
        this.#isBlank = false;
      } else if (octet === SPACE || octet === TAB) {
        this.#isBlank = true;
      } else if (octet !== LF) {
        for (; this.#lines > 0; this.#lines -= 1) this.#put(CR, LF);
        if (this.#isBlank) this.#put(SPACE);
        this.#put(octet);
        this.#isBlank = false;
        this.#isEmpty = false;
      }
      this.#wasCr = octet === CR;
    }
  }

  finish(): string {
    if (!this.#isEmpty) this.#put(CR, LF);
    this.#flush();
    return base64(call(this.#instance, () => this.#digest.finish()));
  }

  free(): void {
    if (this.#instance === instance()) this.#digest.free();
  }

  #put(first: number, second?: number): void {
    if (this.#filled + 2 > PIECE) this.#flush();
    this.#out[this.#filled++] = first;
    if (second !== undefined) this.#out[this.#filled++] = second;
  }

  #flush(): void {
    call(this.#instance, () => this.#digest.update(this.#out.subarray(0, this.#filled)));
    this.#filled = 0;
  }
}

/** A field on one line, with single blanks (§3.4.2). */
function relaxed(field: string): string {
  const colon = field.indexOf(':');
  const value = field.slice(colon + 1).replace(/\r\n/g, '').replace(/[ \t]+/g, ' ').replace(/^ | $/g, '');
  return `${nameOf(field)}:${value}`;
}

/** The names that are signed if the caller names none: what there is of the list, and some of it once more. */
function usual(fields: readonly string[]): string[] {
  const present = fields.map(nameOf).filter((name) => SIGNED.has(name) || /^(?:list|resent)-/.test(name));
  return [...present, ...OVERSIGNED];
}

function nameOf(field: string): string {
  return field.slice(0, field.indexOf(':')).replace(/[ \t]+$/, '').toLowerCase();
}

/** Octets, then what is read. */
function behind(octets: Uint8Array, pieces: ReturnType<Message['open']>): ReturnType<Message['open']> {
  const rest = iterable(pieces);
  if (Symbol.asyncIterator in rest) {
    const both = (async function* () {
      yield octets;
      yield* rest;
    })();
    return Object.assign(both, { destroy: () => (rest as { destroy?: () => void }).destroy?.() });
  }
  return (function* () {
    yield octets;
    yield* rest;
  })();
}

/** @internal The key of a signer whose settings may be right: the text of PEM, or a key that can sign. */
export function checkDkim(given: SmtpDkim): CryptoKey | string {
  if (typeof given !== 'object' || given === null) throw wrong('dkim must be { domain, selector, privateKey }, or an array of these.', 'dkim');
  const { domain, selector, privateKey, headers, ...unknown } = given;
  for (const name of Object.keys(unknown)) throw wrong(`${name} is no option of dkim; there are domain, selector, privateKey, headers.`, 'dkim');
  const isName = (name: unknown): boolean => typeof name === 'string' && /^[A-Za-z0-9](?:[\w.-]*[A-Za-z0-9])?$/.test(name);
  if (typeof domain !== 'string' || !isName(asciiDomain(domain))) throw wrong('dkim.domain must be a domain, such as example.com.', 'dkim');
  if (!isName(selector)) throw wrong('dkim.selector must be a name, such as mail or key1.', 'dkim');
  if (headers !== undefined && !(Array.isArray(headers) && headers.every((name) => typeof name === 'string' && /^[\x21-\x39\x3c-\x7e]+$/.test(name)) && headers.some((name) => name.toLowerCase() === 'from'))) {
    throw wrong('dkim.headers must be names of header fields, and from must be one of them.', 'dkim');
  }
  if (typeof privateKey === 'object' && privateKey !== null && !(privateKey instanceof Uint8Array)) {
    const { algorithm, usages } = privateKey as CryptoKey & { algorithm: { hash?: { name: string } } };
    const isRight = algorithm?.name === 'Ed25519' || (algorithm?.name === 'RSASSA-PKCS1-v1_5' && algorithm.hash?.name === 'SHA-256');
    if (isRight && usages.includes('sign')) return privateKey as CryptoKey;
    throw wrong('dkim.privateKey must be PEM, or a key of WebCrypto that may sign: Ed25519, or RSASSA-PKCS1-v1_5 with SHA-256.', 'dkim');
  }
  // In variables of the environment, line ends are often written out.
  const text = privateKey instanceof Uint8Array ? new TextDecoder().decode(privateKey) : typeof privateKey === 'string' ? privateKey : '';
  const pem = text.replaceAll('\\n', '\n');
  if (PEM.test(pem)) return pem;
  const how = /ENCRYPTED/.test(pem)
    ? 'This one is encrypted: decrypt it first.'
    : 'It is the text of the file, not its path, and begins with -----BEGIN PRIVATE KEY----- or -----BEGIN RSA PRIVATE KEY-----.';
  throw wrong(`dkim.privateKey must be a private key as PEM. ${how}`, 'dkim');
}

/** The key of a signer whose settings are right. */
async function check(given: SmtpDkim): Promise<CryptoKey> {
  const key = checkDkim(given);
  if (typeof key !== 'string') return key;
  const [, kind, text = ''] = PEM.exec(key) ?? [];
  try {
    const der = Uint8Array.from(atob(text.replace(/\s/g, '')), (character) => character.charCodeAt(0));
    const pkcs8 = kind === '' ? der : wrapped(der);
    const isEd25519 = ED25519.every((octet, at) => pkcs8[7 + at] === octet);
    return await crypto.subtle.importKey('pkcs8', pkcs8, isEd25519 ? { name: 'Ed25519' } : { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' }, false, ['sign']);
  } catch (error) {
    throw wrong('dkim.privateKey is no RSA or Ed25519 key that this runtime can read.', 'dkim', error);
  }
}

/** PKCS #8 around an RSA key of PKCS #1 (RFC 5208 §5), which WebCrypto does not take. */
function wrapped(key: Uint8Array): Uint8Array<ArrayBuffer> {
  const element = (tag: number, contents: Uint8Array): Uint8Array<ArrayBuffer> => {
    const { length } = contents;
    const size = length < 128 ? [length] : length < 256 ? [0x81, length] : [0x82, length >> 8, length & 255];
    return Uint8Array.of(tag, ...size, ...contents);
  };
  return element(0x30, Uint8Array.of(...VERSION, ...RSA, ...element(0x04, key)));
}

function asciiDomain(domain: string): string {
  return inAscii(`@${domain}`).slice(1);
}

function wrong(message: string, suspect: string, cause?: unknown): SmtpError {
  const code = suspect === 'dkim' ? 'ECONFIG' : 'EMESSAGE';
  return new SmtpError(message, { code, origin: 'settings', stage: 'connect', outcome: 'permanent', suspects: [suspect], cause });
}

function latin1(octets: Uint8Array): string {
  let text = '';
  for (let at = 0; at < octets.length; at += 0x8000) text += String.fromCharCode(...octets.subarray(at, at + 0x8000));
  return text;
}

const PEM = /-----BEGIN (RSA |)PRIVATE KEY-----([\sA-Za-z0-9+/=]*)-----END/;
const END_OF_HEADER = /(?:^|\r\n|\n|\r(?!\n))(?:\r\n|\n|\r)/;
/** What is signed where it is there (RFC 6376 §5.4.1), beside all of `List-` and `Resent-`. */
const SIGNED: ReadonlySet<string> = new Set([
  'from', 'sender', 'reply-to', 'subject', 'date', 'message-id', 'to', 'cc', 'mime-version', 'content-type', 'content-transfer-encoding',
  'content-id', 'content-description', 'in-reply-to', 'references', 'autocrypt',
]);
/** What nobody may add. */
const OVERSIGNED = ['from', 'reply-to', 'subject', 'to', 'cc'];

/** Octets that a header may have. */
const HEADER = 1 << 20;
/** Octets that are hashed at once. */
const PIECE = 64 * 1024;
const [TAB, LF, CR, SPACE] = [9, 10, 13, 32];
/** INTEGER 0; SEQUENCE { rsaEncryption, NULL }; and where a key of PKCS #8 says it is for Ed25519. */
const VERSION = [0x02, 0x01, 0x00];
const RSA = [0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00];
const ED25519 = [0x06, 0x03, 0x2b, 0x65, 0x70];
