import { SmtpSessionError } from './errors.js';
import type { SmtpChannelBinding } from './host.js';
import { saslprep } from './saslprep.js';
import { call, core, instance, type Settings } from './wasm.js';

/** How the connection is secured. */
export const SmtpConnectType = Object.freeze({
  /** Plain TCP; STARTTLS is not used even if it is offered. */
  connectNormal: 0,
  /** TLS is required: by STARTTLS on ports 25 and 587, from the first octet on every other. */
  connectSSLAuto: 1,
  /** STARTTLS is required, on any port. */
  connectSTARTTLS: 2,
  /** TLS from the first octet, on any port. */
  connectDirectSSL: 3,
  /** STARTTLS if it is offered; without it no credentials are sent. The default. */
  connectTryTLS: 4,
});

/** Which login mechanism. SCRAM is bound to the TLS channel (`-PLUS`) where the server and the runtime both can. */
export const SmtpAuthType = Object.freeze({
  /** The best that the server offers. The default. */
  authAuto: -1,
  authLogin: 0,
  /** NTLM, version 2. The user may be `DOMAIN\user`. */
  authNtlm: 1,
  authCramMd5: 2,
  authPlain: 3,
  /** NTLM under another name. */
  authMsn: 4,
  /** A token instead of a password; here it may stand in `password` too. */
  authXoauth2: 5,
  /** A token (RFC 7628). */
  authOauthbearer: 6,
  authScramSha1: 7,
  authScramSha256: 8,
  authScramSha512: 9,
  /** The client certificate says who it is: `tls.cert` and `tls.key`, no password. */
  authExternal: 10,
  /** Nobody; `user` may leave a trace. */
  authAnonymous: 11,
  /** Historic; never chosen by `authAuto`. */
  authDigestMd5: 12,
});

/** Settings of TLS, passed to the runtime. One that the runtime cannot honour is refused before connecting. */
export interface SmtpTlsOptions {
  /** The CAs to trust instead of the runtime's own, as PEM. */
  ca?: string | readonly string[];
  /** The client's certificate, as PEM. */
  cert?: string;
  /** The client's key, as PEM. */
  key?: string;
  /** The lowest version of TLS. Default `TLSv1.2`. */
  minVersion?: 'TLSv1.2' | 'TLSv1.3';
  /** The name that the certificate must be for, if it is not that of the server. */
  servername?: string;
  /** `false` takes any certificate, which lets anybody in between read the password and the mail. Default `true`. */
  rejectUnauthorized?: boolean;
}

/** Fetches an access token. `refused`: the server refused the one before, so that a cached one will not do. */
export type SmtpTokenProvider = (request: { user: string; refused: boolean }) => string | Promise<string>;

/** What a mechanism of one's own may need to know. */
export interface SmtpMechanismContext {
  server: string;
  port: number;
  user: string;
  password: string;
  /** What the login can be bound to. */
  channelBindings: readonly SmtpChannelBinding[];
}

/**
 * A login mechanism (RFC 4422). Challenges come decoded, and responses are encoded for you.
 *
 * @example
 * ```js
 * server.mechanism = {
 *   name: 'X-WORD',
 *   start: () => undefined, // the server speaks first
 *   step: async (challenge) => new TextEncoder().encode('open sesame'),
 * };
 * ```
 */
export interface SmtpMechanism {
  /** 1 to 20 of `A` to `Z`, digits, `-` and `_`. */
  name: string;
  /** The initial response, if there is one. */
  start(context: SmtpMechanismContext): Uint8Array | undefined | Promise<Uint8Array | undefined>;
  /** The response to a challenge. What it throws ends the login. */
  step(challenge: Uint8Array): Uint8Array | Promise<Uint8Array>;
  /** The server reports success: whether it counts. Without this, it does. */
  finish?(): boolean | Promise<boolean>;
}

/**
 * A mail server, and how to talk to it.
 *
 * @example
 * ```js
 * const server = new SmtpServer('mail.example.com 587');
 * server.connectType = SmtpConnectType.connectSTARTTLS;
 * server.user = 'ann@example.com';
 * server.password = process.env.SMTP_PASSWORD;
 * ```
 */
export class SmtpServer {
  /** The host name or address. */
  server: string;
  /** The port; 0: 465 for `connectDirectSSL`, else 25. */
  port: number;
  /** The user; empty: no login. */
  user: string;
  password: string;
  /** An access token instead of a password, or what fetches one; it is asked again, once, if the server refuses it. */
  token: string | SmtpTokenProvider | undefined;
  /** A login mechanism of your own, instead of the built-in ones. */
  mechanism: SmtpMechanism | undefined;
  /** A value of {@link SmtpAuthType} or its name. */
  authType: number | string = SmtpAuthType.authAuto;
  /** A value of {@link SmtpConnectType} or its name. `undefined`: `connectTryTLS`. */
  connectType: number | string | undefined;
  /** What the client calls itself; empty: the machine's full name, or an address literal. */
  heloDomain = '';
  /** The address that bounces go to; empty: the message's sender. */
  mailFrom = '';
  /** Settings of TLS. */
  tls: SmtpTlsOptions = {};
  /** Only these mechanisms, in this order; empty: the automatic choice. */
  authMechanisms: readonly string[] | string = [];
  /** Whether SCRAM may be bound to the TLS channel; `false` for a server behind something that ends TLS for it. */
  channelBinding = true;
  /** Lets credentials go out in clear, with `connectNormal` only. */
  allowInsecureAuth = false;
  /** Sends to all recipients or to none. */
  allOrNone = false;

  /**
   * @param text `host`, `host port`, `host:port`, `[::1]:port`, `smtp://…` or `smtps://…`, the last two with or without
   *   `user:password@`.
   * @throws {SmtpSessionError} of class `settings` that says what to write instead.
   */
  constructor(text: string) {
    if (typeof text !== 'string') throw noServer();
    const given = call(instance(), () => {
      const settings = new (core().Settings)(text);
      try {
        return { ...(JSON.parse(settings.given()) as Given), password: settings.password() };
      } finally {
        settings.free();
      }
    });
    this.server = given.host;
    this.port = given.port ?? 0;
    this.connectType = given.connectType ?? undefined;
    this.user = given.user;
    this.password = given.password;
  }

  /**
   * A server from an object: the members of this class, or their names in other products, such as `pass`, `UseSSL`,
   * `SSLMode`, `SSL.Enabled`. What was made of them is reported with the result, so that it can be pinned. A name that
   * nobody knows is an error.
   *
   * @example
   * ```js
   * SmtpServer.from({ server: 'mail.example.com', port: 465, UseSSL: true });
   * ```
   */
  static from(options: Readonly<Record<string, unknown>>): SmtpServer {
    const { server, host, ...rest } = options;
    const made = Object.assign(new SmtpServer((server ?? host) as string), rest);
    call(instance(), () => settingsOf(made).free());
    return made;
  }

  /** @internal */
  static settings(server: SmtpServer): Settings {
    const settings = new (core().Settings)(server.port ? `${bracketed(server.server)}:${server.port}` : bracketed(server.server));
    const set = (name: string, value: unknown): void => settings.set(name, String(value));
    try {
      checkTls(server.tls ?? {});
      if (server.connectType !== undefined) set('connectType', server.connectType);
      set('authType', server.authType);
      if (server.authMechanisms?.length > 0) set('authMechanisms', [server.authMechanisms].flat().join(' '));
      set('user', server.user ?? '');
      set('password', server.password ?? '');
      setUnicode(set, server.user ?? '', server.password ?? '');
      if (typeof server.token === 'function') set('tokenProvider', true);
      else if (server.token !== undefined) set('token', server.token);
      if (server.mechanism !== undefined) set('hostMechanism', server.mechanism.name);
      set('channelBinding', server.channelBinding ?? true);
      set('heloDomain', server.heloDomain ?? '');
      set('mailFrom', server.mailFrom ?? '');
      set('allowInsecureAuth', server.allowInsecureAuth);
      set('allOrNone', server.allOrNone);
      if (server.tls?.rejectUnauthorized === false) set('rejectUnauthorized', false);
      // What is no member of the class may be a member of another product's, and is refused if it is not.
      for (const [name, value] of Object.entries(server)) {
        if (MEMBERS.has(name) || value === undefined) continue;
        if (typeof value !== 'object' || value === null) set(name, value);
        else for (const [inner, innerValue] of Object.entries(value)) set(`${name}.${inner}`, innerValue);
      }
      return settings;
    } catch (error) {
      settings.free();
      throw error;
    }
  }
}

/** The members of {@link SmtpServer}. */
const MEMBERS = new Set([
  'server', 'port', 'user', 'password', 'authType', 'connectType', 'heloDomain', 'mailFrom', 'tls', 'token',
  'mechanism', 'authMechanisms', 'allowInsecureAuth', 'allOrNone', 'channelBinding',
]);

const TLS_MEMBERS = new Set(['ca', 'cert', 'key', 'minVersion', 'servername', 'rejectUnauthorized']);

/** A setting of TLS that nobody looks at could leave a connection weaker than its user believes. */
function checkTls(tls: SmtpTlsOptions): void {
  for (const name of Object.keys(tls)) {
    if (!TLS_MEMBERS.has(name)) throw wrongTls(name, `tls.${name} is not a setting; there are ${[...TLS_MEMBERS].join(', ')}`);
  }
  if (tls.minVersion !== undefined && !['TLSv1.2', 'TLSv1.3'].includes(tls.minVersion)) {
    throw wrongTls('minVersion', 'tls.minVersion must be TLSv1.2 or TLSv1.3: older versions are broken');
  }
  if (tls.rejectUnauthorized !== undefined && typeof tls.rejectUnauthorized !== 'boolean') {
    throw wrongTls('rejectUnauthorized', 'tls.rejectUnauthorized must be true or false');
  }
}

/** What is not ASCII has a form of its own for SCRAM, and another for NTLM; the platform has the tables. */
function setUnicode(set: (name: string, value: unknown) => void, user: string, password: string): void {
  if (/^[ -~]*$/.test(String(user) + String(password))) return;
  const [name, word] = [saslprep(String(user)), saslprep(String(password))];
  if (name !== undefined && word !== undefined) {
    set('preparedUser', name);
    set('preparedPassword', word);
  }
  const upper = Array.from(String(user), (char) => (Array.from(char.toUpperCase()).length === 1 ? char.toUpperCase() : char));
  set('upperUser', upper.join(''));
}

function wrongTls(name: string, message: string): SmtpSessionError {
  return new SmtpSessionError('settings', undefined, message, { setting: `tls.${name}` });
}

interface Given {
  host: string;
  port: number | null;
  connectType: number | null;
  user: string;
}

/** What was chosen because it was not said, so that it can be pinned. */
export interface SmtpChoice {
  setting: string;
  value: string;
  reason: string;
}

/** What a session does with its settings. */
export interface SmtpResolved {
  host: string;
  port: number;
  tls: 'implicit' | 'manual' | 'never' | 'opportunistic' | 'required';
  heloDomain: string;
  user: string | null;
  /** The mechanisms that may be used, in order. */
  mechanisms: string[];
  verifyPeer: boolean;
  mailFrom: string | null;
  choices: SmtpChoice[];
}

/** @internal The core's settings; to be called within {@link call}, and to be freed. */
export function settingsOf(server: SmtpServer | string): Settings {
  return typeof server === 'string' ? new (core().Settings)(server) : SmtpServer.settings(server);
}

/** @internal Checks the settings and says what will be done. */
export function resolve(server: SmtpServer): SmtpResolved {
  if (typeof server !== 'object' || server === null) throw noServer();
  return call(instance(), () => {
    const settings = settingsOf(server);
    try {
      return JSON.parse(settings.resolve()) as SmtpResolved;
    } finally {
      settings.free();
    }
  });
}

function bracketed(host: string): string {
  if (typeof host !== 'string') throw noServer();
  return host.includes(':') && !host.startsWith('[') ? `[${host}]` : host;
}

function noServer(): SmtpSessionError {
  const message = 'no server is set; write its host name or its address';
  return new SmtpSessionError('settings', undefined, message, { setting: 'server' });
}
