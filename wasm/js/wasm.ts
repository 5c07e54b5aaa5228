/**
 * The WebAssembly instance: made at first use, made anew after a trap. No other module touches the glue.
 */
import * as glue from '#glue';
import inlined, { type Inlined } from '#wasm';
import { SmtpSessionError } from './errors.js';
import { ownModule } from './module.js';

export type { Session, Settings } from '#glue';

let ready = false;
/** Counts instances: what was made in an earlier one is dead. */
let generation = 0;

/** The glue, with an instance behind it. */
export function core(): typeof glue {
  if (!ready) {
    glue.initSync({ module: module() });
    ready = true;
  }
  return glue;
}

/** Which instance is in use. */
export function instance(): number {
  return generation;
}

/**
 * Carries out a call into the instance. What the shell throws becomes a {@link SmtpSessionError}; a trap, which would
 * be a bug of this package, ends every session of the instance with a typed error, and the next one gets a new
 * instance.
 */
export function call<T>(madeIn: number, action: () => T): T {
  if (madeIn !== generation) throw trapped();
  try {
    return action();
  } catch (error) {
    if (typeof error === 'string') throw SmtpSessionError.parse(error);
    if (error instanceof WebAssembly.RuntimeError) {
      generation += 1;
      ready = false;
      glue.__wbg_reset_state();
      throw trapped(error);
    }
    throw error;
  }
}

/** The module, as the package has it for this runtime. */
function module(): WebAssembly.Module {
  const given = ownModule();
  if (given) return given;
  if (inlined instanceof WebAssembly.Module) return inlined;
  try {
    return new WebAssembly.Module(decode(inlined as Inlined));
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new SmtpSessionError('settings', 'webAssembly', `WebAssembly may not be compiled here (${reason}). ${COMPILE_ADVICE}`, { cause: error });
  }
}

const COMPILE_ADVICE =
  "A page allows it by 'wasm-unsafe-eval' in script-src of its Content-Security-Policy; a bundle for an edge runtime is made with the condition workerd or edge-light, which imports the module.";

function trapped(cause?: unknown): SmtpSessionError {
  const message = 'the WebAssembly instance of this session failed, which is a bug of sansmtp: please report it';
  return new SmtpSessionError('internal', 'trap', message, { cause });
}

/**
 * The commonest octets are one character each, the others two, of which the first is one of the first two of the alphabet:
 * so the text is shorter than base64, and gzip finds in it what repeats.
 */
function decode({ length, alphabet, order, text }: Inlined): Uint8Array<ArrayBuffer> {
  const byRank = Uint8Array.from(order.match(/../g) ?? [], (digits) => parseInt(digits, 16));
  const places = new Uint8Array(128);
  for (let at = 0; at < alphabet.length; at += 1) places[alphabet.charCodeAt(at)] = at;
  const octets = new Uint8Array(length);
  for (let at = 0, to = 0; to < length; at += 1, to += 1) {
    const place = places[text.charCodeAt(at)] as number;
    const rank = place >= 2 ? place - 2 : alphabet.length - 2 + place * alphabet.length + (places[text.charCodeAt((at += 1))] as number);
    octets[to] = byRank[rank] as number;
  }
  return octets;
}
