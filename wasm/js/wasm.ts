/**
 * The WebAssembly instance: made at first use, made anew after a trap. No other module touches the glue.
 */
import * as glue from '#glue';
import text from '#wasm';
import { SmtpSessionError } from './errors.js';

export type { Session, Settings } from '#glue';

let ready = false;
/** Counts instances: what was made in an earlier one is dead. */
let generation = 0;

/** The glue, with an instance behind it. */
export function core(): typeof glue {
  if (!ready) {
    glue.initSync({ module: decode(text) });
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

function trapped(cause?: unknown): SmtpSessionError {
  const message = 'the WebAssembly instance of this session failed, which is a bug of sansmtp: please report it';
  return new SmtpSessionError('internal', 'trap', message, { cause });
}

function decode(base64: string): Uint8Array<ArrayBuffer> {
  // Where there is a native decoder, it is many times faster than a loop over atob.
  const native = Uint8Array as unknown as { fromBase64?: (text: string) => Uint8Array<ArrayBuffer> };
  if (native.fromBase64) return native.fromBase64(base64);
  if (typeof Buffer === 'function') return new Uint8Array(Buffer.from(base64, 'base64'));
  const binary = atob(base64);
  const octets = new Uint8Array(binary.length);
  for (let at = 0; at < binary.length; at += 1) octets[at] = binary.charCodeAt(at);
  return octets;
}
