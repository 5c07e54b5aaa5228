import { SmtpSessionError } from './errors.js';
import { saslprep } from './saslprep.js';
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
  readonly tls: SmtpTlsOptions;
  /** Empty if the machine's own name will do. */
  readonly heloDomain: string;

  private constructor(settings: Settings, login: SmtpLogin, tls: SmtpTlsOptions, heloDomain: string) {
    this.settings = settings;
    this.login = login;
    this.tls = tls;
    this.heloDomain = heloDomain;
  }

  static read(server: SmtpServer): PreparedServer {
    if (typeof server !== 'object' || server === null) throw noServer();
    return call(instance(), () => {
      const values = members(server);
      const host = bracketed(values.get('server'));
      const settings = new (core().Settings)(values.get('port') ? `${host}:${text('port', values.get('port'))}` : host);
      try {
        const tls = { ...(values.get('tls') as SmtpTlsOptions | undefined) };
        const heloDomain = text('heloDomain', values.get('heloDomain') ?? '');
        return new PreparedServer(settings, apply(settings, values, tls), tls, heloDomain);
      } catch (error) {
        settings.free();
        throw error;
      }
    });
  }

  /** Says what will be done. */
  resolve(): SmtpResolved {
    return call(instance(), () => JSON.parse(this.settings.resolve()) as SmtpResolved);
  }

  free(): void {
    this.settings.free();
  }
}

/** The members of {@link SmtpServer}, by their names in lower case, and the names that some have in other products. */
const MEMBERS: ReadonlyMap<string, string> = new Map(
  [
    'server', 'port', 'user', 'password', 'token', 'mechanism', 'authType', 'connectType', 'heloDomain', 'mailFrom', 'tls',
    'authMechanisms', 'channelBinding', 'minIterations', 'maxIterations', 'allowInsecureAuth', 'allOrNone',
  ].map((name): [string, string] => [name.toLowerCase(), name]).concat([
    ['username', 'user'],
    ['pass', 'password'],
    ['accesstoken', 'token'],
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
    if (value !== undefined || !values.has(memberOf(name))) values.set(memberOf(name), value);
  }
  return values;
}

/** Sets all of it, and gives what the host's part of a login needs. */
function apply(settings: Settings, values: Map<string, unknown>, tls: SmtpTlsOptions): SmtpLogin {
  const set = (name: string, value: unknown): void => {
    if (value !== undefined) settings.set(name, text(name, value));
  };
  checkTls(tls);
  const [user, password] = [text('user', values.get('user') ?? ''), text('password', values.get('password') ?? '')];
  const [token, mechanism] = [tokenOf(values.get('token')), mechanismOf(values.get('mechanism'))];
  const list = listOf(values.get('authMechanisms'));
  const authType = values.get('authType') ?? -1;
  if (mechanism !== undefined && (token !== undefined || list !== undefined || !/^(-1|(auth)?auto)$/i.test(String(authType)))) {
    throw wrong('mechanism', 'mechanism replaces the built-in ones: set neither token, authType nor authMechanisms with it');
  }
  set('user', user);
  set('password', password);
  setUnicode(set, user, password);
  if (typeof token === 'function') set('tokenProvider', true);
  else set('token', token);
  set('hostMechanism', mechanism?.name);
  set('authType', authType);
  set('authMechanisms', list);
  if (tls.rejectUnauthorized === false) set('rejectUnauthorized', false);
  const done = new Set(['server', 'port', 'user', 'password', 'token', 'mechanism', 'authType', 'authMechanisms', 'tls']);
  // What is no member may be another product's, and is refused if it is not.
  for (const [name, value] of values) {
    if (done.has(name)) continue;
    if (typeof value !== 'object' || value === null) set(name, value);
    else for (const [inner, innerValue] of Object.entries(value)) set(`${name}.${inner}`, innerValue);
  }
  return { user, password, token, mechanism };
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

function mechanismOf(given: unknown): SmtpMechanism | undefined {
  if (given === undefined) return undefined;
  const mechanism = (typeof given === 'function' ? given() : given) as SmtpMechanism | null | undefined;
  const { name, start, step, finish } = mechanism ?? {};
  const isOne = typeof name === 'string' && typeof start === 'function' && typeof step === 'function';
  if (!isOne || (finish !== undefined && typeof finish !== 'function')) {
    throw wrong('mechanism', 'mechanism must be an object with name, start, step and perhaps finish, or a function that makes one');
  }
  return mechanism as SmtpMechanism;
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

/** A setting of TLS that nobody looks at could leave a connection weaker than its user believes. */
function checkTls(tls: SmtpTlsOptions): void {
  for (const name of Object.keys(tls)) {
    if (!TLS_MEMBERS.has(name)) throw wrong(`tls.${name}`, `tls.${name} is not a setting; there are ${[...TLS_MEMBERS].join(', ')}`);
  }
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

function noServer(): SmtpSessionError {
  return wrong('server', 'no server is set; write its host name or its address');
}

function wrong(setting: string, message: string): SmtpSessionError {
  return new SmtpSessionError('settings', undefined, message, { setting });
}
