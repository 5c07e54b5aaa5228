import { follow, unlessCancelled } from './abort.js';
import type { ConnectionOptions } from './connection.js';
import { asSmtpError, errorOfConnect, errorOfSettings, SmtpSessionError, type SmtpErrorContext } from './errors.js';
import type { SmtpSocket } from './host.js';
import { checkLogin, DERIVE_ABOVE } from './login.js';
import { PreparedServer, type SmtpLogin } from './prepared.js';
import type { SmtpResolved } from './server.js';
import { SmtpSession } from './session.js';

/** A connection that stands, and the session for it. */
export interface Opened {
  socket: SmtpSocket;
  session: SmtpSession;
  resolved: SmtpResolved;
  login: SmtpLogin;
  /** Gives up what is under way. */
  abort: AbortController;
}

/** Reads the settings and opens a connection by them; nothing is said on it yet. */
export async function opened(options: ConnectionOptions, signal: AbortSignal | undefined): Promise<Opened> {
  let prepared: PreparedServer;
  let resolved: SmtpResolved;
  try {
    prepared = PreparedServer.read(options.server);
    try {
      resolved = prepared.resolve();
      checkLogin(resolved, prepared);
    } catch (error) {
      prepared.free();
      throw error;
    }
  } catch (error) {
    throw asSmtpError(error);
  }
  const abort = new AbortController();
  const unfollow = follow(signal, () => abort.abort());
  let timedOut = false;
  const timer = later(() => {
    timedOut = true;
    abort.abort();
  }, options.connectTimeout);
  const secure = resolved.tls === 'never' ? 'never' : resolved.tls === 'implicit' ? 'implicit' : 'starttls';
  let connecting: Promise<SmtpSocket> | undefined;
  try {
    const { host: hostname, port } = resolved;
    // A host that gives up late, or never, is not waited for.
    const connect = (): Promise<SmtpSocket> => (connecting = options.host.connect({ hostname, port, secure, tls: prepared.tls, signal: abort.signal }));
    const socket = await unlessCancelled(connect, abort.signal);
    if (typeof socket?.read !== 'function') throw Object.assign(new Error('connect() of the host must give a socket'), { code: 'ECONFIG' });
    const heloDomain = options.host.hostname?.();
    const session = new SmtpSession(prepared, {
      transcript: true,
      deriveAbove: DERIVE_ABOVE,
      greetingTimeout: options.greetingTimeout,
      ...(heloDomain === undefined ? {} : { heloDomain }),
    });
    return { socket, session, resolved, login: prepared.login, abort };
  } catch (error) {
    void Promise.resolve(connecting).then((socket) => socket?.close('abort')).catch(() => {});
    if (error instanceof SmtpSessionError) throw errorOfSettings(error);
    const context = contextOf(resolved);
    if (timedOut) throw errorOfConnect(Object.assign(new Error('timed out'), { code: 'ETIMEDOUT' }), context);
    throw errorOfConnect(error, context);
  } finally {
    prepared.free();
    clearTimeout(timer);
    unfollow();
  }
}

/** A timer of any length; none for a bound that there is not. */
export function later(action: () => void, millis: number): ReturnType<typeof setTimeout> | undefined {
  return millis < 2 ** 31 ? setTimeout(action, millis) : undefined;
}

/** What errors say of a connection. */
export function contextOf(resolved: SmtpResolved, messageId?: string): SmtpErrorContext {
  return { host: resolved.host, port: resolved.port, tls: resolved.tls, hasLogin: resolved.user !== null, messageId };
}
