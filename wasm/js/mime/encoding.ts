/** Content-transfer-encodings (RFC 2045 §6). */

/** Text as it is sent in a body, and what its fields must say of it. */
export interface EncodedText {
  octets: Uint8Array;
  encoding: '7bit' | 'base64' | 'quoted-printable';
  charset: 'us-ascii' | 'utf-8';
}

/** Encodes text: as it is if it is ASCII in lines that are short enough, else by what makes less of it. */
export function encodeText(text: string): EncodedText {
  const octets = new TextEncoder().encode(text.replace(/\r\n?|\n/g, '\r\n'));
  const { isAscii, longest, special } = scan(octets);
  const charset = isAscii ? 'us-ascii' : 'utf-8';
  if (isAscii && longest <= LONGEST) return { octets, encoding: '7bit', charset };
  // Three characters for each special octet, or four for any three.
  if (special * 6 < octets.length) return { octets: quotedPrintable(octets, special), encoding: 'quoted-printable', charset };
  const encoded = new Uint8Array(base64Size(octets.length));
  let at = 0;
  for (const lines of base64Lines([octets])) {
    encoded.set(lines, at);
    at += lines.length;
  }
  return { octets: encoded, encoding: 'base64', charset };
}

/** How many octets {@link base64Lines} makes of so many. */
export function base64Size(length: number): number {
  return Math.ceil(length / 3) * 4 + 2 * Math.max(0, Math.ceil(length / PER_LINE) - 1);
}

/** Encodes octets in lines of 76 characters, the last one without its end. Each piece is in the same memory. */
export function* base64Lines(pieces: Iterable<Uint8Array>): Generator<Uint8Array> {
  const lines = new Base64Lines();
  for (const piece of pieces) yield* lines.feed(piece);
  yield* lines.end();
}

/** As {@link base64Lines}, of pieces that come piece by piece. */
export class Base64Lines {
  /** What does not fill a line yet. */
  readonly #rest = new Uint8Array(PER_LINE);
  #length = 0;
  #isFirst = true;
  readonly #out = new Uint8Array(LINES * 78);
  readonly #pairs = new Uint16Array(this.#out.buffer);

  *feed(piece: Uint8Array): Generator<Uint8Array> {
    let at = 0;
    if (this.#length > 0) {
      at = Math.min(PER_LINE - this.#length, piece.length);
      this.#rest.set(piece.subarray(0, at), this.#length);
      this.#length += at;
      if (this.#length < PER_LINE) return;
      yield this.#encode(this.#rest);
    }
    for (; piece.length - at >= PER_LINE; ) {
      const count = Math.min(Math.floor((piece.length - at) / PER_LINE), LINES) * PER_LINE;
      yield this.#encode(piece.subarray(at, at + count));
      at += count;
    }
    this.#rest.set(piece.subarray(at));
    this.#length = piece.length - at;
  }

  *end(): Generator<Uint8Array> {
    if (this.#length > 0) yield this.#encode(this.#rest.subarray(0, this.#length));
  }

  /** Lines, each behind the end of the one before it. */
  #encode(octets: Uint8Array): Uint8Array {
    const [from, to] = [octets, this.#pairs];
    const groups = Math.floor(from.length / 3) * 3;
    let [at, out] = [0, 0];
    while (at < from.length) {
      to[out++] = CRLF;
      for (const end = Math.min(at + PER_LINE, groups); at < end; at += 3) {
        const bits = ((from[at] as number) << 16) | ((from[at + 1] as number) << 8) | (from[at + 2] as number);
        to[out++] = PAIRS[bits >> 12] as number;
        to[out++] = PAIRS[bits & 0xfff] as number;
      }
      if (at === groups && at < from.length) {
        const bits = ((from[at] as number) << 16) | ((from[at + 1] ?? 0) << 8);
        to[out++] = PAIRS[bits >> 12] as number;
        to[out++] = PAIRS[bits & 0xfff] as number;
        this.#out.fill(PADDING, out * 2 - (at + 1 < from.length ? 1 : 2), out * 2);
        break;
      }
    }
    const first = this.#isFirst ? 2 : 0;
    this.#isFirst = false;
    return this.#out.subarray(first, out * 2);
  }
}

/** Base64 on one line, for a header. */
export function base64(octets: Uint8Array): string {
  return btoa(String.fromCharCode(...octets));
}

/** Whether octets are ASCII but for NUL, the longest line of them, and how many would be three characters each. */
function scan(octets: Uint8Array): { isAscii: boolean; longest: number; special: number } {
  let [isAscii, longest, special, start] = [true, 0, 0, 0];
  for (let at = 0; at < octets.length; at += 1) {
    const octet = octets[at] as number;
    if (octet === LF) {
      longest = Math.max(longest, at - 1 - start);
      start = at + 1;
    } else if (octet > 126 || octet === EQUALS || (octet < 32 && octet !== CR)) {
      special += 1;
      if (octet > 127 || octet === 0) isAscii = false;
    }
  }
  return { isAscii, longest: Math.max(longest, octets.length - start), special };
}

/** Quoted-printable (RFC 2045 §6.7) of text whose lines end in CRLF. */
function quotedPrintable(octets: Uint8Array, special: number): Uint8Array {
  // At most: three characters for each special octet and for the blank at each line's end, a soft line break in each 73.
  const out = new Uint8Array((octets.length + special * 2) * 1.05 + lineCount(octets) * 3 + 3);
  let [to, column] = [0, 0];
  for (let at = 0; at < octets.length; at += 1) {
    const octet = octets[at] as number;
    if (octet === CR) {
      out[to++] = CR;
      out[to++] = LF;
      column = 0;
      at += 1;
      continue;
    }
    const next = octets[at + 1];
    const isBlank = (octet === 0x20 || octet === 0x09) && next !== undefined && next !== CR;
    const isPlain = isBlank || (octet > 32 && octet < 127 && octet !== EQUALS);
    column += isPlain ? 1 : 3;
    if (column > 75) {
      out[to++] = EQUALS;
      out[to++] = CR;
      out[to++] = LF;
      column = isPlain ? 1 : 3;
    }
    if (isPlain) {
      out[to++] = octet;
    } else {
      out[to++] = EQUALS;
      out[to++] = DIGITS.charCodeAt(octet >> 4);
      out[to++] = DIGITS.charCodeAt(octet & 15);
    }
  }
  return out.subarray(0, to);
}

function lineCount(octets: Uint8Array): number {
  let count = 0;
  for (let at = octets.indexOf(LF); at >= 0; at = octets.indexOf(LF, at + 1)) count += 1;
  return count;
}

const DIGITS = '0123456789ABCDEF';
const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
const [CR, LF, EQUALS, PADDING] = [13, 10, 61, 61];
/** Characters of a line as it is (RFC 5322 §2.1.1). */
const LONGEST = 998;
/** Octets in a line of base64, and lines that are made at once. */
const PER_LINE = 57;
const LINES = 1024;

/** Two characters of base64 for each twelve bits, in the order in which memory has them. */
const PAIRS = new Uint16Array(4096);
const octetsOfPairs = new Uint8Array(PAIRS.buffer);
for (let bits = 0; bits < 4096; bits += 1) {
  octetsOfPairs[bits * 2] = ALPHABET.charCodeAt(bits >> 6);
  octetsOfPairs[bits * 2 + 1] = ALPHABET.charCodeAt(bits & 63);
}
const CRLF = new Uint16Array(Uint8Array.of(CR, LF).buffer)[0] as number;
