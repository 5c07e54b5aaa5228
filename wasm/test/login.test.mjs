// Logins where the host has a part: tokens, mechanisms of its own, slow keys; and the call that only logs in.
import assert from 'node:assert/strict';
import { createHash, createHmac, pbkdf2Sync, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { createServer as createTlsServer } from 'node:tls';
import { SmtpAuthType, SmtpClient, SmtpConnectType, SmtpError, SmtpServer, SmtpSessionError } from 'sansmtp';
import { SmtpSession } from 'sansmtp/core';
import { ca, password, rawServer, smtpServer, user } from './server.mjs';

function settings(port, changes = {}) {
  return Object.assign(new SmtpServer(`localhost ${port}`), { connectType: SmtpConnectType.connectSTARTTLS, tls: { ca } }, changes);
}

async function failure(promise) {
  let error;
  await assert.rejects(promise, (rejected) => ((error = rejected), true));
  assert.ok(error instanceof SmtpError, String(error?.stack));
  return error;
}

/** smtp-server with XOAUTH2; it takes the token `right` and tells the reason for others. */
function tokenServer(t, tokens = []) {
  return smtpServer(t, {
    authMethods: ['PLAIN', 'XOAUTH2'],
    onAuth({ accessToken }, session, done) {
      tokens.push(accessToken);
      if (accessToken === 'right') done(null, { user });
      else done(null, { data: { status: '401', schemes: 'bearer', scope: 'mail' } });
    },
  });
}

/** A server in clear that answers AUTH line by line with what `answers` gives. */
async function clearServer(t, mechanism, answers) {
  const said = [];
  const { port } = await rawServer(t, (socket) => {
    socket.write('220 hi\r\n');
    socket.setEncoding('latin1');
    let left = '';
    let inside = answers[Symbol.iterator]();
    socket.on('data', (octets) => {
      left += octets;
      for (let end = left.indexOf('\r\n'); end >= 0; end = left.indexOf('\r\n')) {
        const line = left.slice(0, end);
        left = left.slice(end + 2);
        said.push(line);
        if (line.startsWith('EHLO')) socket.write(`250-hi\r\n250 AUTH ${mechanism}\r\n`);
        else if (line === 'QUIT') socket.end('221 bye\r\n');
        else {
          const next = inside.next().value;
          socket.write(`${typeof next === 'function' ? next(line) : (next ?? '535 no')}\r\n`);
        }
      }
    });
  });
  return { port, said };
}

const clear = { connectType: SmtpConnectType.connectNormal, allowInsecureAuth: true };
const b64 = (text) => Buffer.from(text).toString('base64');

test('verifyAsync logs in, says how, sends nothing, and leaves', async (t) => {
  const real = await smtpServer(t);
  const client = new SmtpClient();
  const { security, settings: used } = await client.verifyAsync(settings(real.port, { user, password }));
  assert.equal(security.mechanism, 'CRAM-MD5');
  assert.deepEqual([used.server, used.port, used.connection, used.authType, used.user], ['localhost', real.port, 'STARTTLS', 'CRAM-MD5', user]);
  assert.ok(!JSON.stringify({ security, used }).includes(password));
  assert.doesNotMatch(client.smtpConversation, /MAIL FROM/);
  await real.allClosed();
  assert.match(client.smtpConversation, /C: QUIT/);
  assert.equal(real.messages.length, 0);
  const error = await failure(client.verifyAsync(settings(real.port, { user, password: 'wrong-password' })));
  assert.deepEqual([error.code, error.stage, error.suspects], ['EAUTH', 'auth', ['user', 'password']]);
  assert.equal(real.sessions.logins, 2);
  const silent = await rawServer(t, () => {});
  const late = await failure(client.verifyAsync(settings(silent.port), { timeout: 100 }));
  assert.equal(late.code, 'ETIMEDOUT');
});

test('a token, and a token that the server refuses', async (t) => {
  const tokens = [];
  const real = await tokenServer(t, tokens);
  const client = new SmtpClient();
  for (const changes of [{ token: 'right' }, { token: async () => 'right' }, { password: 'right', authType: SmtpAuthType.authXoauth2 }]) {
    const { security } = await client.verifyAsync(settings(real.port, { user, ...changes }));
    assert.equal(security.mechanism, 'XOAUTH2');
  }
  tokens.length = 0;
  const error = await failure(client.verifyAsync(settings(real.port, { user, token: 'expired-token' })));
  assert.deepEqual([error.code, error.stage, error.suspects, error.responseCode], ['EAUTH', 'auth', ['user', 'token'], 535]);
  assert.deepEqual(error.tokenError, { status: '401', schemes: 'bearer', scope: 'mail' });
  assert.deepEqual(tokens, ['expired-token'], 'a token of the caller is tried once');
  assert.ok(!error.message.includes('expired-token'));
  await client[Symbol.asyncDispose]();
  await real.allClosed();
});

test('a provider is asked once more when its token is refused', async (t) => {
  const tokens = [];
  const real = await tokenServer(t, tokens);
  const client = new SmtpClient();
  const asked = [];
  const provider = (request) => (asked.push(request), asked.length === 1 ? 'expired-token' : 'right');
  await client.verifyAsync(settings(real.port, { user, token: provider }));
  assert.deepEqual(asked.map(({ user: name, refused }) => [name, refused]), [[user, false], [user, true]]);
  assert.deepEqual(tokens, ['expired-token', 'right']);
  tokens.length = 0;
  const error = await failure(client.verifyAsync(settings(real.port, { user, token: () => 'expired-token' })));
  assert.equal(error.code, 'EAUTH');
  assert.equal(tokens.length, 2, 'no third try');
});

test('a provider that fails gives the login up, and its own error is told', async (t) => {
  const real = await tokenServer(t);
  for (const [provider, words] of [
    [() => Promise.reject(new Error('no network for tokens')), 'no network for tokens'],
    [() => { throw new Error('not configured'); }, 'not configured'],
    [() => 'two words', 'visible ASCII'],
    [() => undefined, 'as a string'],
    [() => 7, 'as a string'],
  ]) {
    const client = new SmtpClient();
    const error = await failure(client.verifyAsync(settings(real.port, { user, token: provider })));
    assert.deepEqual([error.code, error.stage, error.origin], ['EAUTH', 'auth', 'settings']);
    assert.match(error.message, new RegExp(words));
    await client[Symbol.asyncDispose]();
  }
  await real.allClosed();
  assert.equal(real.sessions.logins, 0);
});

test('cancelling while a provider is asked closes the connection', async (t) => {
  const real = await tokenServer(t);
  const controller = new AbortController();
  const client = new SmtpClient();
  let release;
  const token = () => {
    controller.abort();
    return new Promise((done) => (release = done));
  };
  const error = await failure(client.verifyAsync(settings(real.port, { user, token }), { signal: controller.signal }));
  assert.equal(error.code, 'EABORT');
  release('right');
  await client[Symbol.asyncDispose]();
  await real.allClosed();
});

test('a mechanism of the host\'s own', async (t) => {
  const server = await clearServer(t, 'X-WORD PLAIN', [`334 ${b64('word?')}`, (line) => (line === b64('open sesame') ? '235 ok' : '535 no')]);
  const seen = [];
  const mechanism = {
    name: 'X-WORD',
    start: (context) => void seen.push(context),
    step: async (challenge) => (seen.push(Buffer.from(challenge).toString()), new TextEncoder().encode('open sesame')),
    finish: async () => true,
  };
  const client = new SmtpClient();
  const { security } = await client.verifyAsync(settings(server.port, { ...clear, mechanism }));
  assert.equal(security.mechanism, 'X-WORD');
  const { signal, ...context } = seen[0];
  assert.equal(signal.aborted, false);
  assert.deepEqual([context, seen[1]], [{ server: 'localhost', port: server.port, user: '', password: '', channelBindings: [] }, 'word?']);
  assert.doesNotMatch(client.smtpConversation, /sesame|b3BlbiBz/);
});

test('what a login can be bound to is what the server sees', async (t) => {
  const certificates = process.env.SANSMTP_CERTIFICATES;
  const read = (name) => readFileSync(join(certificates, name));
  for (const [files, hash, version] of [['server', 'sha256', 'TLSv1.3'], ['sha384', 'sha384', 'TLSv1.3'], ['server', 'sha256', 'TLSv1.2']]) {
    let seen;
    const server = createTlsServer({ cert: read(`${files}.pem`), key: read(`${files}.key`), maxVersion: version }, (socket) => {
      seen = version === 'TLSv1.3' ? socket.exportKeyingMaterial(32, 'EXPORTER-Channel-Binding', Buffer.alloc(0)) : socket.getPeerFinished();
      socket.on('error', () => {});
      socket.setEncoding('latin1');
      socket.write('220 hi\r\n');
      socket.on('data', (line) => {
        if (line.startsWith('EHLO')) socket.write('250-hi\r\n250 AUTH X-BIND\r\n');
        else if (line.startsWith('AUTH')) socket.write('235 ok\r\n');
        else socket.end('221 bye\r\n');
      });
    });
    await new Promise((ready) => server.listen(0, '127.0.0.1', ready));
    t.after(() => server.close());
    let bindings;
    const mechanism = { name: 'X-BIND', start: (context) => void (bindings = context.channelBindings), step: () => undefined };
    const trusted = files === 'server' ? ca : read('sha384.pem').toString();
    const { port } = server.address();
    await new SmtpClient().verifyAsync(settings(port, { connectType: SmtpConnectType.connectDirectSSL, mechanism, tls: { ca: trusted } }));
    assert.deepEqual(bindings.map(({ name }) => name), [version === 'TLSv1.3' ? 'tls-exporter' : 'tls-unique', 'tls-server-end-point']);
    assert.deepEqual(Buffer.from(bindings[0].data), seen);
    const { raw } = new X509Certificate(read(`${files}.pem`));
    assert.deepEqual(Buffer.from(bindings[1].data), createHash(hash).update(raw).digest());
  }
});

test('a mechanism that throws, gives nothing, or does not accept success ends the login', async (t) => {
  for (const [changes, answers, code] of [
    [{ start: () => { throw new Error('out of order'); } }, ['535 no'], 'EAUTH'],
    [{ step: () => { throw new Error('out of order'); } }, ['334 ', '501 5.7.0 cancelled'], 'EAUTH'],
    [{ step: () => undefined }, ['334 ', '501 5.7.0 cancelled'], 'EAUTH'],
    [{ step: () => 'text' }, ['334 ', '501 5.7.0 cancelled'], 'EAUTH'],
    [{ finish: () => false }, ['235 ok'], 'EAUTH'],
    [{ finish: () => undefined }, ['235 ok'], 'EAUTH'],
    [{ finish: async () => { throw new Error('the proof is out of order'); } }, ['235 ok'], 'EAUTH'],
  ]) {
    const server = await clearServer(t, 'X-WORD', answers);
    const mechanism = { name: 'X-WORD', start: () => undefined, step: () => new Uint8Array(), ...changes };
    const error = await failure(new SmtpClient().verifyAsync(settings(server.port, { ...clear, mechanism })));
    assert.deepEqual([error.code, error.stage], [code, 'auth'], error.message);
    if (/throw/.test(String(Object.values(changes)[0]))) {
      assert.match(error.message, /out of order/);
      assert.deepEqual(error.suspects, ['mechanism']);
    }
  }
});

test('what an own mechanism sends is hidden in every form, and so is the password', async (t) => {
  const secret = 'Bearer t0ken-of-ann-9000';
  const server = await clearServer(t, 'X-WORD', ['334 ', (line) => `535 I got <${Buffer.from(line, 'base64')}> and ${line}, not t0ken-of-ann-9000 or ${password}`]);
  const mechanism = () => ({ name: 'X-WORD', start: () => undefined, step: () => new TextEncoder().encode(`auth=${secret}`) });
  const client = new SmtpClient();
  const error = await failure(client.verifyAsync(settings(server.port, { ...clear, password, mechanism })));
  const shown = `${error.stack}${client.smtpConversation}`;
  assert.ok(!/t0ken|dDBrZW4/.test(shown) && !shown.includes(password), shown);
});

test('a transcript holds nothing to guess the password by', async (t) => {
  for (const name of ['ann', 'anne', 'annie']) {
    const server = await clearServer(t, 'SCRAM-SHA-256', scramServer(4096));
    const client = new SmtpClient();
    await client.verifyAsync(settings(server.port, { ...clear, user: name, password }));
    assert.deepEqual(client.smtpConversation.match(/^S: 334.*$/gm), ['S: 334 ***', 'S: 334 ***']);
  }
});

test('settings are read once, under each of their names', async (t) => {
  const from = (port, options) => SmtpServer.from({ server: `localhost ${port}`, connectType: 'connectNormal', allowInsecureAuth: true, ...options });
  for (const [names, secret] of [[{ userName: user, pass: password }, password], [{ User: user, PASSWORD: 12345678 }, '12345678']]) {
    const server = await clearServer(t, 'SCRAM-SHA-256', scramServer(30_000, secret));
    await new SmtpClient().verifyAsync(from(server.port, names));
  }
  const server = await clearServer(t, 'SCRAM-SHA-256', scramServer(30_000));
  const changed = from(server.port, { user, password });
  const verifying = new SmtpClient().verifyAsync(changed);
  changed.password = 'something-else';
  changed.user = '';
  await verifying;
});

test('what a login cannot be made of is refused before anything is opened', async () => {
  const host = { connect: () => assert.fail('connected') };
  const both = { user, password };
  for (const [changes, setting] of [
    [{ ...both, authMechanisms: [''] }, 'authMechanisms'],
    [{ ...both, authMechanisms: '' }, 'authMechanisms'],
    [{ ...both, authMechanisms: ',' }, 'authMechanisms'],
    [{ ...both, authMechanisms: new Set(['PLAIN']) }, 'authMechanisms'],
    [{ ...both, authMechanisms: ['SCRAM-SHA-256'], authType: 'authPlain' }, 'authType'],
    [{ ...both, authMechanisms: ['EXTERNAL', 'PLAIN'] }, 'authMechanisms'],
    [{ authType: 'authPlain' }, 'user'],
    [{ authMechanisms: ['EXTERNAL', 'PLAIN'] }, 'authMechanisms'],
    [{ user, authMechanisms: ['XOAUTH2'] }, 'token'],
    [{ ...both, maxIterations: 1000 }, 'maxIterations'],
    [{ ...both, userName: 'somebody-else' }, 'user'],
    [{ ...both, port: NaN }, 'port'],
    [{ ...both, proxy: {} }, 'proxy'],
    [{ hostMechanism: 'X-A' }, 'mechanism'],
    [{ user, tokenProvider: true }, 'token'],
    [{ authType: 'authExternal', tls: { cert: '-----BEGIN CERTIFICATE-----' } }, 'tls.key'],
    [{ ...both, tls: { ca: 'ca.pem' } }, 'tls.ca'],
    [{ ...both, tls: { ca: [7] } }, 'tls.ca'],
    [{ mechanism: () => { throw new Error('no'); } }, 'mechanism'],
    [{ mechanism: () => { throw new WebAssembly.RuntimeError('mine'); } }, 'mechanism'],
    [{ mechanism: () => { throw 'text'; } }, 'mechanism'],
    [{ mechanism: async () => { throw new Error('later'); } }, 'mechanism'],
    [{ user, token: '' }, 'token'],
    [{ user, token: null }, 'token'],
    [{ user, accessToken: 'two words' }, 'token'],
    [{ user, password: () => 'x' }, 'password'],
    [{ user: null, password: {} }, 'password'],
    [{ mechanism: null }, 'mechanism'],
    [{ mechanism: { name: 'my mech', start() {}, step() {} } }, 'mechanism'],
    [{ mechanism: { start() {}, step() {} } }, 'mechanism'],
    [{ mechanism: { name: 'X-OWN', start() {}, step() {} }, token: 't', user }, 'mechanism'],
    [{ mechanism: { name: 'X-OWN', start() {}, step() {} }, authType: 'authPlain' }, 'mechanism'],
    [{ authType: 'authExternal' }, 'tls.cert'],
    [{ ...both, authType: 'SCRAM-SHA-256-PLUS' }, 'authType'],
    [{ ...both, minIterations: 10_000, maxIterations: 5000 }, 'minIterations'],
  ]) {
    const error = await failure(new SmtpClient({ host }).verifyAsync(settings(25, changes)));
    assert.deepEqual([error.code, error.origin, error.suspects], ['ECONFIG', 'settings', [setting]], error.message);
  }
  assert.throws(() => new SmtpSession('localhost', { entropy: new Uint8Array(5) }), { kind: 'entropy' });
  assert.throws(() => new SmtpSession('localhost', { deriveAbove: NaN }), { kind: 'deriveAbove' });
  assert.throws(() => new SmtpSession('localhost').authSupply({ step: 'respons' }), { kind: 'authAnswer' });
});

test('what a refusal means, and what to do about it', async (t) => {
  const token = { user, token: 'a-token-of-ann' };
  const both = { user, password };
  const own = { mechanism: { name: 'X-OWN', start: () => undefined, step: () => new Uint8Array() } };
  for (const [login, offered, reply, suspects, advice] of [
    [both, 'PLAIN', '535 5.7.8 no', ['user', 'password'], /full address/],
    [both, 'PLAIN', '534 5.7.9 Application-specific password required', ['password'], /app password/],
    [both, 'PLAIN', '534 5.7.9 too weak', ['authType'], /another mechanism/],
    [both, 'PLAIN', '530 5.7.0 Must issue a STARTTLS command first', ['connectType'], /connectSTARTTLS/],
    [both, 'PLAIN', '538 5.7.11 encryption needed', ['connectType'], /connectSTARTTLS/],
    [both, 'PLAIN', '432 4.7.12 transition', ['authType'], /authPlain/],
    [both, 'PLAIN', '454 4.7.0 later', [], /later/],
    [both, 'PLAIN', '501 5.5.2 cannot decode', ['authType'], /its words/],
    [token, 'XOAUTH2', '535 5.7.8 no', ['user', 'token'], /access token/],
    [own, 'X-OWN', '535 5.7.8 no', ['mechanism'], /mechanism sends/],
    [token, 'PLAIN LOGIN', '', ['token'], /takes no token/],
    [{ ...both, authMechanisms: ['SCRAM-SHA-256'] }, 'PLAIN LOGIN', '', ['authType', 'authMechanisms'], /PLAIN, LOGIN/],
    [both, 'GSSAPI', '', ['authType'], /mechanism of your own/],
    [own, 'PLAIN', '', ['mechanism'], /does not have this mechanism/],
    [{ ...both, authMechanisms: ['NTLM'] }, 'NTLM', '334 !!!!', ['authType'], /another mechanism/],
  ]) {
    const server = await clearServer(t, offered, [reply, '501 5.7.0 cancelled']);
    const error = await failure(new SmtpClient().verifyAsync(settings(server.port, { ...clear, ...login })));
    assert.deepEqual([error.code, error.stage, error.suspects], ['EAUTH', 'auth', suspects], `${reply || offered}: ${error.message}`);
    assert.match(error.advice.join(' '), advice, reply || offered);
  }
});

test('a server that failed its proof does not choose what is said of it', async (t) => {
  for (const answer of ['501 5.7.0 cancelled', '421 bye', '235 ok', '250 ok', '334 ', 'nonsense', null]) {
    const { port } = await rawServer(t, (socket) => {
      const first = scramServer(4096)[0];
      socket.write('220 hi\r\n');
      socket.setEncoding('latin1');
      socket.on('data', (octets) => {
        const line = octets.trimEnd();
        if (line.startsWith('EHLO')) socket.write('250-hi\r\n250 AUTH SCRAM-SHA-256 PLAIN\r\n');
        else if (line.startsWith('AUTH')) socket.write(`${first(line)}\r\n`);
        else if (line === '*' && answer === null) socket.destroy();
        else if (line === '*') socket.write(`${answer}\r\n`);
        else if (line === 'QUIT') socket.end('221 bye\r\n');
        else socket.write('334 dj1BQUFB\r\n');
      });
    });
    const error = await failure(new SmtpClient().verifyAsync(settings(port, { ...clear, user, password })));
    assert.deepEqual([error.code, error.stage, error.suspects], ['EAUTH', 'auth', ['host']], `${answer}: ${error.message}`);
    assert.match(error.message, /did not prove/);
  }
});

test('what the host does wrong is its error, however the server ends it', async (t) => {
  for (const reason of [new Error('boom'), undefined, 'boom', { error_description: 'boom' }]) {
    for (const end of ['421 bye', '250 ok']) {
      const server = await clearServer(t, 'X-WORD', ['334 ', end]);
      const mechanism = { name: 'X-WORD', start: () => undefined, step: () => { throw reason; } };
      const error = await failure(new SmtpClient().verifyAsync(settings(server.port, { ...clear, mechanism })));
      assert.deepEqual([error.code, error.origin, error.suspects], ['EAUTH', 'settings', ['mechanism']], error.message);
      if (reason !== undefined) assert.match(error.message, /boom/);
    }
  }
});

test('a host that tells nonsense of its TLS cannot hang a session', async (t) => {
  for (const bindings of [[{ name: 'tls-exporter', data: new ArrayBuffer(32) }], [{ name: 'tls-exporter', data: 'AAAA' }], [{ data: new Uint8Array(1) }], 7]) {
    const host = {
      async connect() {
        const said = [Buffer.from('220 hi\r\n'), Buffer.from('250-hi\r\n250 STARTTLS\r\n'), Buffer.from('220 go\r\n')];
        let over;
        return {
          read: async () => said.shift() ?? new Promise((done) => (over = () => done(null))),
          write: async () => {},
          startTls: async () => ({ verified: true, channelBindings: bindings }),
          close: async () => over?.(),
        };
      },
    };
    const error = await failure(new SmtpClient({ host }).verifyAsync(settings(587), { timeout: 5000 }));
    assert.deepEqual([error.code, error.stage], ['ETLS', 'tls'], error.message);
  }
});

test('a setting that is undefined is none, and names are read in any case', () => {
  const server = SmtpServer.from({ Server: 'smtps://ann:x@mail.example.com', connectType: undefined, PORT: undefined });
  assert.deepEqual([server.server, server.connectType, server.user], ['mail.example.com', SmtpConnectType.connectDirectSSL, 'ann']);
  assert.equal(SmtpServer.from({ HOST: 'h 587', port: undefined }).port, 587);
  assert.throws(() => SmtpServer.from({ server: 'a', Host: 'b' }), { code: 'ECONFIG', suspects: ['server'], message: /server and Host/ });
  const session = new SmtpSession(SmtpServer.from({ host: 'h', connectType: 'connectNormal', name: 'my.client.example' }), { heloDomain: 'machine.example' });
  session.handleInput(Buffer.from('220 hi\r\n'));
  assert.equal(Buffer.from(session.flight()).toString(), 'EHLO my.client.example\r\n');
  let made = 0;
  SmtpServer.from({ server: 'h', mechanism: () => (made += 1) });
  assert.equal(made, 0, 'a mechanism is made for a connection');
});

test('a greeting timeout of the settings wins, and Infinity is none', async (t) => {
  const silent = await rawServer(t, () => {});
  const server = SmtpServer.from({ server: `localhost ${silent.port}`, connectType: 'connectNormal', greetingTimeout: 200 });
  const error = await failure(new SmtpClient({ greetingTimeout: Infinity }).verifyAsync(server));
  assert.deepEqual([error.code, error.stage], ['ETIMEDOUT', 'greeting']);
  const late = await failure(new SmtpClient({ greetingTimeout: Infinity }).verifyAsync(settings(silent.port, clear), { timeout: 200 }));
  assert.deepEqual([late.code, late.stage], ['ETIMEDOUT', 'greeting']);
});

test('a provider learns that the server has gone', async (t) => {
  const { port } = await rawServer(t, (socket) => {
    socket.write('220 hi\r\n');
    socket.on('data', () => socket.write('250-hi\r\n250 AUTH XOAUTH2\r\n'));
    setTimeout(() => socket.destroy(), 200);
  });
  let told;
  const token = ({ signal }) => ((told = signal), new Promise(() => {}));
  await failure(new SmtpClient().verifyAsync(settings(port, { ...clear, user, token })));
  assert.equal(told.aborted, true);
});

test('advice that can be followed', async (t) => {
  const both = { user, password };
  const token = { user, token: 'a-token-of-ann' };
  const own = { mechanism: { name: 'X-OWN', start: () => undefined, step: () => new Uint8Array() } };
  for (const [login, offered, reply, suspects, advice] of [
    [both, 'XOAUTH2', '', ['password', 'token'], /only access tokens/],
    [both, 'EXTERNAL', '', ['authType'], /client certificate/],
    [both, 'SCRAM-SHA-256-PLUS', '', ['authMechanisms'], /bound to the TLS channel/],
    [{ ...token, authType: 'authOauthbearer' }, 'XOAUTH2 PLAIN', '', ['authType', 'authMechanisms'], /\(XOAUTH2\)/],
    [{ authType: 'authAnonymous' }, 'PLAIN', '', ['authType'], /user and password/],
    [{ authType: 'authAnonymous' }, 'ANONYMOUS', '535 no', ['authType', 'user'], /nobody/],
    [own, 'X-OWN', '504 5.5.4 no', ['mechanism'], /what the mechanism sends/],
    [own, 'X-OWN', '535 5.7.8 no', ['mechanism'], /what the mechanism sends/],
    [both, 'PLAIN', '535 5.5.4 bad password', ['user', 'password'], /full address/],
  ]) {
    const server = await clearServer(t, offered, [reply, '501 5.7.0 cancelled']);
    const error = await failure(new SmtpClient().verifyAsync(settings(server.port, { ...clear, ...login })));
    assert.deepEqual([error.code, error.suspects], ['EAUTH', suspects], `${reply || offered}: ${error.message} ${error.advice}`);
    assert.match(error.advice.join(' '), advice, reply || offered);
  }
});

test('a host whose part of the login hangs: the time is over at the login, and it is told to stop', async (t) => {
  const real = await tokenServer(t);
  let told;
  const token = ({ signal }) => {
    told = signal;
    return new Promise(() => {});
  };
  const error = await failure(new SmtpClient().verifyAsync(settings(real.port, { user, token }), { timeout: 300 }));
  assert.deepEqual([error.code, error.stage], ['ETIMEDOUT', 'auth']);
  assert.equal(told.aborted, true);
});

/** The server's side of SCRAM-SHA-256, with Node's own cryptography. */
function scramServer(iterations, secret = password) {
  let bare = '';
  let first = '';
  return [
    (line) => {
      bare = Buffer.from(line.split(' ')[2], 'base64').toString().slice(3);
      first = `${bare.slice(bare.indexOf('r='))}SERVER,s=${b64('0123456789abcdef')},i=${iterations}`;
      return `334 ${b64(first)}`;
    },
    (line) => {
      const last = Buffer.from(line, 'base64').toString();
      const key = pbkdf2Sync(secret.normalize('NFKC'), '0123456789abcdef', iterations, 32, 'sha256');
      const message = `${bare},${first},${last.slice(0, last.indexOf(',p='))}`;
      const serverKey = createHmac('sha256', key).update('Server Key').digest();
      return `334 ${b64(`v=${createHmac('sha256', serverKey).update(message).digest('base64')}`)}`;
    },
    (line) => (line === '' ? '235 ok' : '535 no'),
  ];
}

test('slow keys are derived by the platform, fast ones by the core, and too slow ones not at all', async (t) => {
  for (const [iterations, secret] of [[4096, password], [100_000, password], [600_000, password], [100_000, 'p\u00e4ssw\u00f6rd \u2163']]) {
    const server = await clearServer(t, 'SCRAM-SHA-256 PLAIN', scramServer(iterations, secret));
    const { security } = await new SmtpClient().verifyAsync(settings(server.port, { ...clear, user, password: secret }));
    assert.equal(security.mechanism, 'SCRAM-SHA-256');
  }
  const server = await clearServer(t, 'SCRAM-SHA-256 PLAIN', [...scramServer(600_001).slice(0, 1), '501 5.7.0 cancelled']);
  const error = await failure(new SmtpClient().verifyAsync(settings(server.port, { ...clear, user, password })));
  assert.deepEqual([error.code, error.suspects], ['EAUTH', ['authType']]);
  assert.equal(server.said[2], '*');
});

test('a server that does not prove itself is named as such', async (t) => {
  const server = await clearServer(t, 'SCRAM-SHA-256 PLAIN', [scramServer(4096)[0], '334 dj1BQUFB', '501 5.7.0 cancelled']);
  const error = await failure(new SmtpClient().verifyAsync(settings(server.port, { ...clear, user, password })));
  assert.equal(error.code, 'EAUTH');
  assert.match(error.message, /did not prove/);
});

test('a mechanism that is refused: both lists are named', async (t) => {
  const server = await clearServer(t, 'PLAIN LOGIN', ['504 5.5.4 not here']);
  const error = await failure(new SmtpClient().verifyAsync(settings(server.port, { ...clear, user, password, authType: SmtpAuthType.authPlain })));
  assert.deepEqual([error.code, error.suspects], ['EAUTH', ['authType']]);
  assert.match(error.message, /allowed: PLAIN; offered: PLAIN, LOGIN/);
});

test('no octet of what a server says can be changed without the login failing', () => {
  const iterations = 4096;
  /** A login with a server whose messages `change` may alter; whether it succeeded. */
  const login = (change) => {
    const settings = { server: 'localhost', connectType: 'connectNormal', allowInsecureAuth: true, user, password, authMechanisms: 'SCRAM-SHA-256' };
    const session = new SmtpSession(SmtpServer.from(settings));
    const say = (line) => {
      try {
        session.handleInput(Buffer.from(`${line}\r\n`, 'latin1'));
      } catch (error) {
        assert.ok(error instanceof SmtpSessionError);
      }
      const octets = session.flight() ?? new Uint8Array();
      session.transmitting(octets.length);
      session.transmitted(octets.length);
      return Buffer.from(octets).toString().trimEnd();
    };
    say('220 hi');
    const answers = scramServer(iterations);
    const first = change(0, Buffer.from(answers[0](say('250-hi\r\n250 AUTH SCRAM-SHA-256')).slice(4), 'base64'));
    const proof = say(`334 ${first.toString('base64')}`);
    if (proof === '*') return false;
    const last = change(1, Buffer.from(answers[1](proof).slice(4), 'base64'));
    if (say(`334 ${last.toString('base64')}`) === '*') return false;
    try {
      say('235 ok');
    } catch {}
    return session.mechanism === 'SCRAM-SHA-256';
  };
  assert.equal(login((_, message) => message), true);
  const lengths = [];
  login((which, message) => ((lengths[which] = message.length), message));
  for (const which of [0, 1]) {
    for (let at = 0; at < lengths[which]; at += 1) {
      for (const bit of which === 0 ? [0] : [0, 3, 7]) {
        const flip = (index, message) => {
          if (index === which) message[at] ^= 1 << bit;
          return message;
        };
        assert.equal(login(flip), false, `message ${which}, octet ${at}, bit ${bit}`);
      }
    }
  }
});
