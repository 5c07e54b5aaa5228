// What SmtpMail makes of its members.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AddressCollection, MailAddress, SmtpClient, SmtpMail, SmtpServer } from 'sansmtp';
import { ca, smtpServer } from './server.mjs';

async function sent(t, changes) {
  const real = await smtpServer(t);
  const server = Object.assign(new SmtpServer(`localhost ${real.port}`), { tls: { ca } });
  const mail = Object.assign(new SmtpMail(), { from: 'ann@example.com', to: 'bob@example.org', date: new Date(0), messageId: '<1@x>' }, changes);
  await new SmtpClient().sendMailAsync(server, mail);
  return real.messages[0];
}

test('addresses', () => {
  for (const [text, name, address] of [
    ['a@b', '', 'a@b'],
    ['Ann <a@b>', 'Ann', 'a@b'],
    ['"Last, First" <a@b>', 'Last, First', 'a@b'],
    [' "a \\"b\\"" <c@d> ', 'a "b"', 'c@d'],
    ['<a@b>', '', 'a@b'],
  ]) {
    const parsed = new MailAddress(text);
    assert.deepEqual([parsed.name, parsed.address], [name, address], text);
    assert.deepEqual({ ...new MailAddress(parsed.toString()) }, { ...parsed });
  }
  const list = new AddressCollection('a@b, "x, y" <c@d>; Ü <e@f>');
  assert.deepEqual([...list].map(({ address }) => address), ['a@b', 'c@d', 'e@f']);
  assert.equal(list.count, 3);
  list.add('New', 'n@x');
  assert.equal([...list].at(-1).toString(), 'New <n@x>');
  list.clear();
  assert.equal(list.count, 0);
});

test('a plain text is sent as it is', async (t) => {
  const { octets, to } = await sent(t, { subject: 'Hi', textBody: 'one\ntwo\r\n.', cc: 'c@d', bcc: 'e@f, bob@example.org', replyTo: 'r@s' });
  assert.equal(octets.toString(), [
    'Date: Thu, 01 Jan 1970 00:00:00 +0000',
    'From: ann@example.com',
    'To: bob@example.org',
    'Cc: c@d',
    'Reply-To: r@s',
    'Message-ID: <1@x>',
    'Subject: Hi',
    'MIME-Version: 1.0',
    'Content-Type: text/plain; charset=us-ascii',
    'Content-Transfer-Encoding: 7bit',
    '',
    'one',
    'two',
    '.',
    '',
  ].join('\r\n'));
  assert.deepEqual(to, ['bob@example.org', 'c@d', 'e@f']);
});

test('what is not ASCII is encoded and comes back', async (t) => {
  const subject = 'Grüße an alle, 日本語のとても長い件名がここにあります、そして 😀 '.repeat(4);
  const textBody = 'Grüße\n😀\n';
  const octets = (await sent(t, { subject, from: 'Jürgen Ünï <ann@example.com>', textBody })).octets.toString('latin1');
  assert.match(octets, /^[\x00-\x7f]*$/);
  assert.ok(octets.split('\r\n').every((line) => line.length <= 998));
  const header = (name) => new RegExp(`^${name}: (.*(?:\\r\\n .*)*)`, 'm').exec(octets)[1];
  const decode = (value) => value.replace(/\?=\r\n =\?/g, '?==?').replace(/\r\n/g, '').replace(/=\?utf-8\?B\?([^?]*)\?=/g, (_, text) => Buffer.from(text, 'base64').toString());
  assert.equal(decode(header('Subject')), subject);
  assert.ok(header('Subject').split('\r\n').every((line) => line.trim().length <= 75));
  assert.equal(decode(header('From')), 'Jürgen Ünï <ann@example.com>');
  const [, body] = octets.split('\r\n\r\n');
  assert.equal(Buffer.from(body, 'base64').toString(), textBody.replaceAll('\n', '\r\n'));
});

test('HTML, and HTML beside text', async (t) => {
  assert.match((await sent(t, { htmlBody: '<p>hi' })).octets.toString(), /Content-Type: text\/html; charset=us-ascii\r\n.*\r\n\r\n<p>hi\r\n/);
  const both = (await sent(t, { textBody: 'hi', htmlBody: '<p>hi' })).octets.toString();
  const [, boundary] = /boundary="(.*)"/.exec(both);
  assert.deepEqual(both.split(`--${boundary}`).length, 4);
});
