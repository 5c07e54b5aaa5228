// The transport plug-in, driven by Nodemailer as its documentation shows.
import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { dkimVerify } from 'mailauth/lib/dkim/verify.js';
import nodemailer from 'nodemailer';
import PostalMime from 'postal-mime';
import { sansmtp } from 'sansmtp/nodemailer';
import { TestServer } from 'sansmtp/testing';
import { ca, password, smtpServer, user } from './server.mjs';

const hello = { from: 'ann@example.com', to: 'bob@example.org', subject: 'Hi', text: 'Hi.' };
const failure = (promise) => promise.then((value) => assert.fail(`resolved: ${JSON.stringify(value)}`), (error) => error);
const login = { user, pass: password };
/** Nodemailer, with a real server. */
async function real(t, options = {}, serverOptions = {}) {
  const server = await smtpServer(t, serverOptions);
  const transporter = nodemailer.createTransport(sansmtp({ host: 'localhost', port: server.port, tls: { ca }, auth: login, ...options }));
  t.after(() => transporter.close());
  return { server, transporter };
}

test('the version is that of the package', () => {
  const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'));
  assert.equal(sansmtp('smtp://x').version, version);
});

test('HTML with attachments, over STARTTLS, with a login', async (t) => {
  const { server, transporter } = await real(t);
  assert.equal(await transporter.verify(), true);
  const info = await transporter.sendMail({
    from: '"Ann, Ü" <ann@example.com>', to: 'bob@example.org, refused@example.org', bcc: 'c@example.org', subject: 'Grüße', text: 'Hi.',
    html: '<p>Hi. <img src="cid:l">', attachments: [{ filename: 'ü.txt', content: 'Grüße' }, { filename: 'l.png', cid: 'l', content: Buffer.from('png') }],
  });
  assert.deepEqual([info.accepted, info.rejected, info.rejectedErrors[0].responseCode], [['bob@example.org', 'c@example.org'], ['refused@example.org'], 550]);
  assert.match(info.response, /^250 /);
  assert.deepEqual(info.envelope, { from: 'ann@example.com', to: ['bob@example.org', 'refused@example.org', 'c@example.org'] });
  const [received] = server.messages;
  assert.deepEqual([received.secure, received.user], [true, user]);
  const mail = await PostalMime.parse(received.octets);
  assert.deepEqual([mail.from.name, mail.subject, mail.text.trim(), mail.attachments.map(({ filename }) => filename)], ['Ann, Ü', 'Grüße', 'Hi.', ['l.png', 'ü.txt']]);
  assert.equal(mail.messageId, info.messageId);
});

test('DKIM of Nodemailer', async () => {
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const server = new TestServer();
  const dkim = { domainName: 'example.com', keySelector: 'k', privateKey: privateKey.export({ type: 'pkcs8', format: 'pem' }) };
  await nodemailer.createTransport(sansmtp({ host: 'x', smtpHost: server.host })).sendMail({ ...hello, dkim });
  const record = `v=DKIM1; k=rsa; p=${publicKey.export({ type: 'spki', format: 'der' }).toString('base64')}`;
  const { results } = await dkimVerify(Buffer.from(server.messages[0].octets), { resolver: async () => [[record]] });
  assert.deepEqual(results.map(({ status }) => status.result), ['pass']);
});

test('a pool, with the events and calls of Nodemailer', async (t) => {
  const { server, transporter } = await real(t, { pool: true, maxConnections: 2, maxMessages: 10 });
  const queue = Array.from({ length: 25 }, (_, at) => ({ ...hello, subject: String(at) }));
  const sent = [];
  await new Promise((done) => {
    const next = () => {
      while (transporter.isIdle() && queue.length > 0) sent.push(transporter.sendMail(queue.shift()));
      if (queue.length === 0) done();
    };
    transporter.on('idle', next);
    next();
  });
  await Promise.all(sent);
  assert.equal(new Set(server.messages.map(({ octets }) => /Subject: (\d+)/.exec(octets)[1])).size, 25);
  transporter.close();
  await server.allClosed();
});

test('its error codes', async (t) => {
  for (const [options, serverOptions, changes, code, command, responseCode] of [
    [{ auth: { user, pass: 'wrong' } }, {}, {}, 'EAUTH', 'AUTH', 535],
    [{}, { onMailFrom: (address, session, done) => done(Object.assign(new Error('5.7.1 no'), { responseCode: 550 })) }, {}, 'EENVELOPE', 'MAIL FROM', 550],
    [{}, {}, { to: 'refused@example.org' }, 'EENVELOPE', 'RCPT TO', 550],
    [{ tls: {} }, {}, {}, 'ETLS', 'STARTTLS', undefined],
    [{ requireTLS: true }, { hideSTARTTLS: true, disabledCommands: ['STARTTLS'] }, {}, 'ETLS', 'STARTTLS', undefined],
  ]) {
    const { transporter } = await real(t, options, serverOptions);
    const error = await failure(transporter.sendMail({ ...hello, ...changes }));
    assert.deepEqual([error.code, error.command, error.responseCode], [code, command, responseCode], error.message);
    assert.doesNotMatch(`${error.stack} ${JSON.stringify(error)}`, /wrong'|q8Zv-canary/);
  }
  const closed = await failure(nodemailer.createTransport(sansmtp({ host: 'localhost', port: 1 })).sendMail(hello));
  assert.deepEqual([closed.code, closed.command], ['ECONNECTION', 'CONN']);
  assert.equal((await failure(nodemailer.createTransport(sansmtp({ host: 'gone.invalid' })).verify())).code, 'EDNS');
});

test('callbacks, and a signal', async (t) => {
  const { transporter } = await real(t);
  const info = await new Promise((done, failed) => transporter.sendMail(hello, (error, info) => (error ? failed(error) : done(info))));
  assert.deepEqual(info.accepted, ['bob@example.org']);
  assert.equal((await failure(transporter.sendMail({ ...hello, signal: AbortSignal.abort() }))).code, 'EABORT');
});

test('notifications of delivery', async () => {
  const server = new TestServer();
  await nodemailer.createTransport(sansmtp({ host: 'x', smtpHost: server.host })).sendMail({ ...hello, dsn: { id: 'x', return: 'headers', notify: 'success' } });
  assert.match(server.commands.join('\n'), /RET=HDRS ENVID=x\nRCPT TO:<bob@example.org> NOTIFY=SUCCESS\n/);
});

test('a server without 8BITMIME gets what Nodemailer makes', async () => {
  const server = new TestServer({ capabilities: [] });
  await nodemailer.createTransport(sansmtp({ host: 'x', smtpHost: server.host })).sendMail({ ...hello, text: 'Grüße' });
  assert.equal(server.messages.length, 1);
});

test('what a stream gave is not asked for again', async () => {
  const { Readable } = await import('node:stream');
  let recipients = 0;
  const server = new TestServer({ reply: (command) => (/^RCPT/.test(command) && (recipients += 1) > 2 ? '452 4.5.3 too many recipients' : undefined) });
  const to = 'a@b.example, c@d.example, e@f.example, g@h.example';
  const info = await nodemailer.createTransport(sansmtp({ host: 'x', smtpHost: server.host })).sendMail({ ...hello, to, attachments: [{ filename: 'x', content: Readable.from([Buffer.from('x')]) }] });
  assert.deepEqual([info.accepted, info.rejectedErrors.map(({ responseCode }) => responseCode)], [['a@b.example', 'c@d.example'], [452, 452]]);
});

test('what is Nodemailer\'s own is not left out silently', async () => {
  assert.throws(() => sansmtp({ disableFileAccess: true }), { code: 'ECONFIG', message: /createTransport/ });
  const server = new TestServer();
  await nodemailer.createTransport(sansmtp({ host: 'x', smtpHost: server.host })).sendMail({ ...hello, envelope: { from: 'a@b.example', to: 'c@d.example', dsn: { notify: 'never' } } });
  assert.match(server.commands.join('\n'), /NOTIFY=NEVER/);
});
