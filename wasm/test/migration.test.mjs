// Every row of MIGRATION.md, by what its first column says.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import * as EASendMail from 'sansmtp';
import { createTransport } from 'sansmtp';
import { TestServer } from 'sansmtp/testing';

const hello = { from: 'ann@example.com', to: 'bob@example.org', subject: 'Hi', text: 'Hi.' };
const failure = (promise) => promise.then((value) => assert.fail(`resolved: ${JSON.stringify(value)}`), (error) => error);

/** A mail as EASendMail has it, changed, and what a server got. */
async function sent(change = () => {}, options = {}) {
  const server = new TestServer(options);
  const oServer = new EASendMail.SmtpServer('mail.example.com 25');
  const oMail = new EASendMail.SmtpMail('TryIt');
  oMail.from = new EASendMail.MailAddress('ann@example.com');
  oMail.to = new EASendMail.AddressCollection('bob@example.org');
  const oSmtp = new EASendMail.SmtpClient({ host: server.host });
  await change({ oServer, oMail, oSmtp, server });
  const result = await oSmtp.sendMailAsync(oServer, oMail);
  return { server, result, oSmtp, text: server.messages[0].text, commands: server.commands };
}

/** A message by `createTransport`, and what a server got. */
async function transported({ options = {}, fields = {}, server: serverOptions = {} } = {}) {
  const server = new TestServer(serverOptions);
  let asked;
  const connect = (request) => ((asked = request), server.host.connect(request));
  const transport = createTransport({ host: 'mail.example.com', smtpHost: { connect }, ...options });
  const info = await transport.sendMail({ ...hello, ...fields });
  await transport.close();
  return { asked, info, server, text: server.messages[0].text, commands: server.commands, envelope: [server.messages[0].from, server.messages[0].to] };
}
const parsed = async (message) => (await import('postal-mime')).default.parse(message);
const DKIM_KEY = (await import('node:crypto')).generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' });

const ROWS = {
  'From EASendMail': {
    'new SmtpServer("host 25")': () => {
      for (const text of ['host 25', 'host:25', 'smtp://host:25']) assert.deepEqual({ ...new EASendMail.SmtpServer(text) }.port, 25);
      assert.equal(new EASendMail.SmtpServer('[::1]:25').server, '::1');
    },
    'oServer.connectType': async () => {
      assert.deepEqual(Object.entries(EASendMail.SmtpConnectType), [['connectNormal', 0], ['connectSSLAuto', 1], ['connectSTARTTLS', 2], ['connectDirectSSL', 3], ['connectTryTLS', 4]]);
      const error = await failure(sent(({ oServer }) => Object.assign(oServer, { user: 'a', password: 'b' }), { capabilities: ['AUTH PLAIN'] }));
      assert.match(error.message, /encrypted|TLS/);
    },
    'oServer.authType': async () => {
      assert.equal(EASendMail.SmtpAuthType.authAuto, -1);
      const { commands } = await sent(({ oServer }) => Object.assign(oServer, { user: 'a', password: 'b', authType: EASendMail.SmtpAuthType.authLogin }));
      assert.ok(commands.includes('AUTH LOGIN ***'));
    },
    'oServer.user|oServer.password': async () => {
      const error = await failure(sent(({ oServer, server }) => ((oServer.user = 'a'), (server.host.connect = () => assert.fail('connected')))));
      assert.equal(error.code, 'ECONFIG');
      assert.ok((await sent(({ oServer }) => Object.assign(oServer, { user: 'a', password: 'b' }))).commands.includes('AUTH PLAIN ***'));
    },
    'new SmtpMail("TryIt")': async () => assert.doesNotMatch((await sent()).text, /TryIt/),
    'oMail.from = new MailAddress("Ann <a@b>")': async () => {
      for (const from of [new EASendMail.MailAddress('Ann <a@b>'), 'Ann <a@b>']) assert.match((await sent(({ oMail }) => (oMail.from = from))).text, /^From: Ann <a@b>\r$/m);
    },
    'oMail.to = new AddressCollection("a@b, c@d")': async () => {
      for (const to of [new EASendMail.AddressCollection('a@b, c@d'), 'a@b, c@d', ['a@b', 'c@d']]) assert.deepEqual((await sent(({ oMail }) => (oMail.to = to))).result.accepted, ['a@b', 'c@d']);
    },
    'oMail.subject|oMail.textBody|oMail.htmlBody': async () => {
      const { subject, text, html } = await parsed((await sent(({ oMail }) => Object.assign(oMail, { subject: 'S', textBody: 'T', htmlBody: '<p>H' }))).text);
      assert.deepEqual([subject, text.trim(), html.trim()], ['S', 'T', '<p>H']);
    },
    'oMail.replyTo|oMail.sender|oMail.returnPath': async () => {
      const { text, commands } = await sent(({ oMail }) => Object.assign(oMail, { replyTo: 'r@x', sender: 's@x', returnPath: 'p@x' }));
      assert.match(text, /^Sender: s@x\r$/m);
      assert.match(text, /^Reply-To: r@x\r$/m);
      assert.match(commands.join('\n'), /MAIL FROM:<p@x>/);
    },
    'oMail.headers.add("X-A", "b")|replace|remove': async () => {
      const { text } = await sent(({ oMail: { headers } }) => (headers.add('X-A', 'b'), headers.add('X-B', 'c'), headers.replace('X-A', 'd'), headers.remove('X-B')));
      assert.match(text, /^X-A: d\r$/m);
      assert.doesNotMatch(text, /X-B/);
    },
    'oMail.priority': async () => {
      for (const priority of ['high', 1]) assert.match((await sent(({ oMail }) => (oMail.priority = priority))).text, /X-Priority: 1\r\nImportance: high/);
      assert.doesNotMatch((await sent(({ oMail }) => (oMail.priority = 'normal'))).text, /Priority|Importance/);
    },
    'oMail.deliveryNotification': async () =>
      assert.match((await sent(({ oMail }) => (oMail.deliveryNotification = { notify: 'SUCCESS,FAILURE', return: 'HDRS' }))).commands.join('\n'), /RET=HDRS\n.*NOTIFY=SUCCESS,FAILURE/),
    'oMail.charset': async () => {
      await sent(({ oMail }) => (oMail.charset = 'UTF-8'));
      assert.equal((await failure(sent(({ oMail }) => (oMail.charset = 'gb2312')))).code, 'EMESSAGE');
    },
    'oMail.addAttachment("a.txt", bytes)': async () => {
      const { text } = await sent(({ oMail }) => ['x', Buffer.from('x'), new Blob(['x']), new Blob(['x']).stream(), { open: () => [Buffer.from('x')] }].forEach((content) => oMail.addAttachment('a.txt', content)));
      assert.deepEqual((await parsed(text)).attachments.map(({ content }) => Buffer.from(content).toString()), Array(5).fill('x'));
    },
    'await oMail.addAttachmentAsync("a.pdf")': async () => {
      const { text } = await sent(async ({ oMail }) => {
        await oMail.addAttachmentAsync(new URL('../package.json', import.meta.url));
        await oMail.addAttachmentAsync('data:,x');
      });
      assert.deepEqual((await parsed(text)).attachments.map(({ filename }) => filename ?? ''), ['package.json', '']);
    },
    'pictures in HTML': async () => {
      const { text } = await sent(({ oMail }) => ((oMail.htmlBody = '<img src="cid:a">'), oMail.addAttachment('a.png', Buffer.from('x'), { cid: 'a' })));
      assert.deepEqual((await parsed(text)).attachments.map(({ contentId, related }) => [contentId, related]), [['<a>', true]]);
    },
    'oSmtp.sendMailAsync(oServer, oMail)': async () => {
      const { result } = await sent(({ oMail }) => (oMail.to = 'a@b, gone@x'), { reply: (command) => (/gone/.test(command) ? '550 5.1.1 gone' : undefined) });
      assert.deepEqual([result.accepted, result.rejected], [['a@b'], ['gone@x']]);
      const server = new TestServer({ reply: () => new Promise(() => {}) });
      const mail = Object.assign(new EASendMail.SmtpMail(), { from: 'a@b', to: 'c@d' });
      const client = new EASendMail.SmtpClient({ host: server.host });
      const sending = client.sendMailAsync(new EASendMail.SmtpServer('x'), mail);
      sending.cancel();
      assert.equal((await failure(sending)).code, 'EABORT');
      await client[Symbol.asyncDispose]();
      assert.equal(server.connections.open, 0);
    },
    'oSmtp.addEventListener("connected", …)': async () => {
      const seen = [];
      await sent(({ oServer, oSmtp }) => {
        Object.assign(oServer, { user: 'a', password: 'b' });
        for (const name of ['connected', 'securing', 'authorized', 'sendingdatastream', 'idle']) oSmtp.addEventListener(name, ({ type, sent, total }) => seen.push([type, sent === total]));
      });
      assert.deepEqual([...new Set(seen.map(([type]) => type))].sort(), ['authorized', 'connected', 'idle', 'securing', 'sendingdatastream']);
    },
    'oSmtp.lastErrorMessage|oSmtp.smtpConversation': async () => {
      let client;
      await failure(sent(({ oSmtp, oServer }) => ((client = oSmtp), Object.assign(oServer, { user: 'a', password: 'q8Zv-canary' })), { reply: (command) => (/^AUTH/.test(command) ? '535 5.7.8 no' : undefined) }));
      assert.match(client.lastErrorMessage, /535 5\.7\.8 no/);
      assert.match(client.smtpConversation, /AUTH PLAIN \*\*\*/);
      assert.doesNotMatch(client.smtpConversation + client.lastErrorMessage, /q8Zv/);
    },
    'oSmtp.connectAsync(oServer)': async () => {
      const { server, oSmtp } = await sent(async ({ oServer, oMail, oSmtp }) => {
        await oSmtp.connectAsync(oServer);
        await oSmtp.sendMailAsync(oServer, oMail);
      });
      assert.deepEqual([server.connections.made, server.messages.length], [1, 2]);
      oSmtp.close();
    },
    'oSmtp.testRecipientsAsync(oServer, oMail)': async () => {
      let tested;
      const { server } = await sent(async ({ oServer, oMail, oSmtp, server }) => {
        tested = await oSmtp.testRecipientsAsync(oServer, oMail);
        assert.equal(server.messages.length, 0);
      });
      assert.deepEqual([tested.accepted, server.messages.length], [['bob@example.org'], 1]);
    },
    'oSmtp.close()': async () => {
      const { server, oSmtp } = await sent(({ oServer, oSmtp }) => oSmtp.connectAsync(oServer));
      await oSmtp[Symbol.asyncDispose]();
      assert.equal(server.connections.open, 0);
    },
  },
  'From Nodemailer': {
    'host|port|secure': async () => {
      for (const [options, port, secure] of [[{}, 587, 'starttls'], [{ secure: true }, 465, 'implicit'], [{ port: 465 }, 465, 'implicit']]) {
        const { asked } = await transported({ options });
        assert.deepEqual([asked.hostname, asked.port, asked.secure], ['mail.example.com', port, secure]);
      }
    },
    url: async () => {
      const { asked, commands } = await transported({ options: { host: undefined, url: 'smtps://a:b@example.net/?pool=true' } });
      assert.deepEqual([asked.hostname, asked.port], ['example.net', 465]);
      assert.ok(commands.includes('AUTH PLAIN ***'));
    },
    service: async () => assert.equal((await transported({ options: { host: undefined, service: 'Gmail' } })).asked.hostname, 'smtp.gmail.com'),
    'requireTLS|ignoreTLS': async () => {
      assert.equal((await failure(transported({ options: { requireTLS: true }, server: { capabilities: [] } }))).code, 'ETLS');
      assert.ok(!(await transported({ options: { ignoreTLS: true } })).commands.includes('STARTTLS'));
    },
    opportunisticTLS: async () => assert.ok((await transported({ options: { opportunisticTLS: true } })).commands.includes('STARTTLS')),
    'tls|servername': async () => {
      const { asked } = await transported({ options: { tls: { minVersion: 'TLSv1.3' }, servername: 'other' } });
      assert.deepEqual([asked.tls.minVersion, asked.tls.servername], ['TLSv1.3', 'other']);
      assert.throws(() => createTransport({ tls: { ciphers: 'x' } }), { code: 'ECONFIG' });
    },
    name: async () => assert.ok((await transported({ options: { name: 'me.example' } })).commands.includes('EHLO me.example')),
    'auth: { user, pass }': async () => {
      const clear = { auth: { user: 'a', pass: 'b' }, ignoreTLS: true };
      const server = { capabilities: ['AUTH PLAIN'] };
      assert.equal((await failure(transported({ options: clear, server }))).code, 'EAUTH');
      assert.ok((await transported({ options: { ...clear, allowInsecureAuth: true }, server })).commands.includes('AUTH PLAIN ***'));
      assert.ok((await transported({ options: { auth: { user: 'a', pass: 'b' } } })).commands.includes('AUTH PLAIN ***'));
    },
    "auth.type: 'oauth2'|auth.accessToken": async () => {
      for (const accessToken of ['t', async () => 't']) {
        const { commands } = await transported({ options: { auth: { type: 'oauth2', user: 'a', accessToken } }, server: { capabilities: ['STARTTLS', 'AUTH XOAUTH2'] } });
        assert.ok(commands.includes('AUTH XOAUTH2 ***'));
      }
    },
    'authMethod|auth.method': async () => assert.ok((await transported({ options: { auth: { user: 'a', pass: 'b' }, authMethod: 'LOGIN' } })).commands.includes('AUTH LOGIN ***')),
    'connectionTimeout|greetingTimeout': async () => {
      assert.equal((await failure(transported({ options: { connectionTimeout: 20, smtpHost: { connect: () => new Promise(() => {}) } } }))).code, 'ETIMEDOUT');
      assert.equal((await failure(transported({ options: { greetingTimeout: 20 }, server: { reply: () => new Promise(() => {}) } }))).code, 'ETIMEDOUT');
    },
    socketTimeout: async () => assert.equal((await failure(transported({ options: { socketTimeout: 20 }, server: { reply: (command) => (command === '.' ? new Promise(() => {}) : undefined) } }))).outcome, 'unknown'),
    logger: async () => {
      const lines = [];
      await transported({ options: { logger: { info: (line) => lines.push(line) } } });
      assert.ok(lines.some((line) => /220/.test(line)));
    },
    'debug|transactionLog': async () => {
      for (const name of ['debug', 'transactionLog']) assert.match((await transported({ options: { [name]: true } })).info.conversation, /EHLO/);
    },
    lmtp: async () => assert.match((await transported({ options: { lmtp: true } })).commands.join('\n'), /^LHLO/),
    'pool|maxConnections|maxMessages': async () => {
      const server = new TestServer();
      const transport = createTransport({ smtpHost: server.host, pool: true, maxConnections: 1, maxMessages: 2 });
      for (let at = 0; at < 4; at += 1) await transport.sendMail(hello);
      await transport.close();
      assert.equal(server.connections.made, 2);
    },
    'rateLimit|rateDelta|idleTimeout': async () => {
      const server = new TestServer();
      const transport = createTransport({ smtpHost: server.host, pool: true, rateLimit: 1, rateDelta: 30, idleTimeout: 10 });
      const begin = performance.now();
      await Promise.all([transport.sendMail(hello), transport.sendMail(hello)]);
      assert.ok(performance.now() - begin >= 29);
      await new Promise((done) => setTimeout(done, 40));
      assert.equal(server.connections.open, 0);
      await transport.close();
    },
    maxRecipients: async () => assert.equal((await failure(transported({ options: { maxRecipients: 1 }, fields: { cc: 'c@d' } }))).code, 'EMAXRECIPIENTS'),
    dkim: async () => assert.match((await transported({ options: { dkim: { domainName: 'example.com', keySelector: 'k', privateKey: DKIM_KEY } } })).text, /^DKIM-Signature: v=1; a=ed25519-sha256/),
    'disableFileAccess|disableUrlAccess': async () => {
      assert.match((await failure(transported({ options: { disableFileAccess: true }, fields: { text: { path: 'x' } } }))).message, /disableFileAccess/);
      assert.match((await failure(transported({ options: { disableUrlAccess: true }, fields: { text: { href: 'https://x' } } }))).message, /disableUrlAccess/);
    },
    'from|sender|replyTo': async () => assert.match((await transported({ fields: { from: { name: 'Ann', address: 'a@b' }, sender: 's@b', replyTo: ['r@b'] } })).text, /From: Ann <a@b>\r\nSender: s@b\r\n.*\r\nReply-To: r@b\r\n/),
    'to|cc|bcc': async () => assert.deepEqual((await transported({ fields: { to: 'x <a@b>, c@d', cc: { address: 'e@f' }, bcc: [{ name: 'G', address: 'g@h' }, 'i@j'] } })).envelope[1], ['a@b', 'c@d', 'e@f', 'g@h', 'i@j']),
    'subject|text|html': async () => {
      for (const text of ['T', Buffer.from('T'), new Blob(['T']).stream(), { content: 'T' }, { path: 'data:,T' }, { href: 'data:,T' }]) {
        const mail = await parsed((await transported({ fields: { text, html: '<p>H' } })).text);
        assert.deepEqual([mail.subject, mail.text.trim(), mail.html.trim()], ['Hi', 'T', '<p>H']);
      }
    },
    'inReplyTo|references': async () => assert.match((await transported({ fields: { inReplyTo: '<1@x>', references: ['1@x', '<2@x>'] } })).text, /In-Reply-To: <1@x>\r\nReferences: <1@x> <2@x>\r\n/),
    'messageId|date|priority': async () => assert.match((await transported({ fields: { messageId: '<7@x>', date: new Date(0), priority: 'low' } })).text, /Date: Thu, 01 Jan 1970.*Message-ID: <7@x>.*Importance: low/s),
    headers: async () => assert.match((await transported({ fields: { headers: [{ key: 'X-A', value: 'b' }] } })).text, /X-A: b/),
    list: async () => assert.match((await transported({ fields: { list: { unsubscribe: 'https://x/u' } } })).text, /List-Unsubscribe: <https:\/\/x\/u>/),
    attachments: async () => assert.deepEqual((await parsed((await transported({ fields: { attachments: [{ filename: 'a', content: 'eA==', encoding: 'base64', contentType: 'x/y', contentDisposition: 'inline', cid: 'c' }] } })).text)).attachments
      .map(({ filename, mimeType, disposition, contentId, content }) => [filename, mimeType, disposition, contentId, Buffer.from(content).toString()]), [['a', 'x/y', 'inline', '<c>', 'x']]),
    alternatives: async () => assert.match((await transported({ fields: { alternatives: [{ contentType: 'text/x-own', content: 'O' }] } })).text, /multipart\/alternative[^]*text\/x-own/),
    icalEvent: async () => assert.match((await transported({ fields: { icalEvent: { method: 'REQUEST', content: 'BEGIN' } } })).text, /text\/calendar; charset=us-ascii; method=REQUEST[^]*invite.ics/),
    raw: async () => assert.equal((await transported({ fields: { raw: 'A: b\n\nc\n' } })).text, 'A: b\r\n\r\nc\r\n'),
    envelope: async () => assert.deepEqual((await transported({ fields: { envelope: { from: 'e@f', to: 'g@h' } } })).envelope, ['e@f', ['g@h']]),
    dsn: async () => assert.match((await transported({ fields: { dsn: { id: 'x', return: 'full', notify: 'never' } } })).commands.join('\n'), /RET=FULL ENVID=x\n.*NOTIFY=NEVER/),
    requireTLSExtensionEnabled: async () => assert.match((await transported({ fields: { requireTLSExtensionEnabled: true }, server: { capabilities: ['STARTTLS', 'REQUIRETLS'] } })).commands.join('\n'), /MAIL .*REQUIRETLS/),
    signal: async () => {
      assert.equal((await failure(transported({ fields: { signal: AbortSignal.abort() } }))).code, 'EABORT');
      assert.equal((await failure(transported({ options: { signal: AbortSignal.abort() } }))).code, 'ECONNECTION');
    },
    'info.accepted|info.rejected|info.rejectedErrors': async () => {
      const { info } = await transported({ fields: { cc: 'gone@x' }, server: { reply: (command) => (/gone/.test(command) ? '550 5.1.1 gone' : undefined) } });
      assert.deepEqual([info.accepted, info.rejected, info.rejectedErrors.map(({ responseCode, recipient }) => [responseCode, recipient]), info.recipients.length], [['bob@example.org'], ['gone@x'], [[550, 'gone@x']], 2]);
    },
    'info.envelope|info.messageId|info.response': async () => {
      const { info, text } = await transported();
      assert.deepEqual([info.envelope, info.response], [{ from: 'ann@example.com', to: ['bob@example.org'] }, '250 2.0.0 taken']);
      assert.ok(text.includes(info.messageId));
    },
    'info.ehlo|info.envelopeTime|info.messageTime|info.messageSize': async () => {
      const { info, text } = await transported();
      assert.deepEqual([info.ehlo.includes('SIZE'), info.envelopeTime >= 0, info.messageTime >= 0, info.messageSize], [true, true, true, text.length]);
    },
    'error.code|error.command|error.response|error.responseCode|error.rejected': async () => {
      const error = await failure(transported({ server: { reply: (command) => (/^RCPT/.test(command) ? '550 5.1.1 gone' : undefined) } }));
      assert.deepEqual([error.code, error.command, error.response, error.responseCode, error.rejected, error.outcome], ['EENVELOPE', 'RCPT TO', '550 5.1.1 gone', 550, ['bob@example.org'], 'permanent']);
    },
    ESOCKET: async () => {
      assert.equal((await failure(createTransport({ host: '127.0.0.1', port: 1 }).sendMail(hello))).code, 'ECONNECTION');
      assert.equal((await failure(transported({ options: { requireTLS: true }, server: { capabilities: [] } }))).code, 'ETLS');
    },
    ENOAUTH: async () => assert.equal((await failure(transported({ options: { auth: { user: 'ann' } } }))).code, 'ECONFIG'),
    'transport.on()|transport.once()|transport.off()': async () => {
      const transport = createTransport({ smtpHost: new TestServer().host, pool: true });
      await new Promise((done) => transport.on('idle', done).off('idle', () => {}));
      await new Promise((done) => {
        transport.once('idle', done);
        transport.sendMail(hello);
      });
      await transport.close();
    },
    'transport.use()': async () => assert.throws(() => createTransport({}).use(), { message: /sansmtp\/nodemailer/ }),
    'transport.verify()': async () => assert.equal(await createTransport({ smtpHost: new TestServer().host }).verify(), true),
    'transport.isIdle()|idle': async () => {
      const transport = createTransport({ smtpHost: new TestServer().host, pool: true });
      const idle = new Promise((done) => transport.addEventListener('idle', done));
      await transport.sendMail(hello);
      await idle;
      assert.equal(transport.isIdle(), true);
      await transport.close();
    },
    'transport.close()': async () => {
      const server = new TestServer();
      const transport = createTransport({ smtpHost: server.host, pool: true });
      const sending = transport.sendMail(hello);
      await transport.close();
      assert.deepEqual([(await sending).accepted.length, server.connections.open], [1, 0]);
      await transport.close({ force: true });
    },
    callbacks: () => new Promise((done) => createTransport({ smtpHost: new TestServer().host }).sendMail(hello, (error, info) => done(assert.equal(info.accepted.length, 1)))),
  },
};

/** The rows of the document, by heading and by the head of the table: the names of the first column. */
const rows = { 'From EASendMail': [], 'From Nodemailer': [] };
const refused = { option: [], field: [] };
let [heading, table] = ['', ''];
for (const line of readFileSync(new URL('../MIGRATION.md', import.meta.url), 'utf8').split('\n')) {
  if (line.startsWith('## ')) heading = line.slice(3);
  if (line.startsWith('|--')) continue;
  const [, first] = /^\| (.*?) \| .* \|$/.exec(line) ?? [];
  if (first === undefined) table = '';
  else if (table === '') table = first;
  else if (table.startsWith('instead')) refused[table.split(' ').pop()].push(...first.split(', ').map((name) => name.replaceAll('`', '')));
  else rows[heading].push(first.replaceAll(/`, (?:the event )?`/g, '|').replaceAll('`', ''));
}

for (const [api, tests] of Object.entries(ROWS)) {
  test(`every row has a test: ${api}`, () => assert.deepEqual(Object.keys(tests).sort(), [...new Set(rows[api])].sort()));
  for (const [row, check] of Object.entries(tests)) test(`${api}: ${row}`, check);
}

test('what is not taken says what to write instead', async () => {
  for (const name of refused.option) assert.throws(() => createTransport({ [name]: 'x' }), (error) => error.code === 'ECONFIG' && error.message.startsWith(`${name} is not an option here: `) && !/there are url/.test(error.message), name);
  for (const name of refused.field) {
    const error = await failure(createTransport({ smtpHost: new TestServer().host }).sendMail({ ...hello, [name]: 'x' }));
    assert.ok(error.code === 'EMESSAGE' && error.message.startsWith(`${name} is not a field of a message here: `) && !/there are from/.test(error.message), error.message);
  }
  assert.ok(refused.option.length > 15 && refused.field.length > 8);
});

test('every option and field of Nodemailer is in the tables', () => {
  const types = (file) => readFileSync(new URL(`../node_modules/nodemailer/dist/esm/${file}/index.d.ts`, import.meta.url), 'utf8');
  const members = (text, name) => {
    const body = new RegExp(`interface ${name}\\b[^{]*{(.*?)\\n}`, 's').exec(text)[1];
    return [...body.matchAll(/^ {4}(\w+)\?:/gm)].map(([, member]) => member);
  };
  const options = [...members(types('smtp-connection'), 'SMTPConnectionOptions'), ...members(types('smtp-transport'), 'SMTPTransportOptions'), ...members(types('smtp-pool'), 'SMTPPoolOptions'), ...members(types('mailer'), 'TransportOptions')];
  const message = readFileSync(new URL('../node_modules/nodemailer/dist/esm/mailer/mail-message.d.ts', import.meta.url), 'utf8');
  const fields = [...members(types('mail-composer'), 'MailComposerOptions'), ...members(message, 'SendMailOptions')].filter((name) => !name.startsWith('_'));
  const document = readFileSync(new URL('../MIGRATION.md', import.meta.url), 'utf8');
  const missing = [...new Set([...options, ...fields])].filter((name) => !new RegExp(`\`${name}\\b`).test(document));
  assert.deepEqual(missing, []);
  assert.ok(options.length > 30 && fields.length > 30);
});
