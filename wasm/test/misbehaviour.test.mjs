// Servers, hosts and callers that do it wrong: nothing hangs, nothing stays open, and the error says what it was.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AddressCollection, SmtpClient, SmtpConnectType, SmtpError, SmtpMail, SmtpServer } from 'sansmtp';
import { ca, mapped, rawServer, smtpServer } from './server.mjs';

const clear = (port) => Object.assign(new SmtpServer(`localhost ${port}`), { connectType: SmtpConnectType.connectNormal });
const secure = (port) => Object.assign(new SmtpServer(`localhost ${port}`), { connectType: SmtpConnectType.connectSTARTTLS, tls: { ca } });
const mail = (changes = {}) =>
  Object.assign(new SmtpMail(), { from: 'ann@example.com', to: 'bob@example.org', subject: 'Hi', textBody: 'Hi.' }, changes);

/** The rejection, which has to come within a second and a half. */
async function failure(promise) {
  let timer;
  const late = new Promise((_, failed) => (timer = setTimeout(() => failed(new Error('still pending')), 1500)));
  let error;
  await assert.rejects(Promise.race([promise, late]), (rejected) => ((error = rejected), true));
  clearTimeout(timer);
  assert.ok(error instanceof SmtpError, String(error?.stack));
  return error;
}

/** A server that says `answers[verb]`, or plays along. */
function scripted(t, answers = {}) {
  const said = [];
  const says = (socket, verb, usual) => {
    const answer = answers[verb] ?? usual;
    if (typeof answer === 'function') answer(socket);
    else socket.write(answer);
  };
  let data = false;
  return rawServer(t, (socket) => {
    let handshake = false;
    says(socket, 'greeting', '220 hi\r\n');
    socket.on('data', (octets) => {
      const text = octets.toString('latin1');
      if (handshake) return;
      said.push(text);
      if (data) {
        if (text.endsWith('\r\n.\r\n')) {
          data = false;
          says(socket, '.', '250 ok\r\n');
        }
        return;
      }
      const verb = text.split(/[ \r]/)[0];
      if (verb === 'DATA') data = true;
      if (verb === 'STARTTLS') handshake = true;
      says(socket, verb, { EHLO: '250 hi\r\n', DATA: '354 go\r\n', QUIT: '221 bye\r\n' }[verb] ?? '250 ok\r\n');
    });
  }).then((server) => Object.assign(server, { said }));
}

test('a handshake that does not end can be cancelled, and is bounded', async (t) => {
  const server = await scripted(t, { EHLO: '250-hi\r\n250 STARTTLS\r\n', STARTTLS: '220 go\r\n' });
  const host = mapped({});
  const sending = new SmtpClient({ host }).sendMailAsync(secure(server.port), mail());
  setTimeout(() => sending.cancel(), 100);
  assert.equal((await failure(sending)).code, 'EABORT');
  const timed = await failure(new SmtpClient({ host }).sendMailAsync(secure(server.port), mail(), { timeout: 100 }));
  assert.equal(timed.code, 'ETIMEDOUT');
  const bounded = await failure(new SmtpClient({ host, connectTimeout: 100 }).sendMailAsync(secure(server.port), mail()));
  assert.deepEqual([bounded.code, bounded.stage, bounded.outcome], ['ETIMEDOUT', 'tls', 'temporary']);
  assert.equal(host.open.size, 0);
});

test('what a listener does is not lost, whichever event it is', async (t) => {
  const server = await scripted(t);
  const client = new SmtpClient();
  const to = clear(server.port);
  await client.connectAsync(to);
  for (let which = 1; which <= 6; which += 1) {
    let sent;
    let count = 0;
    const send = () => {
      count += 1;
      if (count === which) sent = client.sendMailAsync(to, mail());
    };
    client.addEventListener('idle', send);
    await client.sendMailAsync(to, mail());
    // The last ones come when all is done: the connection is idle for good.
    while (!sent) await new Promise((later) => setTimeout(later, 5)).then(() => count < which && client.dispatchEvent(new Event('idle')));
    assert.equal((await sent).accepted.length, 1, `in event ${which}`);
    client.removeEventListener('idle', send);
  }
  client.addEventListener('idle', () => client.close(), { once: true });
  await client.sendMailAsync(to, mail()).catch(() => {});
  await client[Symbol.asyncDispose]();
});

test('close gives up what is under way, from the first moment on', async (t) => {
  const real = await smtpServer(t);
  const client = new SmtpClient();
  const sending = client.sendMailAsync(secure(real.port), mail());
  client.close();
  assert.equal((await failure(sending)).code, 'EABORT');
  const disposed = new SmtpClient();
  const other = disposed.sendMailAsync(secure(real.port), mail());
  const error = failure(other);
  await disposed[Symbol.asyncDispose]();
  assert.equal((await error).code, 'EABORT');
  await real.allClosed();
  assert.equal(real.messages.length, 0);

  const stuck = await scripted(t, { MAIL: () => {} });
  const kept = new SmtpClient();
  const to = clear(stuck.port);
  await kept.connectAsync(to);
  const pending = failure(kept.sendMailAsync(to, mail()));
  await new Promise((later) => setTimeout(later, 50));
  await kept[Symbol.asyncDispose]();
  assert.equal((await pending).code, 'EABORT');
});

test('connectAsync can be given up, and tells why it failed', async (t) => {
  const silent = await rawServer(t, () => {});
  const client = new SmtpClient();
  const error = await failure(client.connectAsync(clear(silent.port), { signal: AbortSignal.timeout(100) }));
  assert.equal(error.origin, 'cancelled');
  assert.equal(client.lastErrorMessage, error.message);
});

test('bounds are checked; Infinity is none', async (t) => {
  for (const bad of [-1, 0, NaN, '5', null]) {
    for (const name of ['connectTimeout', 'greetingTimeout']) {
      if (bad === null) continue;
      assert.throws(() => new SmtpClient({ [name]: bad }), { code: 'ECONFIG' }, `${name} ${bad}`);
    }
  }
  const server = await scripted(t);
  const client = new SmtpClient({ connectTimeout: Infinity, greetingTimeout: 2 ** 40 });
  const { accepted } = await client.sendMailAsync(clear(server.port), mail(), { timeout: Infinity });
  assert.equal(accepted.length, 1);
  assert.equal((await failure(client.sendMailAsync(clear(server.port), mail(), { timeout: -5 }))).code, 'ECONFIG');
});

test('a host that breaks its promises cannot hang the client or spin it', async () => {
  const never = new Promise(() => {});
  const socket = { read: () => never, write: async () => {}, startTls: () => never, close: async () => {} };
  for (const [name, host, code] of [
    ['connect ignores the signal', { connect: () => never }, 'ETIMEDOUT'],
    ['connect throws', { connect: () => { throw new Error('no'); } }, 'ECONNECTION'],
    ['read gives a text', { connect: async () => ({ ...socket, read: async () => '220 hi\r\n' }) }, undefined],
    ['read rejects', { connect: async () => ({ ...socket, read: () => Promise.reject(new Error('broken pipe')) }) }, 'ECONNECTION'],
    ['close rejects', { connect: async () => ({ ...socket, read: async () => null, close: () => Promise.reject(new Error('no')) }) }, 'ECONNECTION'],
    ['hostname throws', { ...{ connect: async () => socket }, hostname: () => { throw new Error('no'); } }, 'ECONNECTION'],
  ]) {
    const client = new SmtpClient({ host, connectTimeout: 200 });
    const error = await failure(client.sendMailAsync(clear(25), mail()));
    assert.equal(error.code, code ?? 'EINTERNAL', `${name}: ${error.message}`);
    await client[Symbol.asyncDispose]();
  }
  let first = true;
  const host = {
    connect: async () => ({
      ...socket,
      read: () => (first ? ((first = false), Promise.resolve(new TextEncoder().encode('220 hi\r\n'))) : never),
      write: () => Promise.reject(new Error('broken pipe')),
    }),
  };
  const error = await failure(new SmtpClient({ host }).sendMailAsync(clear(25), mail()));
  assert.equal(error.code, 'ECONNECTION');
  assert.match(error.message, /broken pipe/);
});

test('a connection that is reset says so', async (t) => {
  const server = await scripted(t, { MAIL: (socket) => socket.resetAndDestroy() });
  const error = await failure(new SmtpClient().sendMailAsync(clear(server.port), mail()));
  assert.deepEqual([error.code, error.stage, error.outcome], ['ECONNECTION', 'sender', 'temporary']);
  assert.match(error.message, /ECONNRESET/);
  assert.equal(error.cause.code, 'ECONNRESET');
});

test('an error has what was said of each recipient', async (t) => {
  const codes = ['450 4.2.1 later', '550 5.1.1 no'];
  const server = await scripted(t, { RCPT: (socket) => socket.write(`${codes.shift()}\r\n`) });
  const error = await failure(new SmtpClient().sendMailAsync(clear(server.port), mail({ to: ['a@b', 'c@d'] })));
  assert.equal(error.outcome, 'temporary');
  assert.deepEqual(error.rejected, ['a@b', 'c@d']);
  assert.deepEqual(error.recipients.map(({ reply }) => reply.code), [450, 550]);
});

test('an unknown outcome says so, and has no refusal of a recipient for its own', async (t) => {
  const codes = ['250 ok', '550 5.1.1 no such user'];
  for (const ending of ['close', 'cancel']) {
    codes.splice(0, 2, '250 ok', '550 5.1.1 no such user');
    let cancel = () => {};
    const server = await scripted(t, {
      RCPT: (socket) => socket.write(`${codes.shift()}\r\n`),
      '.': (socket) => (ending === 'close' ? socket.end() : cancel()),
    });
    const sending = new SmtpClient().sendMailAsync(clear(server.port), mail({ to: ['a@b', 'c@d'] }));
    cancel = () => sending.cancel();
    const error = await failure(sending);
    assert.deepEqual([error.outcome, error.dataSent, error.responseCode], ['unknown', 'all', undefined], ending);
    assert.match(error.advice[0], /may have been delivered/);
    assert.deepEqual(error.rejected, ['c@d']);
  }
});

test('wrong members of a mail are told before anything is opened', async () => {
  const host = { connect: () => assert.fail('connected') };
  const addresses = new AddressCollection('a@b');
  for (const changes of [
    { to: undefined }, { to: 5 }, { to: ['a@b', 5] }, { from: undefined }, { subject: 5 }, { textBody: null },
    { message: 5 }, { date: new Date('x') }, { date: 'today' }, { priorty: 1 }, { to: addresses, from: addresses },
  ]) {
    const error = await failure(new SmtpClient({ host }).sendMailAsync(clear(25), mail(changes)));
    assert.equal(error.origin, 'settings', JSON.stringify(changes));
  }
  for (const nothing of [undefined, null, 'mail']) {
    assert.equal((await failure(new SmtpClient({ host }).sendMailAsync(clear(25), nothing))).origin, 'settings');
    assert.equal((await failure(new SmtpClient({ host }).sendMailAsync(nothing, mail()))).code, 'ECONFIG');
  }
});

test('the size that is declared counts line ends as they go out', async (t) => {
  const server = await scripted(t, { EHLO: '250-hi\r\n250 SIZE\r\n' });
  await new SmtpClient().sendMailAsync(clear(server.port), mail({ message: 'Subject: x\n\na\rb\r\nc' }));
  const size = Number(/SIZE=(\d+)/.exec(server.said.find((line) => line.startsWith('MAIL')))[1]);
  const wire = server.said.find((line) => line.endsWith('\r\n.\r\n'));
  assert.equal(size, 'Subject: x\r\n\r\na\r\nb\r\nc\r\n'.length);
  assert.equal(wire, 'Subject: x\r\n\r\na\r\nb\r\nc\r\n.\r\n');
});

test('the conversation is that of the last connection', async (t) => {
  const server = await scripted(t);
  const client = new SmtpClient();
  await client.sendMailAsync(clear(server.port), mail());
  assert.match(client.smtpConversation, /^S: 220 hi\nC: EHLO /);
  await failure(client.sendMailAsync(clear(1), mail()));
  assert.equal(client.smtpConversation, '');
});

test('certificates and keys that are none are told before connecting', async () => {
  for (const [tls, name] of [[{ ca: 'garbage' }, 'ca'], [{ cert: 'x' }, 'cert'], [{ key: 'x' }, 'key']]) {
    const error = await failure(new SmtpClient().sendMailAsync(Object.assign(secure(1), { tls }), mail()));
    assert.equal(error.code, 'ECONFIG');
    assert.match(error.message, new RegExp(`tls\\.${name}`));
  }
});

test('ports of other mail protocols are named', async () => {
  const host = { connect: () => Promise.reject(Object.assign(new Error('refused'), { code: 'ECONNREFUSED' })) };
  for (const [port, protocol] of [[110, 'POP3'], [143, 'IMAP'], [993, 'IMAP'], [995, 'POP3']]) {
    const error = await failure(new SmtpClient({ host }).sendMailAsync(clear(port), mail()));
    assert.match(error.message, new RegExp(`${port} is the port of ${protocol}`));
    assert.deepEqual(error.suspects, ['port']);
  }
});

test('a host that gives no socket', async () => {
  for (const given of [undefined, null, {}, 'socket']) {
    for (const connect of [() => given, async () => given]) {
      const error = await failure(new SmtpClient({ host: { connect } }).sendMailAsync(clear(25), mail()));
      assert.deepEqual([error.code, error.stage], ['ECONFIG', 'connect']);
      assert.match(error.message, /connect\(\) of the host must give a socket/);
    }
  }
});
