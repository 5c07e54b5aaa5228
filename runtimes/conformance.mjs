// The same cases for each runtime. Nothing here is of any runtime: what differs comes in as `settings` and `host`.
import { SmtpClient, SmtpConnectType, SmtpMail, SmtpServer } from 'sansmtp';
import { LARGE, large } from './large.mjs';

const { connectDirectSSL, connectNormal, connectSTARTTLS } = SmtpConnectType;

/**
 * Carries out all cases and tells how each ended.
 *
 * @param settings `ports` by what listens there, `file`, the link of a file to attach, `ca` (absent where the runtime is configured with it), `user`, `password`,
 *   `name`, which is in the subject of each mail, and perhaps `only`, the names of the cases that are wanted.
 * @param host Sockets, if not those that the package has for the runtime.
 * @returns Lines of `{ name, result, message, advice }`: `result` is `sent` or the code of the error.
 */
export async function conformance({ name: runtime, ports, ca, user, password, file, only }, host) {
  const client = new SmtpClient({ ...(host ? { host } : {}), connectTimeout: 10_000 });
  const server = (port, connectType, { at = 'localhost', login = true, ...changes } = {}) =>
    Object.assign(new SmtpServer(at), { port, connectType, ...(ca ? { tls: { ca } } : {}), ...(login ? { user, password } : {}), ...changes });
  const mail = (name, changes) => Object.assign(new SmtpMail(), { from: 'ann@example.com', to: 'bob@example.org', subject: `${runtime} ${name}`, textBody: 'Grüße.\n.\n', ...changes });
  const lines = [];
  const attempt = async (name, action) => {
    if (only && !only.includes(name)) return;
    const begin = Date.now();
    let line;
    try {
      line = { result: 'sent', message: (await action(name)) ?? '' };
    } catch (error) {
      const { code = error.name, message, advice = [], outcome, dataSent } = error;
      line = { result: code, message, advice: advice.join(' '), outcome, dataSent };
    }
    lines.push({ name, ...line, millis: Date.now() - begin });
  };
  const send = (to, changes, options) => async (name) => {
    const { security } = await client.sendMailAsync(to, mail(name, changes), { timeout: 30_000, ...options });
    if (!security.verified) throw new Error('the server was not verified');
    return [security.mechanism, security.tls?.protocol, security.tls?.channelBindings?.[0]?.name].filter((word) => word).join(', ');
  };

  await attempt('STARTTLS', send(server(ports.starttls, connectSTARTTLS)));
  await attempt('TLS from the first octet', send(server(ports.tls, connectDirectSSL)));
  await attempt('unknown authority', send(server(ports.stranger, connectSTARTTLS)));
  await attempt('certificate for another name', send(server(ports.elsewhere, connectDirectSSL, { at: '127.0.0.2' })));
  await attempt('TLS to a port in clear', send(server(ports.starttls, connectDirectSSL)));
  await attempt('wrong password', send(server(ports.starttls, connectSTARTTLS, { password: 'wrong' })));
  await attempt('login in clear', send(server(ports.starttls, connectNormal)));
  await attempt('closed port', send(server(1, connectSTARTTLS)));
  await attempt('unknown name', send(server(587, connectSTARTTLS, { at: 'gone.invalid' })));
  await attempt('dropped in the message', async (name) => {
    await client.sendMailAsync(server(ports.drop, connectNormal, { login: false }), mail(name, { message: { length: LARGE, open: large } }), { timeout: 30_000 });
  });
  await attempt('cancelled', async (name) => {
    const sending = client.sendMailAsync(server(ports.silent, connectNormal, { login: false }), mail(name));
    setTimeout(() => sending.cancel(), 100);
    await sending;
  });
  await attempt('20 MiB', async (name) => {
    const attached = mail(name);
    attached.addAttachment('large.bin', { length: LARGE, open: large });
    await client.sendMailAsync(server(ports.tls, connectDirectSSL), attached, { timeout: 60_000 });
  });
  await attempt('a file', async (name) => {
    const attached = mail(name);
    await attached.addAttachmentAsync(file);
    await client.sendMailAsync(server(ports.tls, connectDirectSSL), attached, { timeout: 30_000 });
  });
  await attempt('100 mails, one connection', async (name) => {
    const to = server(ports.starttls, connectSTARTTLS);
    await client.connectAsync(to);
    await Promise.all(Array.from({ length: 100 }, (_, at) => client.sendMailAsync(to, mail(`${name} ${at}`))));
  });
  await client[Symbol.asyncDispose]();
  return lines;
}
