/** For tests: a mail server in memory, and a look at what would be sent. Nothing here opens a socket. */
import { SmtpClient } from './client.js';
import type { SmtpConnectOptions, SmtpHost, SmtpSocket, SmtpTlsInfo } from './host.js';
import type { SmtpMail } from './mail.js';
import type { SmtpSendResult } from './result.js';
import { SmtpConnectType, SmtpServer } from './server.js';

/** A message that a {@link TestServer} took. */
export interface TestMessage {
  from: string;
  to: string[];
  /** The parameters of MAIL, such as `SIZE=120`. */
  parameters: string[];
  /** As it was sent, dots not doubled. */
  octets: Uint8Array;
  /** The same as text, if it is UTF-8. */
  text: string;
}

/** The lines of a reply; `null`: none, the connection is closed; `undefined`: what is usual. */
export type TestReply = string | null | undefined;

/** Options of a {@link TestServer}. */
export interface TestServerOptions {
  /** What EHLO offers. Default: what modern servers offer, with `STARTTLS` before TLS, and `AUTH` with passwords and tokens behind it. */
  capabilities?: readonly string[];
  /**
   * Answers a command itself: the lines of a reply, such as `550 5.1.1 no such user`. `undefined`: as a server does that
   * takes everything; `null`: it closes the connection; a promise: the reply is late, and so are those behind it. Asked too
   * at `connect` for the greeting and at `.` for a message. `connection`: which connection it is, the first is 1.
   */
  reply?: (command: string, server: TestServer, connection: number) => TestReply | Promise<TestReply>;
}

/**
 * A mail server in memory: give its `host` to the client. It takes every login and every message, unless `reply` says
 * otherwise, and speaks PIPELINING, CHUNKING and a pretended STARTTLS.
 *
 * @example
 * ```js
 * import { SmtpClient, SmtpServer, SmtpMail } from 'sansmtp';
 * import { TestServer } from 'sansmtp/testing';
 *
 * const test = new TestServer({ reply: (command) => (command.startsWith('RCPT TO:<gone@') ? '550 5.1.1 gone' : undefined) });
 * const mail = Object.assign(new SmtpMail(), { from: 'ann@example.com', to: 'bob@example.org, gone@example.org' });
 * const { rejected } = await new SmtpClient({ host: test.host }).sendMailAsync(new SmtpServer('mail.example.com 587'), mail);
 * console.log(rejected, test.messages.length); // [ 'gone@example.org' ] 1
 * ```
 */
export class TestServer {
  /** What was taken, in order. */
  readonly messages: TestMessage[] = [];
  /** Every command that came, over all connections, with the secrets of a login as `***`. */
  readonly commands: string[] = [];
  /** How many connections were made, and how many of them are open. */
  readonly connections = { made: 0, open: 0 };
  /** What brings clients here, whatever server they ask for. */
  readonly host: SmtpHost;
  readonly #options: TestServerOptions;
  readonly #sockets = new Set<TestSocket>();

  constructor(options: TestServerOptions = {}) {
    this.#options = options;
    this.host = {
      connect: async (request) => {
        if (request.signal.aborted) throw Object.assign(new Error('cancelled'), { code: 'EABORT' });
        this.connections.made += 1;
        this.connections.open += 1;
        const socket = new TestSocket(this, request, () => {
          this.connections.open -= 1;
          this.#sockets.delete(socket);
        });
        this.#sockets.add(socket);
        return socket;
      },
      hostname: () => 'client.example',
    };
  }

  /** Closes every connection, as a server does that goes down. */
  disconnect(): void {
    for (const socket of [...this.#sockets]) void socket.close();
  }

  /** @internal The reply to a command. */
  async replyTo(command: string, usual: string, connection: number): Promise<string | null> {
    const reply = await this.#options.reply?.(command, this, connection);
    return reply === undefined ? usual : reply;
  }

  /** @internal */
  offers(isEncrypted: boolean): readonly string[] {
    return this.#options.capabilities ?? [...USUAL, ...(isEncrypted ? [LOGINS] : ['STARTTLS'])];
  }
}

const USUAL = ['PIPELINING', 'SIZE', '8BITMIME', 'SMTPUTF8', 'ENHANCEDSTATUSCODES', 'DSN', 'CHUNKING', 'REQUIRETLS'];
const LOGINS = 'AUTH PLAIN LOGIN XOAUTH2 OAUTHBEARER';

/** One connection, seen from the client. */
class TestSocket implements SmtpSocket {
  readonly #server: TestServer;
  readonly #number: number;
  /** What the client has not read yet, and what tells it that there is something. */
  readonly #replies: Uint8Array[] = [];
  #wake: () => void = () => {};
  #isOver = false;
  /** What `reply` threw. */
  #thrown: { error: unknown } | undefined;
  #isLmtp = false;
  #isEncrypted = false;
  #isGreeted = false;
  /** Whether it is at work, and whether more came meanwhile. */
  #isWorking = false;
  #hasMore = false;
  /** What came and is not a whole line yet. */
  #received: Uint8Array = new Uint8Array();
  /** What comes next: commands, so many responses of a login, lines of a message, octets of a chunk. */
  #due: { commands: true } | { responses: number; login: string } | { lines: Uint8Array[] } | { octets: number; isLast: boolean } = { commands: true };
  #envelope: Pick<TestMessage, 'from' | 'to' | 'parameters'> | undefined;
  readonly #chunks: Uint8Array[] = [];

  readonly #onEnd: () => void;

  constructor(server: TestServer, { secure, signal }: SmtpConnectOptions, onEnd: () => void) {
    this.#server = server;
    this.#number = server.connections.made;
    this.#onEnd = onEnd;
    signal.addEventListener('abort', () => this.#end());
    if (secure !== 'implicit') void this.#greet();
  }

  async read(): Promise<Uint8Array | null> {
    while (this.#replies.length === 0 && !this.#isOver) await new Promise<void>((wake) => (this.#wake = wake));
    if (this.#replies.length === 0 && this.#thrown) throw this.#thrown.error;
    return this.#replies.shift() ?? null;
  }

  async write(octets: Uint8Array): Promise<void> {
    if (this.#isOver) throw Object.assign(new Error('the server closed the connection'), { code: 'EPIPE' });
    this.#received = joined([this.#received, octets]);
    void this.#work();
  }

  /** Does one thing after the other, as long as there is something to do. */
  async #work(): Promise<void> {
    this.#hasMore = true;
    if (this.#isWorking) return;
    this.#isWorking = true;
    while (this.#hasMore && !this.#isOver) {
      this.#hasMore = false;
      while (!this.#isOver && (await this.#step()));
    }
    this.#isWorking = false;
  }

  async startTls(): Promise<SmtpTlsInfo> {
    this.#isEncrypted = true;
    if (!this.#isGreeted) void this.#greet();
    return { verified: true, protocol: 'TLSv1.3' };
  }

  async close(): Promise<void> {
    this.#end();
  }

  #end(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#onEnd();
    this.#wake();
  }

  #greet(): Promise<boolean> {
    this.#isGreeted = true;
    return this.#answer('connect', '220 test.example ESMTP');
  }

  /** Answers a command, and tells whether it succeeded. */
  async #answer(command: string, usual: string): Promise<boolean> {
    let reply: string | null = null;
    try {
      reply = await this.#server.replyTo(command, usual, this.#number);
      if (reply !== null && !/^\d{3}/.test(reply)) throw new Error(`a reply must begin with its code, and ${JSON.stringify(reply)} does not`);
    } catch (error) {
      // The client's read fails with it, so that the test hears of it.
      this.#thrown = { error };
    }
    if (reply === null || this.#thrown) {
      this.#end();
      return false;
    }
    const lines = reply.split(/\r?\n/).filter((line) => line !== '');
    this.#replies.push(new TextEncoder().encode(lines.map((line) => `${line}\r\n`).join('')));
    this.#wake();
    return /^[23]/.test(reply);
  }

  /** Takes what is next; `false` once more must come first. */
  async #step(): Promise<boolean> {
    const due = this.#due;
    if ('octets' in due) {
      const taken = this.#received.subarray(0, due.octets);
      this.#chunks.push(taken);
      this.#received = this.#received.subarray(taken.length);
      due.octets -= taken.length;
      if (due.octets > 0) return false;
      this.#due = { commands: true };
      if (due.isLast) await this.#take(joined(this.#chunks.splice(0)));
      else await this.#answer('BDAT', '250 2.0.0 chunk');
      return true;
    }
    const end = this.#received.indexOf(10) + 1;
    if (end === 0) return false;
    const line = this.#received.subarray(0, end);
    this.#received = this.#received.subarray(end);
    if ('lines' in due) {
      if (line.length === 3 && line[0] === DOT) {
        this.#due = { commands: true };
        await this.#take(joined(due.lines));
      } else {
        due.lines.push(line[0] === DOT ? line.subarray(1) : line);
      }
    } else if ('login' in due) {
      due.responses -= 1;
      this.#due = due.responses > 0 ? due : { commands: true };
      if (due.responses > 0) await this.#answer('AUTH', '334 UGFzc3dvcmQ6');
      else await this.#command(`${due.login} ***`, '235 2.7.0 welcome');
    } else {
      await this.#read(new TextDecoder().decode(line).trimEnd());
    }
    return true;
  }

  /** What was sent to its end. */
  async #take(octets: Uint8Array): Promise<void> {
    const envelope = this.#envelope;
    this.#envelope = undefined;
    if (!envelope || envelope.to.length === 0) return void (await this.#answer('.', '554 5.5.1 no valid recipients'));
    let isTaken = false;
    // LMTP answers for each recipient (RFC 2033 §4.2).
    for (let left = this.#isLmtp ? envelope.to.length : 1; left > 0; left -= 1) if (await this.#answer('.', '250 2.0.0 taken')) isTaken = true;
    if (isTaken) this.#server.messages.push({ ...envelope, octets, text: new TextDecoder().decode(octets) });
  }

  #command(command: string, usual: string): Promise<boolean> {
    this.#server.commands.push(command);
    return this.#answer(command, usual);
  }

  async #read(line: string): Promise<void> {
    const [verb = '', ...words] = line.split(' ');
    const rest = words.join(' ');
    switch (verb.toUpperCase()) {
      case 'EHLO':
      case 'LHLO': {
        this.#isLmtp = verb.toUpperCase() === 'LHLO';
        const offers = ['test.example', ...this.#server.offers(this.#isEncrypted)];
        await this.#command(line, offers.map((text, at) => `250${at < offers.length - 1 ? '-' : ' '}${text}`).join('\n'));
        break;
      }
      case 'STARTTLS':
        await this.#command(line, '220 2.0.0 go ahead');
        break;
      case 'AUTH': {
        const [mechanism = '', response] = words;
        const login = `AUTH ${mechanism}`;
        if (response !== undefined && !/^LOGIN$/i.test(mechanism)) await this.#command(`${login} ***`, '235 2.7.0 welcome');
        else if (await this.#answer(login, '334 ')) this.#due = { responses: /^LOGIN$/i.test(mechanism) && response === undefined ? 2 : 1, login };
        break;
      }
      case 'MAIL': {
        const [, from = '', parameters = ''] = /^FROM:<(.*?)>(?: (.*))?$/i.exec(rest) ?? [];
        if (await this.#command(line, '250 2.1.0 ok')) this.#envelope = { from, to: [], parameters: parameters.split(' ').filter(Boolean) };
        break;
      }
      case 'RCPT': {
        const [, to = ''] = /^TO:<(.*?)>/i.exec(rest) ?? [];
        if (await this.#command(line, this.#envelope ? '250 2.1.5 ok' : '503 5.5.1 MAIL first')) this.#envelope?.to.push(to);
        break;
      }
      case 'DATA':
        if (await this.#command(line, this.#envelope?.to.length ? '354 go ahead' : '554 5.5.1 no valid recipients')) this.#due = { lines: [] };
        break;
      case 'BDAT':
        this.#server.commands.push(line);
        this.#due = { octets: Number(words[0]), isLast: words[1] !== undefined };
        break;
      case 'RSET':
        this.#envelope = undefined;
        this.#chunks.length = 0;
        await this.#command(line, '250 2.0.0 ok');
        break;
      case 'QUIT':
        await this.#command(line, '221 2.0.0 bye');
        this.#end();
        break;
      default:
        await this.#command(line, /^(NOOP|HELO|VRFY|EXPN|HELP)$/i.test(verb) ? '250 2.0.0 ok' : '500 5.5.2 unknown command');
    }
  }
}

/** Options of {@link dryRun}. */
export interface DryRunOptions extends Pick<SmtpHost, 'now' | 'random'> {
  /** What the server offers. Default: what modern servers offer, with logins by a password or a token. */
  capabilities?: readonly string[];
}

/** What {@link dryRun} gives. */
export interface DryRun extends SmtpSendResult {
  /** The commands that a server would get, the message left out, and the password of a login. */
  commands: string[];
  /** The message, as it would go out. */
  message: Uint8Array;
  /** The same as text. */
  text: string;
}

/**
 * Does all that sending does, except that no server gets it.
 *
 * @param server What the real server would be; its settings count.
 * @throws What sending would, before it has connected.
 *
 * @example
 * ```js
 * import { SmtpMail } from 'sansmtp';
 * import { dryRun } from 'sansmtp/testing';
 *
 * const mail = Object.assign(new SmtpMail(), { from: 'ann@example.com', to: 'bob@example.org', textBody: 'Hi.' });
 * const { commands, text } = await dryRun(mail);
 * ```
 */
export async function dryRun(mail: SmtpMail, server = new SmtpServer('dry-run.example'), options: DryRunOptions = {}): Promise<DryRun> {
  const { capabilities, ...host } = options;
  const isClear = server.connectType === SmtpConnectType.connectNormal || server.connectType === 'connectNormal';
  const test = new TestServer({ capabilities: capabilities ?? [...USUAL, LOGINS, ...(isClear ? [] : ['STARTTLS'])] });
  const result = await new SmtpClient({ host: { ...test.host, ...host } }).sendMailAsync(server, mail);
  const [message] = test.messages;
  return { ...result, commands: test.commands, message: message?.octets ?? new Uint8Array(), text: message?.text ?? '' };
}

function joined(pieces: readonly Uint8Array[]): Uint8Array {
  const octets = new Uint8Array(pieces.reduce((length, piece) => length + piece.length, 0));
  let at = 0;
  for (const piece of pieces) {
    octets.set(piece, at);
    at += piece.length;
  }
  return octets;
}

const DOT = 46;
