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
