// The samples of the reference API, unchanged apart from where EASendMail comes from. The host of the test maps
// localhost:25 and localhost:465 to free ports and trusts the test's CA.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as EASendMail from 'sansmtp';
import { mapped, smtpServer } from './server.mjs';

async function send(host, oServer) {
  const oMail = new EASendMail.SmtpMail('TryIt');
  oMail.from = 'test@domain.com';
  oMail.to = 'support@domain.com';
  oMail.subject = 'Test email';
  oMail.textBody = 'Hello World!';
  const oSmtp = new EASendMail.SmtpClient({ host });
  try {
    return await oSmtp.sendMailAsync(oServer, oMail);
  } finally {
    await oSmtp[Symbol.asyncDispose]();
  }
}

test('automatic authentication, STARTTLS if offered', async (t) => {
  const starttls = await smtpServer(t);
  const host = mapped({ 25: starttls.port });

  var oServer = new EASendMail.SmtpServer("localhost");
  oServer.authType = EASendMail.SmtpAuthType.authAuto;
  oServer.user = "test@domain.com";
  oServer.password = "q8Zv-canary-W3xT";

  const { accepted, security, settings } = await send(host, oServer);
  assert.deepEqual(accepted, ['support@domain.com']);
  assert.deepEqual([security.encrypted, security.verified, security.mechanism], [true, true, 'CRAM-MD5']);
  assert.deepEqual([settings.port, settings.connection], [25, 'STARTTLS']);
  assert.equal(host.open.size, 0);
  assert.equal(starttls.messages[0].secure, true);
});

test('the same against a server without STARTTLS sends no password', async (t) => {
  const clear = await smtpServer(t, { hideSTARTTLS: true });
  const host = mapped({ 25: clear.port });

  var oServer = new EASendMail.SmtpServer("localhost");
  oServer.authType = EASendMail.SmtpAuthType.authAuto;
  oServer.user = "test@domain.com";
  oServer.password = "q8Zv-canary-W3xT";

  await assert.rejects(send(host, oServer), (error) => {
    assert.equal(error.code, 'EAUTH');
    assert.equal(error.stage, 'auth');
    assert.match(error.message, /not encrypted/);
    return true;
  });
  assert.equal(clear.sessions.logins, 0);
  assert.equal(clear.messages.length, 0);
});

for (const [sample, secure, connection] of [
  [() => { var oServer = new EASendMail.SmtpServer("localhost 25"); oServer.connectType = EASendMail.SmtpConnectType.connectSTARTTLS; return oServer; }, false, 'STARTTLS'],
  [() => { var oServer = new EASendMail.SmtpServer("localhost 465"); oServer.connectType = EASendMail.SmtpConnectType.connectSSLAuto; return oServer; }, true, 'TLS from the first octet'],
  [() => { var oServer = new EASendMail.SmtpServer("localhost 25"); oServer.connectType = EASendMail.SmtpConnectType.connectNormal; return oServer; }, false, 'in clear'],
  [() => { var oServer = new EASendMail.SmtpServer("localhost 465"); oServer.connectType = EASendMail.SmtpConnectType.connectDirectSSL; return oServer; }, true, 'TLS from the first octet'],
  [() => { var oServer = new EASendMail.SmtpServer("localhost 25"); oServer.connectType = EASendMail.SmtpConnectType.connectSSLAuto; return oServer; }, false, 'STARTTLS'],
]) {
  const { server, port, connectType } = sample();
  test(`${server} ${port}, connect type ${connectType}`, async (t) => {
    const real = await smtpServer(t, { secure });
    const { accepted, settings } = await send(mapped({ [port]: real.port }), sample());
    assert.deepEqual(accepted, ['support@domain.com']);
    assert.equal(settings.connection, connection);
    assert.equal(real.messages[0].octets.toString().endsWith('\r\n\r\nHello World!\r\n'), true);
  });
}
