/**
 * Header fields (RFC 5322 §2.2, §3.6). Text that is not ASCII becomes encoded words (RFC 2047), parameters are those of
 * RFC 2045 §5.1 and RFC 2231, lines are folded. No value can end its field and begin another.
 */
import { inAscii, type MailAddress } from '../address.js';
import { SmtpError } from '../errors.js';
import { base64 } from './encoding.js';

/** A field that is being written: what does not fit on the line goes to the next one. */
export class Field {
  readonly #name: string;
  #text: string;
  #column: number;

  constructor(name: string) {
    this.#name = name;
    this.#text = `${name}:`;
    this.#column = this.#text.length;
  }

  /** Adds what cannot be broken, behind a space. */
  word(word: string): this {
    if (word.length > LONGEST) throw wrong(`${this.#name} has a word of ${word.length} characters; a line takes ${LONGEST}.`);
    return this.#put(` ${word}`);
  }

  /** Adds text: what of it cannot stand as it is becomes encoded words. */
  text(text: string): this {
    return this.#words(text, (word, isFirst) => isPlain(word) && !word.includes('=?') && word.length <= LONGEST && !(isFirst && word.startsWith(' ')));
  }

  /** Adds text that is more than words: links, identifiers, encoded words of the caller's. Only what is not ASCII is encoded. */
  structured(text: string): this {
    const long = text.match(/ *[^ ]+/g)?.find((word) => word.length > LONGEST && isPlain(word));
    if (long !== undefined) throw wrong(`The header ${this.#name} has a word of ${long.length} characters, or as many spaces; a line takes ${LONGEST}: put spaces into it.`);
    return this.#words(text, isPlain);
  }

  #words(text: string, isPlain: (word: string, isFirst: boolean) => boolean): this {
    const words = this.#safe(text).match(/ *[^ ]+| +$/g) ?? [];
    // Words next to each other that are encoded are one text: the space between two encoded words does not count.
    let run = '';
    words.forEach((word, place) => {
      const isFirst = place === 0;
      if (!isPlain(word, isFirst)) {
        // The space before encoded words is no part of them, if another word is before that.
        run += run === '' && !isFirst ? word.slice(1) : word;
        if (place < words.length - 1) return;
      }
      if (run !== '') this.encoded(run);
      run = '';
      if (isPlain(word, isFirst)) this.#put(isFirst ? ` ${word}` : word);
    });
    return this;
  }

  /** Adds mailboxes (RFC 5322 §3.4). Gives whether an address is not ASCII, which needs SMTPUTF8 (RFC 6532). */
  mailboxes(addresses: readonly MailAddress[]): boolean {
    let isUtf8 = false;
    addresses.forEach(({ name, address }, place) => {
      const ascii = inAscii(this.#safe(address));
      isUtf8 ||= /[^\0-\x7f]/.test(ascii);
      const comma = place < addresses.length - 1 ? ',' : '';
      if (name !== '') this.#phrase(name);
      this.word(name === '' ? ascii + comma : `<${ascii}>${comma}`);
    });
    return isUtf8;
  }

  /** Adds a parameter. */
  parameter(name: string, value: string): this {
    this.#safe(value);
    this.#text += ';';
    this.#column += 1;
    if (/^[\w!#$%&+\-.^`{|}~]+$/.test(value) && value.length < PARAMETER) return this.word(`${name}=${value}`);
    const quoted = `"${value.replace(/["\\]/g, '\\$&')}"`;
    if (/^[\x20-\x7e]*$/.test(quoted) && quoted.length < PARAMETER && !quoted.includes('=?')) return this.word(`${name}=${quoted}`);
    const pieces = percentEncoded(value);
    pieces.forEach((piece, place) => {
      const number = pieces.length > 1 ? `*${place}` : '';
      this.word(`${name}${number}*=${place === 0 ? "utf-8''" : ''}${piece}${place < pieces.length - 1 ? ';' : ''}`);
    });
    return this;
  }

  toString(): string {
    return this.#text;
  }

  /** A name before an address (RFC 5322 §3.2.5). */
  #phrase(name: string): void {
    if (/^[\w!#$%&'*+\-/=?^`{|}~]+(?: [\w!#$%&'*+\-/=?^`{|}~]+)*$/.test(name)) this.text(name);
    else if (/^[\x20-\x7e]*$/.test(name) && !name.includes('=?') && name.trim() === name && name.length < PARAMETER) this.word(`"${name.replace(/["\\]/g, '\\$&')}"`);
    else this.encoded(this.#safe(name));
  }

  /** Adds encoded words, each of whole characters: 75 characters at most, 76 on a line (RFC 2047 §2). */
  encoded(text: string): this {
    const characters = Array.from(text, (character) => [...UTF8.encode(character)]);
    const octets = characters.flat();
    const isBase64 = octets.length * (4 / 3) < octets.reduce((length, octet) => length + q(octet).length, 0);
    const length = (word: readonly number[]): number =>
      12 + (isBase64 ? Math.ceil(word.length / 3) * 4 : word.reduce((sum, octet) => sum + q(octet).length, 0));
    let word: number[] = [];
    let room = LINE - this.#column - 1;
    if (room < length(characters[0] ?? [])) room = LINE - 1;
    const flush = (): void => {
      const encoded = isBase64 ? `B?${base64(Uint8Array.from(word))}` : `Q?${word.map(q).join('')}`;
      this.word(`=?utf-8?${encoded}?=`);
      word = [];
      room = LINE - 1;
    };
    for (const character of characters) {
      if (word.length > 0 && length([...word, ...character]) > room) flush();
      word.push(...character);
    }
    flush();
    return this;
  }

  /** Adds what begins with its spaces. */
  #put(word: string): this {
    const isFull = this.#column + word.length > LINE && this.#column > this.#name.length + 1;
    if (isFull) this.#text += '\r\n';
    this.#text += word;
    this.#column = isFull ? word.length : this.#column + word.length;
    return this;
  }

  #safe(text: string): string {
    if (/[\r\n\0]/.test(text)) throw wrong(`${this.#name} must not have line breaks or NUL.`);
    return text;
  }
}

/** Text as encoded words alone, with spaces between them. */
export function encodedWords(text: string): string {
  return new Field('').encoded(text).toString().slice(1).replaceAll('\r\n', '').trim();
}

/** A word of printable ASCII, with the spaces before it. */
function isPlain(word: string): boolean {
  return /^ *[\x21-\x7e]+$/.test(word);
}

/** An octet in the encoding Q, as it may stand anywhere (RFC 2047 §5). */
function q(octet: number): string {
  if (octet === 0x20) return '_';
  const character = String.fromCharCode(octet);
  return /[A-Za-z0-9!*+\-/]/.test(character) ? character : `=${octet.toString(16).toUpperCase().padStart(2, '0')}`;
}

/** A value in pieces of whole characters, by RFC 2231 §4. */
function percentEncoded(value: string): string[] {
  const pieces = [''];
  for (const character of value) {
    const encoded = /[\w!#$&+\-.^`|~]/.test(character)
      ? character
      : [...UTF8.encode(character)].map((octet) => `%${octet.toString(16).toUpperCase().padStart(2, '0')}`).join('');
    if ((pieces.at(-1) as string).length + encoded.length > PARAMETER - 10) pieces.push('');
    pieces[pieces.length - 1] += encoded;
  }
  return pieces;
}

/** @internal */
export function wrong(message: string, cause?: unknown): SmtpError {
  return new SmtpError(message, { code: 'EMESSAGE', origin: 'settings', stage: 'connect', outcome: 'permanent', suspects: ['message'], cause });
}

const UTF8 = new TextEncoder();
/** Characters of a line with encoded words (RFC 2047 §2). */
const LINE = 76;
/** Characters of a word that can stand on a line of 998 (RFC 5322 §2.1.1). */
const LONGEST = 900;
/** Characters of a parameter or a quoted name that is not cut. */
const PARAMETER = 64;
