// The cases in a page of a browser, by a bridge.
import { SmtpClient, SmtpMail, SmtpServer } from 'sansmtp';
import { webSocketHost } from 'sansmtp/host/websocket';
import { conformance } from './conformance.mjs';

globalThis.run = (settings, url) => conformance(settings, webSocketHost({ url, kind: 'tls' }));
/** One mail, for a page that may not compile. */
globalThis.once = async (url) => {
  const mail = Object.assign(new SmtpMail(), { from: 'a@b.example', to: 'c@d.example', textBody: 'x' });
  return new SmtpClient({ host: webSocketHost({ url, kind: 'tls' }) }).sendMailAsync(new SmtpServer('localhost'), mail).then(() => 'sent', (error) => error.message);
};
