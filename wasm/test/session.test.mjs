// What SmtpSession does with a host that does it wrong.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SmtpServer, SmtpSession, SmtpSessionError } from 'sansmtp/core';
import { call, instance } from '../dist/wasm.js';

const octets = (text) => new TextEncoder().encode(text);

function misuse(action, of, kind) {
  assert.throws(action, (error) => {
    assert.ok(error instanceof SmtpSessionError, error.stack);
    assert.deepEqual([error.class, error.kind], [of, kind]);
    return true;
  });
}

test('wrong values are typed errors and change nothing', () => {
  const session = new SmtpSession('localhost 25');
  for (const value of [undefined, null, 'text', 5, [1, 2], new ArrayBuffer(3)]) {
    misuse(() => session.handleInput(value), 'invalidInput', 'octets');
    misuse(() => session.body(0, value), 'invalidInput', 'octets');
  }
  misuse(() => session.body(0, octets('x')), 'apiMisuse', 'bodyNotAsked');
  misuse(() => session.body(NaN, octets('x')), 'invalidInput', 'operation');
  misuse(() => session.cancel(2 ** 40), 'invalidInput', 'operation');
  misuse(() => session.cancel(2 ** 31), 'apiMisuse', 'unknownOperation');
  misuse(() => session.send({ from: 'a@b', to: [] }), 'invalidInput', 'noRecipients');
  misuse(() => session.send({ from: 'a@b', to: ['c@d', 'x'] }), 'invalidInput', 'addressWithoutAt');
  misuse(() => session.send({ from: 'a@b\r\nDATA', to: ['c@d'] }), 'invalidInput', 'addressDomain');
  misuse(() => session.vrfy('a\r\nQUIT'), 'invalidInput', 'argument');
  misuse(() => session.tlsEstablished({ verified: true }), 'apiMisuse', 'tlsNotAsked');
  misuse(() => session.authSupply({ step: 'finish', ok: true }), 'apiMisuse', 'authNotAsked');
  misuse(() => session.transmitted(1), 'apiMisuse', 'tooManyBytes');
  const detached = octets('220 hi\r\n');
  structuredClone(detached.buffer, { transfer: [detached.buffer] });
  session.handleInput(detached);
  session.handleInput(octets('220 hi\r\n'));
  assert.deepEqual(session.pollEvents().map(({ type }) => type), ['greeting']);
  assert.equal(new TextDecoder().decode(session.flight()), 'EHLO [127.0.0.1]\r\n');
});

test('a recipient that was refused is not in the next message', () => {
  const session = new SmtpSession('localhost 25');
  misuse(() => session.send({ from: 'a@b', to: ['evil@x', 'x'] }), 'invalidInput', 'addressWithoutAt');
  session.send({ from: 'a@b', to: ['c@d'] });
  session.handleInput(octets('220 hi\r\n'));
  session.transmitting(session.flight().length);
  session.handleInput(octets('250-hi\r\n250 PIPELINING\r\n'));
  assert.equal(new TextDecoder().decode(session.flight()), 'MAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nDATA\r\n');
});

test('use after dispose is a typed error, and disposing twice is none', () => {
  const session = new SmtpSession(new SmtpServer('localhost'));
  session[Symbol.dispose]();
  session[Symbol.dispose]();
  misuse(() => session.pollEvents(), 'apiMisuse', 'disposed');
});

test('every form of a server, and clear errors for the rest', () => {
  for (const [text, server, port] of [
    ['localhost', 'localhost', 0],
    ['localhost 25', 'localhost', 25],
    ['mail.example.com:587', 'mail.example.com', 587],
    ['[::1]:587', '::1', 587],
    ['::1', '::1', 0],
    ['smtp://mail.example.com:25', 'mail.example.com', 25],
  ]) {
    const parsed = new SmtpServer(text);
    assert.deepEqual([parsed.server, parsed.port], [server, port]);
    new SmtpSession(parsed)[Symbol.dispose]();
  }
  const url = new SmtpServer('smtps://ann%40b:p%3Aw@mail.example.com');
  assert.deepEqual([url.user, url.password, url.connectType], ['ann@b', 'p:w', 3]);
  for (const text of ['', 'a b c', 'localhost 0', 'localhost 70000', 'http://x', 'a..b', undefined, null, {}]) {
    assert.throws(() => new SmtpServer(text), (error) => error.name === 'SmtpError' && error.code === 'ECONFIG' && error.message.length > 20, String(text));
  }
});

test('after a trap every session of the instance fails, and a new one works', () => {
  const before = new SmtpSession('localhost');
  misuse(() => call(instance(), () => { throw new WebAssembly.RuntimeError('unreachable'); }), 'internal', 'trap');
  misuse(() => before.pollEvents(), 'internal', 'trap');
  before[Symbol.dispose]();
  const after = new SmtpSession('localhost');
  after.handleInput(octets('220 hi\r\n'));
  assert.deepEqual(after.pollEvents().map(({ type }) => type), ['greeting']);
});
