// What SmtpMail makes, read back by parsers that nobody here wrote.
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { pathToFileURL } from 'node:url';
import fc from 'fast-check';
import { extract } from 'letterparser';
import { simpleParser } from 'mailparser';
import PostalMime from 'postal-mime';
import { AddressCollection, MailAddress, SmtpError, SmtpMail } from 'sansmtp';
import { dryRun, TestServer } from 'sansmtp/testing';

const fixed = { now: () => Date.UTC(2026, 10, 22, 5), random: (length) => new Uint8Array(length).fill(7) };
const mailOf = (changes) => Object.assign(new SmtpMail(), { from: 'ann@example.com', to: 'bob@example.org', ...changes });
const made = async (changes) => dryRun(mailOf(changes), undefined, fixed);

/** Text without its line ends' form, and without the last one. */
const lines = (text) => (text ?? '').replace(/\r\n?/g, '\n').replace(/\n$/, '');
const address = ({ name = '', address }) => ({ name, address });

/** What two parsers say of a message, in one form. */
async function read({ message, text }) {
  const postal = await PostalMime.parse(message);
  const mailparser = await simpleParser(Buffer.from(message), { keepCidLinks: true, skipTextToHtml: true, skipHtmlToText: true });
  const people = (field) => (field ? [field].flat().flatMap(({ value }) => value).map(address) : []);
  return {
    postal: {
      from: address(postal.from),
      ...Object.fromEntries(['to', 'cc', 'bcc', 'replyTo'].map((name) => [name, (postal[name] ?? []).map(address)])),
      subject: postal.subject ?? '',
      date: postal.date,
      messageId: postal.messageId,
      text: lines(postal.text),
      html: lines(postal.html),
      attachments: postal.attachments.map(({ filename, mimeType, disposition, contentId, content }) =>
        ({ name: filename ?? '', type: mimeType, disposition, cid: contentId?.slice(1, -1), content: Buffer.from(content).toString('hex') })),
    },
    mailparser: {
      from: address(mailparser.from.value[0]),
      ...Object.fromEntries(['to', 'cc', 'bcc', 'replyTo'].map((name) => [name, people(mailparser[name])])),
      subject: mailparser.subject ?? '',
      date: mailparser.date.toISOString(),
      messageId: mailparser.messageId,
      text: lines(mailparser.text),
      html: lines(mailparser.html || ''),
      attachments: mailparser.attachments.map(({ filename, contentType, contentDisposition, cid, content }) =>
        ({ name: filename ?? '', type: contentType, disposition: contentDisposition, cid, content: content.toString('hex') })),
    },
    third: extract(text),
  };
}

/** What the mail says itself. */
function expected(mail) {
  const people = (input) => (Array.isArray(input) ? input : [input]).flatMap((one) => [...(one instanceof MailAddress ? [one] : new AddressCollection(String(one)))]).map(address);
  return {
    from: people(mail.from)[0],
    to: people(mail.to),
    cc: people(mail.cc),
    bcc: [],
    replyTo: people(mail.replyTo),
    subject: mail.subject,
    date: (mail.date ?? new Date(fixed.now())).toISOString(),
    messageId: mail.messageId ?? `<${'07'.repeat(16)}@example.com>`,
    text: lines(mail.textBody),
    html: lines(mail.htmlBody),
    attachments: mail.attachments.map(({ name, contentType, disposition, cid, content }) =>
      ({ name, type: contentType.split(';')[0], disposition, cid, content: Buffer.from(content).toString('hex') })),
  };
}

/** Both parsers read what the mail says; so does a third, as far as it goes; and the form is right. */
async function comesBack(changes, prepare = () => {}) {
  const mail = mailOf(changes);
  prepare(mail);
  const sent = await dryRun(mail, undefined, fixed);
  const { postal, mailparser, third } = await read(sent);
  assert.deepEqual(postal, expected(mail));
  assert.deepEqual(mailparser, expected(mail));
  assert.equal(third.subject ?? '', mail.subject.replace(/ +/g, ' '));
  // The third reads addresses only after it has decoded words: a name with these becomes another address.
  if (!/[<>"]/.test(expected(mail).from.name)) assert.equal(third.from.address, expected(mail).from.address);
  isWellFormed(sent.message);
  assert.match(sent.commands.join('\n'), new RegExp(`MAIL FROM:.* SIZE=${sent.message.length}\\b`));
  return sent;
}

/** Lines end in CRLF and are short, those of headers with encoded words too (RFC 5322 §2.1.1, RFC 2047 §2). */
function isWellFormed(message) {
  const text = Buffer.from(message).toString('latin1');
  assert.doesNotMatch(text, /[^\r]\n|\r[^\n]|\0/);
  const all = text.split('\r\n');
  assert.equal(all.at(-1), '');
  for (const line of all) assert.ok(line.length <= 998, line);
  for (const line of all.slice(0, all.indexOf(''))) {
    if (/=\?utf-8\?/.test(line)) assert.ok(line.length <= 76, line);
    assert.doesNotMatch(line, /^[ \t]*$/);
  }
}

test('plain text, HTML, both, neither', async () => {
  const plain = await comesBack({ subject: 'Hi', textBody: 'one\ntwo\r\n.\n..\nFrom me' });
  assert.match(plain.text, /Content-Type: text\/plain; charset=us-ascii\r\nContent-Transfer-Encoding: 7bit\r\n\r\none\r\n/);
  await comesBack({ subject: 'Hi', htmlBody: '<p>Hi &amp; <b>bye</b>' });
  const both = await comesBack({ subject: 'Hi', textBody: 'Hi', htmlBody: '<p>Hi' });
  assert.match(both.text, /Content-Type: multipart\/alternative;/);
  await comesBack({ subject: '', textBody: '' });
});

test('attachments, pictures in HTML, both, and nothing else', async () => {
  const octets = Uint8Array.from({ length: 1000 }, (_, at) => at * 7);
  await comesBack({ textBody: 'See.' }, (mail) => mail.addAttachment('a.bin', octets));
  await comesBack({}, (mail) => mail.addAttachment('only.pdf', octets));
  await comesBack({ htmlBody: '<img src="cid:logo@x">' }, (mail) => mail.addAttachment('logo.png', octets, { cid: 'logo@x' }));
  const nested = await comesBack({ textBody: 'Hi', htmlBody: '<img src="cid:l">' }, (mail) => {
    mail.addAttachment('l.gif', octets, { cid: '<l>' });
    mail.addAttachment('a, "b"; c.csv', octets, { contentType: 'application/x-own' });
    mail.addAttachment('empty', new Uint8Array());
    mail.addAttachment('text.txt', Buffer.from('Grüße'));
  });
  const order = [...nested.text.matchAll(/Content-Type: ([\w/]+)/gi)].map(([, type]) => type);
  assert.deepEqual(order, ['multipart/mixed', 'multipart/alternative', 'text/plain', 'multipart/related', 'text/html', 'image/gif', 'application/x', 'application/octet', 'text/plain']);
});

test('ten languages, right to left, emoji', async () => {
  for (const text of [
    'Grüße aus Köln', 'Cześć, świecie', 'Привет, мир', 'Γειά σου Κόσμε', '你好,世界', 'こんにちは世界', '안녕하세요 세계', 'नमस्ते दुनिया', 'สวัสดีชาวโลก',
    'Chào thế giới', 'مرحبا بالعالم', 'שלום עולם', '👩‍👩‍👧‍👦 🏳️‍🌈 Zoë 🇩🇪',
  ]) {
    await comesBack({ subject: text, from: new MailAddress(text, 'ann@example.com'), to: [new MailAddress(`${text}, ${text}`, 'bob@example.org')], textBody: `${text}\n`.repeat(30), htmlBody: `<p>${text}` },
      (mail) => mail.addAttachment(`${text}.txt`, Buffer.from(text)));
  }
});

test('long subjects, with and without spaces', async () => {
  for (const subject of ['word '.repeat(300).trim(), 'x'.repeat(2000), 'é'.repeat(1000), 'Re: '.repeat(100) + 'Grüße', '=?utf-8?Q?not=20one?= of these', 'a  b   c']) {
    await comesBack({ subject, textBody: 'x'.repeat(3000) });
  }
});

test('1,000 recipients', async () => {
  const to = Array.from({ length: 1000 }, (_, at) => new MailAddress(at % 2 ? `Nü ${at}` : `N. ${at}`, `r${at}@example.org`));
  const { commands } = await comesBack({ to, textBody: 'Hi' });
  assert.equal(commands.filter((command) => command.startsWith('RCPT')).length, 1000);
});

test('Bcc is in the envelope alone', async () => {
  const sent = await comesBack({ cc: 'c@example.org', bcc: 'Secret <secret@example.org>, bob@example.org', textBody: 'Hi' });
  assert.deepEqual(sent.envelope.to, ['bob@example.org', 'c@example.org', 'secret@example.org']);
  assert.doesNotMatch(sent.text, /secret/i);
});

test('four settings for who sends: from, sender, reply-to, return path', async () => {
  const sent = await comesBack({ from: 'Ann <ann@example.com>', sender: 'Office <office@example.com>', replyTo: 'Desk <desk@example.com>', textBody: 'Hi' });
  assert.match(sent.text, /^Sender: Office <office@example.com>\r$/m);
  assert.equal(sent.envelope.from, 'office@example.com');
  assert.equal((await made({ sender: 'office@example.com', returnPath: 'bounces@example.com' })).envelope.from, 'bounces@example.com');
  assert.equal((await made({ returnPath: '<>' })).commands.find((command) => command.startsWith('MAIL')).split(' ')[1], 'FROM:<>');
});

test('headers of one\'s own, and priority', async () => {
  const mail = mailOf({ priority: 'high', messageId: '7@example.com', date: new Date(0) });
  mail.headers.add('X-One', 'a');
  mail.headers.add('X-One', 'Grüße an alle');
  mail.headers.add('References', Array.from({ length: 40 }, (_, at) => `<${at}@example.com>`).join(' '));
  mail.headers.add('X-Two', 'b');
  mail.headers.replace('x-two', 'c');
  mail.headers.add('X-Gone', 'd');
  mail.headers.remove('X-GONE');
  assert.deepEqual([...mail.headers].map(([name]) => name), ['X-One', 'X-One', 'References', 'x-two']);
  const { headers } = await PostalMime.parse((await dryRun(mail, undefined, fixed)).message);
  const value = (name) => headers.filter(({ key }) => key === name).map((header) => header.value);
  assert.deepEqual(value('x-one'), ['a', '=?utf-8?B?R3LDvMOfZQ==?= an alle']);
  assert.deepEqual(value('references'), [Array.from({ length: 40 }, (_, at) => `<${at}@example.com>`).join(' ')]);
  assert.deepEqual([value('x-two'), value('x-gone'), value('x-priority'), value('importance'), value('message-id')], [['c'], [], ['1'], ['high'], ['<7@example.com>']]);
  assert.match((await made({ priority: 5 })).text, /X-Priority: 5\r\nImportance: low/);
});

test('no value becomes a second header', async () => {
  const evil = ['a\r\nBcc: x@evil.example', 'a\nX: y', 'a\rX: y', 'a\0b'];
  for (const text of evil) {
    await assert.rejects(made({ subject: text }), { code: 'EMESSAGE' });
    await assert.rejects(made({ from: new MailAddress(text, 'a@b') }), { code: 'EMESSAGE' });
    await assert.rejects(made({ to: [new MailAddress('a', `a@b${text}`)] }), { code: 'EENVELOPE' });
    await assert.rejects(made({ messageId: `<${text}>` }), { code: 'EMESSAGE' });
    assert.throws(() => mailOf({}).headers.add('X', text), { code: 'EMESSAGE' });
    assert.throws(() => mailOf({}).headers.add(text, 'x'), { code: 'EMESSAGE' });
    assert.throws(() => mailOf({}).addAttachment('a', 'b', { contentType: `text/plain; x=${text}` }), { code: 'EMESSAGE' });
    assert.throws(() => mailOf({}).addAttachment('a', 'b', { cid: text }), { code: 'EMESSAGE' });
    const named = mailOf({ textBody: 'x' });
    named.addAttachment(text, 'b');
    await assert.rejects(dryRun(named), { code: 'EMESSAGE' });
  }
  assert.throws(() => mailOf({}).headers.add('Bcc', 'x@y'), /set bcc/);
  assert.throws(() => mailOf({}).headers.add('Content-Type', 'text/html'), /finished message/);
  assert.throws(() => mailOf({}).headers.add('X', 'y'.repeat(999)), /put spaces into it/);
});

test('what is not right says what is', async () => {
  for (const [changes, message] of [
    [{ from: '' }, /set from/],
    [{ from: 'a@b, c@d' }, /more than one sender/],
    [{ to: '' }, /set to, cc or bcc/],
    [{ to: ['a@b', 7] }, /to must be text, a MailAddress/],
    [{ subject: 7 }, /subject must be a string/],
    [{ charset: 'iso-8859-1' }, /leave it at utf-8/],
    [{ date: new Date('x') }, /valid Date/],
    [{ priority: 'urgent' }, /high, normal or low/],
    [{ attachments: ['a.txt'] }, /addAttachment/],
    [{ text: 'x' }, /text is not a member of SmtpMail. Use textBody./],
    [{ subjct: 'x' }, /Did you mean subject\?/],
    [{ zzz: 'x' }, /zzz is not a member of SmtpMail; there are from,/],
    [{ deliveryNotification: { notifi: 'NEVER' } }, /there are notify, recipients/],
    [{ deliveryNotification: { recipients: { 'x@y': 'NEVER' } } }, /no recipient of the mail/],
    [{ to: '"unclosed <a@b>, c@d' }, /unclosed/],
  ]) {
    await assert.rejects(made(changes), (error) => ['EENVELOPE', 'EMESSAGE'].includes(error.code) && message.test(error.message), JSON.stringify(changes));
  }
  assert.throws(() => mailOf({}).addAttachment('a', 7), /must be text, a Uint8Array/);
  assert.throws(() => mailOf({}).addAttachment('a', 'b', { type: 'x/y' }), /there are contentType, cid, disposition/);
  assert.throws(() => mailOf({}).addAttachment('a', 'b', { contentType: 'pdf' }), /not a media type/);
});

test('addresses in lists: quotes, comments, groups, brackets', () => {
  for (const [text, found] of [
    ['a@b, c@d; e@f', ['a@b', 'c@d', 'e@f']],
    ['"x, y" <a@b>, Team: c@d, e@f;', ['a@b', 'c@d', 'e@f']],
    ['undisclosed-recipients:;', []],
    ['a@[IPv6:::1], <b@[IPv6:::1]>', ['a@[IPv6:::1]', 'b@[IPv6:::1]']],
    ['"a@b, c"@d, e@f', ['"a@b, c"@d', 'e@f']],
    ['"a\\"b, c" <d@e>, f@g', ['d@e', 'f@g']],
    [' , ;', []],
    ['"open <a@b>, c@d', ['"open <a@b>, c@d']],
  ]) {
    assert.deepEqual([...new AddressCollection(text)].map(({ address }) => address), found, text);
  }
});

test('notifications of delivery', async () => {
  const { commands } = await made({
    to: 'bob@example.org, kim@example.org',
    deliveryNotification: { notify: ['success', 'failure'], return: 'HDRS', envelopeId: 'order 7', recipients: { 'kim@example.org': 'NEVER' } },
    parameters: { 'X-OWN': 'x' },
  }).catch((error) => error);
  assert.equal(commands, undefined, 'a parameter that is not offered is an error');
  const sent = await made({
    to: 'bob@example.org, kim@example.org',
    deliveryNotification: { notify: ['success', 'failure'], return: 'HDRS', envelopeId: 'order 7', recipients: { 'kim@example.org': 'NEVER' } },
  });
  assert.match(sent.commands.join('\n'), /MAIL FROM:<ann@example.com> .*RET=HDRS ENVID=order\+207\nRCPT TO:<bob@example.org> NOTIFY=SUCCESS,FAILURE\nRCPT TO:<kim@example.org> NOTIFY=NEVER\n/);
});

test('other forms of the text, such as an invitation', async () => {
  const mail = mailOf({ textBody: 'Come.', htmlBody: '<p>Come.' });
  mail.alternatives.push({ contentType: 'text/calendar; method=REQUEST', content: 'BEGIN:VCALENDAR\nEND:VCALENDAR\n' });
  const { text, message } = await dryRun(mail);
  assert.match(text, /Content-Type: text\/calendar; charset=us-ascii; method=REQUEST\r\nContent-Transfer-Encoding: 7bit\r\n\r\nBEGIN/);
  assert.equal(lines((await PostalMime.parse(message)).text), 'Come.');
});

test('a message in a message is not encoded', async () => {
  const inner = 'Subject: in\n\nGrüße\n';
  const mail = mailOf({ textBody: 'See.' });
  mail.addAttachment('in.eml', inner);
  const sent = await dryRun(mail);
  assert.match(sent.text, /Content-Type: message\/rfc822\r\nContent-Transfer-Encoding: 8bit\r\nContent-Disposition: attachment; filename=in.eml\r\n\r\nSubject: in\r\n\r\nGrüße\r\n/);
  assert.match(sent.commands.join('\n'), new RegExp(` SIZE=${sent.message.length} BODY=8BITMIME`));
  const streamed = mailOf({ textBody: 'See.' });
  streamed.addAttachment('in.eml', new Blob([inner]));
  assert.match((await dryRun(streamed)).text, /application\/octet-stream/);
});

test('addresses that are not ASCII', async () => {
  const domain = await made({ to: 'bob@xn--bcher-kva.example', textBody: 'Hi' });
  const unicode = await made({ to: 'bob@bücher.example', textBody: 'Hi' });
  assert.deepEqual([unicode.text, unicode.commands], [domain.text, domain.commands]);
  const local = await made({ to: 'Jörg <jörg@example.org>', textBody: 'Hi' });
  assert.match(local.text, /\r\nTo: =\?utf-8\?B\?SsO2cmc=\?= <jörg@example.org>\r\n/);
  assert.match(local.commands.join('\n'), /MAIL .* BODY=8BITMIME SMTPUTF8/);
});

test('attachments from files, links, blobs, streams', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'sansmtp-'));
  t.after(() => rm(folder, { recursive: true }));
  const octets = Buffer.alloc(200_000, 'Grüße\0');
  const path = join(folder, 'ü b.pdf');
  await writeFile(path, octets);
  let requests = 0;
  const web = createServer((request, response) => {
    requests += 1;
    if (request.url === '/gone.png') response.writeHead(404).end();
    else response.writeHead(200, { 'content-type': 'image/webp', 'content-length': octets.length }).end(octets);
  });
  await new Promise((ready) => web.listen(0, '127.0.0.1', ready));
  t.after(() => web.close());
  const url = `http://127.0.0.1:${web.address().port}`;
  const mail = mailOf({ textBody: 'See.' });
  await mail.addAttachmentAsync(path);
  await mail.addAttachmentAsync(pathToFileURL(path));
  await mail.addAttachmentAsync(`${url}/p%20q.png?size=7`);
  await mail.addAttachmentAsync(`data:text/csv;base64,${Buffer.from('a;b').toString('base64')}`, { disposition: 'inline' });
  mail.addAttachment('blob', new Blob([octets]));
  mail.addAttachment('iterable', (async function* () {
    for (let at = 0; at < octets.length; at += 1001) yield octets.subarray(at, at + 1001);
  })());
  mail.addAttachment('web stream', new Blob([octets]).stream());
  mail.addAttachment('source', { open: () => [octets, octets], length: octets.length * 2 });
  const sent = await dryRun(mail);
  isWellFormed(sent.message);
  const { mailparser, postal } = await read(sent);
  for (const { attachments } of [mailparser, postal]) {
    assert.deepEqual(attachments.map(({ name, type }) => [name, type]), [
      ['ü b.pdf', 'application/pdf'], ['ü b.pdf', 'application/pdf'], ['p q.png', 'image/webp'], ['', 'text/csv'], ['blob', 'application/octet-stream'],
      ['iterable', 'application/octet-stream'], ['web stream', 'application/octet-stream'], ['source', 'application/octet-stream'],
    ]);
    const whole = octets.toString('hex');
    assert.deepEqual(attachments.map(({ content }) => content), [whole, whole, whole, Buffer.from('a;b').toString('hex'), whole, whole, whole, whole + whole]);
  }
  assert.equal(requests, 1);
  await assert.rejects(dryRun(mail), { code: 'ESTREAM' }, 'streams can be sent only once');
  await assert.rejects(mail.addAttachmentAsync(`${url}/gone.png`), /404/);
  await assert.rejects(mail.addAttachmentAsync(join(folder, 'gone')), { code: 'EMESSAGE', message: /cannot be read: ENOENT/ });
});

test('the size of what is read later is known beforehand, if it is told', async () => {
  for (const length of [0, 1, 2, 3, 56, 57, 58, 113, 114, 115, 58_367, 58_368, 58_369, 200_000]) {
    const mail = mailOf({ textBody: 'See.' });
    const octets = Buffer.alloc(length, 7);
    mail.addAttachment('a', { open: () => [octets.subarray(0, 10), octets.subarray(10)], length });
    const { message, commands } = await dryRun(mail);
    assert.match(commands.join('\n'), new RegExp(` SIZE=${message.length}\n`), String(length));
  }
});

test('clock and randomness of the host make the same message again', async () => {
  const one = await made({ textBody: 'a', htmlBody: 'b' });
  assert.deepEqual((await made({ textBody: 'a', htmlBody: 'b' })).message, one.message);
  assert.match(one.text, /^Date: Sun, 22 Nov 2026 05:00:00 \+0000\r\n/);
  const two = await dryRun(mailOf({ textBody: 'a', htmlBody: 'b' }));
  assert.notEqual(two.messageId, one.messageId);
});

test('any mail comes back as it was', async () => {
  const word = fc.string({ unit: 'grapheme', maxLength: 60 });
  // What parsers do not keep: spaces around a value, and characters that no header has.
  const line = word.map((text) => text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, '').replace(/\s+/g, ' ').trim());
  const body = fc.array(fc.string({ unit: fc.oneof(fc.constant('\n'), fc.constant('='), fc.constant(' '), fc.constant('.'), fc.string({ unit: 'grapheme', minLength: 1, maxLength: 1 })) }), { maxLength: 20 })
    .map((parts) => parts.join('').replace(/[\p{Cc}]/gu, (char) => (char === '\n' ? char : '')).replace(/\s+$/, ''));
  const files = fc.array(fc.record({ name: line.filter((name) => name !== ''), octets: fc.uint8Array({ maxLength: 300 }) }), { maxLength: 3 });
  await fc.assert(
    fc.asyncProperty(line, line, line, body, body, files, async (subject, from, to, textBody, htmlBody, attachments) => {
      await comesBack({ subject, from: new MailAddress(from, 'ann@example.com'), to: [new MailAddress(to, 'bob@example.org')], textBody, htmlBody }, (mail) => {
        for (const { name, octets } of attachments) mail.addAttachment(name, octets, { contentType: 'application/x-any' });
      });
    }),
    { numRuns: Number(process.env.SANSMTP_RUNS ?? 200) },
  );
});

test('what a review of strangers broke', async () => {
  const begin = performance.now();
  for (const text of [`${' '.repeat(20_000)}<`, ' '.repeat(20_000), `${'<'.repeat(20_000)}`, `"${'\\'.repeat(20_001)}`, '@'.repeat(20_000), `a@${'b'.repeat(20_000)}(`]) new MailAddress(text);
  assert.ok(performance.now() - begin < 2000, 'addresses are read in linear time');
  await comesBack({ message: null, textBody: 'important' });
  for (const address of ['a@b>, "Evil" <evil@x.example', 'not an address at all', '', 'a\u0007@b', '\ud800@b', 'a b@c']) {
    for (const member of ['replyTo', 'sender']) await assert.rejects(made({ [member]: new MailAddress('Ann', address), returnPath: 'a@b' }), { code: 'EENVELOPE' }, address);
  }
  await assert.rejects(made({ messageId: `<${'x'.repeat(1000)}@y>` }), /a line takes 900/);
  await assert.rejects(made({ replyTo: `${'x'.repeat(1000)}@y` }), /a line takes 900/);
  assert.throws(() => mailOf({}).addAttachment('a', 'b', { contentType: 'multipart/mixed; boundary=x' }), /cannot have the type/);
  assert.throws(() => mailOf({}).addAttachment('a', 'b', { cid: 'größe' }), /one word of ASCII/);
  const labelled = mailOf({ textBody: 'x' });
  labelled.addAttachment('a.txt', 'Grüße', { contentType: 'text/plain; charset=iso-8859-1; x=y' });
  labelled.alternatives.push({ contentType: 'text/x-own; charset=iso-8859-1', content: 'Grüße' });
  const { text } = await dryRun(labelled);
  assert.match(text, /Content-Type: text\/plain; x=y; charset=utf-8/);
  assert.doesNotMatch(text, /8859/);
  // A message in a message, both with the same randomness.
  const inner = mailOf({ textBody: 'a' });
  inner.addAttachment('one.bin', Buffer.from([1]));
  const outer = mailOf({ textBody: 'b' });
  outer.addAttachment('a.eml', (await dryRun(inner, undefined, fixed)).message);
  outer.addAttachment('two.bin', Buffer.from([2]));
  const nested = await PostalMime.parse((await dryRun(outer, undefined, fixed)).message);
  assert.deepEqual(nested.attachments.map(({ filename }) => filename), ['a.eml', 'two.bin']);
  const short = mailOf({ textBody: 'x' });
  short.addAttachment('a', { open: () => [Buffer.from('abc')], length: 4 });
  await assert.rejects(dryRun(short), /has 3 octets, and 4 were declared/);
});

/** Values that no member takes, or that some do. */
const ODD = [undefined, null, true, 0, 7, NaN, -1, 10n, Symbol('x'), '', 'x', 'a@b', '\ud800', {}, [], [null], [7], [[]], [{}], { to: 7 }, () => 7, new Date(NaN), new Date(0), /x/, new Map(),
  new Uint8Array(), new ArrayBuffer(2), Promise.resolve('x'), Object.create(null), new Proxy({}, {}), { toString: null }, { length: 3 }, new Error('x')];

test('whatever a member is set to, the mail is sent or an error says what is wrong with it', async () => {
  const outcomes = [];
  const dkim = { domain: 'example.com', selector: 'a', privateKey: 'x' };
  const inner = { dkim: { ...dkim, headers: [] }, deliveryNotification: { notify: '', recipients: {}, return: '', envelopeId: '' }, envelope: { from: '', to: [] }, parameters: { SIZE: 1 } };
  const cases = [...Object.keys(new SmtpMail()), 'unknown'].flatMap((member) => ODD.map((value) => [member, value]));
  for (const [member, of] of Object.entries(inner)) for (const name of Object.keys(of)) for (const value of ODD) cases.push([member, { ...(member === 'dkim' ? of : {}), [name]: value }]);
  for (const [member, value] of cases) {
    try {
      await dryRun(mailOf({ textBody: 'x', [member]: value }), undefined, fixed);
    } catch (error) {
      const isClear = error instanceof SmtpError && ['EENVELOPE', 'EMESSAGE', 'ECONFIG', 'ESTREAM'].includes(error.code) && !/undefined is|not a function|Cannot (read|convert)|is not iterable/.test(error.message);
      if (!isClear) outcomes.push([member, typeof value === 'object' ? JSON.stringify(value) : typeof value, error.name, error.message]);
    }
  }
  assert.deepEqual(outcomes, []);
  for (const value of ODD) {
    for (const make of [() => new MailAddress(value), () => new MailAddress('a', value), () => new AddressCollection(value), () => new AddressCollection().add(value), () => mailOf({}).addAttachment(value, 'x'),
      () => mailOf({}).addAttachment('x', value), () => mailOf({}).addAttachment('x', 'y', value), ...['contentType', 'cid', 'disposition'].map((name) => () => mailOf({}).addAttachment('x', 'y', { [name]: value })),
      () => mailOf({}).headers.add(value, 'x'), () => mailOf({}).headers.add('X', value), () => mailOf({}).headers.replace(value, 'x'), () => mailOf({}).headers.remove(value)]) {
      try {
        make();
      } catch (error) {
        assert.equal(error.name, 'SmtpError', `${make} ${error.stack}`);
      }
    }
  }
});

test('what is wrong with an address is told in the same way wherever it is', async () => {
  for (const [member, suspect] of [['from', 'sender'], ['sender', 'sender'], ['returnPath', 'sender'], ['to', 'recipient'], ['cc', 'recipient'], ['bcc', 'recipient'], ['replyTo', 'message']]) {
    for (const [address, reason] of [['bad', 'it has no @'], ['a b@c', 'it has a character that must be quoted, or is not allowed']]) {
      await assert.rejects(made({ [member]: address }), { code: 'EENVELOPE', suspects: [suspect], message: `${member}: "${address}" is not an address: ${reason}.` });
    }
  }
  for (const [envelope, message] of [[{ to: ['bad'] }, /^envelope.to: "bad" is/], [{ from: 'bad' }, /^envelope.from: "bad" is/]]) await assert.rejects(made({ envelope }), { code: 'EENVELOPE', message });
  assert.deepEqual((await made({ bcc: 'Postmaster' })).envelope.to.at(-1), 'Postmaster');
  for (const [deliveryNotification, message] of [
    [{ notify: 'SOMETIMES' }, /notify must be NEVER, or some of/],
    [{ notify: ['NEVER', 'DELAY'] }, /notify must be NEVER, or some of/],
    [{ notify: [] }, /notify must be NEVER, or some of/],
    [{ recipients: { 'bob@example.org': {} } }, /notify must be NEVER, or some of/],
    [{ recipients: 7 }, /recipients must be an object/],
    [{ return: 'ALL' }, /FULL or HDRS/],
    [{ envelopeId: 'é' }, /1 to 100 characters of ASCII/],
    [{ envelopeId: 'x'.repeat(101) }, /1 to 100 characters of ASCII/],
  ]) await assert.rejects(made({ deliveryNotification }), { code: 'EENVELOPE', message });
});

test('one address, several, and how they are given', () => {
  assert.throws(() => new MailAddress('Ann <a@x.example>, Bob <b@x.example>'), { code: 'EENVELOPE', message: /one address, and there are more.*AddressCollection/ });
  assert.throws(() => new MailAddress('a@x.example, b@x.example'), { code: 'EENVELOPE' });
  assert.deepEqual({ ...new MailAddress('Example, Ann <a@x.example>') }, { name: 'Example, Ann', address: 'a@x.example' });
  for (const text of ['bob@x.example (Bob)', '<bob@x.example> (Bob)', ' bob@x.example  (Bo\\b) ']) assert.deepEqual({ ...new MailAddress(text) }, { name: 'Bob', address: 'bob@x.example' }, text);
  const bob = new MailAddress('Bob', 'bob@x.example');
  for (const given of [bob, [bob], ['Bob <bob@x.example>'], new AddressCollection(bob), 'bob@x.example (Bob)']) {
    assert.deepEqual([...new AddressCollection(given)].map(String), ['Bob <bob@x.example>']);
  }
});

test('no recipient is lost where an address is not closed, or a comma is missing', async () => {
  for (const list of ['Bob <bob@x.example, Carol <carol@y.example>', 'Bob <bob@x.example> Carol <carol@y.example>', '"Bob <bob@x.example>, Carol <carol@y.example>', 'Smile (: <bob@x.example>, Carol <carol@y.example>',
    'Bob <bob@x.example>\nCarol <carol@y.example>', 'bob@x.example: carol@y.example', 'bob@x.example: carol@y.example;']) {
    for (const member of ['to', 'bcc']) await assert.rejects(made({ [member]: list }), { code: 'EENVELOPE' }, list);
  }
  assert.deepEqual({ ...new MailAddress('Bob :) <bob@x.example>') }, { name: 'Bob :)', address: 'bob@x.example' });
  assert.deepEqual([...new AddressCollection('Bob :) <bob@x.example>, Carol <carol@y.example>')].map(({ address }) => address), ['bob@x.example', 'carol@y.example']);
});

test('names that look like encoded words come back as they were', async () => {
  const name = '=?utf-8?Q?evil.exe?=';
  const mail = mailOf({ textBody: 'x', from: new MailAddress(`${name}, x`, 'ann@example.com') });
  mail.addAttachment(name, 'x');
  const { message, text } = await dryRun(mail);
  // As RFC 2231 has it; some parsers decode what comes of that once more.
  assert.match(text, /filename\*=utf-8''%3D%3Futf-8%3FQ%3Fevil\.exe%3F%3D\r\n/);
  assert.equal((await PostalMime.parse(message)).from.name, `${name}, x`);
  assert.equal((await simpleParser(Buffer.from(message))).from.value[0].name, `${name}, x`);
});

test('no line is longer than 998, whatever it is made of', () => {
  assert.throws(() => mailOf({}).headers.add('X-A', `a${' '.repeat(2000)}b`), { code: 'EMESSAGE', message: /as many spaces/ });
});

test('files that do not tell their size, and those that grow', async () => {
  assert.match((await sentFile('/proc/version')).text, /Linux|[A-Za-z0-9+/]{40}/);
  const { appendFileSync, mkdtempSync, rmSync, writeFileSync } = await import('node:fs');
  const folder = mkdtempSync('/tmp/sansmtp-');
  const path = `${folder}/grows.bin`;
  writeFileSync(path, 'abc');
  const mail = mailOf({ textBody: 'x' });
  await mail.addAttachmentAsync(path);
  appendFileSync(path, 'def');
  assert.match((await dryRun(mail)).text, /YWJj\r\n/);
  rmSync(folder, { recursive: true });
});

async function sentFile(path) {
  const mail = mailOf({ textBody: 'x' });
  await mail.addAttachmentAsync(path);
  return dryRun(mail);
}

test('a header that is set as a property, a message that is empty', async () => {
  const mail = mailOf({ textBody: 'x' });
  mail.headers['X-Campaign'] = 'spring';
  await assert.rejects(dryRun(mail), { code: 'EMESSAGE', message: /headers\.add\('X-Campaign', value\)/ });
  for (const message of ['', new Uint8Array()]) await assert.rejects(made({ message }), { code: 'EMESSAGE', message: /message is empty: leave it out/ });
});

test('a stream that was read elsewhere is refused before anything is sent', async () => {
  const { Readable } = await import('node:stream');
  const drained = async (stream) => {
    for await (const piece of stream) void piece;
    return stream;
  };
  const flowing = Readable.from(['x', 'y']);
  await new Promise((done) => flowing.once('data', done));
  const locked = new Blob(['x']).stream();
  locked.getReader();
  for (const stream of [await drained(Readable.from(['x'])), await drained(new Blob(['x']).stream()), flowing, locked]) {
    const attached = mailOf({ textBody: 'x' });
    attached.addAttachment('a.txt', stream);
    for (const mail of [attached, mailOf({ message: stream })]) await assert.rejects(dryRun(mail), { code: 'ESTREAM', message: /was read already/ });
  }
  for (const stream of [Readable.from(['Hi']), new Blob(['Hi']).stream()]) {
    const attached = mailOf({ textBody: 'x' });
    attached.addAttachment('a.txt', stream);
    assert.match((await dryRun(attached)).text, /SGk=/);
  }
});

test('an attachment that is still being opened is not left out', async () => {
  const mail = mailOf({ textBody: 'x' });
  const opening = mail.addAttachmentAsync('data:text/plain,Hi');
  await assert.rejects(dryRun(mail), { code: 'EMESSAGE', message: /await addAttachmentAsync/ });
  await opening;
  assert.match((await dryRun(mail)).text, /SGk=/);
  await assert.rejects(mail.addAttachmentAsync('/tmp'), { code: 'EMESSAGE', message: /it is not a file/ });
  await dryRun(mail);
});

test('a stream that fails before it is read fails the mail, and not the program', async () => {
  const { createReadStream } = await import('node:fs');
  const mail = mailOf({ textBody: 'x' });
  mail.addAttachment('x', createReadStream('/nonexistent/file'));
  await new Promise((done) => setTimeout(done, 50));
  await assert.rejects(dryRun(mail), { code: 'ESTREAM', message: /ENOENT/ });
});
