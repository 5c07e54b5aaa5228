import { asSmtpError } from './errors.js';
import type { SmtpChannelBinding } from './host.js';
import { memberOf, noServer, PreparedServer, wrong } from './prepared.js';
import { call, core, instance } from './wasm.js';

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

/** PEM, as text or as a file has it. */
export type SmtpPem = string | Uint8Array;

/** Settings of TLS, passed to the runtime. One that the runtime cannot honour is refused before connecting. */
export interface SmtpTlsOptions {
  /** The CAs to trust instead of the runtime's own: the text of their certificates, as PEM. */
  ca?: SmtpPem | readonly SmtpPem[];
  /** The client's certificate, as PEM. */
  cert?: SmtpPem;
  /** The client's key, as PEM. */
  key?: SmtpPem;
  /** The lowest version of TLS. Default `TLSv1.2`. */
  minVersion?: 'TLSv1.2' | 'TLSv1.3';
  /** The name that the certificate must be for, if it is not that of the server. */
  servername?: string;
  /** `false` takes any certificate, which lets anybody in between read the password and the mail. Default `true`. */
  rejectUnauthorized?: boolean;
}

/**
 * Fetches an access token. `refused`: the server refused the one before, so that a cached one will not do. `signal`: the
 * connection was given up.
 */
export type SmtpTokenProvider = (request: { user: string; refused: boolean; signal: AbortSignal }) => string | Promise<string>;

/** What a mechanism of one's own may need to know. */
export interface SmtpMechanismContext {
  server: string;
  port: number;
  user: string;
  password: string;
  /** What the login can be bound to. */
  channelBindings: readonly SmtpChannelBinding[];
  /** The connection was given up. */
  signal: AbortSignal;
}

/**
 * A login mechanism (RFC 4422). Challenges come decoded, at most 16, and responses are encoded for you. One object carries
 * out one login at a time: give a function that makes them if several connections log in at once.
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
  /** The server reports success: whether it counts, which only `true` says. Without this method, it does. */
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
  user: string | undefined;
  password: string | undefined;
  /** An access token instead of a password, or what fetches one; it is asked again, once, if the server refuses it. */
  token: string | SmtpTokenProvider | undefined;
  /** A login mechanism of your own, instead of the built-in ones; a function makes one for each connection. */
  mechanism: SmtpMechanism | (() => SmtpMechanism) | undefined;
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
  /**
   * Only these mechanisms, in this order, such as `['SCRAM-SHA-256', 'PLAIN']`; `[]`: the automatic choice. Naming NTLM
   * admits servers that send no target information, which the automatic choice does not.
   */
  authMechanisms: readonly string[] | string = [];
  /** The least and the most iterations of a key derivation that a server may ask for. Default 4096 and 600,000. */
  minIterations: number | undefined;
  maxIterations: number | undefined;
  /** Whether SCRAM may be bound to the TLS channel; `false` for a server behind something that ends TLS for it. */
  channelBinding = true;
  /** Lets credentials go out in clear, with `connectNormal` only. */
  allowInsecureAuth = false;
  /** Sends to all recipients or to none. */
  allOrNone = false;
  /** Whether the server speaks LMTP (RFC 2033), which needs a port of its own. */
  lmtp = false;
  /**
   * Which commands are sent before the replies to those before them are there, where the server offers PIPELINING: those of
   * a message and the next message behind it (`acrossMessages`), those of a message (`withinMessage`), or none (`never`).
   */
  pipelining: 'acrossMessages' | 'withinMessage' | 'never' = 'acrossMessages';
  /** Octets of a message in one BDAT, 64 to 16777216. Default 65536. */
  chunkSize: number | undefined;
  /** For a test set-up: whom the server is to take the client for, such as `NAME=host.example ADDR=192.0.2.1`. */
  xclient = '';

  /**
   * @param text `host`, `host port`, `host:port`, `[::1]:port`, `smtp://…` or `smtps://…`, the last two with or without
   *   `user:password@`.
   * @param port The port, if the text does not say.
   * @throws An `SmtpError` that says what to write instead.
   */
  constructor(text: string, port?: number) {
    let given: Given & { password: string };
    try {
      given = read(text);
    } catch (error) {
      throw asSmtpError(error);
    }
    if (port !== undefined && given.port !== null && given.port !== port) throw asSmtpError(wrong('port', `the port is given twice: ${given.port} and ${port}`));
    this.server = given.host;
    this.port = given.port ?? port ?? 0;
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
    const given = Object.entries(options).filter(([, value]) => value !== undefined);
    const server = given.find(([name]) => memberOf(name) === 'server');
    const made = new SmtpServer(server?.[1] as string);
    for (const [name, value] of given) {
      if (memberOf(name) !== 'server') Object.assign(made, { [memberOf(name)]: value });
      else if (value !== server?.[1]) Object.assign(made, { [name]: value });
    }
    try {
      PreparedServer.read(made, false).free();
    } catch (error) {
      throw asSmtpError(error);
    }
    return made;
  }
}

function read(text: string): Given & { password: string } {
  if (typeof text !== 'string') throw noServer();
  return call(instance(), () => {
    const settings = new (core().Settings)(text);
    try {
      return { ...(JSON.parse(settings.given()) as Given), password: settings.password() };
    } finally {
      settings.free();
    }
  });
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
