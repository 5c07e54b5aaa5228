import type { SmtpConnectOptions } from '../host.js';

/** @internal What a host fails with: the codes are Node's, which advice is found by. */
export function failure(code: string, message: string, cause?: unknown): Error {
  return Object.assign(new Error(message, cause === undefined ? {} : { cause }), { code });
}

/** @internal A connection that was given up. */
export function aborted(): Error {
  return failure('EABORT', 'cancelled');
}

/**
 * @internal Refuses settings of TLS that a runtime cannot keep: a connection must not be weaker than its user believes.
 * `reasons`: why, by setting.
 */
export function refuse(tls: SmtpConnectOptions['tls'], reasons: Partial<Record<keyof SmtpConnectOptions['tls'], string>>): void {
  for (const [name, reason] of Object.entries(reasons)) {
    const value = tls[name as keyof SmtpConnectOptions['tls']];
    // These say what is so anyway.
    const isUsual = value === undefined || (name === 'rejectUnauthorized' && value === true) || (name === 'minVersion' && value === 'TLSv1.2');
    if (!isUsual) throw failure('ECONFIG', `tls.${name} cannot be kept here: ${reason}`);
  }
}
