/**
 * Entities (RFC 2045 §2.4): a text, an attachment, or several in one. What is in memory is encoded while it is sent; what
 * is not is read then too.
 */
import { iterable, wireSize, type Message, type SmtpSource } from '../message.js';
import { Base64Lines, base64Lines, base64Size, encodeText } from './encoding.js';
import { Field, wrong } from './header.js';

/** What an entity is made of, in order: octets as they are, and content that becomes base64. */
type Piece = Uint8Array | { octets: Uint8Array } | { source: SmtpSource; name: string };

/** An entity, with the fields that say what it is. */
export interface Entity {
  fields: (Field | string)[];
  body: Piece[];
  /** Whether it has octets above 127. */
  isEightBit: boolean;
}

/** A text. */
export function textEntity(type: string, text: string, parameters: Readonly<Record<string, string>> = {}): Entity {
  const { octets, encoding, charset } = encodeText(text);
  const field = new Field('Content-Type').word(type).parameter('charset', charset);
  for (const [name, value] of Object.entries(parameters)) field.parameter(name, value);
  return { fields: [field, `Content-Transfer-Encoding: ${encoding}`], body: [octets], isEightBit: false };
}

/** Any content, in base64; but a message as it is, since that must not be encoded (RFC 2046 §5.2.1). */
export function contentEntity(type: string, content: Uint8Array | SmtpSource, name: string): Entity {
  const field = new Field('Content-Type').word(type);
  if (!/^message\//i.test(type)) {
    const body = content instanceof Uint8Array ? { octets: content } : { source: content, name };
    return { fields: [field, 'Content-Transfer-Encoding: base64'], body: [body], isEightBit: false };
  }
  if (!(content instanceof Uint8Array)) throw wrong(`An attachment of the type ${type} must be given as text or octets, since it is sent as it is; or give it another contentType.`);
  const isEightBit = content.some((octet) => octet > 127);
  return { fields: [field, `Content-Transfer-Encoding: ${isEightBit ? '8bit' : '7bit'}`], body: [content], isEightBit };
}

/** Several in one (RFC 2046 §5.1); one alone stays what it is. `boundary` must be in none of them. */
export function multipart(subtype: string, entities: readonly Entity[], boundary: () => string, type?: string): Entity {
  const [first] = entities;
  if (first !== undefined && entities.length === 1) return first;
  let delimiter = boundary();
  while (entities.some(({ body }) => body.some((piece) => piece instanceof Uint8Array && LATIN1.decode(piece).includes(delimiter)))) delimiter = boundary();
  const field = new Field('Content-Type').word(`multipart/${subtype}`);
  if (type !== undefined) field.parameter('type', type);
  field.parameter('boundary', delimiter);
  const body = entities.flatMap(({ fields, body }, place): Piece[] => {
    const before = `${place > 0 ? '\r\n' : ''}--${delimiter}\r\n`;
    return [ASCII.encode(`${before}${fields.join('\r\n')}\r\n\r\n`), ...body];
  });
  body.push(ASCII.encode(`\r\n--${delimiter}--\r\n`));
  return { fields: [field], body, isEightBit: entities.some(({ isEightBit }) => isEightBit) };
}

/** The message that begins with these fields. */
export function messageOfEntity(fields: readonly (Field | string)[], { fields: own, body, isEightBit }: Entity, utf8Headers: boolean): Message {
  const pieces: Piece[] = [ASCII.encode(`${[...fields, ...own].join('\r\n')}\r\n\r\n`), ...body];
  const last = pieces.at(-1);
  // The last line ends, as the server will have it.
  if (!(last instanceof Uint8Array) || !(last.at(-1) === 10 && last.at(-2) === 13)) pieces.push(ASCII.encode('\r\n'));
  const size = pieces.reduce<number | undefined>((sum, piece) => {
    const length = sizeOf(piece);
    return sum === undefined || length === undefined ? undefined : sum + length;
  }, 0);
  const isHere = pieces.every((piece) => !('source' in piece));
  return {
    plan: {
      content: isEightBit || utf8Headers ? 'eightBit' : 'sevenBit',
      utf8Headers,
      once: pieces.some((piece) => 'source' in piece && piece.source.once === true),
      ...(size === undefined ? {} : { size }),
    },
    total: size,
    open: () => (isHere ? read(pieces as Here[]) : readAll(pieces)),
  };
}

type Here = Exclude<Piece, { source: SmtpSource; name: string }>;

function* read(pieces: readonly Here[]): Generator<Uint8Array> {
  for (const piece of pieces) {
    if (piece instanceof Uint8Array) yield piece;
    else yield* base64Lines([piece.octets]);
  }
}

/** As {@link read}; `destroy` ends what an attachment is read from, even while that has nothing to give. */
function readAll(pieces: readonly Piece[]): AsyncIterable<Uint8Array> & { destroy(): void } {
  let source: object | undefined;
  async function* all(): AsyncGenerator<Uint8Array> {
    for (const piece of pieces) {
      if (!('source' in piece)) {
        yield* read([piece]);
        continue;
      }
      try {
        const opened = iterable(piece.source.open());
        source = opened;
        yield* encoded(opened, piece.source.length);
      } catch (error) {
        const reason = error instanceof Error ? error.message : String(error);
        throw new Error(`the attachment ${piece.name === '' ? 'without a name' : `"${piece.name}"`}: ${reason}`, { cause: error });
      }
    }
  }
  const destroy = (): void => (source as { destroy?: () => void } | undefined)?.destroy?.();
  return Object.assign(all(), { destroy });
}

/** What an attachment is read from, in base64. `length`: how much that must be, if it was said. */
async function* encoded(opened: ReturnType<typeof iterable>, length: number | undefined): AsyncGenerator<Uint8Array> {
  const lines = new Base64Lines();
  let count = 0;
  for await (const given of opened) {
    const octets = typeof given === 'string' ? ASCII.encode(given) : (given as unknown);
    if (!(octets instanceof Uint8Array)) throw new TypeError('it must be given as text or Uint8Array pieces');
    count += octets.length;
    yield* lines.feed(octets);
  }
  if (length !== undefined && count !== length) throw new Error(`it has ${count} octets, and ${length} were declared`);
  yield* lines.end();
}

/** Octets on the wire, before dots are doubled. */
function sizeOf(piece: Piece): number | undefined {
  if (piece instanceof Uint8Array) return wireSize(piece);
  const length = 'octets' in piece ? piece.octets.length : piece.source.length;
  return length === undefined ? undefined : base64Size(length);
}

const ASCII = new TextEncoder();
const LATIN1 = new TextDecoder('latin1');
