// createTransport: options, fields, `info`, the pool.
import assert from 'node:assert/strict';
import { createServer as createHttpServer } from 'node:http';
import { createServer } from 'node:net';
import { Readable } from 'node:stream';
import { test } from 'node:test';
import PostalMime from 'postal-mime';
import { createTransport, SmtpClient, SmtpError, SmtpMail, SmtpServer } from 'sansmtp';
import { TestServer } from 'sansmtp/testing';

const hello = { from: 'ann@example.com', to: 'bob@example.org', subject: 'Hi', text: 'Hi.' };
const failure = (promise) => promise.then((value) => assert.fail(`resolved: ${JSON.stringify(value)}`), (error) => error);
const pause = (millis = 5) => new Promise((done) => setTimeout(done, millis));
/** A transport to a server in memory. */
function pair(options = {}, serverOptions = {}, defaults = {}) {
  const server = new TestServer(serverOptions);
  return { server, transport: createTransport({ host: 'mail.example.com', smtpHost: server.host, ...options }, defaults) };
}
const pooled = (options = {}, serverOptions = {}) => pair({ pool: true, ...options }, serverOptions);

test('a message, and what is told of it', async () => {
  const { server, transport } = pair({ auth: { user: 'ann', pass: 'x' } });
  const info = await transport.sendMail(hello);
  assert.deepEqual([info.accepted, info.rejected, info.rejectedErrors], [['bob@example.org'], [], []]);
  assert.deepEqual(info.envelope, { from: 'ann@example.com', to: ['bob@example.org'] });
  assert.match(info.messageId, /^<[0-9a-f]{32}@example.com>$/);
  assert.equal(info.response, '250 2.0.0 taken');
  assert.equal(info.messageSize, server.messages[0].octets.length);
  assert.ok(info.ehlo.includes('PIPELINING') && info.ehlo.includes('AUTH PLAIN LOGIN XOAUTH2 OAUTHBEARER'), info.ehlo.join());
  assert.ok(info.envelopeTime >= 0 && info.messageTime >= 0);
  assert.equal(info.conversation, undefined);
  await transport.close();
  assert.deepEqual([server.connections.made, server.connections.open], [1, 0]);
});

test('callbacks', async () => {
  const { transport } = pair();
  const info = await new Promise((done, failed) => transport.sendMail(hello, (error, info) => (error ? failed(error) : done(info))));
  assert.deepEqual(info.accepted, ['bob@example.org']);
  assert.equal(await new Promise((done) => transport.verify((error, result) => done(result))), true);
  assert.equal((await new Promise((done) => transport.sendMail({}, (error) => done(error)))).code, 'EENVELOPE');
});

test('which port and which kind of connection', async () => {
  for (const [options, port, secure] of [
    [{}, 587, 'starttls'],
    [{ secure: true }, 465, 'implicit'],
    [{ port: 465 }, 465, 'implicit'],
    [{ port: '2525' }, 2525, 'starttls'],
    [{ port: 465, secure: false, requireTLS: true }, 465, 'starttls'],
    [{ ignoreTLS: true }, 587, 'never'],
    [{ url: 'smtps://ann%40x:p%3Ass@mail.example.com/?pool=true&tls.minVersion=TLSv1.3', host: undefined }, 465, 'implicit'],
    [{ url: 'smtp://[::1]:25', host: undefined }, 25, 'starttls'],
    [{ service: 'gmail', host: undefined }, 465, 'implicit'],
    [{ service: 'outlook.com', host: undefined }, 587, 'starttls'],
  ]) {
    const server = new TestServer();
    let asked;
    const connect = (request) => ((asked = request), server.host.connect(request));
    const transport = createTransport({ host: 'mail.example.com', ...options, smtpHost: { connect } });
    await transport.verify();
    assert.deepEqual([asked.port, asked.secure], [port, secure], JSON.stringify(options));
    await transport.close();
  }
});

test('a login by the best mechanism, or by the one that is named; tokens', async () => {
  for (const [auth, more, command] of [
    [{ user: 'a', pass: 'b' }, {}, 'AUTH PLAIN ***'],
    [{ user: 'a', pass: 'b', method: 'login' }, {}, 'AUTH LOGIN ***'],
    [{ user: 'a', pass: 'b' }, { authMethod: 'LOGIN' }, 'AUTH LOGIN ***'],
    [{ type: 'OAuth2', user: 'a', accessToken: 't' }, {}, 'AUTH OAUTHBEARER ***'],
    [{ user: 'a', accessToken: async () => 't' }, { authMethod: 'XOAUTH2' }, 'AUTH XOAUTH2 ***'],
  ]) {
    const { server, transport } = pair({ auth, ...more }, { capabilities: ['AUTH PLAIN LOGIN XOAUTH2 OAUTHBEARER', 'STARTTLS'] });
    await transport.verify();
    assert.ok(server.commands.includes(command), `${command}: ${server.commands}`);
  }
});

test('options that are wrong say what is right, and never what the password is', () => {
  for (const [options, message] of [
    [{ hots: 'x' }, /hots is not an option.*Did you mean host\?/],
    [{ proxy: 'socks5://x' }, /smtpHost/],
    [{ auth: { user: 'a', password: 'q8Zv-canary' } }, /auth.password is not an option here: use pass/],
    [{ auth: { user: 'a', pas: 'q8Zv-canary' } }, /Did you mean pass\?/],
    [{ auth: { user: 'a', clientId: 'x', refreshToken: 'q8Zv-canary' } }, /give accessToken a function/],
    [{ auth: { type: 'custom' } }, /must be login or oauth2/],
    [{ auth: { type: 'oauth2', user: 'a' } }, /accessToken is missing/],
    [{ service: 'Gmial' }, /Did you mean Gmail\?/],
    [{ secure: 'true' }, /true or false/],
    [{ secure: true, ignoreTLS: true }, /exclude each other/],
    [{ maxConnections: 0, pool: true }, /above 0/],
    [{ connectionTimeout: '5s' }, /milliseconds/],
    [{ jsonTransport: true }, /TestServer/],
    [{ dkim: { domain: 'x' } }, /Did you mean domainName\?/],
    [{ dkim: { cacheDir: 'x' } }, /read twice/],
    [{ tls: { ciphers: 'SSLv3' } }, /TLS 1.2 at least/],
    [{ tls: { rejectUnauthorised: false } }, /Did you mean rejectUnauthorized\?/],
    [{ toString: 'x' }, /toString is not an option/],
    [{ logger: {} }, /object with info/],
    ['http://ann:q8Zv-canary@x', /must begin with smtp:/],
    ['ann:q8Zv-canary@x', /must begin with smtp:|is none/],
    ['smtp://x/?foo.bar=1', /foo.bar/],
    [undefined, /takes options or a URL/],
  ]) {
    assert.throws(() => createTransport(options), (error) => {
      assert.ok(error instanceof SmtpError && error.code === 'ECONFIG', String(error));
      assert.match(error.message, message);
      assert.doesNotMatch(error.stack, /q8Zv-canary/);
      return true;
    });
  }
});

test('fields of messages', async () => {
  const { server, transport } = pair({}, {}, { from: 'Default <default@example.com>', headers: { 'X-All': 'yes' } });
  const attachment = Buffer.from('Grüße');
  await transport.sendMail({
    to: [{ name: 'Bob, Ü', address: 'bob@example.org' }, 'c@example.org, d@example.org'],
    cc: { address: 'e@example.org' },
    replyTo: 'r@example.com',
    subject: 'Hi',
    text: { content: 'R3LDvMOfZQ==', encoding: 'base64' },
    html: Buffer.from('<img src="cid:l">'),
    inReplyTo: '1@x',
    references: ['<1@x>', '2@x'],
    headers: { 'X-One': 'a', 'X-Two': ['b', 'c'], 'X-Three': { prepared: true, value: 'd' } },
    list: { unsubscribe: { url: 'https://example.com/u', comment: 'out' }, help: 'help@example.com', id: { url: 'list.example.com', comment: 'The list' } },
    priority: 'high',
    date: '2026-01-02T03:04:05Z',
    messageId: '<7@example.com>',
    attachments: [
      { filename: 'a.txt', content: attachment },
      { path: `data:text/csv;base64,${attachment.toString('base64')}`, filename: 'b.csv' },
      { filename: 'c.bin', content: attachment.toString('hex'), encoding: 'hex' },
      { cid: 'l', filename: 'l.png', content: attachment },
      { filename: false, content: 'plain' },
    ],
    icalEvent: { method: 'request', content: 'BEGIN:VCALENDAR\r\nEND:VCALENDAR\r\n' },
  });
  const [{ octets, text, to, from }] = server.messages;
  assert.deepEqual([from, to], ['default@example.com', ['bob@example.org', 'c@example.org', 'd@example.org', 'e@example.org']]);
  const mail = await PostalMime.parse(octets);
  const header = (name) => mail.headers.filter(({ key }) => key === name).map(({ value }) => value);
  assert.deepEqual([mail.from.name, mail.to[0].name, mail.subject, mail.text.trim(), mail.html.trim()], ['Default', 'Bob, Ü', 'Hi', 'Grüße', '<img src="cid:l">']);
  assert.deepEqual([header('x-all'), header('x-one'), header('x-two'), header('x-three')], [['yes'], ['a'], ['b', 'c'], ['d']]);
  assert.deepEqual([header('in-reply-to'), header('references'), header('message-id'), header('date')], [['<1@x>'], ['<1@x> <2@x>'], ['<7@example.com>'], ['Fri, 02 Jan 2026 03:04:05 +0000']]);
  assert.deepEqual([header('list-unsubscribe'), header('list-help'), header('list-id')], [['<https://example.com/u> (out)'], ['<mailto:help@example.com>'], ['"The list" <list.example.com>']]);
  assert.deepEqual(mail.attachments.map(({ filename, mimeType }) => [filename ?? '', mimeType]),
    [['l.png', 'image/png'], ['', 'text/calendar'], ['a.txt', 'text/plain'], ['b.csv', 'text/csv'], ['c.bin', 'application/octet-stream'], ['', 'application/octet-stream'], ['invite.ics', 'application/ics']]);
  assert.deepEqual(mail.attachments.filter(({ filename }) => /^[abcl]/.test(filename)).map(({ content }) => Buffer.from(content).toString()), Array(4).fill('Grüße'));
  assert.match(text, /method=REQUEST/);
});

test('raw messages, and envelopes of one\'s own', async () => {
  const { server, transport } = pair();
  const envelope = { from: 'bounce@example.com', to: ['x@example.org', { address: 'y@example.org' }], bcc: 'z@example.org' };
  await transport.sendMail({ envelope, raw: 'From: ann@example.com\nSubject: raw\n\nHi.\n' });
  await transport.sendMail({ ...hello, envelope: { ...envelope, from: false } });
  assert.deepEqual(server.messages.map(({ from, to }) => [from, to]), [['bounce@example.com', ['x@example.org', 'y@example.org', 'z@example.org']], ['', ['x@example.org', 'y@example.org', 'z@example.org']]]);
  assert.equal(server.messages[0].text, 'From: ann@example.com\r\nSubject: raw\r\n\r\nHi.\r\n');
});

test('fields that are wrong say what is right', async () => {
  const { server, transport } = pair({ disableFileAccess: true, disableUrlAccess: true, maxRecipients: 2 });
  for (const [fields, code, message] of [
    [{ subjet: 'x' }, 'EMESSAGE', /Did you mean subject\?/],
    [{ amp: 'x' }, 'EMESSAGE', /alternatives/],
    [{ attachments: [{ name: 'x', content: 'y' }] }, 'EMESSAGE', /use filename/],
    [{ attachments: [{ path: '/etc/hostname' }] }, 'EMESSAGE', /disableFileAccess/],
    [{ attachments: [{ href: 'https://example.com/' }] }, 'EMESSAGE', /disableUrlAccess/],
    [{ html: { path: '/etc/hostname' } }, 'EMESSAGE', /disableFileAccess/],
    [{ raw: { path: new URL('file:///etc/hostname') } }, 'EMESSAGE', /disableFileAccess/],
    [{ attachments: [{ filename: 'x' }] }, 'EMESSAGE', /must have content, path or href/],
    [{ to: 5 }, 'EENVELOPE', /to must be text/],
    [{ to: '' }, 'EENVELOPE', /no recipient/],
    [{ to: 'a@b, c@d, e@f' }, 'EMAXRECIPIENTS', /maxRecipients allows 2/],
    [{ subject: 'a\nBcc: x@y' }, 'EMESSAGE', /line breaks/],
    [{ headers: { Bcc: 'x@y' } }, 'EMESSAGE', /set bcc/],
    [{ dsn: { notify: 'sometimes' } }, 'EENVELOPE', /notify must be NEVER/],
  ]) {
    const error = await failure(transport.sendMail({ ...hello, ...fields }));
    assert.match(error.message, message);
    assert.equal(error.code, code, error.message);
  }
  assert.equal(server.messages.length, 0);
});

test('whatever a field or an option is set to, the mail is sent or an error says what is wrong with it', async () => {
  const odd = [null, true, 0, 7, NaN, 10n, Symbol('x'), '', 'x', 'a@b', {}, [], [null], [7], [[]], [{}], { to: 7 }, () => 7, new Date(NaN), /x/, new Map(), new Uint8Array(), new ArrayBuffer(2),
    Object.create(null), new Proxy({}, {}), { toString: null }, new Error('x')];
  const fields = ['from', 'sender', 'to', 'cc', 'bcc', 'replyTo', 'inReplyTo', 'references', 'subject', 'text', 'html', 'icalEvent', 'alternatives', 'attachments', 'headers', 'list', 'messageId', 'date', 'priority', 'raw',
    'envelope', 'dsn', 'requireTLSExtensionEnabled', 'dkim', 'maxRecipients', 'disableFileAccess', 'disableUrlAccess', 'signal'];
  const content = { content: 'x', path: 'data:,x', href: 'data:,x', encoding: 'utf8', contentType: 'text/plain' };
  const inner = {
    attachments: { ...content, filename: 'x', cid: 'x', contentDisposition: 'inline' }, alternatives: content, icalEvent: { ...content, method: 'REQUEST', filename: 'x' }, text: content, raw: content,
    envelope: { from: 'a@b', to: 'c@d', cc: '', bcc: '' }, dsn: { ret: 'full', envid: 'x', notify: 'never', recipient: '' }, dkim: { domainName: 'x', keySelector: 'x', privateKey: 'x', headerFieldNames: 'from', keys: [] },
    headers: { 'X-A': 'x' }, list: { unsubscribe: 'https://x.example/' }, to: { name: 'x', address: 'a@b' },
  };
  const cases = fields.flatMap((name) => odd.map((value) => [name, value]));
  for (const [field, of] of Object.entries(inner)) {
    const isList = field === 'attachments' || field === 'alternatives';
    for (const name of Object.keys(of)) {
      const { path, href, content: given, ...rest } = of;
      const other = ['path', 'href'].includes(name) ? {} : given === undefined ? {} : { content: given };
      for (const value of odd) cases.push([field, isList ? [{ ...rest, ...other, [name]: value }] : { ...rest, ...other, [name]: value }]);
    }
  }
  const { transport } = pair();
  const outcomes = [];
  const cryptic = /undefined is|not a function|Cannot |is not iterable|Invalid |object Object/;
  for (const [name, value] of cases) {
    const error = await transport.sendMail({ ...hello, [name]: value }).then(() => undefined, (thrown) => thrown);
    if (error && (!(error instanceof SmtpError) || !['EENVELOPE', 'EMESSAGE', 'ECONFIG', 'EMAXRECIPIENTS'].includes(error.code) || cryptic.test(error.message))) outcomes.push([name, value, error.code, error.message]);
  }
  const options = ['url', 'service', 'host', 'port', 'secure', 'requireTLS', 'ignoreTLS', 'opportunisticTLS', 'tls', 'servername', 'name', 'auth', 'authMethod', 'connectionTimeout', 'greetingTimeout', 'socketTimeout', 'logger',
    'debug', 'lmtp', 'pool', 'maxConnections', 'maxMessages', 'rateLimit', 'rateDelta', 'idleTimeout', 'maxRecipients', 'dkim', 'disableFileAccess', 'signal', 'allowInsecureAuth', 'allOrNone', 'smtpHost'];
  for (const name of options) {
    for (const value of odd) {
      try {
        await createTransport({ host: 'x', [name]: value }).close();
      } catch (error) {
        if (!(error instanceof SmtpError) || error.code !== 'ECONFIG' || cryptic.test(error.message)) outcomes.push([name, value, error.code, error.message]);
      }
    }
  }
  assert.deepEqual(outcomes, []);
});

test('empty text is as if it were not there', async () => {
  const { server, transport } = pair({ port: '', host: 'mail.example.com' }, {}, { subject: 'usual' });
  await transport.sendMail({ ...hello, subject: '', inReplyTo: '', references: '', icalEvent: '', messageId: '', date: '', priority: '', raw: '', attachments: [{ content: 'x', encoding: null, filename: null }], headers: { 'X-When': new Date(0), 'X-Seven': 7 } });
  const { text } = server.messages[0];
  assert.doesNotMatch(text, /Subject|In-Reply-To|References|calendar|X-Priority/);
  assert.match(text, /X-When: Thu, 01 Jan 1970 00:00:00 \+0000\r\nX-Seven: 7\r/);
  for (const port of ['abc', -1, 70_000, 25.5, {}]) assert.throws(() => createTransport({ port }), { code: 'ECONFIG', message: 'port must be a number from 1 to 65535.' });
});

test('what was fetched for a mail that is not sent is let go', async (t) => {
  let isOver = false;
  const web = createHttpServer((request, response) => {
    response.writeHead(200, { 'content-type': 'application/pdf' });
    const more = setInterval(() => response.write(Buffer.alloc(1000)), 5);
    response.on('close', () => {
      isOver = true;
      clearInterval(more);
    });
  });
  await new Promise((ready) => web.listen(0, '127.0.0.1', ready));
  t.after(() => web.close());
  const { transport } = pair({}, { reply: (command) => (/^RCPT/.test(command) ? '550 no' : undefined) });
  const error = await failure(transport.sendMail({ ...hello, attachments: [{ href: `http://127.0.0.1:${web.address().port}/a.pdf` }] }));
  assert.equal(error.code, 'EENVELOPE');
  for (let tries = 0; !isOver && tries < 100; tries += 1) await pause(10);
  assert.ok(isOver, 'the request is over');
});

test('DKIM, notifications, REQUIRETLS', async () => {
  const { generateKeyPairSync } = await import('node:crypto');
  const privateKey = generateKeyPairSync('rsa', { modulusLength: 1024 }).privateKey.export({ type: 'pkcs8', format: 'pem' });
  const { server, transport } = pair({ dkim: { domainName: 'example.com', keySelector: 'k', privateKey } }, { capabilities: ['PIPELINING', 'DSN', 'REQUIRETLS', 'STARTTLS'] });
  await transport.sendMail({ ...hello, dsn: { id: 'x', return: 'headers', notify: ['failure', 'delay'] }, requireTLSExtensionEnabled: true });
  assert.match(server.messages[0].text, /^DKIM-Signature: .*d=example.com;/);
  assert.match(server.commands.join('\n'), /MAIL .*RET=HDRS.*\nRCPT TO:<bob@example.org> NOTIFY=FAILURE,DELAY\n/);
  assert.match(server.commands.join('\n'), /MAIL .*REQUIRETLS/);
});

test('what was said goes to the logger, secrets as ***', async () => {
  const lines = [];
  const { transport } = pair({ auth: { user: 'ann', pass: 'q8Zv-canary' }, logger: { info: (line) => lines.push(line) }, transactionLog: true });
  const info = await transport.sendMail(hello);
  await transport.close();
  assert.ok(lines.some((line) => line.includes('MAIL FROM:<ann@example.com>')), lines.join('\n'));
  assert.match(info.conversation, /AUTH PLAIN \*\*\*/);
  assert.doesNotMatch(lines.join('\n') + info.conversation, /q8Zv-canary|AGFubgBx/);
});

test('a pool keeps its connections, and leaves them when it is closed', async () => {
  const { server, transport } = pooled();
  for (let at = 0; at < 3; at += 1) await transport.sendMail(hello);
  assert.deepEqual([server.connections.made, server.connections.open, server.messages.length], [1, 1, 3]);
  assert.equal(server.commands.filter((command) => /NOOP|RSET|EHLO/.test(command)).length, 2, 'no command that is not needed');
  await transport.close();
  assert.deepEqual([server.connections.open, server.commands.at(-1)], [0, 'QUIT']);
  assert.equal((await failure(transport.sendMail(hello))).code, 'ECONNECTION');
});

test('no more connections than there may be, and no more messages on each', async () => {
  const { server, transport } = pooled({ maxConnections: 3, maxMessages: 10 });
  let most = 0;
  const { connect } = server.host;
  server.host.connect = async (request) => {
    const socket = await connect(request);
    most = Math.max(most, server.connections.open);
    return socket;
  };
  await Promise.all(Array.from({ length: 100 }, (_, at) => transport.sendMail({ ...hello, subject: String(at) })));
  assert.equal(new Set(server.messages.map(({ text }) => /Subject: (\d+)/.exec(text)[1])).size, 100);
  assert.equal(most, 3);
  assert.ok(server.connections.made >= 10, String(server.connections.made));
  await transport.close();
  assert.equal(server.connections.open, 0);
});

test('a connection that nobody uses is left', async () => {
  const { server, transport } = pooled({ idleTimeout: 20 });
  await transport.sendMail(hello);
  assert.equal(server.connections.open, 1);
  await pause(60);
  assert.deepEqual([server.connections.open, server.commands.at(-1)], [0, 'QUIT']);
  await transport.sendMail(hello);
  assert.equal(server.connections.made, 2);
  await transport.close();
});

test('a connection that the server closed is replaced', async () => {
  const { server, transport } = pooled();
  await transport.sendMail(hello);
  server.disconnect();
  await pause();
  await transport.sendMail(hello);
  // The end of it and the message cross.
  server.disconnect();
  await transport.sendMail(hello);
  assert.deepEqual([server.connections.made, server.messages.length], [3, 3]);
  await transport.close();
});

test('a message is tried again only if none of it was sent, once, or if 421 answered MAIL', async () => {
  for (const [what, reply, tries, outcome] of [
    ['closed at MAIL', (command) => (/^MAIL/.test(command) ? null : undefined), 2, 'temporary'],
    ['421 at MAIL', (command) => (/^MAIL/.test(command) ? '421 4.3.2 going down' : undefined), 2, 'temporary'],
    ['421 at RCPT', (command) => (/^RCPT/.test(command) ? '421 4.3.2 going down' : undefined), 1, 'temporary'],
    ['550 at MAIL', (command) => (/^MAIL/.test(command) ? '550 5.7.1 no' : undefined), 1, 'permanent'],
    ['closed at the end', (command) => (command === '.' ? null : undefined), 1, 'unknown'],
    ['451 at the end', (command) => (command === '.' ? '451 4.3.0 later' : undefined), 1, 'temporary'],
    ['535', (command) => (/^AUTH/.test(command) ? '535 5.7.8 no' : undefined), 1, 'permanent'],
    ['no greeting', (command) => (command === 'connect' ? null : undefined), 1, 'temporary'],
  ]) {
    const { server, transport } = pooled({ auth: { user: 'a', pass: 'b' } }, { reply, capabilities: ['PIPELINING', 'STARTTLS', 'AUTH PLAIN'] });
    const error = await failure(transport.sendMail(hello));
    assert.deepEqual([server.connections.made, error.outcome], [tries, outcome], `${what}: ${error.message}`);
    await transport.close();
    assert.equal(server.connections.open, 0, what);
  }
  // With CHUNKING the message goes out with its envelope: nobody knows what became of it.
  const { server, transport } = pooled({}, { reply: (command) => (command === '.' ? null : undefined) });
  assert.equal((await failure(transport.sendMail(hello))).outcome, 'unknown');
  assert.equal(server.connections.made, 1);
});

test('a login that is refused is not tried by those that wait', async () => {
  const { server, transport } = pooled({ auth: { user: 'a', pass: 'b' }, maxConnections: 2 }, { reply: (command) => (/^AUTH/.test(command) ? '535 5.7.8 no' : undefined) });
  const errors = await Promise.all(Array.from({ length: 20 }, () => failure(transport.sendMail(hello))));
  assert.deepEqual([...new Set(errors.map(({ code }) => code))], ['EAUTH']);
  assert.equal(server.commands.filter((command) => /^AUTH/.test(command)).length, 1);
});

test('so many messages in so much time', async () => {
  const { server, transport } = pooled({ rateLimit: 3, rateDelta: 50 });
  const begin = performance.now();
  await Promise.all(Array.from({ length: 7 }, () => transport.sendMail(hello)));
  const millis = performance.now() - begin;
  assert.ok(millis >= 95 && millis < 3000, `${millis} ms`);
  assert.equal(server.messages.length, 7);
  await transport.close();
});

test('cancelling, wherever the message is; the pool goes on', async () => {
  for (const stage of ['connect', 'EHLO', 'STARTTLS', 'AUTH', 'MAIL', '.']) {
    let isStuck = true;
    const reply = (command) => (isStuck && command.startsWith(stage) ? new Promise(() => {}) : undefined);
    const { server, transport } = pooled({ auth: { user: 'a', pass: 'b' }, maxConnections: 1 }, { reply });
    const controller = new AbortController();
    const sending = failure(transport.sendMail({ ...hello, signal: controller.signal }));
    await pause();
    isStuck = false;
    controller.abort();
    const begin = performance.now();
    const error = await sending;
    assert.equal(error.code, 'EABORT', `${stage}: ${error.message}`);
    assert.equal(error.outcome === 'unknown', stage === '.' || stage === 'MAIL', stage);
    assert.ok(performance.now() - begin < 1000, stage);
    await transport.sendMail(hello);
    await transport.close();
    assert.equal(server.connections.open, 0, stage);
  }
  const limited = pooled({ rateLimit: 1, rateDelta: 60_000 });
  await limited.transport.sendMail(hello);
  const controller = new AbortController();
  const waiting = failure(limited.transport.sendMail({ ...hello, signal: controller.signal }));
  await pause();
  controller.abort();
  assert.equal((await waiting).code, 'EABORT');
  await limited.transport.close();
  const { transport } = pooled();
  assert.equal((await failure(transport.sendMail({ ...hello, signal: AbortSignal.abort() }))).code, 'EABORT');
});

test('to give one up does not lose those behind it', async () => {
  let isStuck = true;
  const { server, transport } = pooled({ maxConnections: 1 }, { reply: (command) => (isStuck && command === '.' ? new Promise(() => {}) : undefined) });
  const controller = new AbortController();
  const first = failure(transport.sendMail({ ...hello, signal: controller.signal }));
  await pause();
  const others = Array.from({ length: 3 }, (_, at) => transport.sendMail({ ...hello, subject: `other ${at}` }).then(() => 'sent', (error) => error.outcome));
  await pause();
  isStuck = false;
  controller.abort();
  assert.equal((await first).outcome, 'unknown');
  const outcomes = await Promise.all(others);
  // What had gone out behind the first one may be with the server; nothing is lost without a word.
  assert.ok(outcomes.every((outcome) => outcome === 'sent' || outcome === 'unknown'), outcomes.join());
  assert.equal(outcomes.filter((outcome) => outcome === 'sent').length, server.messages.filter(({ text }) => text.includes('other')).length);
  await transport.close();
});

test('close waits, or does not', async () => {
  const { server, transport } = pooled({ maxConnections: 2 });
  const all = Array.from({ length: 20 }, () => transport.sendMail(hello));
  await transport.close();
  await Promise.all(all);
  assert.deepEqual([server.messages.length, server.connections.open], [20, 0]);
  const stuck = pooled({}, { reply: (command) => (/^MAIL/.test(command) ? new Promise(() => {}) : undefined) });
  const sending = failure(stuck.transport.sendMail(hello));
  await pause();
  await stuck.transport.close({ force: true });
  assert.equal((await sending).code, 'EABORT');
  assert.equal(stuck.server.connections.open, 0);
  const controller = new AbortController();
  const signalled = pooled({ signal: controller.signal }, { reply: (command) => (/^MAIL/.test(command) ? new Promise(() => {}) : undefined) });
  const last = failure(signalled.transport.sendMail(hello));
  await pause();
  controller.abort();
  assert.equal((await last).code, 'EABORT');
});

test('idle is told, and can be asked', async () => {
  const { transport } = pooled({ maxConnections: 1 });
  assert.equal(transport.isIdle(), true);
  let idle = 0;
  transport.addEventListener('idle', () => (idle += 1));
  await transport.sendMail(hello);
  await pause();
  assert.ok(idle >= 1);
  await transport.close();
  assert.equal(transport.isIdle(), false);
});

test('a producer that asks isIdle is held back, and none of its mails is left behind', async () => {
  for (const [options, most] of [[{ maxConnections: 2 }, 2], [{ maxConnections: 5, rateLimit: 3, rateDelta: 40 }, 3], [{ maxConnections: 2, maxMessages: 1 }, 2]]) {
    const { server, transport } = pooled(options);
    const left = Array.from({ length: 30 }, (_, at) => ({ ...hello, subject: String(at) }));
    const sent = [];
    let [inHand, peak] = [0, 0];
    await new Promise((done) => {
      transport.addEventListener('idle', () => {
        while (transport.isIdle() && left.length > 0) {
          peak = Math.max(peak, (inHand += 1));
          sent.push(transport.sendMail(left.shift()).finally(() => (inHand -= 1)));
        }
        if (left.length === 0) done();
      });
    });
    await Promise.all(sent);
    assert.equal(peak, most, JSON.stringify(options));
    assert.equal(new Set(server.messages.map(({ octets }) => /Subject: (\d+)/.exec(new TextDecoder().decode(octets))[1])).size, 30);
    await transport.close();
  }
});

test('a producer that gives one mail for each idle is told each time', async () => {
  const { server, transport } = pooled({ maxConnections: 3 });
  const sent = [];
  await new Promise((done) => {
    transport.addEventListener('idle', () => (sent.length < 20 ? void sent.push(transport.sendMail(hello)) : done()));
  });
  await Promise.all(sent);
  assert.equal(server.messages.length, sent.length);
  await transport.close();
});

test('each of the mails that wait for a login that fails has an error of its own', async () => {
  const { transport } = pooled({ auth: { user: 'ann', pass: 'wrong' } }, { reply: (command) => (/^AUTH/.test(command) ? '535 5.7.8 no' : undefined) });
  const errors = await Promise.all([1, 2, 3].map((at) => failure(transport.sendMail({ ...hello, messageId: `<${at}@example.com>` }))));
  assert.deepEqual(errors.map(({ code, responseCode, messageId }) => [code, responseCode, messageId]), [1, 2, 3].map((at) => ['EAUTH', 535, `<${at}@example.com>`]));
  assert.equal(new Set(errors).size, 3);
  await transport.close();
});

test('one signal for many mails, and one stream of many readers, make no warning', async () => {
  const warnings = [];
  const warned = (warning) => warnings.push(warning.message);
  process.on('warning', warned);
  const controller = new AbortController();
  const { transport } = pooled({ maxConnections: 2 });
  const client = new SmtpClient({ host: new TestServer().host });
  const mail = new SmtpMail();
  Object.assign(mail, { from: hello.from, to: hello.to, textBody: 'x' });
  const message = Readable.from(['x']);
  await Promise.all([
    ...Array.from({ length: 30 }, () => transport.sendMail({ ...hello, signal: controller.signal })),
    ...Array.from({ length: 30 }, () => client.sendMailAsync(new SmtpServer('x'), mail, { signal: controller.signal })),
    ...Array.from({ length: 30 }, () => failure(transport.sendMail({ ...hello, to: 'none', text: 'x', attachments: [{ content: message }] }))),
  ]);
  await transport.close();
  await pause();
  process.off('warning', warned);
  assert.deepEqual(warnings, []);
});

test('the conversation of a mail is its own', async () => {
  const { transport } = pooled({ maxConnections: 1, transactionLog: true });
  const first = await transport.sendMail({ ...hello, to: 'first@example.org' });
  const second = await transport.sendMail({ ...hello, to: 'second@example.org' });
  assert.match(first.conversation, /EHLO[^]*first@/);
  assert.match(second.conversation, /^[^\n]*MAIL FROM[^]*second@[^]*taken/);
  assert.doesNotMatch(second.conversation, /EHLO|first@/);
  await transport.close();
});

test('advice is in the words of the options', async () => {
  const { transport } = pair({ requireTLS: true }, { capabilities: ['PIPELINING'] });
  const error = await failure(transport.sendMail(hello));
  assert.deepEqual([error.code, error.suspects], ['ETLS', ['secure', 'port']]);
  assert.match(error.message, /does not offer STARTTLS, which requireTLS asks for/);
  assert.match(error.advice.join(), /port 465 with secure: true/);
  const clear = pair({ ignoreTLS: true, auth: { user: 'ann', pass: 'x' } });
  const refused = await failure(clear.transport.sendMail(hello));
  assert.match(refused.advice.join(), /set ignoreTLS: true and allowInsecureAuth: true/);
  assert.doesNotMatch(JSON.stringify([error.advice, refused.advice, error.message, refused.message]), /connect(Type|STARTTLS|Direct|Normal)|authType/);
  assert.deepEqual((await failure(pair({ auth: { user: 'ann' } }).transport.verify())).suspects, ['auth.pass']);
});

test('a mail that nobody waits for does not fail in silence', async () => {
  const { execFile } = await import('node:child_process');
  for (const program of [
    "createTransport({ host: '127.0.0.1', port: 1 }).sendMail({ from: 'a@b', to: 'c@d', text: 'x' })",
    "new SmtpClient().sendMailAsync(new SmtpServer('127.0.0.1', 1), Object.assign(new SmtpMail(), { from: 'a@b', to: 'c@d' }))",
  ]) {
    const code = `import { createTransport, SmtpClient, SmtpMail, SmtpServer } from 'sansmtp'; ${program};`;
    const [status, output] = await new Promise((done) => execFile(process.execPath, ['--input-type=module', '-e', code], { cwd: import.meta.dirname }, (error, out, err) => done([error?.code, err])));
    assert.deepEqual([status, /Nothing listens at 127.0.0.1:1/.test(output)], [1, true], output);
  }
});

test('what is not an option of sending or of a client is an error', async () => {
  for (const [make, message] of [
    [() => new SmtpClient({ hots: 1 }), /Did you mean host\?/],
    [() => new SmtpClient({ host: 'mail.example.com' }), /The name of the server goes to new SmtpServer/],
    [() => createTransport({ hots: 'x' }), /^hots is not an option here: Did you mean host\?$/],
    [() => createTransport({ host: new TestServer().host }), /is smtpHost/],
    [() => createTransport({ rejectUnauthorized: false }), /put it into tls/],
    [() => createTransport({ dkim: { domainName: 'x.example', keySelector: 'x', privateKey: 'dkim.pem' } }), /not its path/],
    [() => createTransport({}).use('compile', () => {}), /sansmtp\/nodemailer/],
  ]) assert.throws(make, { code: 'ECONFIG', message });
  const client = new SmtpClient({ host: new TestServer().host });
  const [server, mail] = [new SmtpServer('x'), Object.assign(new SmtpMail(), { from: hello.from, to: hello.to, textBody: 'x' })];
  for (const [sending, message] of [
    [client.sendMailAsync(server, mail, { timout: 3 }), /Did you mean timeout\?/],
    [client.sendMailAsync(mail, server), /The server comes first/],
    [client.sendMailAsync('x 25', mail), /give new SmtpServer\('x 25'\)/],
    [client.sendMailAsync(Object.assign(new SmtpServer('x'), { passwrd: 'y' }), mail), /Did you mean password\?/],
  ]) await assert.rejects(sending, { code: 'ECONFIG', message });
});

test('on, once and off are as people of Nodemailer know them', async () => {
  const { transport } = pooled();
  let [all, one] = [0, 0];
  const count = () => (all += 1);
  transport.on('idle', count).once('idle', () => (one += 1));
  await transport.sendMail(hello);
  await transport.sendMail(hello);
  await pause();
  transport.off('idle', count);
  assert.deepEqual([all >= 2, one], [true, 1]);
  await transport.close();
});

test('each refused recipient says which it is', async () => {
  const { transport } = pair({}, { reply: (command) => (/^RCPT.*no@/.test(command) ? '550 5.1.1 no' : undefined) });
  const { rejectedErrors } = await transport.sendMail({ ...hello, to: 'bob@example.org, no@example.org' });
  assert.deepEqual(rejectedErrors.map(({ recipient, code }) => [recipient, code]), [['no@example.org', 'EENVELOPE']]);
});

/** How mails given at once end, and over how many connections they went. */
async function storm(transport, count, server) {
  const ends = await Promise.all(Array.from({ length: count }, (_, at) => transport.sendMail({ ...hello, subject: String(at) }).then(() => 'sent', ({ code, responseCode }) => `${code} ${responseCode}`)));
  await transport.close();
  return { ...Object.fromEntries([...new Set(ends)].map((end) => [end, ends.filter((other) => other === end).length])), connections: server?.connections.made };
}

test('a host that fails at once is tried once', async () => {
  let made = 0;
  const smtpHost = {
    connect: async () => {
      made += 1;
      return { read: async () => null, write: async () => {}, close: async () => {}, startTls() { throw new Error('no TLS here'); } };
    },
  };
  for (const pool of [true, false]) {
    made = 0;
    const error = await failure(createTransport({ host: 'x', secure: true, smtpHost, pool }).sendMail(hello));
    assert.match(error.message, /no TLS here/);
    assert.equal(made, 1);
  }
});

test('a server that takes so many messages a connection gets them over several (RFC 9422)', async () => {
  for (const [most, connections] of [[1, 30], [2, 15]]) {
    const { server, transport } = pooled({ maxConnections: 1 }, { capabilities: ['PIPELINING', `LIMITS MAILMAX=${most}`] });
    assert.deepEqual(await storm(transport, 30, server), { sent: 30, connections });
  }
});

test('a retry goes over a new connection, not over another that is at its end', async () => {
  let isDraining = false;
  const old = new Set();
  const { server, transport } = pooled({ maxConnections: 2 }, {
    reply: (command, server, connection) => {
      if (!isDraining) old.add(connection);
      return isDraining && old.has(connection) && /^MAIL/.test(command) ? '421 4.3.2 going down' : undefined;
    },
  });
  await Promise.all([transport.sendMail(hello), transport.sendMail(hello)]);
  assert.equal(server.connections.made, 2);
  isDraining = true;
  await transport.sendMail(hello);
  assert.equal(server.messages.length, 3);
  await transport.close();
});

test('a server that closes after each message gets all of them', async (t) => {
  const sockets = new Set();
  let messages = 0;
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.write('220 one\r\n');
    let [text, isMessage] = ['', false];
    socket.on('data', (data) => {
      text += data;
      for (let end = text.indexOf('\r\n'); end >= 0; end = text.indexOf('\r\n')) {
        const line = text.slice(0, end);
        text = text.slice(end + 2);
        if (isMessage && line !== '.') continue;
        if (isMessage) {
          messages += 1;
          socket.end('250 ok\r\n');
          return;
        }
        isMessage = line === 'DATA';
        socket.write(isMessage ? '354 go\r\n' : /^EHLO/.test(line) ? '250-one\r\n250 PIPELINING\r\n' : '250 ok\r\n');
      }
    });
  });
  await new Promise((ready) => server.listen(0, '127.0.0.1', ready));
  t.after(() => server.close());
  const transport = createTransport({ host: '127.0.0.1', port: server.address().port, ignoreTLS: true, pool: true });
  const { sent, connections, ...others } = await storm(transport, 30);
  // One whose MAIL, RCPT and DATA were sent behind the last message may have arrived: it is not sent again.
  assert.deepEqual([sent, others], [30, {}]);
  assert.equal(messages, 30);
});

test('what is refused when it is one connection too many does not fail the mails that others can take', async () => {
  for (const refused of ['421 4.7.0 too many connections', '454 4.7.0 too many logins', '535 5.7.8 no more']) {
    let logins = 0;
    const { server, transport } = pooled({ maxConnections: 4, auth: { user: 'ann', pass: 'x' } }, {
      reply: (command, server, connection) => {
        if (refused.startsWith('421')) return command === 'connect' && connection > 2 ? refused : undefined;
        return /^AUTH/.test(command) && (logins += 1) > 1 ? refused : undefined;
      },
    });
    const { sent } = await storm(transport, 40, server);
    assert.equal(sent, 40, refused);
    assert.ok(server.connections.made <= 6, `${refused}: ${server.connections.made}`);
  }
});

test('mails to a host that cannot be reached do not wait for each other', async () => {
  const smtpHost = { connect: () => new Promise(() => {}) };
  for (const pool of [true, false]) {
    const begin = performance.now();
    const transport = createTransport({ host: 'x', smtpHost, pool, auth: { user: 'ann', pass: 'x' }, connectionTimeout: 50 });
    assert.deepEqual(await storm(transport, 20), { 'ETIMEDOUT undefined': 20, connections: undefined });
    assert.ok(performance.now() - begin < 600);
  }
});

test('a mail that the core refuses fails alone, whatever else stands', async () => {
  for (const to of ['x@b..c', 'bob@my_host.example', '.x@e.example', `${'a'.repeat(70)}@e.example`]) {
    const { server, transport } = pooled({ maxConnections: 1, maxMessages: Infinity });
    await transport.sendMail(hello);
    const [bad, good] = await Promise.all([failure(transport.sendMail({ ...hello, to })), transport.sendMail(hello)]);
    assert.deepEqual([bad.code, good.accepted.length, server.connections.made], ['EENVELOPE', 1, 1], to);
    await transport.sendMail(hello);
    await transport.close();
  }
});

test('a mail that may have gone out when its connection broke is unknown, and not sent again', async () => {
  const { host, messages } = new TestServer();
  let made = 0;
  const smtpHost = {
    connect: async (options) => {
      const socket = await host.connect(options);
      const isBad = (made += 1) === 2;
      return {
        read: () => socket.read().then((octets) => (isBad && messages.length > 1 ? 'no octets' : octets)),
        write: (octets) => socket.write(octets), startTls: () => socket.startTls(), close: (how) => socket.close(how),
      };
    },
  };
  const transport = createTransport({ host: 'x', smtpHost, pool: true, maxConnections: 2 });
  const ends = await Promise.allSettled([transport.sendMail(hello), transport.sendMail(hello)]);
  const [error] = ends.flatMap(({ reason }) => reason ?? []);
  assert.deepEqual([error.code, error.outcome, messages.length], ['EINTERNAL', 'unknown', 2]);
  await transport.close();
});

test('a burst on a pool whose connections were left goes over as many as the server takes', async () => {
  for (const auth of [{ user: 'ann', pass: 'x' }, null]) {
    const server = new TestServer({ reply: (command, { connections }) => (command === 'connect' && connections.open > 2 ? '421 4.7.0 at most two' : undefined) });
    const transport = createTransport({ host: 'x', smtpHost: server.host, pool: true, idleTimeout: 20, auth });
    await transport.sendMail(hello);
    await pause(60);
    assert.equal(server.connections.open, 0);
    assert.deepEqual((await storm(transport, 20, server)).sent, 20);
  }
});

test('a login that is refused for a while does not narrow the pool for ever', async () => {
  let isOut = false;
  const { server, transport } = pooled({ maxConnections: 4, idleTimeout: 20, auth: { user: 'ann', pass: 'x' } }, { reply: (command) => (isOut && /^AUTH/.test(command) ? '535 5.7.8 no' : undefined) });
  await transport.sendMail(hello);
  isOut = true;
  await Promise.all(Array.from({ length: 8 }, () => transport.sendMail(hello)));
  isOut = false;
  await pause(80);
  assert.equal(server.connections.open, 0);
  await transport.sendMail(hello);
  const before = server.connections.made;
  await Promise.all(Array.from({ length: 8 }, () => transport.sendMail(hello)));
  assert.ok(server.connections.made - before >= 2, 'more than one connection again');
  await transport.close();
});

test('421 is told as what it is', async () => {
  const { transport } = pair({}, { reply: (command) => (/^RCPT.*second/.test(command) ? '421 4.3.2 going down' : undefined) });
  const error = await failure(transport.sendMail({ ...hello, to: 'first@example.org, second@example.org' }));
  assert.deepEqual([error.code, error.outcome, error.message], ['EENVELOPE', 'temporary', 'mail.example.com:587 takes no more for now: 421 4.3.2 going down']);
  const { name, message, responseCode } = JSON.parse(JSON.stringify(error));
  assert.deepEqual([name, message, responseCode], ['SmtpError', error.message, 421]);
});

test('a retry does not wait for ever behind later mails', async () => {
  let isDraining = false;
  const old = new Set();
  const { transport } = pooled({ maxConnections: 1 }, {
    capabilities: ['PIPELINING'],
    reply: (command, server, connection) => {
      if (!isDraining) old.add(connection);
      return isDraining && old.has(connection) && /^MAIL/.test(command) ? '421 4.3.2 going down' : undefined;
    },
  });
  await transport.sendMail(hello);
  isDraining = true;
  const order = [];
  const early = transport.sendMail(hello).then(() => order.push('early'));
  const late = Array.from({ length: 40 }, () => transport.sendMail(hello).then(() => order.push('late')));
  await Promise.all([early, ...late]);
  assert.ok(order.indexOf('early') < 8, order.join());
  await transport.close();
});

test('what people of Nodemailer give is taken', async () => {
  const { server, transport } = pair({ rateLimit: false, pool: true });
  const octets = { async *[Symbol.asyncIterator]() { yield Buffer.from('Hi'); } };
  await transport.sendMail({ ...hello, to: 'Jane "JJ" Doe <j@x.example>, "Jane" "Doe" <k@x.example>', attachments: [{ filename: 'x', content: octets }] });
  assert.match(server.messages[0].text, /To: Jane JJ Doe <j@x.example>, Jane Doe <k@x.example>\r\n[^]*SGk=/);
  await transport.close();
});

test('the rate holds for any stretch of its length', async () => {
  const { server, transport } = pooled({ rateLimit: 10, rateDelta: 200 });
  const times = [];
  transport.isIdle();
  await pause(190);
  await Promise.all(Array.from({ length: 25 }, () => transport.sendMail(hello).then(() => times.push(performance.now()))));
  times.sort((a, b) => a - b);
  assert.ok(times[10] - times[0] > 150 && times[20] - times[10] > 150, times.join());
  assert.equal(server.messages.length, 25);
  await transport.close();
});

test('close waits for the connections of verify', async () => {
  const { server, transport } = pair({}, { reply: (command) => (command === 'QUIT' ? new Promise((done) => setTimeout(() => done('221 bye'), 50)) : undefined) });
  await transport.verify();
  await transport.close();
  assert.equal(server.connections.open, 0);
});

test('a login without a user is not left out silently', () => {
  for (const auth of [{}, { user: undefined, pass: undefined }, { user: '', pass: 'x' }]) assert.throws(() => createTransport({ auth }), { code: 'ECONFIG', suspects: ['auth.user'] });
  createTransport({ auth: { method: 'EXTERNAL' } });
});

test('an envelope from nobody is the null sender', async () => {
  for (const from of ['', false]) {
    const { server, transport } = pair();
    await transport.sendMail({ ...hello, envelope: { from, to: 'c@d.example' } });
    assert.equal(server.messages[0].from, '');
  }
});

test('href is a link, and no file', async () => {
  const { transport } = pair();
  for (const message of [{ attachments: [{ href: '/etc/hostname' }] }, { text: { href: 'file:///etc/hostname' } }]) {
    const error = await failure(transport.sendMail({ ...hello, ...message }));
    assert.deepEqual([error.code, /href must be an https: or http: link/.test(error.message)], ['EMESSAGE', true]);
  }
});

test('no password of a link or of a URL is in an error', async () => {
  const { inspect } = await import('node:util');
  const { transport } = pair();
  for (const href of ['https://user:s3cret@127.0.0.1:1/a', 'https://user:s3cret@[bad/a']) {
    const error = await failure(transport.sendMail({ ...hello, attachments: [{ href }] }));
    assert.equal(error.code, 'EMESSAGE');
    assert.doesNotMatch(inspect(error, { depth: 9, showHidden: true }) + JSON.stringify(error), /s3cret/);
    const own = await failure(new SmtpMail().addAttachmentAsync(href));
    assert.doesNotMatch(inspect(own, { depth: 9, showHidden: true }), /s3cret/);
  }
  assert.throws(() => createTransport('smtp://ann:12?s3cret&x=1@h'), (error) => !/s3cret/.test(inspect(error, { depth: 9 })));
});

test('streams of a mail that is not sent are closed', async () => {
  const [node, web] = [Readable.from(['x']), new ReadableStream({ cancel: () => (cancelled = true) })];
  let cancelled = false;
  const { transport } = pair({}, { reply: (command) => (/^RCPT/.test(command) ? '550 no' : undefined) });
  await failure(transport.sendMail({ ...hello, attachments: [{ content: node }, { content: web }] }));
  assert.deepEqual([node.destroyed, cancelled], [true, true]);
});

test('silence is bounded, if asked for', async () => {
  const { transport } = pair({ socketTimeout: 30 }, { reply: (command) => (/^MAIL/.test(command) ? new Promise(() => {}) : undefined) });
  const error = await failure(transport.sendMail(hello));
  assert.deepEqual([error.code, error.origin], ['ETIMEDOUT', 'network']);
  assert.match(error.message, /silent for 30 ms/);
  const kept = pooled({ socketTimeout: 30 });
  await kept.transport.sendMail(hello);
  await pause(80);
  await kept.transport.sendMail(hello);
  assert.equal(kept.server.connections.made, 1, 'an idle connection may be silent');
  await kept.transport.close();
});

test('an envelope without recipients sends to nobody', async () => {
  const { server, transport } = pair();
  assert.equal((await failure(transport.sendMail({ ...hello, envelope: { from: 'a@b', to: [] } }))).code, 'EENVELOPE');
  assert.equal(server.messages.length, 0);
});

test('nothing and null are as if they were not there', async () => {
  const { server, transport } = pair({ auth: null, dkim: null, service: null }, {}, { subject: 'usual' });
  const nothing = Object.fromEntries(['raw', 'date', 'messageId', 'icalEvent', 'envelope', 'references', 'inReplyTo', 'dkim', 'maxRecipients', 'attachments', 'html', 'signal', 'subject'].map((name) => [name, null]));
  await transport.sendMail({ ...hello, ...nothing, headers: { 'X-A': undefined, 'X-B': null } });
  assert.match(server.messages[0].text, /Subject: usual/);
  assert.doesNotMatch(server.messages[0].text, /X-A|X-B|1970/);
});

test('giving up while the message is made', async (t) => {
  // The timer of a signal does not keep Node waiting.
  const alive = setTimeout(() => {}, 10_000);
  t.after(() => clearTimeout(alive));
  const never = () => new ReadableStream({});
  const silent = createServer(() => {});
  await new Promise((ready) => silent.listen(0, '127.0.0.1', ready));
  t.after(() => silent.close());
  const { transport } = pair();
  for (const fields of [{ text: never() }, { attachments: [{ href: `http://127.0.0.1:${silent.address().port}/` }] }]) {
    assert.equal((await failure(transport.sendMail({ ...hello, ...fields, signal: AbortSignal.timeout(30) }))).code, 'EABORT');
  }
  let isRead = false;
  const text = { content: { open: () => ((isRead = true), ['x']) } };
  assert.equal((await failure(transport.sendMail({ ...hello, text, signal: AbortSignal.abort() }))).code, 'EABORT');
  assert.equal(isRead, false);
  const sending = failure(transport.sendMail({ ...hello, text: never() }));
  await transport.close({ force: true });
  assert.equal((await sending).code, 'EABORT');
});

test('a signal that is none', async () => {
  const { transport } = pooled();
  const error = await failure(transport.sendMail({ ...hello, signal: new AbortController() }));
  assert.deepEqual([error.code, error.suspects], ['ECONFIG', ['signal']]);
  await transport.sendMail(hello);
  await transport.close();
});

test('closing twice, and verifying while it is closed', async () => {
  const { server, transport } = pooled({}, { reply: (command) => (/^EHLO/.test(command) ? new Promise(() => {}) : undefined) });
  const sending = failure(transport.sendMail(hello));
  const verifying = failure(transport.verify());
  await pause();
  await Promise.all([transport.close({ force: true }), transport.close({ force: true })]);
  assert.deepEqual([(await sending).code, (await verifying).code, server.connections.open], ['EABORT', 'EABORT', 0]);
  assert.equal((await failure(transport.verify())).code, 'ECONNECTION');
});

test('no value becomes a parameter or a second link', async () => {
  const { transport } = pair();
  for (const fields of [
    { icalEvent: { method: 'REQUEST; name="evil.exe"', content: 'x' } },
    { list: { unsubscribe: 'https://a/u>, <https://evil.example' } },
    { list: { unsubscribe: { url: 'https://a/ u' } } },
  ]) assert.equal((await failure(transport.sendMail({ ...hello, ...fields }))).code, 'EMESSAGE');
});

test('comments of lists that are not ASCII', async () => {
  const { server, transport } = pair();
  await transport.sendMail({ ...hello, list: { unsubscribe: [[{ url: 'https://a', comment: 'für' }, { url: 'https://b', comment: 'Grüße an' }]], id: { url: 'l.example.com', comment: 'Grüße' } } });
  const text = server.messages[0].text.replaceAll('\r\n ', ' ');
  assert.match(text, /List-Unsubscribe: <https:\/\/a> \(=\?utf-8\?B\?ZsO8cg==\?=\), <https:\/\/b> \(=\?utf-8\?[BQ]\?[^ ]*\?=\)\r\n/);
  assert.match(text, /List-ID: =\?utf-8\?B\?R3LDvMOfZQ==\?= <l.example.com>\r\n/);
});

test('a message\'s header takes the place of the usual one', async () => {
  const { server, transport } = pair({}, {}, { headers: { 'X-A': '0', 'X-B': '0' } });
  await transport.sendMail({ ...hello, headers: { 'x-a': '1' } });
  assert.deepEqual(server.messages[0].text.match(/^x-[ab]: \d/gim), ['X-B: 0', 'x-a: 1']);
});

test('what is not encoded in a URL is refused, and not shown', () => {
  for (const url of ['smtps://ann:465?hunter2@mail.example.com', 'smtps://ann:465#hunter2@mail.example.com', 'smtps://ann:465/hunter2@mail.example.com', 'smtps://ann:100%hunter2@mail.example.com']) {
    assert.throws(() => createTransport(url), (error) => error.code === 'ECONFIG' && !error.stack.includes('hunter2') && /%/.test(error.message), url);
  }
});

test('nothing goes behind a message that may be given up', async () => {
  const { server, transport } = pooled({ maxConnections: 1 });
  const controller = new AbortController();
  let stop = () => {};
  const stuck = new Promise((done) => (stop = done));
  let isFirst = true;
  const slow = pooled({ maxConnections: 1 }, { reply: (command) => (command === '.' && isFirst ? ((isFirst = false), stuck) : undefined) });
  const first = failure(slow.transport.sendMail({ ...hello, signal: controller.signal }));
  await pause();
  const others = Array.from({ length: 3 }, () => slow.transport.sendMail(hello));
  await pause();
  controller.abort();
  assert.equal((await first).code, 'EABORT');
  assert.deepEqual((await Promise.all(others)).map(({ accepted }) => accepted.length), [1, 1, 1]);
  stop();
  await slow.transport.close();
  await transport.close();
  assert.equal(server.connections.made, 0);
});

test('a mail that is given up takes no others with it', async () => {
  const { server, transport } = pooled({ maxConnections: 1 }, { reply: async (command) => (command === '.' ? void (await pause(60)) : undefined) });
  const controller = new AbortController();
  const first = transport.sendMail(hello);
  const given = failure(transport.sendMail({ ...hello, signal: controller.signal }));
  const others = Array.from({ length: 20 }, (_, at) => transport.sendMail({ ...hello, subject: String(at) }));
  await pause(30);
  controller.abort();
  assert.equal((await given).code, 'EABORT');
  await Promise.all([first, ...others]);
  const subjects = server.messages.map(({ text }) => Number(/Subject: (\d+)/.exec(text)?.[1])).filter((subject) => subject >= 0);
  assert.equal(new Set(subjects).size, 20);
  await transport.close();
});

test('what is tried again keeps its order', async () => {
  let isFirst = true;
  const { server, transport } = pooled({ maxConnections: 1 }, { capabilities: ['PIPELINING'], reply: (command) => (/^MAIL/.test(command) && server.messages.length === 1 && isFirst ? ((isFirst = false), null) : undefined) });
  await Promise.all(Array.from({ length: 6 }, (_, at) => transport.sendMail({ ...hello, subject: String(at) })));
  assert.deepEqual(server.messages.map(({ text }) => /Subject: (\d+)/.exec(text)[1]), ['0', '1', '2', '3', '4', '5']);
  await transport.close();
});

test('what the caller changes next is for the next message', async () => {
  const { server, transport } = pooled();
  const message = { ...hello, headers: { 'X-Id': '0' }, text: { content: 'x' }, attachments: [{ filename: 'f0', content: 'x' }] };
  const sent = [];
  for (let at = 0; at < 3; at += 1) {
    message.headers['X-Id'] = String(at);
    message.attachments[0].filename = `f${at}`;
    sent.push(transport.sendMail(message));
  }
  await Promise.all(sent);
  assert.deepEqual(server.messages.map(({ text }) => [/X-Id: (\d)/.exec(text)[1], /filename=(f\d)/.exec(text)[1]]).sort(), [['0', 'f0'], ['1', 'f1'], ['2', 'f2']]);
  await transport.close();
});
