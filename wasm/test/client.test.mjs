// SmtpClient on Node's own sockets and TLS against real servers.
import assert from 'node:assert/strict';
import { createServer } from 'node:net';
import { test } from 'node:test';
import { SmtpAuthType, SmtpClient, SmtpConnectType, SmtpError, SmtpMail, SmtpServer } from 'sansmtp';
import { ca, mapped, password, rawServer, smtpServer, stranger, user } from './server.mjs';

function settings(port, changes = {}) {
  const server = new SmtpServer(`localhost ${port}`);
  return Object.assign(server, { connectType: SmtpConnectType.connectSTARTTLS, tls: { ca } }, changes);
}

function mail(changes = {}) {
  return Object.assign(new SmtpMail(), { from: 'Ann <ann@example.com>', to: 'bob@example.org', subject: 'Hi', textBody: 'Hi.' }, changes);
}

async function failure(promise) {
  let error;
  await assert.rejects(promise, (rejected) => ((error = rejected), true));
  assert.ok(error instanceof SmtpError, String(error?.stack));
  assert.ok(!`${error.stack}${JSON.stringify(error)}`.includes(password), 'the error shows the password');
  return error;
}

test('every mechanism logs in, over STARTTLS and over TLS from the first octet', async (t) => {
  for (const secure of [false, true]) {
    const real = await smtpServer(t, { secure, authOptional: false });
    for (const [authType, mechanism] of [
      [SmtpAuthType.authAuto, 'CRAM-MD5'],
      [SmtpAuthType.authPlain, 'PLAIN'],
      [SmtpAuthType.authLogin, 'LOGIN'],
      [SmtpAuthType.authCramMd5, 'CRAM-MD5'],
    ]) {
      const connectType = secure ? SmtpConnectType.connectDirectSSL : SmtpConnectType.connectSTARTTLS;
      const client = new SmtpClient();
      const result = await client.sendMailAsync(settings(real.port, { user, password, authType, connectType }), mail());
      assert.equal(result.security.mechanism, mechanism);
      assert.equal(result.security.verified, true);
      assert.equal(result.security.tls.protocol, 'TLSv1.3');
      assert.match(client.smtpConversation, /\*\*\*/);
      assert.ok(!client.smtpConversation.includes(Buffer.from(password).toString('base64').slice(0, 16)));
    }
    assert.equal(real.messages.length, 4);
    assert.ok(real.messages.every((message) => message.secure && message.user === user));
  }
});

test('a wrong password is told as such, tried once, and the connection is closed', async (t) => {
  const real = await smtpServer(t);
  const client = new SmtpClient();
  const error = await failure(client.sendMailAsync(settings(real.port, { user, password: 'wrong-password' }), mail()));
  assert.deepEqual([error.code, error.stage, error.origin, error.responseCode, error.outcome], ['EAUTH', 'auth', 'server', 535, 'permanent']);
  assert.deepEqual(error.suspects, ['user', 'password']);
  assert.ok(error.advice.length > 0);
  assert.equal(real.sessions.logins, 1);
  assert.equal(client.lastErrorMessage, error.message);
  await client[Symbol.asyncDispose]();
  await real.allClosed();
});

test('a closed port and a name that does not exist are told as such', async (t) => {
  const probe = createServer();
  await new Promise((ready) => probe.listen(0, '127.0.0.1', ready));
  const { port } = probe.address();
  await new Promise((closed) => probe.close(closed));
  const refused = await failure(new SmtpClient().sendMailAsync(settings(port), mail()));
  assert.deepEqual([refused.code, refused.stage, refused.origin], ['ECONNECTION', 'connect', 'network']);
  assert.deepEqual(refused.suspects, ['host', 'port']);
  assert.match(refused.message, /Nothing listens at localhost/);

  const unknown = Object.assign(new SmtpServer('does-not-exist.invalid 25'));
  const error = await failure(new SmtpClient().sendMailAsync(unknown, mail()));
  assert.deepEqual([error.code, error.suspects], ['EDNS', ['host']]);
});

test('a certificate that is not trusted, or is for another name, ends it before the login', async (t) => {
  const real = await smtpServer(t);
  for (const [tls, code] of [
    [{ ca: stranger }, /UNABLE_TO_VERIFY_LEAF_SIGNATURE/],
    [{}, /UNABLE_TO_VERIFY_LEAF_SIGNATURE/],
    [{ ca, servername: 'mail.example.com' }, /ERR_TLS_CERT_ALTNAME_INVALID/],
  ]) {
    const error = await failure(new SmtpClient().sendMailAsync(settings(real.port, { tls, user, password }), mail()));
    assert.deepEqual([error.code, error.stage, error.origin], ['ETLS', 'tls', 'tls']);
    assert.match(error.message, code);
  }
  assert.equal(real.sessions.logins, 0);
  // Turned off by name, it works, and shows.
  const result = await new SmtpClient().sendMailAsync(settings(real.port, { tls: { rejectUnauthorized: false } }), mail());
  assert.deepEqual([result.security.encrypted, result.security.verified], [true, false]);
});

test('an address as the server is checked against the certificate too', async (t) => {
  const real = await smtpServer(t);
  const server = Object.assign(new SmtpServer(`127.0.0.1 ${real.port}`), { connectType: SmtpConnectType.connectSTARTTLS, tls: { ca } });
  assert.equal((await new SmtpClient().sendMailAsync(server, mail())).security.verified, true);
});

test('crossed pairs of port and connection type are told from what was seen', async (t) => {
  const starttls = await smtpServer(t);
  const error = await failure(
    new SmtpClient().sendMailAsync(settings(starttls.port, { connectType: SmtpConnectType.connectDirectSSL }), mail()));
  assert.equal(error.code, 'ETLS');
  assert.match(error.message, /does not speak TLS from the first octet/);
  assert.deepEqual(error.suspects, ['port', 'connectType']);

  const direct = await smtpServer(t, { secure: true });
  const silent = await failure(new SmtpClient({ greetingTimeout: 200 }).sendMailAsync(settings(direct.port), mail()));
  assert.deepEqual([silent.code, silent.stage], ['ETIMEDOUT', 'greeting']);
  assert.match(silent.advice[0], /465/);
});

test('some recipients refused: sent to the others; all refused: EENVELOPE; allOrNone: EENVELOPE', async (t) => {
  const real = await smtpServer(t);
  const to = 'bob@example.org, refused@example.org, carol@example.org';
  const result = await new SmtpClient().sendMailAsync(settings(real.port), mail({ to, bcc: 'dave@example.org' }));
  assert.deepEqual(result.accepted, ['bob@example.org', 'carol@example.org', 'dave@example.org']);
  assert.deepEqual(result.rejected, ['refused@example.org']);
  assert.deepEqual([result.rejectedErrors[0].responseCode, result.rejectedErrors[0].enhancedCode], [550, '5.1.1']);
  assert.ok(!real.messages[0].octets.includes('dave@'), 'Bcc is in no header');

  const none = await failure(new SmtpClient().sendMailAsync(settings(real.port), mail({ to: 'refused@example.org' })));
  assert.deepEqual([none.code, none.stage, none.outcome, none.responseCode], ['EENVELOPE', 'recipients', 'permanent', 550]);
  const all = await failure(new SmtpClient().sendMailAsync(settings(real.port, { allOrNone: true }), mail({ to })));
  assert.deepEqual([all.code, all.stage], ['EENVELOPE', 'recipients']);
  assert.match(none.message, /refused every recipient/);
  assert.match(all.message, /refused a recipient, and the mail goes to all or none/);
  assert.deepEqual(all.rejected, ['refused@example.org']);
  assert.equal(real.messages.length, 1);
});

test('events come in order, with progress', async (t) => {
  const real = await smtpServer(t);
  const client = new SmtpClient();
  const seen = [];
  for (const name of ['connected', 'securing', 'authorized', 'sendingdatastream', 'idle']) {
    client.addEventListener(name, (event) => {
      assert.ok(event instanceof Event);
      if (name === 'sendingdatastream') assert.ok(event.sent <= event.total);
      if (name !== seen.at(-1)) seen.push(name);
    });
  }
  await client.sendMailAsync(settings(real.port, { user, password }), mail({ textBody: 'x'.repeat(300_000) }));
  assert.deepEqual(seen.filter((name) => name !== 'idle'), ['connected', 'securing', 'authorized', 'sendingdatastream']);
  assert.ok(seen.includes('idle'));
});

test('a message of 20 MiB arrives as it was, dots and all', async (t) => {
  const real = await smtpServer(t);
  const line = '.the quick brown fox jumps over the lazy dog, and comes back again tomorrow.\r\n';
  const message = `Subject: big\r\n\r\n${line.repeat(Math.ceil((20 << 20) / line.length))}`;
  await new SmtpClient().sendMailAsync(settings(real.port), mail({ message }));
  assert.ok(real.messages[0].octets.equals(Buffer.from(message)));
});

test('a finished message is checked: NUL is refused, 8-bit needs 8BITMIME', async (t) => {
  const real = await smtpServer(t);
  const nul = await failure(new SmtpClient().sendMailAsync(settings(real.port), mail({ message: 'Subject: x\r\n\r\na\0b\r\n' })));
  assert.deepEqual([nul.code, nul.stage], ['EMESSAGE', 'data']);
  assert.equal(real.messages.length, 0);
  await new SmtpClient().sendMailAsync(settings(real.port), mail({ message: 'Subject: x\r\n\r\ngrüße\r\n' }));
  assert.equal(real.messages[0].octets.toString(), 'Subject: x\r\n\r\ngrüße\r\n');
  const old = await smtpServer(t, { hide8BITMIME: true });
  const error = await failure(new SmtpClient().sendMailAsync(settings(old.port), mail({ message: 'Subject: x\r\n\r\ngrüße\r\n' })));
  assert.match(error.message, /does not offer 8BITMIME/);
});

test('many messages over one connection', async (t) => {
  const real = await smtpServer(t);
  const client = new SmtpClient();
  const server = settings(real.port, { user, password });
  await client.connectAsync(server);
  for (let count = 0; count < 20; count += 1) await client.sendMailAsync(server, mail({ subject: `number ${count}` }));
  assert.equal(real.messages.length, 20);
  assert.equal(real.sessions.logins, 1);
  await client[Symbol.asyncDispose]();
  await real.allClosed();
});

test('cancelling closes the connection at once, whenever it comes', async (t) => {
  for (const stop of ['greeting', 'EHLO', 'MAIL']) {
    const silent = await rawServer(t, (socket) => {
      if (stop !== 'greeting') socket.write('220 hi\r\n');
      socket.on('data', (octets) => {
        if (octets.toString().startsWith('EHLO') && stop === 'MAIL') socket.write('250-hi\r\n250 PIPELINING\r\n');
      });
    });
    const host = mapped({});
    const client = new SmtpClient({ host });
    const sending = client.sendMailAsync(settings(silent.port, { connectType: SmtpConnectType.connectNormal }), mail());
    setTimeout(() => sending.cancel(), 100);
    const error = await failure(sending);
    assert.deepEqual([error.code, error.origin], ['EABORT', 'cancelled'], stop);
    await client[Symbol.asyncDispose]();
    assert.equal(host.open.size, 0);
  }
  const aborted = await failure(new SmtpClient().sendMailAsync(settings(1), mail(), { signal: AbortSignal.abort() }));
  assert.equal(aborted.code, 'EABORT');
});

test('a bound on the whole of it is told as a time-out', async (t) => {
  const silent = await rawServer(t, (socket) => socket.write('220 hi\r\n'));
  const server = settings(silent.port, { connectType: SmtpConnectType.connectNormal });
  const error = await failure(new SmtpClient().sendMailAsync(server, mail(), { timeout: 100 }));
  assert.deepEqual([error.code, error.origin, error.dataSent], ['ETIMEDOUT', 'network', 'none']);
});

test('a connection that ends behind the final dot has an unknown outcome', async (t) => {
  const real = await rawServer(t, (socket) => {
    socket.write('220 hi\r\n');
    socket.on('data', (octets) => {
      const text = octets.toString();
      if (text.startsWith('EHLO')) socket.write('250-hi\r\n250 PIPELINING\r\n');
      else if (text.startsWith('MAIL')) socket.write('250 ok\r\n250 ok\r\n354 go\r\n');
      else if (text.endsWith('\r\n.\r\n')) socket.end();
    });
  });
  const server = settings(real.port, { connectType: SmtpConnectType.connectNormal });
  const error = await failure(new SmtpClient().sendMailAsync(server, mail({ messageId: '<1@example.com>' })));
  assert.deepEqual([error.outcome, error.dataSent, error.messageId, error.permanent], ['unknown', 'all', '<1@example.com>', false]);
});

test('octets behind the 220 that accepts STARTTLS end the connection', async (t) => {
  for (const pause of [false, true]) {
    const real = await rawServer(t, (socket) => {
      socket.write('220 hi\r\n');
      socket.on('data', (octets) => {
        const text = octets.toString('latin1');
        if (text.startsWith('EHLO')) socket.write('250-hi\r\n250 STARTTLS\r\n');
        else if (text.startsWith('STARTTLS')) {
          socket.write(pause ? '220 go\r\n' : '220 go\r\n250-evil\r\n250 AUTH PLAIN\r\n');
          if (pause) setTimeout(() => socket.write('250-evil\r\n250 AUTH PLAIN\r\n'), 20);
        }
      });
    });
    const error = await failure(new SmtpClient().sendMailAsync(settings(real.port, { user, password }), mail()));
    assert.equal(error.stage, 'tls');
    assert.equal(error.code, pause ? 'ETLS' : 'EPROTOCOL');
  }
});

test('settings are checked before anything is opened', async (t) => {
  const host = { connect: () => assert.fail('connected') };
  for (const [changes, setting] of [
    [{ user }, 'password'],
    [{ password }, 'user'],
    [{ port: 70000 }, 'port'],
    [{ connectType: 9 }, 'connectType'],
    [{ authType: 'Password' }, 'authType'],
    [{ user, token: 't', authType: SmtpAuthType.authNtlm }, 'authType'],
    [{ password, authType: SmtpAuthType.authExternal }, 'password'],
    [{ user, password, token: 't' }, 'token'],
    [{ user, authType: SmtpAuthType.authOauthbearer }, 'token'],
    [{ user, token: 'two words' }, 'token'],
    [{ user, token: 7 }, 'token'],
    [{ mechanism: { name: 'X-OWN' } }, 'mechanism'],
    [{ heloDomain: 'a b' }, 'heloDomain'],
    [{ token: 'x' }, 'user'],
    [{ colour: 'red' }, 'colour'],
    [{ pass: 'x' }, 'user'],
    [{ tls: { minVersion: 'TLSv1' } }, 'tls.minVersion'],
    [{ tls: { ciphers: 'NULL' } }, 'tls.ciphers'],
    [{ tls: { rejectUnauthorized: 'no' } }, 'tls.rejectUnauthorized'],
  ]) {
    const error = await failure(new SmtpClient({ host }).sendMailAsync(settings(25, changes), mail()));
    assert.deepEqual([error.code, error.origin, error.suspects], ['ECONFIG', 'settings', [setting]]);
  }
  for (const changes of [{ to: '' }, { from: '' }, { to: 'a@b>\r\nRCPT TO:<evil@x' }, { subject: 'a\r\nBcc: evil@x' }, { to: 'x\r\nBcc: <evil@x>' }, { html: '<p>' }]) {
    await failure(new SmtpClient({ host }).sendMailAsync(settings(25), mail(changes)));
  }
});

test('synonyms of other products are understood, and what they became is reported', async (t) => {
  const real = await smtpServer(t, { secure: true });
  const server = SmtpServer.from({ host: 'localhost', port: real.port, UseSSL: true, SSL: { Enabled: true }, tls: { ca } });
  const { settings: used } = await new SmtpClient().sendMailAsync(server, mail());
  assert.equal(used.connection, 'TLS from the first octet');
  assert.deepEqual(used.choices.map(({ setting, value }) => `${setting}=${value}`), ['connectType=connectSSLAuto', 'connectType=connectDirectSSL']);
});

test('no IPv6 listener: the other family is used', async (t) => {
  const real = await smtpServer(t);
  const result = await new SmtpClient().sendMailAsync(settings(real.port), mail());
  assert.equal(result.accepted.length, 1);
});
