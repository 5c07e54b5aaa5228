import { SmtpError } from './errors.js';

/** A name and an address. */
export class MailAddress {
  name: string;
  address: string;

  /**
   * @param text `a@b`, `Name <a@b>`, or the name if an address follows.
   * @param address The address, if `text` is the name.
   *
   * @example
   * ```js
   * new MailAddress('Ann <ann@example.com>').address; // ann@example.com
   * new MailAddress('Example, Ann', 'ann@example.com').toString(); // "Example, Ann" <ann@example.com>
   * ```
   */
  constructor(text: string, address?: string) {
    if (typeof text !== 'string' || typeof (address ?? '') !== 'string') {
      throw wrongAddress('A MailAddress takes text: an address, Name <address>, or a name and an address.', 'message');
    }
    if (address !== undefined) {
      this.name = text;
      this.address = address;
      return;
    }
    const trimmed = text.trim();
    if (split(trimmed).slice(0, -1).some((part) => part.includes('@'))) {
      throw wrongAddress(`A MailAddress is one address, and there are more: ${trimmed}. An AddressCollection takes them.`, 'message');
    }
    // The name as it was written before there were angle brackets (RFC 5322 §3.4).
    const [, before, comment] = /^<?([^\s<>()"@]+@[^\s<>()"@]+)>? *\(((?:[^()\\]|\\.)*)\)$/s.exec(trimmed) ?? [];
    if (before !== undefined && comment !== undefined) {
      this.name = comment.replace(/\\(.)/gs, '$1').trim();
      this.address = before;
      return;
    }
    const open = trimmed.lastIndexOf('<');
    const inside = trimmed.slice(open + 1, -1);
    const hasName = open >= 0 && trimmed.endsWith('>') && !inside.includes('>');
    const name = hasName ? trimmed.slice(0, open).trim() : '';
    // A name with these outside of quotes is another address, or has a quote that is not closed: then all of it is refused.
    const isBroken = /[<>"\r\n]/.test(name.replace(QUOTED, ''));
    this.name = isBroken ? '' : name.replace(QUOTED, (_, quoted: string) => quoted.replace(/\\(.)/gs, '$1')).trim();
    this.address = hasName && !isBroken ? inside.trim() : trimmed;
  }

  /** As a person writes it: `Name <a@b>`. */
  toString(): string {
    if (this.name === '') return this.address;
    const isPlain = /^[^\x00-\x1f"(),.:;<>@[\\\]]*$/.test(this.name);
    return `${isPlain ? this.name : `"${this.name.replace(/["\\]/g, '\\$&')}"`} <${this.address}>`;
  }
}

/**
 * A list of addresses.
 *
 * @example
 * ```js
 * const list = new AddressCollection('ann@example.com, "Example, Bob" <bob@example.org>');
 * list.add('Cäcilie', 'c@example.org');
 * list.count; // 3
 * ```
 */
export class AddressCollection implements Iterable<MailAddress> {
  readonly #addresses: MailAddress[] = [];

  /** @param addresses Text with commas between addresses, where commas within quotes belong to a name; or what has them. */
  constructor(addresses: AddressInput = '') {
    if (typeof addresses !== 'string') this.#addresses.push(...listed('An AddressCollection', addresses));
    else for (const part of split(addresses)) this.add(part);
  }

  /** Adds an address: as {@link MailAddress} takes it, the name first if there are two. */
  add(text: MailAddress | string, address?: string): void {
    this.#addresses.push(text instanceof MailAddress && address === undefined ? text : new MailAddress(text as string, address));
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

const QUOTED = /"((?:[^"\\]|\\.)*)"/gs;

/** Where a list of addresses is given. */
export type AddressInput = AddressCollection | MailAddress | string | readonly (MailAddress | string)[];

/** @internal The addresses that were given as `member` of a mail. */
export function addressesOf(member: string, input: unknown): MailAddress[] {
  const addresses = listed(member, input);
  for (const { name, address } of addresses) {
    if (typeof name !== 'string') throw wrongAddress(`${member}: the name of ${String(address)} must be text.`, suspectOf(member));
    addressOf(member, address);
  }
  return addresses;
}

function listed(member: string, input: unknown): MailAddress[] {
  const given: unknown[] = input instanceof AddressCollection ? [...input] : Array.isArray(input) ? input : [input];
  return given.flatMap((address) => {
    if (typeof address === 'string') return [...new AddressCollection(address)];
    if (address instanceof MailAddress) return [address];
    throw wrongAddress(`${member} must be text, a MailAddress, an AddressCollection, or an array of the first two.`, suspectOf(member));
  });
}

/** @internal An address that was given as `member` of a mail, if it can be one: what exactly it may be, the core knows. */
export function addressOf(member: string, address: string): string {
  const isLocal = (member === 'bcc' || member === 'envelope.to') && /^postmaster$/i.test(address);
  if (isLocal || (typeof address === 'string' && MAILBOX.test(inAscii(address)))) return address;
  const reason = String(address).includes('@') ? 'it has a character that must be quoted, or is not allowed' : 'it has no @';
  throw wrongAddress(`${member}: "${String(address)}" is not an address: ${reason}.`, suspectOf(member));
}

function suspectOf(member: string): Suspect {
  return ['from', 'sender', 'returnPath', 'envelope.from'].includes(member) ? 'sender' : ['to', 'cc', 'bcc', 'envelope.to'].includes(member) ? 'recipient' : 'message';
}

type Suspect = 'sender' | 'recipient' | 'message';

/** @internal */
export function wrongAddress(message: string, suspect: Suspect): SmtpError {
  return new SmtpError(message, { code: 'EENVELOPE', origin: 'settings', stage: 'connect', outcome: 'permanent', suspects: [suspect] });
}

/** What may stand in a header as an address. */
const MAILBOX =
  /^(?:"(?:[^"\\\p{Cc}\p{Cs}]|\\[^\p{Cc}\p{Cs}])*"|[^\s<>()[\],;:"\\@\p{Cc}\p{Cs}]+)@(?:\[[^\s[\]<>\p{Cc}\p{Cs}]*\]|[^\s<>()[\],;:"\\@\p{Cc}\p{Cs}]+)$/u;

/**
 * The domain of an address in ASCII (RFC 5890 §2.3.2.1), if it is all that is not: any server takes that. The platform has
 * the tables. What is no domain is left for the core to refuse.
 */
export function inAscii(address: string): string {
  const at = address.lastIndexOf('@');
  const [local, domain] = [address.slice(0, at + 1), address.slice(at + 1)];
  if (at < 0 || /[^\0-\x7f]/.test(local) || !/[^\0-\x7f]/.test(domain) || /[^\w.\-\x80-\u{10ffff}]/u.test(domain)) return address;
  try {
    return local + new URL(`http://${domain}`).hostname;
  } catch {
    // No domain name: a dot at its end is none either.
    return `${local}.`;
  }
}

/**
 * Cuts a list where commas and semicolons stand outside of quotes, comments and brackets, and leaves out the name of a group
 * (RFC 5322 §3.4). A quote that is not closed takes the rest with it, so that it is refused and not lost.
 */
function split(text: string): string[] {
  const parts: string[] = [];
  let [part, closing, depth] = ['', '', 0];
  for (let at = 0; at < text.length; at += 1) {
    const char = text[at] as string;
    if (closing !== '') {
      if (char === '\\' && closing !== '>') part += char + (text[(at += 1)] ?? '');
      else part += char;
      if (char === '(' && closing === ')') depth += 1;
      else if (char === closing && (depth -= 1) === 0) closing = '';
    } else if (char === ',' || char === ';') {
      parts.push(part);
      part = '';
    } else if (char === ':' && !part.includes('@') && text.includes(';', at)) {
      part = '';
    } else {
      part += char;
      closing = CLOSING[char] ?? '';
      depth = 1;
    }
  }
  parts.push(part);
  return parts.filter((address) => address.trim() !== '');
}

const CLOSING: Readonly<Record<string, string>> = { '"': '"', '(': ')', '<': '>', '[': ']' };
