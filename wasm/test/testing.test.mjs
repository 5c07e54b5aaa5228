// sansmtp/testing: the server in memory and the dry run, as users' own tests meet them.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createTransport, SmtpClient, SmtpMail, SmtpServer } from 'sansmtp';
import { dryRun, TestServer } from 'sansmtp/testing';

const mailOf = (changes) => Object.assign(new SmtpMail(), { from: 'ann@example.com', to: 'bob@example.org, kim@example.org', textBody: 'Hi.', ...changes });
const failure = (promise) => promise.then((value) => assert.fail(`resolved: ${JSON.stringify(value)}`), (error) => error);
/** Sends, and waits until the connection is closed. */
async function send(test, server = new SmtpServer('x'), mail = mailOf()) {
  const client = new SmtpClient({ host: test.host });
  try {
    return await client.sendMailAsync(server, mail);
  } finally {
    await client[Symbol.asyncDispose]();
  }
}

test('LMTP answers for each recipient', async () => {
  let count = 0;
  const test = new TestServer({ reply: (command) => (command === '.' && (count += 1) === 2 ? '452 4.2.2 full' : undefined) });
  const result = await send(test, Object.assign(new SmtpServer('x 24'), { lmtp: true }));
  assert.deepEqual([result.accepted, result.rejected, test.messages.length], [['bob@example.org'], ['kim@example.org'], 1]);
  assert.equal((await dryRun(mailOf(), Object.assign(new SmtpServer('x 24'), { lmtp: true }))).accepted.length, 2);
});

test('a script that is wrong fails the sending, with its own error as the cause', async () => {
  for (const reply of [() => assert.fail('not this command'), () => '', () => 'nonsense', async () => assert.fail('late')]) {
    const error = await failure(send(new TestServer({ reply })));
    assert.equal(error.code, 'ECONNECTION');
    assert.match(String(error.cause?.message), /not this command|begin with its code|late/);
  }
});

test('replies of several lines, late ones, and none', async () => {
  const test = new TestServer({
    reply: async (command) => {
      if (command.startsWith('MAIL')) return '250-2.1.0 one\n250 2.1.0 two';
      if (command.startsWith('RCPT TO:<kim')) await new Promise((done) => setTimeout(done, 20));
      return undefined;
    },
  });
  assert.equal((await send(test)).accepted.length, 2);
  const closing = new TestServer({ reply: (command) => (command.startsWith('RCPT') ? null : undefined) });
  assert.equal((await failure(send(closing))).code, 'ECONNECTION');
});

test('a sender that is refused leaves nobody to send to', async () => {
  const test = new TestServer({ reply: (command) => (command.startsWith('MAIL') ? '550 5.7.1 no' : undefined) });
  assert.equal((await failure(send(test))).stage, 'sender');
  assert.equal(test.messages.length, 0);
});

test('dots, messages in chunks, and what goes over several connections', async () => {
  for (const capabilities of [['PIPELINING'], [], ['CHUNKING', 'PIPELINING']]) {
    const test = new TestServer({ capabilities });
    const textBody = `.\r\n..\r\n${'x\r\n'.repeat(50_000)}.`;
    await send(test, new SmtpServer('x'), mailOf({ textBody }));
    await send(test, new SmtpServer('x'), mailOf({ textBody: '.' }));
    assert.ok(test.messages[0].text.endsWith(`${textBody}\r\n`));
    assert.ok(test.messages[1].text.endsWith('\r\n\r\n.\r\n'));
    assert.deepEqual([test.connections.made, test.connections.open], [2, 0]);
  }
});

test('a dry run takes the settings as they are', async () => {
  for (const [settings, command] of [
    [{ user: 'a', password: 'b' }, 'AUTH PLAIN ***'],
    [{ user: 'a', token: 't' }, 'AUTH OAUTHBEARER ***'],
    [{ user: 'a', password: 'b', connectType: 'connectNormal', allowInsecureAuth: true }, 'AUTH PLAIN ***'],
    [{ connectType: 'connectDirectSSL' }, 'EHLO client.example'],
  ]) {
    const { commands } = await dryRun(mailOf(), Object.assign(new SmtpServer('x'), settings));
    assert.ok(commands.includes(command), commands.join());
  }
  const small = await failure(dryRun(mailOf({ textBody: 'x'.repeat(2000) }), undefined, { capabilities: ['SIZE 1000'] }));
  assert.equal(small.code, 'EMESSAGE');
  const { commands } = await dryRun(mailOf({ parameters: { REQUIRETLS: true } }));
  assert.match(commands.join('\n'), /REQUIRETLS/);
});

test('it stands behind createTransport too', async () => {
  const test = new TestServer();
  await createTransport({ smtpHost: test.host }).sendMail({ from: 'a@b', to: 'c@d', text: 'x' });
  test.disconnect();
  assert.equal(test.messages.length, 1);
});

test('a mail is sent with the server as it was, frozen or not; a connection at its end is replaced', async () => {
  const asked = [];
  const test = new TestServer({ reply: async (command) => (command === '.' ? void (await new Promise((done) => setTimeout(done, 60))) : undefined) });
  const host = { connect: (request) => (asked.push(request.hostname), test.host.connect(request)) };
  const client = new SmtpClient({ host });
  const server = new SmtpServer('one.example');
  const sending = client.sendMailAsync(server, Object.freeze(mailOf()));
  server.server = 'two.example';
  await Promise.all([sending, client.sendMailAsync(server, mailOf())]);
  assert.deepEqual(asked, ['one.example', 'two.example']);
  await client.connectAsync(server);
  const first = client.sendMailAsync(server, mailOf());
  const second = client.sendMailAsync(server, mailOf());
  setTimeout(() => second.cancel(), 20);
  assert.equal((await failure(second)).code, 'EABORT');
  await client.sendMailAsync(server, mailOf());
  await first;
  await client[Symbol.asyncDispose]();
  assert.equal(test.connections.open, 0);
});

test('members of a mail that are nothing', async () => {
  for (const changes of [{ messageId: null }, { envelope: null }, { envelope: { to: 'a@b' } }, { deliveryNotification: null }, { deliveryNotification: undefined }, { parameters: null }, { headers: null }, { alternatives: null }]) {
    assert.match((await failure(dryRun(mailOf(changes)))).code, /^E(?:MESSAGE|ENVELOPE)$/, JSON.stringify(changes));
  }
});
