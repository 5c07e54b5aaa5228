import type { SmtpDataSent, SmtpFailure, SmtpOutcome, SmtpReply, SmtpStage } from './events.js';

/** A call that the core refused, or the fatal error of a session: its class and kind, as `core/src/error.rs` has them. */
export class SmtpSessionError extends Error {
  override readonly name = 'SmtpSessionError';
  /** `apiMisuse`, `invalidInput`, `peerMisbehaved`, `limitExceeded`, `timedOut`, `unexpectedEof`, `settings`, … */
  readonly class: string;
  /** Which of its class. */
  readonly kind: unknown;
  /** The setting that is wrong, for the class `settings`. */
  readonly setting: string | undefined;

  constructor(of: string, kind: unknown, message: string, options?: { cause?: unknown; setting?: string | undefined }) {
    super(message, options?.cause === undefined ? {} : { cause: options.cause });
    this.class = of;
    this.kind = kind;
    this.setting = options?.setting;
  }

  /** @internal Reads what the shell throws. */
  static parse(json: string): SmtpSessionError {
    const thrown = JSON.parse(json) as { class: string; kind?: unknown; setting?: string; message: string };
    return new SmtpSessionError(thrown.class, thrown.kind, thrown.message, { setting: thrown.setting });
  }
}

/** The error codes of Nodemailer, which its users know. */
export type SmtpErrorCode =
  | 'EABORT'
  | 'EAUTH'
  | 'ECONFIG'
  | 'ECONNECTION'
  | 'EDNS'
  | 'EENVELOPE'
  | 'EINTERNAL'
  | 'EMAXRECIPIENTS'
  | 'EMESSAGE'
  | 'EPROTOCOL'
  | 'EREQUIRETLS'
  | 'ESTREAM'
  | 'ETIMEDOUT'
  | 'ETLS';

/** Whose doing it was: the server replied; the network or TLS failed; a setting is wrong; the caller cancelled. */
export type SmtpOrigin = 'server' | 'network' | 'tls' | 'settings' | 'cancelled';

/** What an {@link SmtpError} knows. */
export interface SmtpErrorDetails {
  code: SmtpErrorCode;
  origin: SmtpOrigin;
  stage: SmtpStage;
  outcome: SmtpOutcome;
  dataSent?: SmtpDataSent;
  reply?: SmtpReply | null | undefined;
  /** The settings that may be wrong. */
  suspects?: string[];
  /** What to do, in order. */
  advice?: string[];
  messageId?: string | undefined;
  recipients?: SmtpRecipientResult[];
  recipient?: string | undefined;
  tokenError?: unknown;
  cause?: unknown;
}

/** What became of one recipient. */
export interface SmtpRecipientResult {
  address: string;
  accepted: boolean;
  /** What the server said of it; `null`: the connection ended without an answer. */
  reply: SmtpReply | null;
  /** If it was not accepted: for good, for now, or nobody knows. */
  outcome: SmtpOutcome | undefined;
}

/** Why a mail was not sent, and what to do about it. The message is for a person. */
export class SmtpError extends Error {
  override readonly name = 'SmtpError';
  /** A code of Nodemailer's. */
  readonly code: SmtpErrorCode;
  readonly origin: SmtpOrigin;
  readonly stage: SmtpStage;
  /** `unknown`: the message went out to its end and no valid reply came; sending it again may duplicate it. */
  readonly outcome: SmtpOutcome;
  readonly dataSent: SmtpDataSent;
  /** The server's reply, with its code. */
  readonly response: string | undefined;
  readonly responseCode: number | undefined;
  readonly enhancedCode: string | undefined;
  /** The settings that may be wrong. */
  readonly suspects: string[];
  /** What to do, in order. */
  readonly advice: string[];
  /** The Message-ID, so that a message whose outcome is unknown can be recognised later. */
  readonly messageId: string | undefined;
  /** What the server said of each recipient before it failed. */
  readonly recipients: SmtpRecipientResult[];
  /** The recipient that it is about, if it is about one. */
  readonly recipient: string | undefined;
  /** What the server said of a refused token (RFC 7628 §3.2.2): its JSON as an object, or its text. Never trust a URL in it. */
  readonly tokenError: unknown;
  readonly #details: SmtpErrorDetails;

  constructor(message: string, details: SmtpErrorDetails) {
    super(message, details.cause === undefined ? {} : { cause: details.cause });
    this.#details = details;
    this.code = details.code;
    this.origin = details.origin;
    this.stage = details.stage;
    this.outcome = details.outcome;
    this.dataSent = details.dataSent ?? 'none';
    this.response = details.reply ? replyText(details.reply) : undefined;
    this.responseCode = details.reply?.code;
    this.enhancedCode = details.reply?.enhanced ?? undefined;
    this.suspects = details.suspects ?? [];
    this.advice = details.advice ?? [];
    this.messageId = details.messageId;
    this.recipients = details.recipients ?? [];
    this.recipient = details.recipient;
    this.tokenError = details.tokenError;
  }

  /** What was being done, in Nodemailer's words: `CONN`, `EHLO`, `STARTTLS`, `AUTH`, `MAIL FROM`, `RCPT TO`, `DATA`, … */
  get command(): string {
    return COMMANDS[this.stage];
  }

  /** The recipients that were refused. */
  get rejected(): string[] {
    return this.recipients.filter((recipient) => !recipient.accepted).map((recipient) => recipient.address);
  }

  /** @internal The same, with some of it in other words. */
  changed({ message = this.message, ...details }: Partial<SmtpErrorDetails> & { message?: string }): SmtpError {
    return new SmtpError(message, { ...this.#details, ...details });
  }

  /** @internal The same, as another message met it. */
  about(messageId: string | undefined): SmtpError {
    return this.changed({ messageId, recipients: [] });
  }

  /** For a log: all of it but the stack and the cause. */
  toJSON(): Record<string, unknown> {
    const { message, ...all } = this as SmtpError;
    return { message, ...all };
  }

  /** Whether the same again would fail again. */
  get permanent(): boolean {
    return this.outcome === 'permanent';
  }
}

const COMMANDS: Readonly<Record<SmtpStage, string>> = {
  connect: 'CONN', greeting: 'CONN', hello: 'EHLO', tls: 'STARTTLS', auth: 'AUTH', sender: 'MAIL FROM', recipients: 'RCPT TO', data: 'DATA',
  command: 'API', quit: 'QUIT',
};

/** A reply as the server sent it: `535 5.7.8 no`. */
export function replyText(reply: SmtpReply): string {
  return [reply.code, reply.enhanced, reply.text].filter((part) => part !== null && part !== '').join(' ');
}

/** What is known of the connection when an error is made of a failure. */
export interface SmtpErrorContext {
  host: string;
  port: number;
  tls: string;
  hasLogin: boolean;
  messageId?: string | undefined;
  /** The runtime's own error, if reading or writing failed. */
  ioError?: unknown;
  /** What the host's part of the login threw: a token provider, a mechanism. */
  loginError?: { error: unknown } | undefined;
  /** The mechanisms that the settings allow, and those that the server offers. */
  allowed?: string[];
  offered?: string[];
  /** What the login is made of. */
  login?: 'password' | 'token' | 'mechanism' | 'certificate' | 'none';
  /** Whether it failed because another mail on its connection was given up. */
  isCollateral?: boolean;
  /** After how many milliseconds without an octet the connection was given up. */
  stalled?: number | undefined;
  /** Why the message could not be read, if it could not. */
  unreadable?: { error: unknown } | undefined;
  recipients?: SmtpRecipientResult[];
}

/** The error for one recipient that did not get the mail while others did. */
export function errorOfRecipient(host: string, { address, reply, outcome = 'permanent' }: SmtpRecipientResult): SmtpError {
  if (!reply) {
    const what = outcome === 'unknown' ? 'it is not known whether it has the mail' : 'it does not have the mail';
    return new SmtpError(`The connection to ${host} ended before it answered for ${address}: ${what}.`, {
      code: 'ECONNECTION', origin: 'network', stage: 'data', outcome, recipient: address,
    });
  }
  return new SmtpError(`${host} refused ${address}: ${replyText(reply)}`, {
    code: 'EENVELOPE', origin: 'server', stage: 'recipients', reply, suspects: ['recipient'], outcome, recipient: address,
  });
}

/** The error for a failure of the core's. */
export function errorOfFailure(failure: SmtpFailure, context: SmtpErrorContext): SmtpError {
  const { stage, outcome, dataSent, reply, cause } = failure;
  const recipients = context.recipients ?? [];
  const common = { stage, outcome, dataSent, reply, messageId: context.messageId, recipients, cause: context.ioError };
  const where = `${context.host}:${context.port}`;
  const said = reply ? `: ${replyText(reply)}` : '';
  if (stage === 'auth' && context.loginError !== undefined) {
    const { error } = context.loginError;
    const suspects = [context.login === 'token' ? 'token' : context.login === 'mechanism' ? 'mechanism' : 'password'];
    const message = `The login was given up: ${reasonOf(error)}`;
    return new SmtpError(message, { ...common, code: 'EAUTH', origin: 'settings', suspects, cause: error });
  }
  if (cause.kind === 'tls') {
    if (cause.code === 'ETIMEDOUT') {
      return new SmtpError(`TLS with ${where} failed: ${cause.text}.`, { ...common, code: 'ETIMEDOUT', origin: 'network', outcome: 'temporary' });
    }
    const { message, advice, suspects } = tlsProblem(cause.code, cause.text, context);
    return new SmtpError(message, { ...common, code: 'ETLS', origin: 'tls', suspects, advice });
  }
  if (cause.kind === 'mechanism') {
    const offered = cause.offered.length > 0 ? cause.offered.join(', ') : 'none';
    const message = `${where} offers none of the allowed login mechanisms. Allowed: ${cause.allowed.join(', ')}; offered: ${offered}.`;
    return new SmtpError(message, { ...common, code: 'EAUTH', origin: 'server', ...notOffered(cause.offered, context) });
  }
  if (cause.kind === 'token') {
    const tokenError = parsed(cause.answer);
    const message = `${where} refused the token${said} (${cause.answer.trim()})`;
    return new SmtpError(message, {
      ...common, code: 'EAUTH', origin: 'server', suspects: ['user', 'token'], tokenError, advice: TOKEN_ADVICE,
    });
  }
  if (cause.kind === 'refused') return refusal(failure, context, said);
  const { class: of, kind, message: how } = cause.error;
  const unknown =
    outcome === 'unknown' ? ['The message was sent to its end and the answer is missing: it may have been delivered. Check before you send it again.'] : [];
  if (of === 'cancelled' && context.stalled !== undefined) {
    return new SmtpError(`${where} was silent for ${context.stalled} ms (${stage}).`, {
      ...common, code: 'ETIMEDOUT', origin: 'network', advice: unknown,
    });
  }
  if (of === 'cancelled' && context.unreadable) {
    const { message: why } = nativeError(context.unreadable.error);
    return new SmtpError(`The message could not be read: ${why}`, {
      ...common, code: 'ESTREAM', origin: 'settings', suspects: ['message'], advice: unknown, cause: context.unreadable.error,
    });
  }
  if (of === 'cancelled' && context.isCollateral) {
    return new SmtpError('Another mail on this connection was given up, which closed it.', {
      ...common, code: 'ECONNECTION', origin: 'cancelled', advice: unknown.length > 0 ? unknown : ['Send this one again: the server did not take it.'],
    });
  }
  if (of === 'cancelled') {
    return new SmtpError('Sending was cancelled.', { ...common, code: 'EABORT', origin: 'cancelled', advice: unknown });
  }
  if (of === 'unsupported') return unsupported(String(kind), how, common, context);
  if (of === 'invalidInput' && stage === 'auth') {
    const isToken = context.login === 'token';
    const advice = kind === 'credentials' ? ['Change the password, or set authType to authPlain, which takes it as it is.'] : [];
    const suspects = context.login === 'mechanism' ? ['mechanism'] : isToken ? ['user', 'token'] : ['user', 'password'];
    return new SmtpError(`The login cannot be sent: ${how}.`, { ...common, code: 'EAUTH', origin: 'settings', suspects, advice });
  }
  if (of === 'invalidInput') {
    return new SmtpError(`The message cannot be sent: ${how}.`, { ...common, code: 'EMESSAGE', origin: 'settings', suspects: ['message'] });
  }
  if (of === 'timedOut') {
    const advice = stage === 'greeting' && context.tls !== 'implicit'
      ? ['A server that expects TLS first stays silent: try port 465 with connectDirectSSL, or port 587 with connectSTARTTLS.']
      : unknown;
    const suspects = stage === 'greeting' ? ['port', 'connectType'] : [];
    return new SmtpError(`${where} did not answer in time (${stage}).`, { ...common, code: 'ETIMEDOUT', origin: 'network', suspects, advice });
  }
  if (of === 'unexpectedEof') {
    const io = context.ioError === undefined ? '' : ` [${nativeError(context.ioError).message}]`;
    return new SmtpError(`${where}: ${how}${said}${io}.`, { ...common, code: 'ECONNECTION', origin: 'network', advice: unknown });
  }
  const advice = [...unknown];
  const suspects: string[] = [];
  if (typeof kind === 'object' && kind !== null && 'notSmtp' in kind) {
    suspects.push('host', 'port', 'connectType');
    advice.push('Use the SMTP port of the server: 587 with connectSTARTTLS, or 465 with connectDirectSSL.');
  } else if (kind === 'plaintextBeforeTls') {
    suspects.push('port', 'connectType');
    advice.push(`Port ${context.port} starts in clear: use connectSTARTTLS, or port 465 with connectDirectSSL.`);
  } else if (kind === 'serverNotVerified' && context.login === 'mechanism') {
    const advice = ['finish() of the mechanism must give true for a login to count.'];
    return new SmtpError(`${where}: the mechanism did not accept the server's success.`, { ...common, code: 'EAUTH', origin: 'server', suspects: ['mechanism'], advice });
  } else if (kind === 'serverNotVerified') {
    const advice = ['Somebody between you and the server may be playing the server: do not set a weaker authType.'];
    return new SmtpError(`${where}: ${how}.`, { ...common, code: 'EAUTH', origin: 'server', suspects: ['host'], advice });
  } else if (kind === 'iterations') {
    const advice = ['minIterations and maxIterations of the settings are the bounds.'];
    return new SmtpError(`${where}: ${how}.`, { ...common, code: 'EAUTH', origin: 'server', suspects: ['authType'], advice });
  } else if (stage === 'auth' && (kind === 'challenge' || kind === 'authReply')) {
    const isOwn = context.login === 'mechanism';
    const advice = isOwn
      ? ['Look at what the server asks of the mechanism.']
      : ['Set authType or authMechanisms to another mechanism that the server offers; if it is NTLM, name it: the automatic choice is stricter.'];
    const suspects = [isOwn ? 'mechanism' : 'authType'];
    return new SmtpError(`${where}: ${how}${said}.`, { ...common, code: 'EAUTH', origin: 'server', suspects, advice });
  } else if (kind === 'peerNotVerified') {
    advice.push('Name the CA that signed the certificate in tls.ca.');
  }
  return new SmtpError(`${where}: ${how}${said}.`, { ...common, code: 'EPROTOCOL', origin: 'server', suspects, advice });
}

/** What to do where the server's offer and the settings have nothing in common. */
function notOffered(offered: string[], { login }: SmtpErrorContext): { suspects: string[]; advice: string[] } {
  const names = offered.join(', ');
  const advise = (suspects: string[], advice: string): { suspects: string[]; advice: string[] } => ({ suspects, advice: [advice] });
  if (login === 'mechanism') {
    return advise(['mechanism'], offered.length === 0 ? 'This server takes no login on this port: try 587 or 465.' : `The server does not have this mechanism; it offers ${names}.`);
  }
  if (offered.length === 0) {
    return advise(['authType', 'port'], 'This server takes no login on this port. Use its submission port (587 or 465), or leave user and password empty.');
  }
  // What goes with what is set: naming any other would only be the next error.
  const kind = login === 'token' ? TAKES_TOKEN : login === 'password' ? TAKES_PASSWORD : undefined;
  const usable = offered.filter((name) => kind?.test(name));
  if (usable.length > 0) {
    const only = usable.every((name) => name.endsWith('-PLUS'));
    return only
      ? advise(['authMechanisms'], `The server wants a login that is bound to the TLS channel (${usable.join(', ')}), which this runtime or channelBinding: false does not allow.`)
      : advise(['authType', 'authMechanisms'], `Let authType or authMechanisms name one that the server offers (${usable.join(', ')}), or leave both out.`);
  }
  if (login === 'token' && offered.some((name) => TAKES_PASSWORD.test(name))) return advise(['token'], 'This server takes no token: set user and password.');
  if (login === 'password' && offered.some((name) => TAKES_TOKEN.test(name))) {
    return advise(['password', 'token'], 'This server takes only access tokens (OAuth): set token instead of password.');
  }
  if (login !== 'certificate' && offered.includes('EXTERNAL')) {
    return advise(['authType'], 'This server takes a client certificate: set tls.cert, tls.key and authType authExternal.');
  }
  if ((login === 'certificate' || login === 'none') && offered.some((name) => TAKES_PASSWORD.test(name))) {
    return advise(['authType'], 'This server takes user and password: set them, and authType to authAuto.');
  }
  return advise(['authType'], `None of ${names} is built in: give a mechanism of your own.`);
}

const TAKES_PASSWORD = /^(SCRAM-SHA-(1|256|512)(-PLUS)?|CRAM-MD5|DIGEST-MD5|PLAIN|LOGIN|NTLM|MSN)$/;
const TAKES_TOKEN = /^(OAUTHBEARER|XOAUTH2)$/;

/** What a refused login means: by its code (RFC 4954 §6), then by what the login was made of. */
function loginRefused(
  reply: SmtpReply | null,
  where: string,
  said: string,
  { login, allowed, offered }: SmtpErrorContext,
  common: Omit<SmtpErrorDetails, 'code' | 'suspects' | 'advice'>,
): [string, SmtpErrorDetails] {
  const refused = (what: string, suspects: string[], advice: string[]): [string, SmtpErrorDetails] =>
    [`${where} ${what}${said}`, { ...common, code: 'EAUTH', suspects, advice }];
  const isUnknown = reply?.code === 504 || (reply?.enhanced === '5.5.4' && reply.code !== 535);
  if (reply?.code === 432 && login !== 'mechanism') {
    return refused('needs the password once to take it over', ['authType'], [
      'Log in once with authType authPlain, over TLS: the server then learns what it needs for other mechanisms.',
    ]);
  }
  if (reply !== null && reply.code < 500) return refused('cannot check the login now', [], ['Try again later.']);
  if (login === 'mechanism' && reply?.code !== 530 && reply?.code !== 538) {
    return refused('refused the login', ['mechanism'], ['Look at what the mechanism sends, and at the words of the server.']);
  }
  if (reply?.code === 530 || reply?.code === 538) {
    return refused('wants TLS before the login', ['connectType'], ['Use port 587 with connectSTARTTLS, or port 465 with connectDirectSSL.']);
  }
  const words = ` (allowed: ${allowed?.join(', ') ?? ''}; offered: ${offered?.join(', ') ?? ''})`;
  const isAppPassword = /app(lication)?[ -]*(specific )?password/i.test(reply?.text ?? '');
  if (isUnknown || (reply?.code === 534 && !isAppPassword)) {
    const [message, details] = refused('refused the login mechanism', ['authType'], [
      'Set authType or authMechanisms to another mechanism that the server offers.',
    ]);
    return [message + words, details];
  }
  if (isAppPassword) {
    return refused('refused the login', ['password'], ['This account needs an app password: make one in its settings, and use it as the password.']);
  }
  if (reply !== null && reply.code !== 535 && reply.code !== 534) {
    return refused('refused the login', ['authType'], ['The server did not get as far as user and password: look at its words.']);
  }
  switch (login) {
    case 'token':
      return refused('refused the login', ['user', 'token'], TOKEN_ADVICE);
    case 'certificate':
      return refused('refused the login', ['tls.cert', 'user'], ['The server does not know this client certificate, or not for this user.']);
    case 'none':
      return refused('refused the login', ['authType', 'user'], ['The server lets nobody in without a login, or wants a trace of who it is as user.']);
    default:
      return refused('refused the login', ['user', 'password'], [
        'Check user and password. Many servers want the full address as user; some want only the part before the @.',
        'If the account has two-factor login, make an app password and use that.',
      ]);
  }
}

const TOKEN_ADVICE = [
  'Fetch a fresh access token: it may have expired. A refresh token or an ID token does not do.',
  'The token must be for this user, and its scope must allow sending mail over SMTP.',
];

function refusal(failure: SmtpFailure, context: SmtpErrorContext, said: string): SmtpError {
  const { stage, outcome, dataSent, reply } = failure;
  const common = {
    stage, outcome, dataSent, reply, messageId: context.messageId, recipients: context.recipients ?? [], origin: 'server' as const,
  };
  const where = `${context.host}:${context.port}`;
  const wants = reply?.code === 530 || reply?.code === 538;
  switch (stage) {
    case 'auth': {
      return new SmtpError(...loginRefused(reply, where, said, context, common));
    }
    case 'sender':
    case 'recipients': {
      // RFC 5321 §3.8: it closes the connection, whatever was asked.
      if (reply?.code === 421) return new SmtpError(`${where} takes no more for now${said}`, { ...common, code: 'EENVELOPE' });
      const isEvery = common.recipients.every((recipient) => !recipient.accepted);
      const what = stage === 'sender' ? 'the sender' : isEvery ? 'every recipient' : 'a recipient, and the mail goes to all or none';
      const advice = wants
        ? [context.hasLogin ? 'The server wants TLS first: use connectSTARTTLS.' : 'The server wants a login: set user and password.']
        : context.hasLogin
          ? []
          : ['If the server says that it does not relay, set user and password.'];
      return new SmtpError(`${where} refused ${what}${said}`, { ...common, code: 'EENVELOPE', suspects: [stage === 'sender' ? 'sender' : 'recipient'], advice });
    }
    case 'data':
      return new SmtpError(`${where} refused the message${said}`, { ...common, code: 'EMESSAGE', suspects: ['message'] });
    case 'tls':
      return new SmtpError(`${where} refused STARTTLS${said}`, { ...common, code: 'ETLS', suspects: ['connectType', 'port'], advice: ['Try port 465 with connectDirectSSL.'] });
    case 'greeting':
      return new SmtpError(`${where} does not take the connection${said}`, { ...common, code: 'ECONNECTION', suspects: ['host'] });
    default:
      return new SmtpError(`${where} refused (${stage})${said}`, { ...common, code: 'EPROTOCOL' });
  }
}

function unsupported(kind: string, how: string, common: Omit<SmtpErrorDetails, 'code' | 'origin'>, context: SmtpErrorContext): SmtpError {
  const where = `${context.host}:${context.port}`;
  switch (kind) {
    case 'startTls':
      return new SmtpError(`${where} does not offer STARTTLS, which connectType requires.`, {
        ...common, code: 'ETLS', origin: 'server', suspects: ['connectType', 'port'],
        advice: ['Use port 465 with connectDirectSSL, or the submission port 587.'],
      });
    case 'authWithoutTls':
      return new SmtpError(`A login is set, but the connection to ${where} is not encrypted: nothing was sent of it.`, {
        ...common, code: 'EAUTH', origin: 'settings', suspects: ['connectType', 'port'],
        advice: [
          'Use port 587 with connectSTARTTLS, or port 465 with connectDirectSSL.',
          'If the login may go over this network in clear, set connectType to connectNormal and allowInsecureAuth to true.',
        ],
      });
    case 'channelBinding':
      return new SmtpError(`${where}: ${how}.`, {
        ...common, code: 'EAUTH', origin: 'settings', suspects: ['authMechanisms'],
        advice: ['Name the mechanism without -PLUS in authMechanisms: it is bound where that can be.'],
      });
    case 'requireTls':
      return new SmtpError(`${where}: ${how}.`, { ...common, code: 'EREQUIRETLS', origin: 'server', suspects: ['message', 'connectType'] });
    case 'deliverBy':
    case 'dsn':
    case 'extension':
    case 'futureRelease':
    case 'priority':
      return new SmtpError(`${where}: ${how}.`, {
        ...common, code: 'EENVELOPE', origin: 'server', suspects: ['message'], advice: ['Send it without that parameter, or by a server that offers it.'],
      });
    case 'recipients':
      return new SmtpError(`${where}: ${how}.`, { ...common, code: 'EENVELOPE', origin: 'server', suspects: ['recipient'] });
    case 'messages':
      return new SmtpError(`${where}: ${how}.`, { ...common, code: 'ECONNECTION', origin: 'server', advice: ['Open another connection.'] });
    case 'xClient':
      return new SmtpError(`${where}: ${how}.`, { ...common, code: 'ECONFIG', origin: 'settings', suspects: ['xclient'] });
    case 'eightBitMime':
      return new SmtpError(`${where}: ${how}.`, {
        ...common, code: 'EMESSAGE', origin: 'server', suspects: ['message'],
        advice: ['If the message is ASCII, give it as an object with open() and content: \'sevenBit\'; else encode it (quoted-printable, base64).'],
      });
    case 'binaryMime':
    case 'chunking':
    case 'smtpUtf8':
    case 'size':
      return new SmtpError(`${where}: ${how}.`, { ...common, code: 'EMESSAGE', origin: 'server', suspects: ['message'] });
    default:
      return new SmtpError(`${where}: ${how}.`, { ...common, code: 'EPROTOCOL', origin: 'server' });
  }
}

/** JSON as an object; what is none, as it is. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text;
  }
}

function tlsProblem(code: string, text: string, context: SmtpErrorContext): { message: string; suspects: string[]; advice: string[] } {
  const where = `${context.host}:${context.port}`;
  const detail = code === '' || text.includes(code) ? text : `${text} (${code})`;
  if (context.tls !== 'implicit' && /WRONG_VERSION_NUMBER|PACKET_LENGTH/.test(code)) {
    return {
      message: `${where} accepted STARTTLS and went on in clear: ${detail}`,
      suspects: [],
      advice: ['Somebody between you and the server may be meddling with the connection: do not turn TLS off.'],
    };
  }
  if (code === 'ERR_SSL_WRONG_VERSION_NUMBER' || code === 'ERR_SSL_PACKET_LENGTH_TOO_LONG' || text.includes('wrong version number')) {
    return {
      message: `${where} does not speak TLS from the first octet: ${detail}`,
      suspects: ['port', 'connectType'],
      advice: [context.port === 465 ? 'Use port 587 with connectSTARTTLS.' : `Use connectSTARTTLS on port ${context.port}, or port 465 with connectDirectSSL.`],
    };
  }
  if (code === 'ERR_TLS_HIDDEN') {
    return {
      message: `TLS with ${where} failed: ${text}.`,
      suspects: ['host', 'port', 'connectType'],
      advice: [
        'The certificate must be for the name of the server, by an authority that this runtime knows, and not expired: try the same from Node, which says more.',
        context.tls === 'implicit' ? 'The port must speak TLS from the first octet: 465 does, 587 does not.' : 'Try port 465 with connectDirectSSL.',
      ],
    };
  }
  const expired = /EXPIRED/.test(code);
  const name = code === 'ERR_TLS_CERT_ALTNAME_INVALID';
  const authority = /SELF_SIGNED|UNABLE_TO/.test(code);
  const advice = expired
    ? ['The certificate of the server has expired: tell its administrator.']
    : name
      ? ['The certificate is for another name: use that name as the server, or set tls.servername.']
      : authority
        ? [
            'The certificate is not signed by a CA that this machine knows: name the CA in tls.ca, or its own certificate if it signed itself.',
            'For a test on your own machine, tls.rejectUnauthorized: false takes any certificate; then anybody in between can read mail and password.',
          ]
        : [];
  return { message: `TLS with ${where} failed: ${detail}`, suspects: name ? ['host'] : [], advice };
}

/** Ports of mail that are not SMTP's. */
const OTHER_PROTOCOLS: Readonly<Record<number, string>> = { 110: 'POP3', 143: 'IMAP', 993: 'IMAP', 995: 'POP3' };

/** The error for a connection that did not come about. `error` is the runtime's own. */
export function errorOfConnect(error: unknown, context: SmtpErrorContext): SmtpError {
  const where = `${context.host}:${context.port}`;
  const { code, message } = nativeError(error);
  const other = OTHER_PROTOCOLS[context.port];
  const common = { stage: 'connect' as const, outcome: 'temporary' as const, cause: error, messageId: context.messageId };
  if (other !== undefined && code !== 'EABORT') {
    return new SmtpError(`${where} cannot be reached (${code || message}), and ${context.port} is the port of ${other}, not of SMTP.`, {
      ...common, code: 'ECONNECTION', origin: 'network', suspects: ['port'],
      advice: ['Mail is submitted on port 587 (connectSTARTTLS) or 465 (connectDirectSSL).'],
    });
  }
  switch (code) {
    case 'ECONFIG':
      return new SmtpError(message, { ...common, outcome: 'permanent', code: 'ECONFIG', origin: 'settings', suspects: ['tls'] });
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
    case 'EAI_NODATA':
      return new SmtpError(`The name ${context.host} cannot be resolved (${code}).`, {
        ...common, code: 'EDNS', origin: 'network', suspects: ['host'], advice: ['Check the spelling of the server, and that this machine is online.'],
      });
    case 'ECONNREFUSED':
      return new SmtpError(`Nothing listens at ${where} (connection refused).`, {
        ...common, code: 'ECONNECTION', origin: 'network', suspects: ['host', 'port'],
        advice: ['Check server and port: mail is submitted on port 587 (connectSTARTTLS) or 465 (connectDirectSSL).', 'If both are right, the server is down or a firewall refuses the connection.'],
      });
    case 'ETIMEDOUT':
      return new SmtpError(`${where} does not answer (timed out).`, {
        ...common, code: 'ETIMEDOUT', origin: 'network', suspects: ['host', 'port'],
        advice: ['A firewall or the provider may block this port: port 25 often is; try 587 or 465.'],
      });
    case 'EABORT':
      return new SmtpError('Sending was cancelled.', { ...common, code: 'EABORT', origin: 'cancelled' });
    default:
      return new SmtpError(`${where} cannot be reached: ${message}.`, {
        ...common, code: 'ECONNECTION', origin: 'network', suspects: ['host', 'port'],
        advice: [context.port === 25
          ? 'Many networks and platforms close port 25: try 587 (connectSTARTTLS) or 465 (connectDirectSSL).'
          : 'Check server and port: mail is submitted on port 587 (connectSTARTTLS) or 465 (connectDirectSSL).'],
      });
  }
}

/** The error for a setting that cannot be used. */
export function errorOfSettings(error: SmtpSessionError, messageId?: string): SmtpError {
  const suspects = error.setting === undefined ? [] : [error.setting];
  return new SmtpError(error.message, {
    code: error.class === 'internal' ? 'EINTERNAL' : error.class === 'settings' ? 'ECONFIG' : 'EENVELOPE',
    origin: 'settings', stage: 'connect', outcome: 'permanent', suspects, messageId, cause: error,
  });
}

/** What a call threw, as a caller of this package knows it. */
export function asSmtpError(error: unknown): unknown {
  return error instanceof SmtpSessionError ? errorOfSettings(error) : error;
}

/** What somebody threw, in words. */
function reasonOf(error: unknown): string {
  if (error instanceof Error) return error.message;
  if (typeof error === 'object' && error !== null) {
    const { message, error: inner, error_description: description } = error as Record<string, unknown>;
    const words = [description, message, inner].find((text) => typeof text === 'string');
    return typeof words === 'string' ? words : 'an object was thrown';
  }
  return error === undefined ? 'nothing was said why' : String(error);
}

/** The runtime's own code and text. */
export function nativeError(error: unknown): { code: string; message: string } {
  if (!(error instanceof Error)) return { code: '', message: String(error) };
  // With several addresses, each has its own error; the first says most.
  if (error instanceof AggregateError && error.errors.length > 0) return nativeError(error.errors[0]);
  const { code, reason } = error as { code?: unknown; reason?: unknown };
  // OpenSSL's own text names source files; its reason is what it says.
  const isOpenSsl = typeof code === 'string' && code.startsWith('ERR_SSL') && typeof reason === 'string';
  return { code: typeof code === 'string' ? code : '', message: isOpenSsl ? String(reason) : (error.message.split('\n')[0] ?? '') };
}
