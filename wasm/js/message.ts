import { SmtpError } from './errors.js';
import type { SmtpBodyPlan } from './session.js';

/**
 * Octets that are read while they are sent, so that they are never in memory as a whole.
 *
 * @example
 * ```js
 * mail.addAttachment('film.mp4', { open: () => createReadStream('film.mp4') });
 * ```
 */
export interface SmtpSource {
  /**
   * Gives the octets from their start. A piece may be changed once the next one is asked for. Called again if the server
   * takes fewer recipients at a time than there are, and for DKIM, unless `once` is set.
   */
  open(): Iterable<Uint8Array> | AsyncIterable<Uint8Array> | ReadableStream<Uint8Array>;
  /** Whether they can be given only once. Default `false`. */
  once?: boolean;
  /** How many octets it gives, for progress and for a server that offers SIZE. */
  length?: number;
}

/** The content of an attachment: text, octets, or what gives them piece by piece. A stream can be given only once. */
export type SmtpContent = string | ArrayBuffer | Blob | Uint8Array | AsyncIterable<Uint8Array> | ReadableStream<Uint8Array> | SmtpSource;

/**
 * A finished message (RFC 5322) that is read while it is sent.
 *
 * @example
 * ```js
 * mail.message = { open: () => createReadStream('message.eml') };
 * ```
 */
export interface SmtpMessageSource extends SmtpSource {
  /** Its size in octets with every line end as CRLF, for a server that offers SIZE. */
  size?: number;
  /** Which octets it has. Default `auto`: up to 127 alone if the server does not offer 8BITMIME. */
  content?: SmtpBodyPlan['content'];
  /** What becomes of CR and LF alone. Default `normalize`. */
  lineEnds?: SmtpBodyPlan['lineEnds'];
}

/** A finished message: text, octets, or what gives them piece by piece. A stream can be given only once. */
export type SmtpMessage =
  | string
  | Uint8Array
  | Blob
  | AsyncIterable<Uint8Array>
  | ReadableStream<Uint8Array>
  | SmtpMessageSource;

/** A message on its way to a connection: all of its octets, or what gives them. */
export interface Message {
  plan: SmtpBodyPlan;
  /** Octets in all, if that is known. */
  total: number | undefined;
  /** Its octets, from its start. */
  open: SmtpSource['open'];
}

/** @internal */
export function messageOf(octets: Uint8Array, isEightBit: boolean): Message {
  return {
    plan: { size: wireSize(octets) + (endsLine(octets) ? 0 : 2), content: isEightBit ? 'eightBit' : 'sevenBit' },
    total: octets.length,
    open: () => [octets],
  };
}

/** @internal What reads a message piece by piece; `undefined` if this is none. */
export function readable(message: unknown): Message | undefined {
  const source = sourceOf(message);
  if (source === undefined) return undefined;
  const { once = false, length, size, content = 'auto', lineEnds } = source;
  const plan: SmtpBodyPlan = { once, content };
  if (size !== undefined) plan.size = size;
  if (lineEnds !== undefined) plan.lineEnds = lineEnds;
  return { plan, total: length ?? size, open: () => source.open() };
}

/** Streams that were read: they have nothing left to give; and those whose failure ends nothing but their mail. */
const spent = new WeakSet<object>();
const heard = new WeakSet<object>();

/** @internal What gives octets piece by piece; `undefined` if this is none. */
export function sourceOf(message: unknown): SmtpMessageSource | undefined {
  if (typeof message !== 'object' || message === null) return undefined;
  if (typeof Blob !== 'undefined' && message instanceof Blob) return { open: () => message.stream(), length: message.size };
  if (Symbol.asyncIterator in message || 'getReader' in message) {
    // A stream of Node's that fails before it is read would end the program; reading it tells of the failure too.
    if ('on' in message && typeof message.on === 'function' && !heard.has(message)) {
      heard.add(message);
      message.on('error', () => {});
    }
    const open = (): AsyncIterable<Uint8Array> => {
      if (isSpent(message)) throw new Error(SPENT);
      spent.add(message);
      return message as AsyncIterable<Uint8Array>;
    };
    return { open, once: true };
  }
  return 'open' in message && typeof message.open === 'function' ? (message as SmtpMessageSource) : undefined;
}

/** @internal Refuses a stream that has nothing left to give, before anything is sent. */
export function checkUnread(content: unknown): void {
  if (typeof content !== 'object' || content === null || !(Symbol.asyncIterator in content || 'getReader' in content) || !isSpent(content)) return;
  throw new SmtpError(`The message cannot be read: ${SPENT}.`, { code: 'ESTREAM', origin: 'settings', stage: 'connect', outcome: 'permanent', suspects: ['message'] });
}

/** Whether a stream was read, here or elsewhere. */
function isSpent(stream: object): boolean {
  if (spent.has(stream)) return true;
  if ('readableDidRead' in stream) return stream.readableDidRead === true || ('destroyed' in stream && stream.destroyed === true && !('errored' in stream && stream.errored));
  if (!('getReader' in stream) || typeof Response === 'undefined') return false;
  try {
    // A response takes no stream that was read or is being read, and reads nothing of this one.
    return new Response(stream as ReadableStream<Uint8Array>).bodyUsed;
  } catch {
    return true;
  }
}

const SPENT = 'this stream was read already; give it once, or give an object with open()';

/** Reads a message: what is there at once, and what is waited for. */
export class MessageReader {
  /** Why it cannot be read. */
  error: unknown;
  #piece: Uint8Array = new Uint8Array();
  #pieces: Iterator<Uint8Array> | AsyncIterator<Uint8Array> | undefined;
  readonly #open: SmtpMessageSource['open'];
  #stream: { destroy?: () => void } | undefined;
  #isOver = false;
  #isPulling = false;

  constructor(open: SmtpMessageSource['open']) {
    this.#open = open;
  }

  /** What is there, and nothing at the end; `undefined`: nothing yet, `wake` is called once there is. */
  peek(wake: () => void): Uint8Array | undefined {
    while (this.#piece.length === 0 && !this.#isOver && this.error === undefined && !this.#isPulling) this.#pull(wake);
    if (this.#piece.length === 0 && !this.#isOver) return undefined;
    return this.#piece;
  }

  /** So much of it was taken. */
  take(count: number): void {
    this.#piece = this.#piece.subarray(count);
  }

  /** Nobody reads on. */
  close(): void {
    const pieces = this.#pieces;
    if (this.#isOver || pieces === undefined) return;
    this.#isOver = true;
    this.#piece = new Uint8Array();
    // One that has nothing to give for now would not hear of it before it has.
    if (this.#isPulling) this.#stream?.destroy?.();
    // What it throws now is nobody's concern any more.
    void (async () => pieces.return?.())().catch(() => {});
  }

  #pull(wake: () => void): void {
    try {
      if (this.#pieces === undefined) {
        const pieces = this.#open();
        this.#stream = pieces as { destroy?: () => void };
        this.#pieces = iterator(pieces);
      }
      const next = this.#pieces.next();
      if (!('then' in next)) return this.#took(next);
      this.#isPulling = true;
      next.then(
        (result) => {
          this.#isPulling = false;
          this.#took(result);
          wake();
        },
        (error: unknown) => {
          this.#isPulling = false;
          this.#failed(error);
          wake();
        },
      );
    } catch (error) {
      this.#failed(error);
    }
  }

  #took({ done, value }: IteratorResult<Uint8Array, unknown>): void {
    if (this.#isOver) return;
    if (done === true) this.#isOver = true;
    else if (value instanceof Uint8Array) this.#piece = value;
    else this.#failed(new TypeError('the message must be given as Uint8Array pieces'));
  }

  #failed(error: unknown): void {
    this.error ??= error ?? new Error('the message cannot be read');
  }
}

/** @internal What a source opens, as one kind. */
export function iterable(pieces: ReturnType<SmtpSource['open']>): Iterable<Uint8Array> | AsyncIterable<Uint8Array> {
  if (typeof pieces !== 'object' || pieces === null) throw new TypeError('open() must give an iterable or a stream');
  if (!('getReader' in pieces)) return pieces;
  const reader = pieces.getReader();
  const iterator = {
    next: () => reader.read() as Promise<IteratorResult<Uint8Array>>,
    return: async () => {
      await reader.cancel();
      return { done: true as const, value: undefined };
    },
  };
  return Object.assign({ [Symbol.asyncIterator]: () => iterator }, { destroy: () => void reader.cancel().catch(() => {}) });
}

/** @internal Reads a source to its end, or until it is given up: then what it is read from is closed. */
export async function* reading(source: SmtpSource, signal: AbortSignal | undefined): AsyncGenerator<Uint8Array | string> {
  const opened = iterable(source.open());
  const close = (): void => (opened as { destroy?: () => void }).destroy?.();
  signal?.addEventListener('abort', close);
  try {
    for await (const piece of opened) {
      if (signal?.aborted) return;
      yield piece;
    }
  } finally {
    signal?.removeEventListener('abort', close);
  }
}

function iterator(pieces: ReturnType<SmtpSource['open']>): Iterator<Uint8Array> | AsyncIterator<Uint8Array> {
  const given = iterable(pieces);
  return Symbol.asyncIterator in given ? given[Symbol.asyncIterator]() : given[Symbol.iterator]();
}

/** @internal The size that is declared (RFC 1870 §5): every line end counts as CRLF. */
export function wireSize(octets: Uint8Array): number {
  let size = octets.length;
  for (let at = octets.indexOf(10); at >= 0; at = octets.indexOf(10, at + 1)) if (octets[at - 1] !== 13) size += 1;
  for (let at = octets.indexOf(13); at >= 0; at = octets.indexOf(13, at + 1)) if (octets[at + 1] !== 10) size += 1;
  return size;
}

function endsLine(octets: Uint8Array): boolean {
  const last = octets.at(-1);
  return last === undefined || last === 10 || last === 13;
}
