// Messages that are read while they are sent, and messages behind each other, on Node's own sockets.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { Readable } from 'node:stream';
import { test } from 'node:test';
import { SmtpClient, SmtpConnectType, SmtpError, SmtpMail, SmtpServer } from 'sansmtp';
import { TestServer } from 'sansmtp/testing';
import { messageFile } from 'sansmtp/host/node';
import { rawServer, smtpServer } from './server.mjs';

const clear = (port, changes = {}) =>
  Object.assign(new SmtpServer(`127.0.0.1 ${port}`), { connectType: SmtpConnectType.connectNormal, ...changes });
const mail = (changes = {}) =>
  Object.assign(new SmtpMail(), { from: 'ann@example.com', to: 'bob@example.org', subject: 'Hi', textBody: 'Hi.', ...changes });
const octets = (text) => new TextEncoder().encode(text);

/** A server in a process of its own that keeps nothing and says how many octets each message had. */
async function discard(t, ...offers) {
  const child = spawn(process.execPath, [new URL('discard.mjs', import.meta.url).pathname, ...offers], { stdio: ['ignore', 'pipe', 'inherit'] });
  t.after(() => child.kill());
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const next = async () => Number((await lines.next()).value);
  return { port: await next(), next };
}

test('a message comes from octets, a stream, a Blob, an iterable or a file, by DATA and by BDAT', async (t) => {
  const line = '.a line of a message that goes out by itself or in chunks, whatever its size is\n';
  const text = `Subject: x\n\n${line.repeat(4000)}`;
  const wire = text.replaceAll('\n', '\r\n').length;
  const folder = await mkdtemp(join(tmpdir(), 'sansmtp-'));
  t.after(() => rm(folder, { recursive: true }));
  const path = join(folder, 'message.eml');
  await writeFile(path, text);
  const half = text.length >> 1;
  const forms = [
    text,
    octets(text),
    new Blob([text]),
    new Blob([text]).stream(),
    Readable.from([octets(text.slice(0, half)), new Uint8Array(), octets(text.slice(half))]),
    { open: () => [octets(text)] },
    { open: () => new Blob([text]).stream(), content: 'sevenBit', size: wire },
    await messageFile(path),
  ];
  for (const offers of [[], ['CHUNKING']]) {
    const server = await discard(t, ...offers);
    for (const message of forms.filter((form) => !(form instanceof ReadableStream || form instanceof Readable) || offers.length > 0)) {
      const client = new SmtpClient();
      const { accepted } = await client.sendMailAsync(clear(server.port), mail({ message }));
      assert.deepEqual(accepted, ['bob@example.org']);
      const stuffed = offers.length > 0 ? 0 : 4000;
      assert.equal(await server.next(), wire + stuffed);
      assert.equal(/BDAT/.test(client.smtpConversation), offers.length > 0);
    }
  }
});

test('a message that cannot be read fails, with its own error, and is not delivered', async (t) => {
  const real = await smtpServer(t);
  const broken = {
    async *open() {
      yield octets('Subject: x\r\n\r\nfirst\r\n');
      throw new Error('the disk is gone');
    },
  };
  for (const [message, why] of [
    [broken, /the disk is gone/],
    [{ open: () => { throw new Error('no such file'); } }, /no such file/],
    [{ open: () => ['text'] }, /Uint8Array/],
    [{ open: () => undefined }, /Uint8Array|read|iterable|undefined/],
  ]) {
    const error = await new SmtpClient().sendMailAsync(clear(real.port), mail({ message })).then(() => assert.fail('delivered'), (error) => error);
    assert.ok(error instanceof SmtpError, error?.stack);
    assert.deepEqual([error.code, error.origin, error.stage], ['ESTREAM', 'settings', 'data']);
    assert.deepEqual(error.suspects, ['message']);
    assert.match(error.message, why);
    assert.notEqual(error.outcome, 'unknown');
  }
  assert.equal(real.messages.length, 0);
  await assert.rejects(new SmtpClient().sendMailAsync(clear(real.port), mail({ message: 7 })), /message must be a string/);
});

test('nobody reads on from a message that was given up', async (t) => {
  const real = await smtpServer(t);
  let closed = false;
  const message = {
    async *open() {
      try {
        for (;;) yield octets('line\r\n'.repeat(10_000));
      } finally {
        closed = true;
      }
    },
  };
  const sending = new SmtpClient().sendMailAsync(clear(real.port), mail({ message }));
  setTimeout(() => sending.cancel(), 200);
  await assert.rejects(sending, { code: 'EABORT' });
  for (let tries = 0; !closed && tries < 100; tries += 1) await new Promise((later) => setTimeout(later, 10));
  assert.ok(closed);
});

test('many messages at once go over one connection behind each other, each with its own result', async (t) => {
  const real = await smtpServer(t, { hideSTARTTLS: true });
  const client = new SmtpClient();
  t.after(() => client[Symbol.asyncDispose]());
  const server = clear(real.port);
  await client.connectAsync(server);
  const results = await Promise.allSettled(
    Array.from({ length: 30 }, (_, number) => {
      const to = number % 10 === 3 ? 'refused@example.org' : `r${number}@example.org`;
      return client.sendMailAsync(server, mail({ subject: `number ${number}`, to }));
    }),
  );
  const failed = results.flatMap((result, number) => (result.status === 'rejected' ? [number] : []));
  assert.deepEqual(failed, [3, 13, 23]);
  assert.equal(real.messages.length, 27);
  assert.deepEqual(real.messages.map(({ to }) => to[0]), results.flatMap(({ status }, number) => (status === 'fulfilled' ? [`r${number}@example.org`] : [])));
  // The next envelope is behind the final dot.
  assert.match(client.smtpConversation, /C: \.\nC: RSET\nC: MAIL/);
});

test('LMTP: each recipient has its own result', async (t) => {
  const real = await rawServer(t, (socket) => {
    socket.write('220 lmtp\r\n');
    let message = false;
    socket.on('data', (data) => {
      for (const line of data.toString().split('\r\n').slice(0, -1)) {
        if (message) {
          if (line !== '.') continue;
          message = false;
          socket.write('250 2.1.5 bob has it\r\n552 5.2.2 eve is full\r\n');
        } else if (line.startsWith('LHLO')) socket.write('250-lmtp\r\n250 PIPELINING\r\n');
        else if (line.startsWith('EHLO')) socket.write('500 no\r\n');
        else if (line === 'DATA') {
          message = true;
          socket.write('354 go\r\n');
        } else if (line.startsWith('RCPT') && line.includes('kim')) socket.write('550 5.1.1 no\r\n');
        else if (line === 'QUIT') socket.end('221 bye\r\n');
        else socket.write('250 ok\r\n');
      }
    });
  });
  const result = await new SmtpClient().sendMailAsync(
    clear(real.port, { lmtp: true }),
    mail({ to: 'bob@example.org, kim@example.org, eve@example.org' }),
  );
  assert.deepEqual(result.accepted, ['bob@example.org']);
  assert.deepEqual(result.rejected, ['kim@example.org', 'eve@example.org']);
  assert.equal(result.rejectedErrors[1].responseCode, 552);
  await assert.rejects(new SmtpClient().sendMailAsync(clear(25, { lmtp: true }), mail()), /LMTP/);
});

test('too many recipients at a time: the message goes out twice, a stream only once', async (t) => {
  const serve = (taken) => (socket) => {
    socket.write('220 few\r\n');
    let [message, count] = ['', 0];
    let reading = false;
    socket.on('data', (data) => {
      for (const line of data.toString().split('\r\n').slice(0, -1)) {
        if (reading) {
          if (line === '.') {
            taken.push(message);
            reading = false;
            socket.write('250 taken\r\n');
          } else message += `${line}\n`;
        } else if (line.startsWith('EHLO')) socket.write('250-few\r\n250-8BITMIME\r\n250 PIPELINING\r\n');
        else if (line.startsWith('MAIL')) {
          [message, count] = ['', 0];
          socket.write('250 ok\r\n');
        } else if (line.startsWith('RCPT')) socket.write((count += 1) > 2 ? '452 4.5.3 too many\r\n' : '250 ok\r\n');
        else if (line === 'DATA') {
          reading = true;
          socket.write('354 go\r\n');
        } else if (line === 'QUIT') socket.end('221 bye\r\n');
        else socket.write('250 ok\r\n');
      }
    });
  };
  const taken = [];
  const real = await rawServer(t, serve(taken));
  const to = ['a', 'b', 'c', 'd', 'e'].map((name) => `${name}@example.org`);
  const whole = await new SmtpClient().sendMailAsync(clear(real.port), mail({ to, message: 'Subject: x\r\n\r\nhi\r\n' }));
  assert.deepEqual(whole.accepted, to);
  assert.deepEqual(taken, Array(3).fill('Subject: x\n\nhi\n'));
  const once = await new SmtpClient().sendMailAsync(clear(real.port), mail({ to, message: new Blob(['Subject: x\r\n\r\nhi\r\n']).stream() }));
  assert.deepEqual(once.accepted, to.slice(0, 2));
  assert.deepEqual(once.rejectedErrors.map((error) => error.outcome), Array(3).fill('temporary'));
});

test('a parameter that the server does not offer fails the message, and says so', async (t) => {
  const real = await smtpServer(t);
  const { SmtpSession } = await import('sansmtp/core');
  const session = new SmtpSession(clear(real.port));
  const envelope = { from: 'ann@example.com', to: [{ address: 'bob@bücher.example', parameters: { NOTIFY: 'SUCCESS', ORCPT: 'a+b@example.org' } }], parameters: { RET: 'HDRS', ENVID: 'a b' } };
  session.send(envelope, {});
  const say = (text) => {
    session.handleInput(octets(text));
    const flight = session.flight() ?? new Uint8Array();
    session.transmitting(flight.length);
    session.transmitted(flight.length);
    return new TextDecoder().decode(flight);
  };
  say('220 hi\r\n');
  assert.equal(
    say('250-hi\r\n250-PIPELINING\r\n250 DSN\r\n'),
    'MAIL FROM:<ann@example.com> RET=HDRS ENVID=a+20b\r\nRCPT TO:<bob@xn--bcher-kva.example> NOTIFY=SUCCESS ORCPT=rfc822;a+2Bb@example.org\r\nDATA\r\n',
  );
  for (const wrong of [{ ...envelope, parameters: { ENVID: 'a\r\nRSET' } }, { ...envelope, parameters: { SIZE: 1 } }, { from: '', to: [{ address: 'b@c', parameters: { NOTIFY: 'MAYBE' } }] }]) {
    assert.throws(() => session.send(wrong), { class: 'invalidInput', kind: 'parameter' });
  }
  assert.throws(() => session.send({ from: '', to: ['b@c'] }, { content: 'nine' }), { kind: 'content' });
});

test('a stream is given once, and the second time is an error', async (t) => {
  const real = await smtpServer(t, { hideSTARTTLS: true });
  for (const make of [() => new Blob(['Subject: x\r\n\r\nhi\r\n']).stream(), () => Readable.from([octets('Subject: x\r\n\r\nhi\r\n')])]) {
    const message = make();
    await new SmtpClient().sendMailAsync(clear(real.port), mail({ message }));
    await assert.rejects(new SmtpClient().sendMailAsync(clear(real.port), mail({ message })), { code: 'ESTREAM', message: /read already/ });
  }
  assert.equal(real.messages.length, 2);
  class Source {
    text = 'Subject: y\r\n\r\nhi';
    open() {
      return [octets(this.text)];
    }
  }
  await new SmtpClient().sendMailAsync(clear(real.port), mail({ message: new Source() }));
  assert.equal(real.messages[2].octets.toString(), 'Subject: y\r\n\r\nhi\r\n');
});

test('a source that gives nothing is let go of when the mail is given up', async (t) => {
  const real = await smtpServer(t, { hideSTARTTLS: true });
  let cancelled = false;
  const hanging = new ReadableStream({ pull: () => new Promise(() => {}), cancel: () => void (cancelled = true) });
  const stalled = new Readable({ read() {} });
  for (const [message, isFree] of [[hanging, () => cancelled], [stalled, () => stalled.destroyed]]) {
    const sending = new SmtpClient().sendMailAsync(clear(real.port), mail({ message }));
    setTimeout(() => sending.cancel(), 150);
    await assert.rejects(sending, { code: 'EABORT' });
    for (let tries = 0; !isFree() && tries < 100; tries += 1) await new Promise((later) => setTimeout(later, 10));
    assert.ok(isFree());
  }
});

test('to give one mail up fails those behind it, and says so', async (t) => {
  const real = await smtpServer(t, { hideSTARTTLS: true });
  const client = new SmtpClient();
  t.after(() => client[Symbol.asyncDispose]());
  const server = clear(real.port);
  await client.connectAsync(server);
  const stuck = client.sendMailAsync(server, mail({ message: new ReadableStream({ pull: () => new Promise(() => {}) }) }));
  const behind = client.sendMailAsync(server, mail());
  setTimeout(() => stuck.cancel(), 150);
  const [first, second] = await Promise.allSettled([stuck, behind]);
  assert.equal(first.reason.code, 'EABORT');
  assert.match(second.reason.message, /Another mail on this connection was given up/);
  assert.deepEqual([second.reason.code, second.reason.outcome, second.reason.dataSent], ['ECONNECTION', 'temporary', 'none']);
});

test('nonsense is an error of the caller, and ends no other session', async () => {
  const { SmtpSession } = await import('sansmtp/core');
  const session = new SmtpSession(clear(25));
  const send = (envelope, plan) => () => session.send({ from: 'a@b', to: ['c@d'], ...envelope }, plan);
  for (const [action, about] of [
    [() => session.vrfy(5), /string/],
    [() => session.custom({}), /string/],
    [() => session.help(5), /string/],
    [() => session.cancel(), /operation/],
    [() => session.body('0', new Uint8Array()), /operation/],
    [() => session.bodyChunk(0, -1), /length/],
    [send({ from: undefined }), /from/],
    [send({ to: [{}] }), /address/],
    [send({ parameters: new Map([['RET', 'FULL']]) }), /object/],
    [send({ parameters: { ENVID: null } }), /ENVID/],
    [send({ parameters: { ENVID: {} } }), /ENVID/],
    [send({ parameters: { NOTIFY: 'NEVER' } }), /NOTIFY: .*recipient NOTIFY/],
    [send({ parameters: { AUTH: 'nobody' } }), /AUTH: .*no @/],
    [send({ to: [{ address: 'c@d', parameters: { RET: 'FULL' } }] }), /RET/],
    [send({}, { size: NaN }), /size/],
    [send({}, { size: -5 }), /size/],
    [send({}, { size: 1.5 }), /size/],
    [send({}, { transfer: 'burl' }), /transfer/],
  ]) {
    assert.throws(action, (error) => error.class === 'invalidInput' && about.test(error.message), String(action));
  }
  assert.throws(send({ to: [] }), { kind: 'noRecipients' });
  // A caller's object that calls again while it is read.
  const inner = { from: 'inner@b', to: ['x@y'] };
  const outer = { from: 'outer@b', to: { *[Symbol.iterator]() { session.send(inner); yield 'c@d'; } } };
  assert.deepEqual([session.send(outer), session.send(inner)], [1, 2]);
});

test('recipients are asked about, and nothing is sent', async () => {
  const test = new TestServer({ reply: (command) => (/^RCPT TO:<(gone|also)/.test(command) ? '550 5.1.1 gone' : undefined) });
  const client = new SmtpClient({ host: test.host });
  const server = new SmtpServer('mail.example.com 25');
  const some = await client.testRecipientsAsync(server, mail({ to: 'bob@example.org, gone@example.org' }));
  assert.deepEqual([some.accepted, some.rejected, some.rejectedErrors[0].responseCode], [['bob@example.org'], ['gone@example.org'], 550]);
  const none = await client.testRecipientsAsync(server, mail({ to: 'gone@example.org', bcc: 'also@example.org' }));
  assert.deepEqual([none.accepted, none.rejected], [[], ['gone@example.org', 'also@example.org']]);
  const refusing = new TestServer({ reply: (command) => (command.startsWith('MAIL') ? '550 5.7.1 no' : undefined) });
  await assert.rejects(new SmtpClient({ host: refusing.host }).testRecipientsAsync(server, mail()), { code: 'EENVELOPE', stage: 'sender' });
  assert.deepEqual([test.messages.length, test.commands.filter((command) => /DATA|BDAT/.test(command))], [0, []]);
  await client[Symbol.asyncDispose]();
  assert.deepEqual([test.connections.made, test.connections.open], [2, 0]);
});
