import { SmtpError } from './errors.js';

/** What giving up is told as. */
export function cancelled(messageId?: string): SmtpError {
  return new SmtpError('Sending was cancelled.', { code: 'EABORT', origin: 'cancelled', stage: 'connect', outcome: 'temporary', messageId });
}

/** A signal of the caller's, if it is one. */
export function checkedSignal(signal: unknown): AbortSignal | undefined {
  if (signal === undefined || signal === null) return undefined;
  if (typeof signal === 'object' && 'aborted' in signal && 'addEventListener' in signal) return signal as AbortSignal;
  throw new SmtpError('signal must be an AbortSignal: that of a controller is controller.signal.', {
    code: 'ECONFIG', origin: 'settings', stage: 'connect', outcome: 'permanent', suspects: ['signal'],
  });
}

/** What each signal gives up. */
const followers = new WeakMap<AbortSignal, Set<() => void>>();

/**
 * Calls something when a signal of the caller's is aborted, at once if it was; the function that is given ends that. It has
 * one listener for all, since one signal may give up many mails and runtimes take many listeners for a leak.
 */
export function follow(signal: AbortSignal | undefined, action: () => void): () => void {
  if (!signal) return () => {};
  if (signal.aborted) {
    action();
    return () => {};
  }
  let actions = followers.get(signal);
  if (!actions) {
    const all = new Set<() => void>();
    followers.set(signal, (actions = all));
    signal.addEventListener('abort', () => [...all].forEach((one) => one()), { once: true });
  }
  actions.add(action);
  return () => void actions.delete(action);
}

/** Waits for work, but no longer than the signal allows; what the work comes to then is nobody's concern. */
export async function unlessCancelled<T>(work: () => Promise<T>, signal: AbortSignal): Promise<T> {
  if (signal.aborted) throw cancelled();
  let stop = (): void => {};
  const aborted = new Promise<never>((_, failed) => (stop = () => failed(cancelled())));
  signal.addEventListener('abort', stop);
  try {
    return await Promise.race([work(), aborted]);
  } finally {
    signal.removeEventListener('abort', stop);
  }
}
