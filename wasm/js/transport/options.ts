import { inAscii } from '../address.js';
import { checkedSignal } from '../abort.js';
import { SmtpError } from '../errors.js';
import type { SmtpHost } from '../host.js';
import { checkDkim, type SmtpDkim } from '../dkim.js';
import { SmtpConnectType, SmtpServer, type SmtpTlsOptions, type SmtpTokenProvider } from '../server.js';
import { suggest } from '../suggest.js';
import type { PoolLimits } from '../pool.js';
import { SERVICE_NAMES, serviceOf } from './services.js';

/** A login, in Nodemailer's words. */
export interface SmtpTransportAuth {
  user?: string | undefined;
  pass?: string | undefined;
  /** `oauth2` for a token; `login`, the default, for a password. */
  type?: string;
  /** The SASL mechanism, such as `PLAIN`; default: the best that the server offers. */
  method?: string;
  /** The token, or what fetches one. */
  accessToken?: string | SmtpTokenProvider;
}

/** DKIM, in Nodemailer's words. */
export interface SmtpTransportDkim {
  domainName?: string;
  keySelector?: string;
  privateKey?: SmtpDkim['privateKey'] | undefined;
  /** Names with colons between them. */
  headerFieldNames?: string;
  /** Signatures of several domains or keys. */
  keys?: readonly SmtpTransportDkim[];
}

/** The options of {@link createTransport}: Nodemailer's names, and some of our own. */
export interface SmtpTransportOptions {
  /** A URL with all of it: `smtps://user:pass@mail.example.com/?pool=true`. */
  url?: string;
  /** A well-known service instead of `host`, `port` and `secure`, such as `Gmail`. */
  service?: string;
  /** Default `localhost`. */
  host?: string;
  /** Default 587, or 465 with `secure`. */
  port?: number | string;
  /** TLS from the first octet. Default: `true` on port 465. Else STARTTLS is used if the server offers it. */
  secure?: boolean;
  /** STARTTLS or an error. */
  requireTLS?: boolean;
  /** No STARTTLS, even if it is offered. */
  ignoreTLS?: boolean;
  /** STARTTLS if it is offered, which is the default. A handshake that fails is an error all the same. */
  opportunisticTLS?: boolean;
  tls?: SmtpTlsOptions;
  /** The name that the certificate must be for, if it is not `host`. */
  servername?: string;
  /** What the client calls itself. */
  name?: string;
  auth?: SmtpTransportAuth;
  /** The SASL mechanism. */
  authMethod?: string;
  /** Milliseconds until a connection must stand. Default 30,000. */
  connectionTimeout?: number;
  /** Milliseconds until the server must have greeted. Default 30,000. */
  greetingTimeout?: number;
  /** Milliseconds for which a connection may be silent while something is waited for. Default: the timers of RFC 5321 alone. */
  socketTimeout?: number;
  /** Gets what was said, line by line, with secrets as `***`: `true` for the console, or an object with `info`. */
  logger?: boolean | { info(...line: unknown[]): void };
  /** Adds what was said to `info` as `conversation`. */
  debug?: boolean;
  transactionLog?: boolean;
  /** The server speaks LMTP. */
  lmtp?: boolean;
  /** Keeps connections. */
  pool?: boolean;
  /** Connections of a pool at most. Default 5. */
  maxConnections?: number;
  /** Messages over one connection of a pool. Default 100. */
  maxMessages?: number;
  /** Messages in each `rateDelta` milliseconds. Default: no bound, and 1000. */
  rateLimit?: number | false;
  rateDelta?: number;
  /** Milliseconds for which a connection of a pool is kept that nobody uses. Default 240,000. */
  idleTimeout?: number;
  /** Recipients that a message may have at most. */
  maxRecipients?: number;
  dkim?: SmtpTransportDkim;
  /** No attachment is read from a file, or from a link. */
  disableFileAccess?: boolean;
  disableUrlAccess?: boolean;
  /** Gives everything up. */
  signal?: AbortSignal;
  /** Ours: sends credentials in clear, with `ignoreTLS`. */
  allowInsecureAuth?: boolean;
  /** Ours: sends to all recipients or to none. */
  allOrNone?: boolean;
  /** Ours: sockets and TLS, if not the runtime's own: a proxy, a unix socket, a test. */
  smtpHost?: SmtpHost;
}

/** What the options come to. */
export interface TransportSettings {
  server: SmtpServer;
  connectTimeout: number;
  greetingTimeout: number;
  socketTimeout: number | undefined;
  limits: PoolLimits;
  maxRecipients: number;
  dkim: SmtpDkim[];
  log: ((line: string) => void) | undefined;
  hasConversation: boolean;
  disableFileAccess: boolean;
  disableUrlAccess: boolean;
  signal: AbortSignal | undefined;
  smtpHost: SmtpHost | undefined;
}

/** The names of all options. */
const KNOWN = [
  'url', 'service', 'host', 'port', 'secure', 'requireTLS', 'ignoreTLS', 'opportunisticTLS', 'tls', 'servername', 'name', 'auth', 'authMethod',
  'connectionTimeout', 'greetingTimeout', 'socketTimeout', 'logger', 'debug', 'transactionLog', 'lmtp', 'pool', 'maxConnections', 'maxMessages',
  'rateLimit', 'rateDelta', 'idleTimeout', 'maxRecipients', 'dkim', 'disableFileAccess', 'disableUrlAccess', 'signal', 'allowInsecureAuth',
  'allOrNone', 'smtpHost',
];

const OWN_HOST = 'give a host of your own as smtpHost: an object that opens the connection as you like (see SmtpHost)';

const TO_NOBODY = 'to look at what would be sent, give smtpHost: new TestServer().host, of sansmtp/testing';
const IN_TLS = 'put it into tls';

/** What others take that this does not, and what to do instead. */
const INSTEAD: Readonly<Record<string, string>> = {
  rejectUnauthorized: IN_TLS, ca: IN_TLS, cert: IN_TLS, key: IN_TLS, minVersion: IN_TLS, ssl: 'use secure: true', useSSL: 'use secure: true',
  proxy: OWN_HOST, getSocket: OWN_HOST, socket: OWN_HOST, connection: OWN_HOST, localAddress: OWN_HOST, secured: OWN_HOST, family: OWN_HOST,
  allowInternalNetworkInterfaces: OWN_HOST,
  dnsTimeout: 'connectionTimeout bounds the lookup too',
  socketCloseTimeout: 'nothing waits for a connection to close',
  maxResponseSize: 'replies are bounded always, to 64 KiB',
  maxRequeues: 'a message is tried again once, and only if none of it was sent',
  customAuth: 'use SmtpServer with a mechanism of your own, and SmtpClient',
  forceAuth: 'set auth: a login that is set is made, or is an error',
  component: 'lines of the logger have no component',
  normalizeHeaderKey: 'headers keep the case that they are given in',
  attachDataUrls: 'attach pictures with a cid, and show them by <img src="cid:…">',
  sendmail: 'this is SMTP alone', streamTransport: TO_NOBODY,
  jsonTransport: TO_NOBODY, SES: 'use the SMTP interface of the service: service: "SES-US-EAST-1"',
  direct: 'this does not look up where a domain takes mail: set host',
  path: 'this is SMTP alone', args: 'this is SMTP alone', newline: 'lines end in CRLF on the wire',
  user: 'put it into auth: { user, pass }', pass: 'put it into auth: { user, pass }', password: 'put it into auth, as pass',
  username: 'put it into auth, as user', hostname: 'use host', proxyUrl: OWN_HOST,
};

const TLS = ['ca', 'cert', 'key', 'minVersion', 'servername', 'rejectUnauthorized'];
const TLS_INSTEAD: Readonly<Record<string, string>> = Object.fromEntries(
  ['ciphers', 'maxVersion', 'secureProtocol', 'secureContext', 'honorCipherOrder', 'ecdhCurve', 'sigalgs', 'checkServerIdentity', 'pfx', 'passphrase', 'ALPNProtocols', 'session']
    .map((name) => [name, `the runtime chooses, TLS 1.2 at least; for anything else ${OWN_HOST}`]),
);
const DKIM = ['domainName', 'keySelector', 'privateKey', 'headerFieldNames', 'keys'];
const DKIM_INSTEAD: Readonly<Record<string, string>> = {
  cacheDir: 'a message is read twice, and not kept', cacheTreshold: 'a message is read twice, and not kept', hashAlgo: 'it is SHA-256',
  skipFields: 'name those that are signed, in headerFieldNames', useRelaxedBody: 'it is relaxed/relaxed',
};
const AUTH = ['user', 'pass', 'type', 'method', 'accessToken'];
const AUTH_INSTEAD: Readonly<Record<string, string>> = {
  password: 'use pass', username: 'use user', email: 'use user',
  ...Object.fromEntries(['clientId', 'clientSecret', 'refreshToken', 'accessUrl', 'serviceClient', 'privateKey', 'expires', 'timeout', 'provisionCallback', 'service', 'options', 'scope', 'serviceRequestTimeout', 'customHeaders', 'customParams', 'oauth2', 'credentials']
    .map((name) => [name, 'tokens are fetched by you: give accessToken a function that gives one'])),
};

/** @internal Reads what `createTransport` is given. */
export function readOptions(given: string | SmtpTransportOptions): TransportSettings {
  if (typeof given !== 'string' && (typeof given !== 'object' || given === null)) {
    throw wrong('createTransport takes options or a URL: { host, port, auth }, or smtps://user:pass@mail.example.com.', 'host');
  }
  const options: SmtpTransportOptions = typeof given === 'string' ? fromUrl(given) : { ...(given.url === undefined ? {} : fromUrl(given.url)), ...present(given) };
  refuseOthers('', options, KNOWN, INSTEAD);
  refuseOthers('tls.', options.tls ?? {}, TLS, TLS_INSTEAD);
  for (const name of ['secure', 'requireTLS', 'ignoreTLS', 'opportunisticTLS', 'debug', 'transactionLog', 'lmtp', 'pool', 'disableFileAccess', 'disableUrlAccess', 'allowInsecureAuth', 'allOrNone'] as const) {
    if (options[name] !== undefined && typeof options[name] !== 'boolean') throw wrong(`${name} must be true or false.`, name);
  }
  const isPool = options.pool === true;
  const whole = (name: 'maxConnections' | 'maxMessages' | 'rateLimit' | 'maxRecipients', usual: number): number => bounded(name, options[name], usual, true);
  const millis = (name: 'connectionTimeout' | 'greetingTimeout' | 'rateDelta' | 'idleTimeout', usual: number): number => bounded(name, options[name], usual, false);
  return {
    server: serverOf(options),
    connectTimeout: millis('connectionTimeout', 30_000),
    greetingTimeout: millis('greetingTimeout', 30_000),
    socketTimeout: options.socketTimeout === undefined ? undefined : bounded('socketTimeout', options.socketTimeout, Infinity, false),
    limits: {
      maxConnections: isPool ? whole('maxConnections', 5) : Infinity,
      maxMessages: isPool ? whole('maxMessages', 100) : 1,
      rateLimit: options.rateLimit ? whole('rateLimit', Infinity) : Infinity,
      rateDelta: millis('rateDelta', 1000),
      idleTimeout: millis('idleTimeout', 240_000),
      hasLogin: options.auth !== undefined,
    },
    maxRecipients: whole('maxRecipients', Infinity),
    dkim: options.dkim === undefined ? [] : dkimOf(options.dkim),
    log: logOf(options.logger),
    hasConversation: options.debug === true || options.transactionLog === true,
    disableFileAccess: options.disableFileAccess === true,
    disableUrlAccess: options.disableUrlAccess === true,
    signal: checkedSignal(options.signal),
    smtpHost: options.smtpHost,
  };
}

function refuseOthers(prefix: string, given: object, names: readonly string[], instead: Readonly<Record<string, string>>): void {
  const unknown = notAmong(given, names, instead);
  if (unknown) throw wrong(`${prefix}${unknown.name} is not an option here: ${unknown.advice}`, prefix === '' ? unknown.name : prefix.slice(0, -1));
}

/** @internal The first name that is none of those known, and what to do instead. */
export function notAmong(given: object, names: readonly string[], instead: Readonly<Record<string, string>>): { name: string; advice: string } | undefined {
  const name = Object.keys(present(given)).find((name) => !names.includes(name));
  if (name === undefined) return undefined;
  const meant = suggest(name, names);
  const advice = Object.hasOwn(instead, name) ? `${instead[name]}.` : meant === '' ? `there are ${names.join(', ')}.` : meant.trim();
  return { name, advice };
}

/** @internal Without what is `undefined` or `null`, which is as if it were not there. */
export function present<T extends object>(given: T): T {
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined && value !== null)) as T;
}

/** @internal DKIM in Nodemailer's words. */
export function dkimOf(given: SmtpTransportDkim): SmtpDkim[] {
  if (typeof given !== 'object' || given === null || (given.keys !== undefined && !Array.isArray(given.keys))) {
    throw wrong('dkim must be { domainName, keySelector, privateKey }, or { keys: [ … ] }.', 'dkim');
  }
  const { keys, ...all } = given;
  return (keys ?? [{}]).map((key) => {
    const { domainName, keySelector, privateKey, headerFieldNames, ...unknown } = { ...all, ...key };
    refuseOthers('dkim.', unknown, DKIM, DKIM_INSTEAD);
    const signer = {
      domain: domainName ?? '', selector: keySelector ?? '', privateKey: privateKey ?? '',
      ...(headerFieldNames === undefined ? {} : { headers: String(headerFieldNames).split(':').map((name: string) => name.trim()) }),
    };
    checkDkim(signer);
    return signer;
  });
}

function serverOf(options: SmtpTransportOptions): SmtpServer {
  if (options.service !== undefined && typeof options.service !== 'string') throw wrong('service must be the name of one, such as Gmail.', 'service');
  const service = options.service === undefined ? undefined : serviceOf(options.service);
  if (options.service !== undefined && !service) {
    throw wrong(`No service is known as "${options.service}": set host and port; there are ${SERVICE_NAMES.join(', ')}.${suggest(options.service, SERVICE_NAMES)}`, 'service');
  }
  if (typeof (options.host ?? '') !== 'string') throw wrong('host must be the name of the server. What brings sockets, such as that of a TestServer, is smtpHost.', 'host');
  const host = options.host ?? service?.host ?? 'localhost';
  const given = options.port || (service?.port ?? (options.secure === true ? 465 : 587));
  const port = typeof given === 'string' ? Number(given) : given;
  if (!Number.isInteger(port) || port < 1 || port > 65535) throw wrong('port must be a number from 1 to 65535.', 'port');
  const isSecure = options.secure ?? port === 465;
  if (isSecure && options.ignoreTLS === true) throw wrong('secure and ignoreTLS exclude each other: one is TLS from the first octet, the other is no TLS.', 'secure');
  const server = new SmtpServer('localhost');
  server.server = host;
  server.port = port;
  const { connectDirectSSL, connectNormal, connectSTARTTLS, connectTryTLS } = SmtpConnectType;
  server.connectType = isSecure ? connectDirectSSL : options.requireTLS ? connectSTARTTLS : options.ignoreTLS ? connectNormal : connectTryTLS;
  server.tls = { ...options.tls, ...(options.servername === undefined ? {} : { servername: options.servername }) };
  server.heloDomain = options.name ?? '';
  server.lmtp = options.lmtp ?? false;
  server.allowInsecureAuth = options.allowInsecureAuth ?? false;
  server.allOrNone = options.allOrNone ?? false;
  login(server, options);
  return server;
}

function login(server: SmtpServer, { auth, authMethod }: SmtpTransportOptions): void {
  if (auth === undefined) return;
  if (typeof auth !== 'object') throw wrong('auth must be { user, pass }, or { user, accessToken }.', 'auth');
  refuseOthers('auth.', auth, AUTH, AUTH_INSTEAD);
  const type = (auth.type ?? (auth.accessToken === undefined ? 'login' : 'oauth2')).toLowerCase();
  if (type !== 'login' && type !== 'oauth2') throw wrong(`auth.type is ${auth.type}; it must be login or oauth2. For a mechanism of its own kind set authMethod.`, 'auth');
  if (type === 'oauth2' && auth.accessToken === undefined) throw wrong('auth.accessToken is missing: a token, or a function that fetches one.', 'auth');
  const isNamed = auth.method !== undefined || authMethod !== undefined;
  if (!auth.user && auth.accessToken === undefined && !isNamed) throw wrong('auth is set, but auth.user is not: give it, or leave auth out if the server wants no login.', 'auth.user');
  server.user = auth.user ?? '';
  server.password = auth.pass ?? '';
  server.token = auth.accessToken;
  const method = auth.method ?? authMethod;
  if (method !== undefined) server.authMechanisms = [String(method).toUpperCase()];
}

/** The options that a URL has: `smtps:` is TLS first, what is behind the `?` are options by their names. */
function fromUrl(text: string): SmtpTransportOptions {
  let url: URL;
  try {
    url = new URL(text);
  } catch {
    throw wrong('The URL is none; one is written as smtps://user:password@mail.example.com.', 'host');
  }
  if (url.protocol !== 'smtp:' && url.protocol !== 'smtps:') throw wrong(`A URL must begin with smtp: or smtps:, not with ${url.protocol}`, 'host');
  // What is not encoded in a password cuts the URL elsewhere: it must not be taken for something else, nor be shown.
  const isCut = url.hash !== '' || (url.pathname !== '' && url.pathname !== '/') || [...url.searchParams.keys()].some((name) => !/^[\w.]+$/.test(name));
  const isUnknown = [...url.searchParams.keys()].some((name) => !KNOWN.includes(name.split('.')[0] ?? ''));
  if (isCut || (isUnknown && url.search.includes('@'))) throw wrong('The URL has a path, a fragment, or an option with no name: in a user or password write %2F for /, %3F for ?, %23 for #, %40 for @.', 'host');
  const decoded = (part: string): string => {
    try {
      return decodeURIComponent(part);
    } catch {
      throw wrong('The URL has a % that encodes nothing: in a user or password write %25 for it.', 'host');
    }
  };
  const options: Record<string, unknown> = {};
  if (url.hostname !== '') options.host = inAscii(`@${decoded(url.hostname)}`).slice(1).replace(/^\[(.*)\]$/, '$1');
  if (url.port !== '') options.port = Number(url.port);
  if (url.protocol === 'smtps:') options.secure = true;
  if (url.username !== '' || url.password !== '') options.auth = { user: decoded(url.username), pass: decoded(url.password) };
  for (const [name, value] of url.searchParams) {
    const [first = '', second] = name.split('.');
    const isSwitch = value === 'true' || value === 'false';
    const read = isSwitch ? value === 'true' : /^\d+$/.test(value) && first !== 'auth' ? Number(value) : value;
    if (second === undefined) options[first] = read;
    else if (first === 'tls' || first === 'auth') options[first] = { ...(options[first] as object), [second]: read };
    else throw wrong(`${name} is not an option of a URL: there are tls.… and auth.… beside single names.`, first);
  }
  return options as SmtpTransportOptions;
}

function logOf(logger: SmtpTransportOptions['logger']): ((line: string) => void) | undefined {
  if (logger === undefined || logger === false) return undefined;
  if (logger === true) return (line) => console.info(line);
  if (typeof logger?.info !== 'function') throw wrong('logger must be true, or an object with info().', 'logger');
  return (line) => {
    try {
      logger.info(line);
    } catch {
      // What a logger throws must not end the mail.
    }
  };
}

/** @internal */
export function bounded(name: string, value: unknown, usual: number, isWhole: boolean): number {
  if (value === undefined) return usual;
  if (typeof value === 'number' && value > 0 && (!isWhole || Number.isInteger(value) || value === Infinity)) return value;
  throw wrong(`${name} must be a number above 0${isWhole ? '' : ' of milliseconds'}.`, name);
}

/** @internal */
export function wrong(message: string, suspect: string): SmtpError {
  return new SmtpError(message, { code: 'ECONFIG', origin: 'settings', stage: 'connect', outcome: 'permanent', suspects: [suspect] });
}
