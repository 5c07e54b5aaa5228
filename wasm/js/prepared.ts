import { SmtpSessionError } from './errors.js';
import type { SmtpConnectOptions } from './host.js';
import { saslprep } from './saslprep.js';
import { suggest } from './suggest.js';
import type { SmtpMechanism, SmtpResolved, SmtpServer, SmtpTlsOptions, SmtpTokenProvider } from './server.js';
import { call, core, instance, type Settings } from './wasm.js';

/** Who logs in, as the host's part of a login needs it. */
export interface SmtpLogin {
  user: string;
  password: string;
  token: string | SmtpTokenProvider | undefined;
  mechanism: SmtpMechanism | undefined;
}

/**
 * The settings of a server, read once and checked: what a caller changes later is for the next connection, not for half of
 * this one. To be freed.
 */
export class PreparedServer {
  readonly settings: Settings;
  readonly login: SmtpLogin;
  readonly tls: SmtpConnectOptions['tls'];
  /** The names of what was set. */
  readonly given: ReadonlySet<string>;
  /** The instance that it lives in: in another one there is nothing to free. */
  readonly instance: number;

  private constructor(settings: Settings, login: SmtpLogin, tls: SmtpConnectOptions['tls'], given: ReadonlySet<string>, madeIn: number) {
    this.settings = settings;
    this.login = login;
    this.tls = tls;
    this.given = given;
    this.instance = madeIn;
  }

  /** With `forLogin`, a function in place of a mechanism makes one. */
  static read(server: SmtpServer, forLogin = true): PreparedServer {
    if (typeof server !== 'object' || server === null) throw noServer();
    // The caller's own code runs here, and not within the call into the instance below.
    const values = members(server);
    const host = bracketed(values.get('server'));
    const port = portOf(values.get('port'));
    const tls = tlsOf(values);
    const login: SmtpLogin = {
      user: text('user', values.get('user') ?? ''),
      password: text('password', values.get('password') ?? ''),
      token: tokenOf(values.get('token')),
      mechanism: mechanismOf(values.get('mechanism'), forLogin),
    };
    const entries = entriesOf(values, login, tls);
    const madeIn = instance();
    return call(madeIn, () => {
      const settings = new (core().Settings)(port === undefined ? host : `${host}:${port}`);
      try {
        for (const [name, value] of entries) set(settings, name, value);
        return new PreparedServer(settings, login, tls, new Set(entries.map(([name]) => name)), madeIn);
      } catch (error) {
        settings.free();
        throw error;
      }
    });
  }

  /** Says what will be done. */
  resolve(): SmtpResolved {
    return JSON.parse(call(this.instance, () => this.settings.resolve())) as SmtpResolved;
  }

  free(): void {
    if (this.instance === instance()) this.settings.free();
  }
}

/** The members of {@link SmtpServer}, by their names in lower case, and the names that some have in other products. */
const MEMBERS: ReadonlyMap<string, string> = new Map(
  [
    'server', 'port', 'user', 'password', 'token', 'mechanism', 'authType', 'connectType', 'heloDomain', 'mailFrom', 'tls',
    'authMechanisms', 'channelBinding', 'minIterations', 'maxIterations', 'allowInsecureAuth', 'allOrNone',
    'lmtp', 'pipelining', 'chunkSize', 'xclient',
  ].map((name): [string, string] => [name.toLowerCase(), name]).concat([
    ['username', 'user'],
    ['pass', 'password'],
    ['accesstoken', 'token'],
    ['host', 'server'],
    ['name', 'heloDomain'],
    ['greetingtimeout', 'greetingTimeout'],
    ['hostmechanism', 'hostMechanism'],
    ['rejectunauthorized', 'rejectUnauthorized'],
    ['tokenprovider', 'tokenProvider'],
  ]),
);

/** The member that a name stands for; the name itself if it is none. */
export function memberOf(name: string): string {
  return MEMBERS.get(name.toLowerCase()) ?? name;
}

/** What is set, by member. A name from another product counts as the member that it stands for. */
function members(server: SmtpServer): Map<string, unknown> {
  const values = new Map<string, unknown>();
  for (const [name, value] of Object.entries(server)) {
    if (value === undefined) continue;
    const member = memberOf(name);
    const other = values.get(member);
    if (other !== undefined && other !== '' && value !== '' && other !== value) {
      throw wrong(member, `${member} is set twice, to different values, under two of its names: ${member} and ${name}`);
    }
    if (other === undefined || other === '') values.set(member, value);
  }
  return values;
}

/** What goes to the core, in order. */
function entriesOf(values: Map<string, unknown>, { user, password, token, mechanism }: SmtpLogin, tls: SmtpConnectOptions['tls']): [string, string][] {
  const entries: [string, string][] = [];
  const set = (name: string, value: unknown): void => {
    if (value !== undefined) entries.push([name, text(name, value)]);
  };
  set('user', user);
  set('password', password);
  setUnicode(set, user, password);
  if (typeof token === 'function') set('tokenProvider', true);
  else set('token', token);
  set('hostMechanism', mechanism?.name);
  set('authMechanisms', listOf(values.get('authMechanisms')));
  if (tls.rejectUnauthorized === false) set('rejectUnauthorized', false);
  const done = new Set(['server', 'port', 'user', 'password', 'token', 'mechanism', 'authMechanisms', 'rejectUnauthorized', 'tls']);
  // What is no member may be another product's, and is refused if it is not.
  for (const [name, value] of values) {
    if (done.has(name) || (value === '' && (name === 'heloDomain' || name === 'mailFrom'))) continue;
    if (typeof value !== 'object' || value === null) {
      set(name, value);
      continue;
    }
    const inner = Object.entries(value);
    if (inner.length === 0) throw wrong(name, `${name} is not a setting`);
    for (const [innerName, innerValue] of inner) set(`${name}.${innerName}`, innerValue);
  }
  return entries;
}

/** A name that the core does not know may be one that is misspelt. */
function set(settings: Settings, name: string, value: string): void {
  try {
    settings.set(name, value);
  } catch (error) {
    const meant = typeof error === 'string' && error.includes('is not a setting') ? suggest(name, MEMBERS.values()) : '';
    throw meant === '' ? error : wrong(name, `${name} is not a setting.${meant}`);
  }
}

function portOf(port: unknown): string | undefined {
  return port === undefined || port === null || port === '' || port === 0 || port === '0' ? undefined : text('port', port);
}

function tlsOf(values: Map<string, unknown>): SmtpConnectOptions['tls'] {
  const given = { ...(values.get('tls') as SmtpTlsOptions | undefined) };
  for (const name of Object.keys(given)) {
    if (!TLS_MEMBERS.has(name)) throw wrong(`tls.${name}`, `tls.${name} is not a setting; there are ${[...TLS_MEMBERS].join(', ')}`);
  }
  const { ca, cert, key, ...others } = given;
  const tls: SmtpConnectOptions['tls'] = {
    ...others,
    ...(ca === undefined || ca === null ? {} : { ca: ([ca].flat() as unknown[]).map((one) => pem('ca', one)) }),
    ...(cert === undefined || cert === null ? {} : { cert: pem('cert', cert) }),
    ...(key === undefined || key === null ? {} : { key: pem('key', key) }),
  };
  const verify = values.get('rejectUnauthorized');
  if (verify !== undefined) {
    if (!/^(true|false)$/i.test(String(verify))) throw wrong('tls.rejectUnauthorized', 'rejectUnauthorized must be true or false');
    tls.rejectUnauthorized ??= String(verify).toLowerCase() === 'true';
  }
  checkTls(tls);
  return tls;
}

/** What a setting says, as text. An object or a function in its place would be sent as its source. */
function text(name: string, value: unknown): string {
  if (typeof value === 'string') return value;
  if (typeof value === 'number' || typeof value === 'boolean') return String(value);
  throw wrong(name, `${name} must be text, a number, true or false`);
}

function tokenOf(token: unknown): string | SmtpTokenProvider | undefined {
  if (token === undefined || typeof token === 'function') return token as SmtpTokenProvider | undefined;
  if (typeof token !== 'string') throw wrong('token', 'token must be a string, or a function that fetches one');
  if (token === '') throw wrong('token', 'token is empty: give an access token, or leave it out');
  return token;
}

function mechanismOf(given: unknown, forLogin: boolean): SmtpMechanism | undefined {
  if (given === undefined || (typeof given === 'function' && !forLogin)) return undefined;
  const made = typeof given === 'function' ? making(given as () => unknown) : given;
  const { name, start, step, finish } = (made ?? {}) as Partial<SmtpMechanism>;
  const isOne = typeof name === 'string' && typeof start === 'function' && typeof step === 'function';
  if (!isOne || (finish !== undefined && typeof finish !== 'function')) {
    if (made instanceof Promise) made.catch(() => {});
    throw wrong('mechanism', 'mechanism must be an object with name, start, step and perhaps finish, or a function that makes one at once');
  }
  return made as SmtpMechanism;
}

/** What the caller's function makes; what it throws is the caller's error, and no other. */
function making(make: () => unknown): unknown {
  try {
    return make();
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw wrong('mechanism', `the function that makes the mechanism failed: ${reason}`, error);
  }
}

function listOf(list: unknown): string | undefined {
  if (list === undefined || (Array.isArray(list) && list.length === 0)) return undefined;
  if (typeof list === 'string') return list;
  if (!Array.isArray(list) || !list.every((name) => typeof name === 'string' && name.trim() !== '')) {
    throw wrong('authMechanisms', 'authMechanisms must be a string, or an array of names');
  }
  return list.join(' ');
}

/** What is not ASCII has a form of its own for SCRAM, and another for NTLM; the platform has the tables. */
function setUnicode(set: (name: string, value: unknown) => void, user: string, password: string): void {
  if (/^[ -~]*$/.test(user + password)) return;
  const [name, word] = [saslprep(user), saslprep(password)];
  if (name !== undefined && word !== undefined) {
    set('preparedUser', name);
    set('preparedPassword', word);
  }
  const upper = Array.from(user, (char) => (Array.from(char.toUpperCase()).length === 1 ? char.toUpperCase() : char));
  set('upperUser', upper.join(''));
}

const TLS_MEMBERS = new Set(['ca', 'cert', 'key', 'minVersion', 'servername', 'rejectUnauthorized']);

/** What a file of PEM has, as text. */
function pem(name: string, given: unknown): string {
  const text = given instanceof Uint8Array ? new TextDecoder().decode(given) : given;
  if (typeof text === 'string' && text.includes('-----BEGIN ')) return text;
  throw wrong(`tls.${name}`, `tls.${name} is not PEM: it is the text of the file, which has -----BEGIN in it, and not the path of one`);
}

/** A setting of TLS that nobody looks at could leave a connection weaker than its user believes. */
function checkTls(tls: SmtpConnectOptions['tls']): void {
  if (tls.minVersion !== undefined && !['TLSv1.2', 'TLSv1.3'].includes(tls.minVersion)) {
    throw wrong('tls.minVersion', 'tls.minVersion must be TLSv1.2 or TLSv1.3: older versions are broken');
  }
  if (tls.rejectUnauthorized !== undefined && typeof tls.rejectUnauthorized !== 'boolean') {
    throw wrong('tls.rejectUnauthorized', 'tls.rejectUnauthorized must be true or false');
  }
}

function bracketed(host: unknown): string {
  if (typeof host !== 'string') throw noServer();
  return host.includes(':') && !host.startsWith('[') ? `[${host}]` : host;
}

/** There is nothing to connect to. */
export function noServer(): SmtpSessionError {
  return wrong('server', 'no server is set; write its host name or its address');
}

export function wrong(setting: string, message: string, cause?: unknown): SmtpSessionError {
  return new SmtpSessionError('settings', undefined, message, { setting, cause });
}
