/** What the client does of a login: the core asks for it by `authNeeds`. */
import { SmtpSessionError } from './errors.js';
import type { SmtpAuthAnswer, SmtpAuthNeeds } from './events.js';
import type { PreparedServer, SmtpLogin } from './prepared.js';
import { saslprep } from './saslprep.js';
import type { SmtpMechanismContext, SmtpResolved } from './server.js';

/**
 * Iterations that take the core about 10 ms; more are the platform's, which is faster and does not hold up the thread.
 * `cargo xtask key-derivation` prints how long they take.
 */
export const DERIVE_ABOVE = 20_000;

/** What a login goes by, for the advice when it fails. */
export function kindOf(login: SmtpLogin, { mechanisms }: SmtpResolved): 'password' | 'token' | 'mechanism' | 'certificate' | 'none' {
  if (login.mechanism !== undefined) return 'mechanism';
  if (mechanisms.some((name) => name === 'OAUTHBEARER' || name === 'XOAUTH2')) return 'token';
  if (mechanisms.includes('EXTERNAL')) return 'certificate';
  return mechanisms.includes('ANONYMOUS') ? 'none' : 'password';
}

/** What only a session with I/O of the caller's own could do, and EXTERNAL, which is what the client's certificate says. */
export function checkLogin({ mechanisms }: SmtpResolved, { login, tls, given }: PreparedServer): void {
  const wrong = (setting: string, message: string): never => {
    throw new SmtpSessionError('settings', undefined, message, { setting });
  };
  if (given.has('hostMechanism') && login.mechanism === undefined) {
    wrong('mechanism', 'hostMechanism is for SmtpSession: give SmtpClient the mechanism itself, as mechanism');
  }
  if (given.has('tokenProvider') && typeof login.token !== 'function') {
    wrong('token', 'tokenProvider is for SmtpSession: give SmtpClient the function that fetches tokens, as token');
  }
  if (mechanisms.length === 1 && mechanisms[0] === 'EXTERNAL' && (tls.cert === undefined || tls.key === undefined)) {
    wrong(tls.cert === undefined ? 'tls.cert' : 'tls.key', 'authExternal needs a client certificate: set tls.cert and tls.key');
  }
}

/** The host's part of a login: its own mechanism, a token, a slow key. */
export async function answerOf(
  needs: SmtpAuthNeeds,
  { mechanism, token, user, password }: SmtpLogin,
  context: Omit<SmtpMechanismContext, 'user' | 'password'>,
): Promise<SmtpAuthAnswer> {
  switch (needs.step) {
    case 'token':
      if (typeof token !== 'function') throw new Error('there is no token provider');
      return { step: 'token', token: await token({ user, refused: needs.refused, signal: context.signal }) };
    case 'derivedKey': {
      const prepared = saslprep(password) ?? '';
      const secret = await crypto.subtle.importKey('raw', new TextEncoder().encode(prepared), 'PBKDF2', false, ['deriveBits']);
      const { hash, iterations, length } = needs;
      const salt = new Uint8Array(needs.salt);
      const key = await crypto.subtle.deriveBits({ name: 'PBKDF2', hash, salt, iterations }, secret, length * 8);
      return { step: 'derivedKey', key: new Uint8Array(key) };
    }
    case 'initialResponse': {
      const response = await mechanism?.start({ ...context, user, password });
      return response === undefined ? { step: 'initialResponse' } : { step: 'initialResponse', response };
    }
    case 'response': {
      const response = await mechanism?.step(needs.challenge);
      if (response === undefined) throw new Error('step() of the mechanism gave no response');
      return { step: 'response', response };
    }
    case 'finish':
      return { step: 'finish', ok: mechanism?.finish === undefined || (await mechanism.finish()) === true };
  }
}
