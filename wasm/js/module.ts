import { SmtpSessionError } from './errors.js';

let own: WebAssembly.Module | undefined;

/**
 * Takes a module that you loaded, which is `sansmtp/core.wasm`, instead of the one that is in the package for this runtime:
 * compiled while it comes, for example, or where a page's policy allows nothing else. To be called before anything else.
 *
 * @example
 * ```js
 * import { readFile } from 'node:fs/promises';
 * import { useModule } from 'sansmtp/core';
 *
 * useModule(await WebAssembly.compile(await readFile(new URL(import.meta.resolve('sansmtp/core.wasm')))));
 * ```
 */
export function useModule(module: WebAssembly.Module): void {
  if (!(module instanceof WebAssembly.Module)) throw new SmtpSessionError('invalidInput', 'module', 'useModule takes a WebAssembly.Module: compile it first');
  own = module;
}

/** @internal */
export function ownModule(): WebAssembly.Module | undefined {
  return own;
}
