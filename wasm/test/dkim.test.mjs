// DKIM signatures, checked by a verifier that nobody here wrote.
import assert from 'node:assert/strict';
import { generateKeyPairSync, webcrypto } from 'node:crypto';
import { test } from 'node:test';
import { dkimVerify } from 'mailauth/lib/dkim/verify.js';
import { SmtpClient, SmtpMail, SmtpServer } from 'sansmtp';
import { dryRun, TestServer } from 'sansmtp/testing';

const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
const ed25519 = generateKeyPairSync('ed25519');
const pem = ({ privateKey }, type = 'pkcs8') => privateKey.export({ type, format: 'pem' });
const records = {
  'rsa._domainkey.example.com': `v=DKIM1; k=rsa; p=${rsa.publicKey.export({ type: 'spki', format: 'der' }).toString('base64')}`,
  'ed._domainkey.example.com': `v=DKIM1; k=ed25519; p=${ed25519.publicKey.export({ type: 'spki', format: 'der' }).subarray(-32).toString('base64')}`,
};
const resolver = async (name) => {
  if (records[name]) return [[records[name]]];
  throw Object.assign(new Error('no record'), { code: 'ENOTFOUND' });
};
const byRsa = { domain: 'example.com', selector: 'rsa', privateKey: pem(rsa) };
const byEd25519 = { domain: 'example.com', selector: 'ed', privateKey: pem(ed25519) };
const mailOf = (changes) => Object.assign(new SmtpMail(), { from: 'Ann <ann@example.com>', to: 'bob@example.org', subject: 'Hi', textBody: 'Hi.', ...changes });
/** What the verifier says of each signature. */
const verify = async (message) => (await dkimVerify(Buffer.from(message), { resolver })).results.map(({ status, signingDomain, selector, algo }) => [status.result, signingDomain, selector, algo]);

const GOOD_RSA = ['pass', 'example.com', 'rsa', 'rsa-sha256'];
const GOOD_ED25519 = ['pass', 'example.com', 'ed', 'ed25519-sha256'];

test('rsa-sha256 and ed25519-sha256, alone and together', async () => {
  for (const [dkim, expected] of [[byRsa, [GOOD_RSA]], [byEd25519, [GOOD_ED25519]], [[byRsa, byEd25519], [GOOD_RSA, GOOD_ED25519]]]) {
    const { message, commands } = await dryRun(mailOf({ dkim }));
    assert.deepEqual(await verify(message), expected);
    assert.match(commands.join('\n'), new RegExp(` SIZE=${message.length}\n`));
    for (const line of Buffer.from(message).toString().split('\r\n')) assert.ok(line.length <= 78, line);
  }
});

test('what is changed in the server while a mail is signed is for the next mail', async () => {
  const test = new TestServer();
  const hosts = [];
  const host = { connect: (options) => (hosts.push(options.hostname), test.host.connect(options)) };
  const server = new SmtpServer('mail.example.com');
  const sending = new SmtpClient({ host }).sendMailAsync(server, mailOf({ dkim: byRsa }));
  server.server = 'other.example.com';
  await sending;
  assert.deepEqual(hosts, ['mail.example.com']);
});

test('keys in other forms', async () => {
  const key = await webcrypto.subtle.importKey('pkcs8', rsa.privateKey.export({ type: 'pkcs8', format: 'der' }), { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' }, false, ['sign']);
  for (const privateKey of [pem(rsa, 'pkcs1'), key]) {
    assert.deepEqual(await verify((await dryRun(mailOf({ dkim: { ...byRsa, privateKey } }))).message), [GOOD_RSA]);
  }
});

test('any header and any body', async () => {
  const attached = mailOf({ dkim: [byRsa, byEd25519], subject: 'Grüße  an   alle', htmlBody: '<p>Hi', cc: 'Cäcilie <c@example.org>', replyTo: 'r@example.com' });
  attached.headers.add('List-Id', 'a <a.example.com>');
  attached.addAttachment('a.bin', { open: () => [new Uint8Array(100_000).fill(7)] });
  assert.deepEqual(await verify((await dryRun(attached)).message), [GOOD_RSA, GOOD_ED25519]);
  for (const textBody of ['', '\n', '\n\n\n', 'a', ' a \t b  \n\n c \n\n\n', 'a\n \n\t\nb', '.\n..\n', `${' '.repeat(900)}\n`.repeat(100), 'x\n'.repeat(40_000)]) {
    assert.deepEqual(await verify((await dryRun(mailOf({ dkim: byRsa, textBody }))).message), [GOOD_RSA], JSON.stringify(textBody.slice(0, 50)));
  }
});

test('finished messages, with line ends of any kind, cut anywhere', async () => {
  for (const message of [
    'From: ann@example.com\r\nSubject: a\r\n b\r\n\r\nHi.\r\n',
    'From: ann@example.com\nSubject: a\n\tb\n\nHi. \n\n\n',
    'From: ann@example.com\rSubject: a\r\rHi.\rYou.',
    'From: ann@example.com\r\n\r\n',
    'From: ann@example.com\r\n',
    'FROM :  ann@example.com  \r\nX: 1\r\nX: 2\r\n\r\n\r\n\r\nHi',
    'From: ann@example.com\r\nSubject: Grüße\r\n\r\nGrüße\r\n',
  ]) {
    const octets = new TextEncoder().encode(message);
    for (const size of [1, 2, 3, 7, 1000]) {
      const open = function* () {
        for (let at = 0; at < octets.length; at += size) yield octets.subarray(at, at + size);
      };
      const sent = await dryRun(mailOf({ dkim: byRsa, message: { open } }));
      assert.deepEqual(await verify(sent.message), [GOOD_RSA], JSON.stringify([message, size]));
    }
  }
});

test('what is changed, or added, breaks the signature', async () => {
  const { text } = await dryRun(mailOf({ dkim: byRsa }));
  // The verifier calls a body that does not fit its hash neutral.
  for (const changed of [
    text.replace('Hi.', 'Ho.'), text.replace('Subject: Hi', 'Subject: Ho'), text.replace('Subject: Hi', 'Subject: Hi\r\nSubject: Ho'),
    text.replace('From: ', 'From: Eve <eve@example.net>\r\nFrom: '), text.replace('To: ', 'Cc: eve@example.net\r\nTo: '),
  ]) {
    assert.notEqual(changed, text);
    assert.notEqual((await verify(changed))[0][0], 'pass');
  }
});

test('the names that are signed can be chosen', async () => {
  const { text, message } = await dryRun(mailOf({ dkim: { ...byRsa, headers: ['From', 'Subject'] } }));
  assert.match(text, / h=from:subject;/);
  assert.deepEqual(await verify(message), [GOOD_RSA]);
});

test('the clock of the host makes the same RSA signature again', async () => {
  const fixed = { now: () => 86_400_000, random: (length) => new Uint8Array(length) };
  const [one, two] = await Promise.all([dryRun(mailOf({ dkim: byRsa }), undefined, fixed), dryRun(mailOf({ dkim: byRsa }), undefined, fixed)]);
  assert.equal(one.text, two.text);
  assert.match(one.text, / t=86400;/);
});

test('what is not right says what is', async () => {
  for (const [dkim, message] of [
    [{ ...byRsa, domain: 'a b' }, /dkim.domain/],
    [{ ...byRsa, domain: 'example.com; x=1' }, /dkim.domain/],
    [{ ...byRsa, selector: 'a\r\nb' }, /dkim.selector/],
    [{ ...byRsa, privateKey: 'secret words' }, /must be a private key as PEM/],
    [{ ...byRsa, privateKey: '-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----' }, /no RSA or Ed25519 key/],
    [{ ...byRsa, headers: ['subject'] }, /from must be one of them/],
    [{ ...byRsa, keySelector: 'x' }, /keySelector is no option of dkim/],
  ]) {
    const error = await dryRun(mailOf({ dkim })).catch((error) => error);
    assert.deepEqual([error.code, error.suspects], ['ECONFIG', ['dkim']]);
    assert.match(error.message, message);
    assert.doesNotMatch(`${error.stack}${error.cause?.stack}`, /secret words|AAAA/);
  }
  const stream = mailOf({ dkim: byRsa, message: new Blob(['From: a@b\r\n\r\nx']).stream() });
  await assert.rejects(dryRun(stream), /reads the message twice/);
});

test('what a review of strangers broke', async () => {
  const latin = new Uint8Array([...Buffer.from('From: ann@example.com\r\nSubject: voil\xc3\xa0', 'latin1'), ...Buffer.from('\r\n\r\nx\r\n')]);
  for (const message of [`From: ann@example.com\r\n\r\n${'x'.repeat(78)}\r\n`.padEnd(3 << 20, 'y\r\n'), latin, 'From: ann@example.com\r\nSubject: x \f\r\n\r\nx', 'From: ann@example.com\r\n\r\nHi.\r', 'From: ann@example.com\r\n\r']) {
    assert.deepEqual(await verify((await dryRun(mailOf({ dkim: byRsa, message }))).message), [GOOD_RSA], JSON.stringify(message.slice(0, 60)));
  }
  await assert.rejects(dryRun(mailOf({ dkim: { ...byRsa, headers: ['from', 'a;l=0'] } })), /dkim.headers/);
  const sha1 = await webcrypto.subtle.importKey('pkcs8', rsa.privateKey.export({ type: 'pkcs8', format: 'der' }), { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-1' }, false, ['sign']);
  await assert.rejects(dryRun(mailOf({ dkim: { ...byRsa, privateKey: sha1 } })), /with SHA-256/);
  assert.deepEqual(await verify((await dryRun(mailOf({ dkim: { ...byRsa, privateKey: byRsa.privateKey.replaceAll('\n', '\\n') } }))).message), [GOOD_RSA]);
});

test('signing is given up with the mail', async () => {
  const mail = mailOf({ dkim: byRsa });
  mail.addAttachment('never', { open: () => new ReadableStream({}) });
  const { SmtpClient, SmtpServer } = await import('sansmtp');
  await assert.rejects(new SmtpClient().sendMailAsync(new SmtpServer('x'), mail, { timeout: 50 }), { code: 'ETIMEDOUT' });
  const sending = new SmtpClient().sendMailAsync(new SmtpServer('x'), mail);
  sending.cancel();
  await assert.rejects(sending, { code: 'EABORT' });
});
